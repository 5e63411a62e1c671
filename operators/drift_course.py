"""What a service has come to on its way through drifts, and how that stands."""

import msgspec

from models.adwin import AdwinState
from schema import Drift, DriftStanding

ADWIN_RANGE = 0.25  # share of the resources that its bound takes for all there is


class Course(msgspec.Struct):
    """What a service has come to so far."""

    odd: AdwinState = msgspec.field(default_factory=AdwinState)  # its share of odd resources
    since_ms: int | None = None  # most of its resources have been odd since
    changed_ms: int | None = None  # when that share last rose for good
    lasting: bool = False  # a drift was told, and is not over
    calm_ms: int | None = None  # of one that lasts: calm since
    drifts: int = 0  # told so far
    last: Drift | None = None  # of these

    def standing(self, service: str, now_ms: int) -> DriftStanding:
        """Return how the service stands when all before `now_ms` is judged."""
        window = self.odd
        found = DriftStanding(
            service,
            now_ms,
            "steady",
            None,
            int(window.width),
            round(window.total / window.width * ADWIN_RANGE, 4) if window.width else 0.0,
            self.changed_ms,
            self.drifts,
            self.last,
        )
        if self.lasting:
            last = self.last
            if last is not None and now_ms >= last.effective_ms:
                return msgspec.structs.replace(found, state="accepted", since_ms=last.effective_ms)
            since_ms = None if last is None else last.since_ms
            return msgspec.structs.replace(found, state="drifting", since_ms=since_ms)
        if self.since_ms is not None:
            return msgspec.structs.replace(found, state="suspected", since_ms=self.since_ms)
        return found
