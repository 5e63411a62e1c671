"""What is measured of one variant, and with which clock."""

import resource
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
import psutil

from benchmarks.steps import MAKING, Steps

Made = TypeVar("Made")


class Run(msgspec.Struct, frozen=True):
    """What one variant came to."""

    variant: str
    resources: int
    samples: int  # timed
    wall_s: float
    cpu_s: float
    start_mb: float  # resident memory before the first payload
    peak_mb: float
    incidents: int = 0  # opened in the timed part
    scored: int = 0  # rows of the timed part: a resource at a tick
    shares: dict[str, float] = {}  # of the run, by step
    calls: dict[str, int] = {}
    fits: int = 0  # of forests, in the lead-in; they come again after a day of event time
    fit_s: float = 0.0  # all of them

    @property
    def rate(self) -> float:
        """Return samples a second."""
        return self.samples / self.wall_s

    @property
    def cpu_us(self) -> float:
        """Return microseconds of processor time a sample."""
        return self.cpu_s / self.samples * 1e6


class Watch:
    """Wall and processor time of the timed part; stands still while payloads are made."""

    def __init__(self, steps: Steps | None = None) -> None:
        self.steps = steps or Steps()
        self.running = False
        self.start_mb = float(psutil.Process().memory_info().rss) / 2**20
        self.wall_s = self.cpu_s = 0.0

    def start(self) -> None:
        """Begin; later calls do nothing."""
        if not self.running:
            self.running = True
            self.steps.reset()
            self.wall_s, self.cpu_s = -time.perf_counter(), -time.process_time()

    def outside(self, call: Callable[[], Made]) -> Made:
        """Do `call` without counting it."""
        wall, cpu = time.perf_counter(), time.process_time()
        made: Made = self.steps.measured(MAKING, call)()
        if self.running:
            self.wall_s -= time.perf_counter() - wall
            self.cpu_s -= time.process_time() - cpu
        return made

    def stop(self, variant: str, resources: int, samples: int) -> Run:
        """End, and say what it came to."""
        if not self.running:
            raise RuntimeError("the timed part never began")
        wall, cpu = time.perf_counter(), time.process_time()
        self.steps.stop()
        self.steps.seconds.pop(MAKING, None)
        total = sum(self.steps.seconds.values())
        return Run(
            variant,
            resources,
            samples,
            self.wall_s + wall,
            self.cpu_s + cpu,
            self.start_mb,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
            shares={name: seconds / total for name, seconds in self.steps.seconds.items()},
            calls=dict(self.steps.calls),
            fits=self.steps.fits,
            fit_s=self.steps.fit_s,
        )
