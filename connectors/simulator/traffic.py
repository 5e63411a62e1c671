"""The traffic of one application: the rhythm that its resources share."""

from collections.abc import Sequence

import numpy as np

from connectors.simulator import signals
from connectors.simulator.benign import Benign
from connectors.simulator.draws import generator
from connectors.simulator.settings import SimulatorSource
from connectors.simulator.slow import slow_knots, slow_walk
from schema import F64


class Traffic:
    """Relative traffic of an application, about 1 on a weekday."""

    def __init__(self, settings: SimulatorSource, name: str, events: Sequence[Benign]) -> None:
        self._settings = settings
        self._name = f"application:{name}"
        self._events = events
        draw = generator(settings.seed, self._name)
        self._day_gain = float(draw.uniform(0.35, 0.55))
        self._noon_gain = float(draw.uniform(-0.12, 0.02))
        self._peak_h = float(draw.normal(14.0, 1.5))
        self._weekend_loss = float(draw.uniform(0.1, 0.4))
        self._knots = slow_knots(settings, self._name)

    def block(self, block: int) -> F64:
        """Return the traffic at each step of a block: (block_steps,)."""
        settings = self._settings
        steps = block * settings.block_steps + np.arange(settings.block_steps)
        time_s: F64 = settings.start_ms / 1000.0 + steps.astype(np.float64) * settings.interval_s
        shape = signals.rhythm(
            time_s, self._day_gain, self._noon_gain, self._peak_h, self._weekend_loss
        )
        draw = generator(settings.seed, self._name, 1 + block)
        noise = signals.autoregress(draw.standard_normal((1, signals.LEAD + len(steps))), 0.7)
        slow = slow_walk(settings, steps, self._knots)
        traffic: F64 = (
            shape * (1.0 + 0.03 * noise[0] + 0.05 * slow[0]) * self._moved(steps.astype(float))
        )
        return traffic

    def _moved(self, steps: F64) -> F64:
        """Return the factor of surges and drifts."""
        factor = np.ones(len(steps))
        for event in self._events:
            since, length = steps - event.start, max(1, event.end - event.start)
            if event.kind == "surge":
                edge = min(float(self._settings.minutes(6)), length / 3)
                shape = np.clip(np.minimum(since, length - since) / edge, 0.0, 1.0)
                factor *= 1.0 + (event.strength - 1.0) * shape
            elif event.kind == "drift":
                factor *= 1.0 + event.strength * np.clip(since / length, 0.0, 1.0)
        return factor
