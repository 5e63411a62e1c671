"""An estate of cloud resources as CloudWatch payloads, made while the benchmark's clock stands.

Payloads are made a tick at a time, so that the peak memory of a run is the flow's own. Every
number is drawn from (seed, tick): all variants of the benchmark read the same bytes.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from schema import F64, Chunk

START_MS = 1_772_359_200_000  # 2026-03-01 10:00 UTC
MINUTE_MS = 60_000
METRICS = 5  # a resource
RESOURCES_A_PAYLOAD = 10
PAYLOADS_A_CHUNK = 100
PARTITIONS = ("0", "1", "2", "3")

_REGIONS = ("eu-west-1", "us-east-1", "us-west-2", "ap-south-1", "eu-north-1")
_ACCOUNTS = ("111122223333", "222233334444", "333344445555", "444455556666")
# namespace, dimension, metrics, their usual values; a fault hits the first two
_SERVICES = (
    (
        "AWS/EC2",
        "InstanceId",
        ("CPUUtilization", "EBSReadBytes", "NetworkIn", "NetworkOut", "EBSWriteBytes"),
        (20.0, 4e6, 2e7, 3e7, 6e6),
    ),
    (
        "AWS/RDS",
        "DBInstanceIdentifier",
        ("ReadLatency", "CPUUtilization", "WriteLatency", "DatabaseConnections", "FreeableMemory"),
        (0.02, 20.0, 0.03, 80.0, 8e9),
    ),
    (
        "AWS/Lambda",
        "FunctionName",
        ("Duration", "Errors", "Invocations", "Throttles", "ConcurrentExecutions"),
        (120.0, 5.0, 900.0, 2.0, 12.0),
    ),
    (
        "AWS/ApplicationELB",
        "LoadBalancer",
        (
            "TargetResponseTime",
            "HTTPCode_Target_5XX_Count",
            "RequestCount",
            "ActiveConnectionCount",
            "ProcessedBytes",
        ),
        (0.08, 6.0, 5000.0, 300.0, 9e7),
    ),
)


class Plan(msgspec.Struct, frozen=True):
    """How many resources, for how long, and what goes wrong."""

    resources: int
    lead_in: tuple[int, ...]  # minutes at which samples come before the clock starts
    timed: tuple[int, ...]  # and after
    faults: int = 12
    fault_minutes: int = 15
    seed: int = 7

    @classmethod
    def of(cls, resources: int, samples: int) -> "Plan":
        """Return a lead-in after which every detector is at work, and `samples` to be timed.

        A series is warm after 30 samples, and forests are fitted three hours later. A large estate
        sends a sample in ten minutes through these hours, since it has rows enough.
        """
        lead_in = [*range(40), *range(40, 240, 1 if resources <= 2_000 else 10), *range(240, 250)]
        minutes = max(1, round(samples / (resources * METRICS)))
        return cls(resources, tuple(lead_in), tuple(range(250, 250 + minutes)))

    @property
    def minutes(self) -> tuple[int, ...]:
        """All of them."""
        return self.lead_in + self.timed


class Panel:
    """What one partition's resources say at each minute."""

    def __init__(self, plan: Plan, partition: int) -> None:
        self._plan = plan
        self._mine = np.arange(partition, plan.resources, len(PARTITIONS))
        usual = np.array([service[3] for service in _SERVICES])
        drawn = np.random.default_rng(plan.seed).uniform(0.5, 1.5, (plan.resources, METRICS))
        self._usual: F64 = usual[_service(np.arange(plan.resources))] * drawn
        self._templates = [
            b"\n".join(_line(int(r), m) for r in some for m in range(METRICS))
            for some in np.split(
                self._mine, range(RESOURCES_A_PAYLOAD, len(self._mine), RESOURCES_A_PAYLOAD)
            )
        ]

    def payloads(self, minute: int) -> list[bytes]:
        """Return one minute's points, ten resources a payload."""
        value = self._values(minute)[self._mine]
        numbers = np.stack((value * 5.0, value * 1.1, value * 0.9), axis=-1)
        flat = numbers.reshape(-1).tolist()
        size = RESOURCES_A_PAYLOAD * METRICS * 3
        stamp = str(START_MS + minute * MINUTE_MS).encode()
        return [
            template.replace(b"@", stamp) % tuple(flat[i * size : (i + 1) * size])
            for i, template in enumerate(self._templates)
        ]

    def _values(self, minute: int) -> F64:
        plan = self._plan
        day = 1.0 + 0.2 * np.sin(2.0 * np.pi * minute / 1440.0)
        noise = np.random.default_rng((plan.seed, minute)).normal(0.0, 0.05, self._usual.shape)
        value: F64 = self._usual * (day + noise)
        first, spacing = plan.timed[0], max(1, len(plan.timed) // (2 * plan.faults))
        for i in range(plan.faults):
            begins = first + 2 + i * spacing
            if begins <= minute < begins + plan.fault_minutes:
                value[i * 37 % plan.resources, :2] *= 3.0
        return value


def _service(
    resource: "int | np.ndarray[tuple[int], np.dtype[np.int64]]",
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.asarray(resource) // len(PARTITIONS) % len(_SERVICES)


def _line(resource: int, metric: int) -> bytes:
    namespace, dimension, metrics, _ = _SERVICES[int(_service(resource))]
    account = _ACCOUNTS[resource // 20 % len(_ACCOUNTS)]
    region = _REGIONS[resource // 100 % len(_REGIONS)]
    return (
        f'{{"metric_stream_name":"all","account_id":"{account}","region":"{region}",'
        f'"namespace":"{namespace}","metric_name":"{metrics[metric]}",'
        f'"dimensions":{{"{dimension}":"r-{resource:017x}"}},"timestamp":@,'
        '"value":{"count":5.0,"sum":%.4f,"max":%.4f,"min":%.4f},"unit":"None"}'
    ).encode()


class MemoryOrigin:
    """The estate as an origin of the flow; implements connectors.origin.Origin.

    `making` wraps the making of payloads, to stop the clock; `timed` is called when the first
    payload of the timed part is handed out.
    """

    name = "memory"

    def __init__(
        self,
        plan: Plan,
        making: Callable[[Callable[[], list[bytes]]], list[bytes]],
        timed: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._making = making
        self._timed = timed
        self.readers: list[MemoryReader] = []

    def partitions(self) -> list[str]:
        """Return four."""
        return list(PARTITIONS)

    def open(self, partition: str, position: int | None) -> "MemoryReader":
        """Open one, always from the beginning."""
        if position is not None:
            raise ValueError(f"position must be None, got {position!r}")
        panel = Panel(self._plan, int(partition))
        reader = MemoryReader(self._plan, panel, self._making, self._timed)
        self.readers.append(reader)
        return reader


class MemoryReader:
    """Implements connectors.origin.Reader."""

    def __init__(
        self,
        plan: Plan,
        panel: Panel,
        making: Callable[[Callable[[], list[bytes]]], list[bytes]],
        timed: Callable[[], None],
    ) -> None:
        self._panel = panel
        self._making = making
        self._timed = timed
        self._from = plan.timed[0]
        self._minutes: Iterator[int] = iter(plan.minutes)
        self._ahead: list[bytes] = []
        self._stamps: list[int] = []
        self._position = 0
        self._exhausted = False
        self._fill()

    @property
    def ended(self) -> bool:
        """Whether all was handed out."""
        return self._exhausted and not self._ahead

    @property
    def caught_up(self) -> bool:
        """The same."""
        return self.ended

    @property
    def share(self) -> float:
        """Not followed."""
        return 0.0

    def read(self) -> Chunk | None:
        """Return the next payloads."""
        if self.ended:
            return None
        payloads, self._ahead = self._ahead[:PAYLOADS_A_CHUNK], self._ahead[PAYLOADS_A_CHUNK:]
        stamps, self._stamps = self._stamps[: len(payloads)], self._stamps[len(payloads) :]
        positions: Sequence[int] = range(self._position, self._position + len(payloads))
        self._position += len(payloads)
        self._fill()
        if stamps[-1] >= START_MS + self._from * MINUTE_MS:
            self._timed()
        return Chunk(payloads, positions, self._position, np.array(stamps, np.int64))

    def close(self) -> None:
        """Nothing is open."""

    def _fill(self) -> None:
        while len(self._ahead) < PAYLOADS_A_CHUNK and not self._exhausted:
            minute = next(self._minutes, None)
            if minute is None:
                self._exhausted = True
                return
            made = self._making(lambda at=minute: self._panel.payloads(at))  # type: ignore[misc]
            self._ahead += made
            self._stamps += [START_MS + minute * MINUTE_MS] * len(made)
