"""A secret by reference: settings name where it stands, and never hold it."""

import os
from pathlib import Path

import msgspec


class Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret stands: `{env: NAME}` or `{file: /run/secrets/name}`."""

    env: str = ""
    file: str = ""

    def __post_init__(self) -> None:
        if bool(self.env) == bool(self.file):
            raise ValueError(f"a secret must name one of env and file, got {self!r}")

    def read(self) -> str:
        """Return it, without white space around it.

        Raises: ValueError, which names the place and quotes nothing, where there is none.
        """
        if self.env:
            found = os.environ.get(self.env, "").strip()
            place = f"environment variable {self.env}"
        else:
            place = self.file
            try:
                found = Path(self.file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as ex:
                raise ValueError(f"the secret in {place} must be readable: {ex}") from None
        if not found:
            raise ValueError(f"the secret in {place} must be set, got nothing")
        return found
