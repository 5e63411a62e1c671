"""Making versions active by hand or by a trainer: in the registry, then in the control log.

In that order: a flow that starts in between knows the version, one that runs hears of it.
"""

from collections.abc import Callable
from datetime import datetime

from connectors.control_log import ControlLog, soonest_ms
from connectors.model_registry import Registry
from schema import Promotion


class Promoter:
    """Promotes in one registry; tells the flows that read `log`, if there is one."""

    def __init__(
        self,
        registry: Registry,
        log: ControlLog | None,
        tick_s: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._registry = registry
        self._log = log
        self._tick_s = tick_s
        self._clock = clock

    def soonest_ms(self) -> int:
        """Return the least effective time that reaches live flows before their ticks."""
        return soonest_ms(self._clock(), self._tick_s)

    def promote(
        self, service: str, version: str, effective_ms: int | None, reason: str
    ) -> Promotion:
        """Make a version active; by default as soon as live flows can all hear of it in time.

        Raises: ModelRefused if it is damaged or unknown, ValueError if it is active, of another
        service, or would serve before the one that is active now.
        """
        when = self.soonest_ms() if effective_ms is None else effective_ms
        self._registry.promote(version, when)
        promotion = Promotion(service, version, when, reason=reason)
        if self._log is not None:
            self._log.append(promotion)
        return promotion

    def roll_back(self, service: str, effective_ms: int | None) -> Promotion:
        """Make the version active that served before the one that is.

        By default as `promote`, but after the active one's own time, should that be yet to come.

        Raises: ValueError if no other has served.
        """
        before = self._registry.served_before(service)
        active = next(
            (e for e in self._registry.list() if e.service == service and e.state == "active"), None
        )
        if active is None or before is None:
            raise ValueError(f"{service} must have a version that served before, got none")
        if effective_ms is None:
            next_tick_ms = (active.effective_from_ms or 0) + self._tick_s * 1000
            effective_ms = max(self.soonest_ms(), next_tick_ms)
        return self.promote(service, before, effective_ms, f"rolled back from {active.version}")
