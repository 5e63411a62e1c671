"""Everything else: any service that the `apprise` library knows, by its URL.

Source: https://github.com/caronc/apprise/wiki. It says only whether it has worked, so what fails is
tried again until it is given up.
"""

from importlib import import_module

from connectors.channels.channel import Later, Message, Outcome, Sent
from connectors.secret import Secret
from schema import ChannelOptions, Severity

_TYPES = {
    Severity.CRITICAL: "failure", Severity.HIGH: "failure", Severity.MEDIUM: "warning",
    Severity.LOW: "info",
}  # fmt: skip


class AppriseSettings(ChannelOptions, frozen=True, kw_only=True, tag="apprise"):
    """The YAML of a channel of `type: apprise`."""

    url: Secret  # as in "ntfys://ntfy.example/oncall"


class AppriseChannel:
    """An open one.

    Raises: ValueError for a URL that the library does not know; it is not quoted.
    """

    def __init__(self, settings: AppriseSettings) -> None:
        # it takes a second, which who has no such channel need not wait
        self._service = import_module("apprise").Apprise()
        if not self._service.add(settings.url.read()):
            raise ValueError("url must be one that apprise knows, got one that it does not")

    def send(self, message: Message) -> Outcome:
        """Hand it to the library."""
        kind = "info"
        if message.notice.kind == "resolve":
            kind = "success"
        elif message.incident is not None:
            kind = _TYPES[message.incident.severity]
        worked = self._service.notify(title=message.title, body=message.text, notify_type=kind)
        return Sent() if worked else Later("apprise: the service has not taken it")

    def close(self) -> None:
        """There is nothing to let go of."""
