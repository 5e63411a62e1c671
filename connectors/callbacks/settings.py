"""The settings of two-way notification: which providers may answer, and where."""

from urllib.parse import urlsplit

import msgspec

from connectors.callbacks.mail_links import MailCallbacks
from connectors.callbacks.pagerduty import PagerDutyCallbacks
from connectors.callbacks.slack import SlackCallbacks


class CallbackSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The YAML section `notify.callbacks`. What is left out is not listened to."""

    url: str = ""  # of `foreshock serve` as people and providers reach it
    pagerduty: PagerDutyCallbacks | None = None
    slack: SlackCallbacks | None = None
    mail: MailCallbacks | None = None
    metrics_port: int | None = None  # of the counters of who listens

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if self.url and (
            parts.scheme not in ("http", "https")
            or not parts.netloc
            or "@" in parts.netloc
            or parts.query
            or parts.fragment
        ):
            raise ValueError(f"url must be like https://foreshock.example, got {self.url!r}")
        if self.metrics_port is not None and not 1 <= self.metrics_port <= 65_535:
            raise ValueError(f"metrics_port must be in [1, 65535], got {self.metrics_port!r}")
        if self.mail is not None and not self.url:
            raise ValueError("url must be set where mail is, since links lead there, got ''")

    @property
    def listens(self) -> bool:
        """Whether somebody is listened to."""
        return any(each is not None for each in (self.pagerduty, self.slack, self.mail))
