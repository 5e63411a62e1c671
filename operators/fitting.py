"""Which open incident an alert fits by what its resource says: scope, application, zone."""

from collections.abc import Iterable

from operators.case import Case
from operators.ledger import Ledger
from operators.merging import age
from operators.scope import Place

Names = Iterable[tuple[str, float]]  # a name, and within how many seconds an alert of it joined


class Fitting:
    """An index of the incidents by the names of their members' places."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._named: dict[str, dict[str, None]] = {}  # name -> ids of incidents
        self._unplaced: dict[str, dict[str, None]] = {}  # the same, of those that may be on no map
        for case in ledger.cases.values():
            self.renamed(case)

    def note(self, case: Case, place: Place, now_ms: int) -> None:
        """Let the incident be found by a place of which an alert has joined it.

        An alert that names no application is taken to be of the only one that others name.
        """
        named = () if place.application else _applications(case)
        for name in (*place.names, *named[: len(named) == 1]):
            if name not in case.names:
                self._put(name, case)
            case.names[name] = now_ms

    def renamed(self, case: Case) -> None:
        """Let an incident that others have become part of, or left, be found by all its names."""
        for name in case.names:
            self._put(name, case)

    def _put(self, name: str, case: Case) -> None:
        self._named.setdefault(name, {})[case.id] = None
        if not case.node:
            self._unplaced.setdefault(name, {})[case.id] = None

    def forget(self, case: Case) -> None:
        """Let the incident be found no more."""
        for name in case.names:
            for index in (self._named, self._unplaced):
                named = index.get(name, {})
                for held in (case.id, *case.merged):
                    named.pop(held, None)
                if not named:
                    index.pop(name, None)

    def all(self, names: Names, place: Place, now_ms: int) -> list[Case]:
        """Return the open incidents of one of the names; none that another application is in."""
        found: dict[str, Case] = {}
        for name, within_s in names:
            for held in self._named.get(name, ()):
                case = self._ledger.open(held)
                if case is not None and _fits(case, name, within_s, place, now_ms):
                    found[case.id] = case
        return list(found.values())

    def unplaced(self, names: Names, place: Place, now_ms: int) -> list[Case]:
        """Return those of `all` of which no member has a place on the map."""
        found: dict[str, Case] = {}
        for name, within_s in names:
            for held in list(self._unplaced.get(name, ())):
                case = self._ledger.open(held)
                if case is not None and case.node:  # once placed, for good
                    del self._unplaced[name][held]
                elif case is not None and _fits(case, name, within_s, place, now_ms):
                    found[case.id] = case
        return list(found.values())

    def best(self, names: Names, place: Place, now_ms: int) -> Case | None:
        """Return the one of these that has most in common with the place, the oldest of equals."""
        found = self.all(names, place, now_ms)
        if len(found) < 2:
            return found[0] if found else None
        return min(found, key=lambda case: _fit(case, place))


def _fits(case: Case, name: str, within_s: float, place: Place, now_ms: int) -> bool:
    return now_ms - case.names.get(name, 0) <= round(within_s * 1000) and not at_odds(case, place)


def at_odds(case: Case, place: Place) -> bool:
    """Tell whether all that is known of the incident's applications speaks against the place."""
    if not place.application or place.application_link in case.names:
        return False
    return bool(_applications(case))


def first_application(case: Case) -> str:
    """Return the link of the application that the first alert to name one named, or ""."""
    return next(iter(_applications(case)), "")


def _applications(case: Case) -> tuple[str, ...]:
    return tuple(name for name in case.names if name.startswith("application|"))


def _fit(case: Case, place: Place) -> tuple[int, int, tuple[bool, int, int, str]]:
    """Return how well an incident fits; the least fits best."""
    alike = sum(link in case.names for link in place.links)
    near = sum(
        count.open
        for (service, zone, *_), count in case.tally.counts.items()
        if service == place.service and zone == place.zone
    )
    return -alike, -near, age(case)
