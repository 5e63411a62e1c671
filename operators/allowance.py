"""How many messages a channel may get in a while; what is beyond that comes as one digest."""

import msgspec

from schema import ChannelOptions


class Allowance(msgspec.Struct):
    """What a channel has got lately, and what was kept from it.

    Memory: a time for each message of the last `rate_per_s`, an id for each incident held back.
    """

    sent_ms: list[int] = []  # wall clock, ascending
    held: list[str] = []  # incidents, in the order in which they were held back
    digests: int = 0
    due_ms: int | None = None  # of the digest

    def take(self, options: ChannelOptions, now_ms: int) -> bool:
        """Use up one message; False: there is none left, and the digest has a time."""
        window_ms = round(options.rate_per_s * 1000)
        self.sent_ms = [at_ms for at_ms in self.sent_ms if at_ms > now_ms - window_ms]
        if len(self.sent_ms) < options.rate_messages and not self.held:
            self.sent_ms.append(now_ms)
            return True
        if self.due_ms is None:
            oldest_ms = self.sent_ms[0] if self.sent_ms else now_ms
            self.due_ms = oldest_ms + window_ms
        return False

    def hold(self, incident: str) -> None:
        """Keep an incident for the digest."""
        if incident not in self.held:
            self.held.append(incident)

    def digest(self, now_ms: int) -> tuple[str, ...]:
        """Hand out what was held back, as one message that is sent now."""
        about = tuple(self.held)
        self.held, self.due_ms = [], None
        self.digests += 1
        self.sent_ms.append(now_ms)
        return about
