"""What is told, as text on standard output: the channel "log" of who has set nothing up."""

import sys

from connectors.channels.channel import Message, Outcome, Sent
from schema import ChannelOptions


class ConsoleSettings(ChannelOptions, frozen=True, kw_only=True, tag="console"):
    """The YAML of a channel of `type: console`."""


class ConsoleChannel:
    """Standard output."""

    def __init__(self, settings: ConsoleSettings) -> None:
        """There is nothing to open."""

    def send(self, message: Message) -> Outcome:
        """Write the message; control characters of names that came from outside are shown as ?."""
        encoding = sys.stdout.encoding or "utf-8"
        lines = [f"[{message.notice.kind}] {message.title}", *message.text.splitlines()]
        for line in lines:
            shown = "".join(char if char.isprintable() else "?" for char in line)
            sys.stdout.write(shown.encode(encoding, "replace").decode(encoding) + "\n")
        sys.stdout.flush()
        return Sent()

    def close(self) -> None:
        """Leave it open."""
