"""Which of our incidents are behind one of PagerDuty's: asked of its REST API.

A webhook names the dedup key of an event for some services only. Where it does not, the alerts of
its incident do, several where PagerDuty has grouped them.
Source: https://developer.pagerduty.com/api-reference, "List alerts for an incident".
"""

import msgspec

from connectors.callbacks.pagerduty import PagerDutyCallbacks
from connectors.channels.channel import Sent
from connectors.channels.http import HttpCaller

TIMEOUT_S = 3.0  # PagerDuty waits 5 s for our answer
MOST = 100
MAX_ANSWER = 4_194_304  # bytes: an alert brings the whole event along


class _Alert(msgspec.Struct):
    alert_key: str | None = None


class _Alerts(msgspec.Struct):
    alerts: tuple[_Alert, ...]


class PagerDutyAlerts:
    """Asks with a token, if there is one. Raises ConnectionError if no answer can be had."""

    def __init__(self, settings: PagerDutyCallbacks) -> None:
        self._api = settings.api.rstrip("/")
        self._token = None if settings.api_token is None else settings.api_token.read()
        self._allow_private = settings.allow_private

    def keys(self, place: str) -> tuple[str, ...]:
        """Return the dedup keys of an incident's alerts; none where there is no token."""
        if self._token is None or not place:
            return ()
        http = HttpCaller(
            allow_private=self._allow_private, timeout_s=TIMEOUT_S, max_answer=MAX_ANSWER
        )
        try:
            url = f"{self._api}/incidents/{place}/alerts?limit={MOST}"
            headers = {
                "Accept": "application/vnd.pagerduty+json;version=2",
                "Authorization": f"Token token={self._token}",
            }
            answer = http.call("GET", url, b"", headers)
        finally:
            http.close()
        if answer.status == 404:
            return ()
        if not isinstance(answer.outcome, Sent):
            raise ConnectionError(answer.outcome.error)
        try:
            found = msgspec.json.decode(answer.body, type=_Alerts)
        except msgspec.DecodeError:
            raise ConnectionError("PagerDuty's answer is no list of alerts") from None
        return tuple(dict.fromkeys(each.alert_key for each in found.alerts if each.alert_key))
