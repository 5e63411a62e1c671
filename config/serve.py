"""The settings of `foreshock serve`: where it listens, and whom it lets in."""

from ipaddress import ip_address, ip_network
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from schema.desk import Role

ROLES: tuple[Role, ...] = ("viewer", "responder", "admin")  # each may do what those before it may


class ProxySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A reverse proxy that has asked people who they are, and says so in headers."""

    trusted: tuple[str, ...]  # addresses from which the headers count: "10.0.0.0/8"
    user_header: str = "X-Forwarded-User"
    groups_header: str = "X-Forwarded-Groups"  # separated by commas
    roles: dict[str, Role] = {}  # group: role; the highest counts
    role: Role | None = None  # of those who are in no such group; None: they are kept out

    def __post_init__(self) -> None:
        if not self.trusted:
            raise ValueError("trusted must name the proxy's addresses, got none")
        for each in self.trusted:
            try:
                ip_network(each)
            except ValueError as ex:
                raise ValueError(f"trusted must be addresses as 10.0.0.0/8: {ex}") from None
        for name in ("user_header", "groups_header"):
            header = getattr(self, name)
            if not header or not header.replace("-", "").isalnum():
                raise ValueError(f"{name} must be the name of a header, got {header!r}")
        if not self.roles and self.role is None:
            raise ValueError("roles must give a group a role, or role all of them, got neither")


class ServeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The YAML section `serve`."""

    bind: str = "127.0.0.1"  # address to listen on
    port: int = 8090  # 0: one that is free
    auth: Literal["off", "token", "proxy"] = "off"  # "proxy": tokens count, too
    url: str = ""  # by which it is reached, where that is not `bind`: "https://foreshock.example"
    proxy: ProxySettings | None = None
    body_limit_bytes: int = 1_048_576
    rate_requests: int = 1_200  # of one client in `rate_per_s`
    rate_per_s: float = 60.0
    timeout_s: float = 30.0  # of a request; streams have none
    max_streams: int = 1_000  # event streams at once

    def __post_init__(self) -> None:
        try:
            ip_address(self.bind)
        except ValueError:
            raise ValueError(f"bind must be an IP address, got {self.bind!r}") from None
        if not 0 <= self.port <= 65_535:
            raise ValueError(f"port must be in [0, 65535], got {self.port!r}")
        if self.auth == "off" and not self.is_loopback:
            raise ValueError(
                f"auth must be token or proxy where bind is not a loopback address, got bind "
                f"{self.bind!r} with auth 'off': anybody who reaches it could act"
            )
        if (self.auth == "proxy") != (self.proxy is not None):
            raise ValueError(
                f"proxy must be set with auth 'proxy' and only then, got {self.auth!r}"
            )
        if self.url:
            _check_url(self.url)
        for name, least, most in (
            ("body_limit_bytes", 1_024, 2**30),
            ("rate_requests", 1, 10_000_000),
            ("rate_per_s", 1, 86_400),
            ("timeout_s", 0.1, 3_600),
            ("max_streams", 1, 100_000),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} must be in [{least}, {most}], got {value!r}")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ip_address(self.bind).is_loopback

    @property
    def hosts(self) -> frozenset[str] | None:
        """Return the names by which it may be asked; None: by any."""
        named = {urlsplit(self.url).hostname or ""} if self.url else set[str]()
        if self.is_loopback:
            return frozenset({"localhost", "127.0.0.1", "::1", self.bind} | named)
        return frozenset({self.bind} | named) if named else None

    @property
    def is_https(self) -> bool:
        """Whether people reach it by HTTPS."""
        return self.url.startswith("https://")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(f"url must be as https://foreshock.example, got {url!r}")
