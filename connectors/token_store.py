"""Bearer tokens: 256 random bits, of which the store has the sha256 alone."""

import hashlib
import hmac
import re
import secrets
from typing import Any, NamedTuple

from sqlalchemy import Row, select, update

from connectors.access_tables import tokens
from connectors.incident_database import open_database, reading, writing
from connectors.incident_rows import stored_text
from schema.desk import Role

PREFIX = "fsk"  # by which people and scanners of secrets know what it is
USED_EVERY_MS = 60_000
_FORM = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_[A-Za-z0-9_-]{{43}}")


class Token(NamedTuple):
    """What is kept of a token."""

    id: str
    name: str
    role: Role
    created_ms: int
    expires_ms: int | None
    used_ms: int | None
    revoked_ms: int | None

    def state(self, now_ms: int) -> str:
        """Return "active", "expired" or "revoked"."""
        if self.revoked_ms is not None:
            return "revoked"
        return "expired" if self.expires_ms is not None and self.expires_ms <= now_ms else "active"


class TokenStore:
    """The table of an incident store.

    Raises: ValueError if there is no store and `create` is false, or it has another version.
    """

    def __init__(self, url: str, *, create: bool = False) -> None:
        self._engine = open_database(url, create=create)

    def add(self, name: str, role: Role, now_ms: int, expires_ms: int | None) -> str:
        """Make a token and return it: it is not to be had again."""
        token_id = secrets.token_hex(6)
        token = f"{PREFIX}_{token_id}_{secrets.token_urlsafe(32)}"
        row = {
            "id": token_id,
            "sha256": _digest(token),
            "name": stored_text(name),
            "role": role,
            "created_ms": now_ms,
            "expires_ms": expires_ms,
        }
        with writing(self._engine) as connection:
            connection.execute(tokens.insert(), [row])
        return token

    def known(self, token: str, now_ms: int) -> Token | None:
        """Return whose token it is; None if it is none, has expired or was revoked."""
        form = _FORM.fullmatch(token)
        if form is None:
            return None
        with reading(self._engine) as connection:
            row = connection.execute(select(tokens).where(tokens.c.id == form[1])).first()
        if row is None or not hmac.compare_digest(row.sha256, _digest(token)):
            return None
        found = _token(row)
        return found if found.state(now_ms) == "active" else None

    def used(self, token_id: str, now_ms: int) -> None:
        """Keep when it was last used."""
        with writing(self._engine) as connection:
            connection.execute(update(tokens).where(tokens.c.id == token_id).values(used_ms=now_ms))

    def all(self) -> list[Token]:
        """Return every token, those made first first."""
        query = select(tokens).order_by(tokens.c.created_ms, tokens.c.id)
        with reading(self._engine) as connection:
            return [_token(row) for row in connection.execute(query)]

    def revoke(self, token_id: str, now_ms: int) -> None:
        """Let a token count no more, from the next request on."""
        query = update(tokens).where(tokens.c.id == token_id, tokens.c.revoked_ms.is_(None))
        with writing(self._engine) as connection:
            connection.execute(query.values(revoked_ms=now_ms))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _token(row: Row[Any]) -> Token:
    role: Role = row.role
    return Token(
        row.id, row.name, role, row.created_ms, row.expires_ms, row.used_ms, row.revoked_ms
    )
