"""How much a key group follows at once: what is new is taken up to a limit, the rest refused.

Time is cut into windows of event time at whose begin every name is said anew (see
`operators.announcer`). Within a window nothing is given back, and what has reached a limit takes
nothing new; at its end the longest silent of what was full is forgotten. So the outcome depends on
event times and names alone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from operators.cohort import CohortTable
from operators.layout import FORGOTTEN, GONE, LAST_TICK, OPENED, SILENT, STEP
from operators.packing import Named

ROOM = 8  # what was full gives back an eighth of its share, if as much is overdue
_OVERDUE_STEPS = 2.0  # silent for longer than so many of its own steps
_MAX_TOLD = 100  # accounts named in a word
OTHERS = "(others)"

_ALL = ("resources",)  # limits of all accounts together


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much the flow follows at once, and the YAML section `limits`.

    A number is the whole flow's. Key groups take equal shares of it, whatever the number of
    workers; as names spread by hash, the first group is full a little earlier.
    """

    resources: int = 4_000_000  # of all accounts
    account_resources: int = 1_000_000
    account_series: int = 5_000_000  # what it samples, label sets too
    account_new_series: int = 1_000_000  # in a window of six hours, after its first
    resource_series: int = 2_000  # of one resource

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not 1 <= value <= 1_000_000_000:
                raise ValueError(f"{name} must be in [1, 1000000000], got {value!r}")

    def share(self, groups: int) -> "LimitSettings":
        """Return the limits of one of `groups` key groups; a resource is in one."""
        shared = {n: -(-getattr(self, n) // groups) for n in self.__struct_fields__}
        return LimitSettings(**shared | {"resource_series": self.resource_series})


class Used(msgspec.Struct, array_like=True):
    """What an account has of its limits."""

    resources: int = 0
    series: int = 0
    new: int = 0  # series since the window began
    fresh: bool = True  # it had none then
    full: str = ""  # the limit that it has reached, "": none; it gets nothing new until the end


class AdmissionState(msgspec.Struct, frozen=True, array_like=True):
    """For a snapshot."""

    window: int | None = None
    used: dict[str, Used] = {}
    resources: int = 0
    full: str = ""
    refused: bool = False


class Admission:
    """The limits of a key group. Memory: some 200 B an account that it follows."""

    def __init__(self, share: LimitSettings, every_ms: int) -> None:
        self._share = share
        self.every_ms = every_ms  # length of a window
        self._told: Counter[tuple[str, str]] = Counter()  # names refused since the last word
        self._at = AdmissionState()
        self.window: int | None = None  # None: nothing has been closed yet
        self._used: dict[str, Used] = {}
        self._resources = 0
        self._full = ""
        self.has_refused = False  # in this window

    def state(self) -> AdmissionState:
        """Return what a snapshot needs."""
        return AdmissionState(
            self.window, self._used, self._resources, self._full, self.has_refused
        )

    def resume(self, state: AdmissionState) -> None:
        """Go on where a snapshot was made."""
        self.window, self._used = state.window, state.used
        self._resources, self._full = state.resources, state.full
        self.has_refused = state.refused

    def begin(self, window: int, resources: Iterable[str], series: Iterable[str]) -> None:
        """Begin a window with the accounts of these resources and series."""
        self._used = {}
        for account, n in Counter(resources).items():
            self._used[account] = Used(resources=n, fresh=False)
        for account, n in Counter(series).items():
            self._used.setdefault(account, Used(fresh=False)).series = n
        self.window = window
        self._resources = sum(used.resources for used in self._used.values())
        self._full = ""
        self.has_refused = False

    def refuses(self, named: Named) -> bool:
        """Whether a name needs no place: it is of this window, and its account is full."""
        if not self.has_refused or named.ts_ms // self.every_ms != self.window:
            return False
        used = self._used.get(named.series.resource.account)
        full = self._full or (used.full if used else "")
        if full:
            self._tell(named, full)
        return bool(full)

    def admit(self, named: Named, resource_series: int, is_new: bool) -> bool:
        """Take a stream of a resource that has `resource_series` already, if there is room.

        `is_new` says that it is not one more of a series that is known.
        """
        account, share = named.series.resource.account, self._share
        used = self._used.get(account)
        if used is None:
            used = Used()
        limit = self._full or used.full
        if not limit:
            limit = _reached(used, self._resources, resource_series, is_new, share)
            if limit in _ALL:
                self._full = limit
            elif limit != "resource_series":
                used.full = limit
        if limit:
            self.has_refused = True
            self._tell(named, limit)
            return False
        self._used[account] = used
        used.series += 1
        used.new += 1
        if not resource_series:
            used.resources += 1
            self._resources += 1
        return True

    def _tell(self, named: Named, limit: str) -> None:
        account = named.series.resource.account
        if len(self._told) >= _MAX_TOLD and (account, limit) not in self._told:
            account = OTHERS
        self._told[account, limit] += 1

    def told(self) -> tuple[tuple[str, str, int], ...]:
        """Return (account, limit, names refused) since the last time."""
        told, self._told = self._told, Counter()
        return tuple((account, limit, n) for (account, limit), n in sorted(told.items()))

    def is_full(self, account: str) -> bool:
        """Whether an account reached a limit in this window, or all together did."""
        used = self._used.get(account)
        return bool(self._full or (used and used.full))

    def forget_oldest(self, tables: Sequence[CohortTable], tick: int) -> int:
        """Mark the longest silent of what is full as forgotten; return how many.

        What keeps its own step, has an open alert or is said to be silent stays.
        """
        if not self.has_refused:
            return 0
        due = sorted(
            (float(table.arrays.resource[row, LAST_TICK]), table.resources[row].key, at, row)
            for at, table in enumerate(tables)
            for row in np.flatnonzero(_overdue(table, tick)).tolist()
        )
        marked: Counter[str] = Counter()
        for _, _, at, row in due:
            account = tables[at].resources[row].account
            used = self._used.get(account)
            if used is not None and self._is_tight(used, marked[account], marked.total()):
                marked[account] += 1
                tables[at].arrays.resource[row, FORGOTTEN] = 1.0
                tables[at].arrays.counters[GONE] += 1.0
        return marked.total()

    def _is_tight(self, used: Used, marked: int, marked_in_all: int) -> bool:
        """Whether an account, or all of them, still has less room than it should begin with."""
        all_over = self._resources - marked_in_all - _begins_with(self._share.resources)
        if self._full and all_over > 0:
            return True
        if used.full == "account_resources":
            return used.resources - marked > _begins_with(self._share.account_resources)
        if used.full == "account_series":
            left = used.series * (1 - marked / max(used.resources, 1))
            return left > _begins_with(self._share.account_series)
        return False


def _begins_with(share: int) -> int:
    return share - max(1, share // ROOM)


def _reached(
    used: Used, resources: int, resource_series: int, is_new: bool, share: LimitSettings
) -> str:
    """Return the limit that one more stream would break, "" if none."""
    if not resource_series:
        if resources >= share.resources:
            return "resources"
        if used.resources >= share.account_resources:
            return "account_resources"
    if is_new and resource_series >= share.resource_series:
        return "resource_series"
    if used.series >= share.account_series:
        return "account_series"
    if not used.fresh and used.new >= share.account_new_series:
        return "account_new_series"
    return ""


def _overdue(table: CohortTable, tick: int) -> npt.NDArray[np.bool_]:
    own, arrays = table.arrays.resource, table.arrays
    found: npt.NDArray[np.bool_] = tick - own[:, LAST_TICK] > _OVERDUE_STEPS * np.maximum(
        own[:, STEP], 1.0
    )
    found &= (own[:, FORGOTTEN] == 0.0) & (own[:, OPENED] < 0.0) & (own[:, SILENT] == 0.0)
    found[arrays.owner[(arrays.rule_run < 0).any(axis=1)]] = False  # a rule's alert is open
    return found
