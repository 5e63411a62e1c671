"""What is simulated: the settings, and the run's grid of steps and blocks."""

from datetime import UTC, datetime
from typing import SupportsFloat

import msgspec

CLOUDS = ("aws", "azure", "gcp")
OWN_FORMAT = {"aws": "cloudwatch-json", "azure": "azure-monitor", "gcp": "gcp-timeseries"}
FORMATS = (*OWN_FORMAT.values(), "foreshock-json")
BLOCK_S = 21_600  # signals are drawn a block at a time, whatever the size of the fleet
DAY_S = 86_400
MAX_RESOURCES = 20_000


class SimulatorSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="simulator"):
    """The simulator as a source: a partition a cloud."""

    seed: int = 1
    days: float = 7.0
    resources: int = 48
    interval_s: int = 60  # between two points of a series
    start: str = "2026-01-05T00:00:00Z"  # a Monday
    faults_per_day: float = 1.5
    quiet_days: float | None = None  # without faults at first; None: 3, or a third if less
    faults: bool = True  # False: the fault-free twin; all else stays the same
    drifts: int = 0  # releases that move the level of a whole service, for good
    format: str | None = None  # None: each cloud's own
    points_per_payload: int = 50
    speed: float | None = None  # simulated seconds a second; None: as fast as it is read
    state_dir: str | None = None  # where `foreshock inject` finds the running simulation
    read_days: float | None = None  # only the first so many are read; None: all

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be in [0, 2**63), got {self.seed!r}")
        if not 0 < self.days <= 3660:
            raise ValueError(f"days must be in (0, 3660], got {self.days!r}")
        if not len(CLOUDS) <= self.resources <= MAX_RESOURCES:
            raise ValueError(
                f"resources must be in [{len(CLOUDS)}, {MAX_RESOURCES}], got {self.resources!r}"
            )
        if not 10 <= self.interval_s <= 3600 or BLOCK_S % self.interval_s:
            raise ValueError(
                f"interval_s must be in [10, 3600] and divide {BLOCK_S}, got {self.interval_s!r}"
            )
        if not 0 <= self.faults_per_day <= 100:
            raise ValueError(f"faults_per_day must be in [0, 100], got {self.faults_per_day!r}")
        if self.quiet_days is not None and not 0 <= self.quiet_days <= self.days:
            raise ValueError(f"quiet_days must be in [0, days], got {self.quiet_days!r}")
        if not 0 <= self.drifts <= 3:
            raise ValueError(f"drifts must be in [0, 3], got {self.drifts!r}")
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {self.format!r}")
        if not 1 <= self.points_per_payload <= 10_000:
            raise ValueError(
                f"points_per_payload must be in [1, 10000], got {self.points_per_payload!r}"
            )
        if self.speed is not None and not 0 < self.speed <= 1_000_000:
            raise ValueError(f"speed must be in (0, 1000000], got {self.speed!r}")
        if self.read_days is not None and not 0 < self.read_days <= self.days:
            raise ValueError(f"read_days must be in (0, days], got {self.read_days!r}")
        _ = self.start_ms
        if self.steps < 1:
            raise ValueError(f"days must hold a step of {self.interval_s} s, got {self.days!r}")

    @property
    def start_ms(self) -> int:
        """Time of step 0, epoch ms."""
        try:
            start = datetime.fromisoformat(self.start)
        except ValueError as ex:
            raise ValueError(f"start must be an ISO 8601 time, got {self.start!r}") from ex
        if start.tzinfo is None:
            start = start.replace(tzinfo=UTC)
        return int(start.timestamp() // self.interval_s) * self.interval_s * 1000

    @property
    def steps(self) -> int:
        """Number of points of a series without gaps."""
        return int(self.days * DAY_S / self.interval_s)

    @property
    def read_steps(self) -> int:
        """Number of steps that are read."""
        days = self.days if self.read_days is None else self.read_days
        return int(days * DAY_S / self.interval_s)

    @property
    def quiet_steps(self) -> int:
        """First step at which a fault may start."""
        days = min(3.0, self.days / 3) if self.quiet_days is None else self.quiet_days
        return int(days * DAY_S / self.interval_s)

    @property
    def block_steps(self) -> int:
        """Steps in a full block."""
        return BLOCK_S // self.interval_s

    @property
    def blocks(self) -> int:
        """Number of blocks, the last of which may be cut short."""
        return -(-self.steps // self.block_steps)

    def minutes(self, minutes: SupportsFloat) -> int:
        """Return so many minutes in steps, at least 1."""
        return max(1, round(float(minutes) * 60 / self.interval_s))

    def ms(self, step: int) -> int:
        """Return the event time of a step, epoch ms."""
        return self.start_ms + step * self.interval_s * 1000

    def step_of(self, ms: int) -> int:
        """Return the step at or before a time."""
        return (ms - self.start_ms) // (self.interval_s * 1000)

    def format_of(self, cloud: str) -> str:
        """Return the wire format of a cloud's payloads."""
        return OWN_FORMAT[cloud] if self.format is None else self.format
