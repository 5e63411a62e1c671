"""What whom a message tells may do about the incident, where he is told: buttons and links."""

from config.notify import NotifySettings
from connectors.callbacks.callback import Asked, Offered
from connectors.callbacks.mail_links import MailLinks
from connectors.channels.email import EmailSettings
from connectors.channels.slack import SlackSettings
from schema import Incident, Notice, State

LABELS: dict[Asked, str] = {
    "ack": "Acknowledge",
    "resolve": "Resolve",
    "false_positive": "False positive",
}
_IN_STATE: dict[State, tuple[Offered, ...]] = {
    "open": ("ack", "resolve", "false_positive"),
    "acknowledged": ("resolve", "false_positive"),
    "resolved": ("false_positive",),
}


class Offers:
    """Goes by who is listened to: `notify.callbacks`.

    Raises: ValueError for a key of links that is not there, or too short.
    """

    def __init__(self, settings: NotifySettings, *, permits: bool = True) -> None:
        """Without permits, links look like those of a mail and are good for nothing."""
        self._permits = permits
        self._channels = settings.channels
        self._has_buttons = settings.callbacks.slack is not None
        mail = settings.callbacks.mail
        self._mail = None if mail is None else MailLinks(mail, settings.callbacks.url)

    def links(self, notice: Notice, incident: Incident) -> list[tuple[str, str]]:
        """Return label and link of each act; they are as good as who holds the mail."""
        channel = self._channels.get(notice.channel)
        if self._mail is None or not isinstance(channel, EmailSettings):
            return []
        if not self._permits:
            return [(LABELS[each], self._mail.url_of("...")) for each in offered(incident)]
        to = ", ".join(channel.to)
        return [
            (LABELS[each], self._mail.link(incident.id, each, to, notice.id, notice.decided_ms))
            for each in offered(incident)
        ]

    def buttons(self, notice: Notice, incident: Incident) -> list[tuple[str, str]]:
        """Return label and act of each button."""
        if not self._has_buttons or not isinstance(
            self._channels.get(notice.channel), SlackSettings
        ):
            return []
        return [(LABELS[each], each) for each in offered(incident)]


def offered(incident: Incident) -> tuple[Offered, ...]:
    """Return what can be done about an incident as it is told."""
    acts = _IN_STATE.get(incident.state, ())
    return tuple(each for each in acts if each != incident.verdict)
