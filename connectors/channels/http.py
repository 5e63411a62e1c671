"""One HTTP request that delivers a message, and what its answer means.

A target in a private network is refused unless settings allow it: a name is resolved once, the
address is checked, and the connection goes to that very address (so no name that changes its
address in between gets through). Redirects are not followed.
"""

import ipaddress
import logging
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx

from connectors.channels.channel import Later, Outcome, Refused, Sent

TIMEOUT_S = 10.0
MAX_ANSWER = 65_536  # bytes read of an answer, unless more are asked for
MAX_SHOWN = 300  # characters of an answer in an error
_AGAIN = {408, 425, 429}
_TAKEN_PERHAPS = {500, 502, 504}
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells whole URLs, secrets and all


class Answer(NamedTuple):
    """What a request came to; `body` is what the provider said, cut short."""

    outcome: Outcome
    status: int = 0
    body: bytes = b""


class HttpCaller:
    """Makes requests to one provider; used by one thread."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout_s: float | None = None,  # of each step of a request; None: as usual
        max_answer: int = MAX_ANSWER,
    ) -> None:
        self._allow_private = allow_private
        self._max_answer = max_answer
        wait_s = TIMEOUT_S if timeout_s is None else timeout_s
        self._client = httpx.Client(timeout=wait_s, follow_redirects=False, trust_env=False)

    def call(
        self,
        method: str,
        url: str,
        content: bytes,
        headers: Mapping[str, str],
    ) -> Answer:
        """Send it; 2xx is `Sent`, what may pass is `Later`, the rest is `Refused`.

        Errors name the host alone: the path of a webhook is its password.
        """
        try:
            parsed = httpx.URL(url)
            host = parsed.host
            if parsed.scheme not in ("http", "https") or not host:
                return Answer(Refused("the URL must be http:// or https://"))
        except httpx.InvalidURL:
            return Answer(Refused("the URL must be http:// or https://"))
        try:
            address = self._address(host, parsed.port or (443 if parsed.scheme == "https" else 80))
        except OSError as ex:
            return Answer(Later(f"{host}: {ex.strerror or 'no such host'}"))
        if address is None:
            return Answer(Refused(f"{host}: is in a private network; allow_private is not set"))
        request = self._client.build_request(
            method,
            parsed.copy_with(host=address),
            content=content,
            headers={**headers, "Host": parsed.netloc.decode("ascii")},
            extensions={"sni_hostname": host},
        )
        try:
            response = self._client.send(request, stream=True)
            try:
                body = _read(response, self._max_answer)
            finally:
                response.close()
        except httpx.HTTPError as ex:
            return Answer(Later(f"{host}: {type(ex).__name__}", maybe=not isinstance(ex, _UNSENT)))
        return Answer(_outcome(host, response, body), response.status_code, body)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _address(self, host: str, port: int) -> str | None:
        """Return the address to connect to; None: one is private, and that is not allowed."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in found]
        if not self._allow_private and not all(map(is_public, addresses)):
            return None
        return addresses[0]


def is_public(address: str) -> bool:
    """Tell whether an address is one of the Internet's, and leads to one where it holds another."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = _inside(parsed) or parsed
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to: mapped, 6to4, Teredo or NAT64."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = None if address.teredo is None else address.teredo[1]
    return address.ipv4_mapped or address.sixtofour or teredo


def _read(response: httpx.Response, most: int) -> bytes:
    held = bytearray()
    for part in response.iter_bytes():
        held += part
        if len(held) >= most:
            break
    return bytes(held[:most])


def _outcome(host: str, response: httpx.Response, body: bytes) -> Outcome:
    if response.is_success:
        return Sent()
    said = " ".join(body.decode("utf-8", "replace").split())[:MAX_SHOWN]
    error = f"{host}: HTTP {response.status_code}" + (f": {said}" if said else "")
    wait_s = retry_after_s(response.headers.get("Retry-After", ""))
    if response.status_code in _AGAIN or response.is_server_error or wait_s is not None:
        return Later(error, wait_s, maybe=response.status_code in _TAKEN_PERHAPS)
    return Refused(error)


def retry_after_s(text: str, now: datetime | None = None) -> float | None:
    """Return how long to wait: RFC 9110, 10.2.3, seconds or a date; None: not said.

    >>> retry_after_s("120")
    120.0
    >>> retry_after_s("soon") is None
    True
    """
    if text.strip().isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if until.tzinfo is None:
        return None
    since = datetime.now(UTC) if now is None else now  # noqa: TID251  # a date of the provider's
    return max(0.0, (until - since).total_seconds())
