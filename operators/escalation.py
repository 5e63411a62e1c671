"""Whom to tell next while nobody has acknowledged an incident."""

import msgspec

MAX_STEPS = 20
MAX_ROUNDS = 100
MAX_S = 604_800.0  # 7 days


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Channels that hear of it, so long after the step before."""

    channels: tuple[str, ...]
    after_s: float = 600.0  # for the first step: after the incident was first told

    def __post_init__(self) -> None:
        if not self.channels:
            raise ValueError("channels must name at least one, got none")
        if not 0 < self.after_s <= MAX_S:
            raise ValueError(f"after_s must be in (0, {MAX_S}] s, got {self.after_s!r}")


class Escalation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the YAML mapping `notify.escalations`."""

    steps: tuple[Step, ...]
    rounds: int = 1  # how often all steps are taken

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= MAX_STEPS:
            raise ValueError(f"steps must be 1 to {MAX_STEPS}, got {len(self.steps)}")
        if not 1 <= self.rounds <= MAX_ROUNDS:
            raise ValueError(f"rounds must be in [1, {MAX_ROUNDS}], got {self.rounds!r}")

    def due_ms(self, since_ms: int, taken: int) -> int | None:
        """Return when the step after `taken` steps is due; None: there is none left.

        >>> policy = Escalation((Step(("second",), 600.0), Step(("boss",), 900.0)), rounds=2)
        >>> [policy.due_ms(0, taken) for taken in range(5)]
        [600000, 1500000, 2100000, 3000000, None]
        """
        if taken >= self.rounds * len(self.steps):
            return None
        rounds, index = divmod(taken, len(self.steps))
        whole_s = sum(step.after_s for step in self.steps)
        part_s = sum(step.after_s for step in self.steps[: index + 1])
        return since_ms + round((rounds * whole_s + part_s) * 1000)

    def step(self, taken: int) -> Step:
        """Return the step after `taken` steps."""
        return self.steps[taken % len(self.steps)]
