"""Which notices are told with a picture, and of what."""

import logging
from collections.abc import Callable, Container, Sequence
from importlib import import_module

from connectors.channels.channel import Picture
from schema import Incident, Notice, Plot

_log = logging.getLogger(__name__)


class Painter:
    """Draws for the channels that show pictures; called by their threads."""

    def __init__(
        self, plots_of: Callable[[Incident], Sequence[Plot]], channels: Container[str]
    ) -> None:
        self._plots_of = plots_of
        self._channels = channels

    def __call__(self, notice: Notice, incident: Incident) -> Picture | None:
        """Return the picture of a notice; None: none is shown, or there is nothing to show."""
        if notice.channel not in self._channels:
            return None
        try:
            plot = main_plot(incident, self._plots_of(incident))
            if plot is None:
                return None
            # Matplotlib takes its time, which who has nothing to show need not wait
            picture: Picture = import_module("flows.plot_picture").picture_of(plot)
        except Exception:  # noqa: BLE001  # a message is not lost to its looks
            _log.exception("%s is told without a picture", incident.id)
            return None
        return picture


def main_plot(incident: Incident, plots: Sequence[Plot]) -> Plot | None:
    """Return the plot to show: the first suspect's, else the first member's that there is."""
    drawable = [plot for plot in plots if len(plot.ts_ms) > 1]
    blamed = {suspect.resource.key for suspect in incident.suspects[:1]}
    return next(
        (plot for plot in drawable if plot.resource in blamed), drawable[0] if drawable else None
    )
