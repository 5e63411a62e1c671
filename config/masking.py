"""Show settings as YAML without showing secrets."""

import re

import msgspec
import yaml

from config.loader import Document
from config.yaml_document import KeyPath

MASK = "***"
_SECRET_KEY = re.compile(
    r"password|passphrase|secret|token$|credential|api[_.-]?key|jaas|oauthbearer\.config|\.pem$",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@/\s]+(@)")


def masked_yaml(settings: object, document: Document) -> str:
    """Return `settings`, defaults included, as YAML.

    Shown as "***": values that the document took from the environment, values under a key that
    names a secret (`sasl.password`, `ssl.key.pem` ...), and passwords inside URLs.
    """
    from_env = frozenset(at for at, _ in document.from_env)
    plain = _masked(msgspec.to_builtins(settings), (), from_env)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _masked(value: object, at: KeyPath, from_env: frozenset[KeyPath]) -> object:
    if at in from_env:
        return MASK
    if isinstance(value, dict):
        return {key: _masked(member, (*at, key), from_env) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(member, (*at, i), from_env) for i, member in enumerate(value)]
    if value not in (None, "") and at and _SECRET_KEY.search(str(at[-1])):
        return MASK
    if isinstance(value, str):
        return _URL_PASSWORD.sub(rf"\1{MASK}\2", value)
    return value
