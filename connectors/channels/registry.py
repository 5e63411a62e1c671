"""Every kind of channel by its settings."""

from collections.abc import Callable

from connectors.channels.channel import Channel
from connectors.channels.console import ConsoleChannel, ConsoleSettings
from connectors.channels.webhook import WebhookChannel, WebhookSettings

ChannelSettings = ConsoleSettings | WebhookSettings


def open_channel(settings: ChannelSettings, clock_s: Callable[[], float]) -> Channel:
    """Open a channel; its secrets are read here and nowhere else.

    Raises: ValueError for a secret that is not there.
    """
    match settings:
        case ConsoleSettings():
            return ConsoleChannel()
        case WebhookSettings():
            return WebhookChannel(settings, clock_s)
