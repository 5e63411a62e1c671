"""Read a YAML file into settings structs, or say which key of which file is wrong.

Strings may hold `${NAME}` or `${NAME:-default}`; `$${` is a literal `${`. A name is looked up in
the environment, then in an `.env` file beside the YAML file, then in one in the working directory.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml
from dotenv import dotenv_values

from config.yaml_document import KeyPath, dotted, parse

T = TypeVar("T")

_REFERENCE = re.compile(r"\$?\$\{([^{}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_PLACE = re.compile(r"(?s)(.*?)(?: - at `(?:key` in `)?\$(.*)`)?")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_MIN_HIDDEN = 4  # a shorter value would blank out half of a message


class ConfigError(ValueError):
    """A settings file that cannot be used: `<file>: <dotted key>: <what is wrong>`."""


class Document(msgspec.Struct, frozen=True):
    """A YAML file after expansion."""

    data: dict[str, object]
    from_env: tuple[tuple[KeyPath, str], ...]  # what a variable went into, and its value


def load(path: str | Path, type_: type[T]) -> T:
    """Read the YAML file at `path` as `type_`.

    Raises: ConfigError, which never quotes a value that came from the environment.
    """
    return convert(read(path), type_, path)


def load_yaml(path: str | Path) -> dict[str, object]:
    """Read the YAML mapping at `path`, expanded but not yet checked against a type."""
    return read(path).data


def read(path: str | Path) -> Document:
    """Read, check for duplicate keys and expand; keep track of what came from the environment."""
    path = Path(path)
    try:
        data = parse(path.read_bytes())
        env = environment(path.parent)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as ex:
        raise ConfigError(f"{ex.filename}: {ex.strerror}") from ex
    except yaml.YAMLError as ex:
        raise ConfigError(f"{path}: {_syntax(ex)}") from ex
    except RecursionError as ex:
        raise ConfigError(f"{path}: nested too deeply") from ex
    except ValueError as ex:  # YamlFault; a date such as 2026-02-30
        raise ConfigError(f"{path}: {ex}") from ex
    if not isinstance(data, dict):
        got = "nothing" if data is None else f"a {type(data).__name__}"
        raise ConfigError(f"{path}: expected a mapping at the top, got {got}")
    expansion = _Expansion(path, env)
    return Document(expansion.mapping(data, ()), tuple(expansion.found))


def environment(folder: Path) -> dict[str, str]:
    """Return the variables that a file in `folder` may refer to."""
    known: dict[str, str] = {}
    for file in (Path(".env"), folder / ".env"):
        if file.is_file():
            values = dotenv_values(file, interpolate=False)
            known.update({k: v for k, v in values.items() if v is not None})
    return {**known, **os.environ}


def convert(document: Document, type_: type[T], path: str | Path) -> T:
    """Check a document against a type; `path` is for messages."""
    try:
        return msgspec.convert(document.data, type_)
    except msgspec.ValidationError as ex:
        what, at = _locate(str(ex), document.data, type_)
        where = f"{dotted(at)}: " if at else ""
        shown = what
        for _, value in document.from_env:
            if len(value) >= _MIN_HIDDEN:
                shown = shown.replace(value, "***")
        cause = ex if shown == what else None  # or --verbose would print it
        raise ConfigError(f"{path}: {where}{shown}") from cause


class _Expansion:
    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        self._path = path
        self._env = env
        self.found: list[tuple[KeyPath, str]] = []

    def mapping(self, data: dict[str, object], at: KeyPath) -> dict[str, object]:
        return {key: self.value(value, (*at, key)) for key, value in data.items()}

    def value(self, data: object, at: KeyPath) -> object:
        if isinstance(data, dict):
            return self.mapping(data, at)
        if isinstance(data, list):
            return [self.value(member, (*at, i)) for i, member in enumerate(data)]
        if not isinstance(data, str):
            return data
        return _REFERENCE.sub(lambda match: self._replace(match, at), data)

    def _replace(self, match: re.Match[str], at: KeyPath) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        name = _NAME.fullmatch(match[1])
        if name is None:
            raise ConfigError(f"{self._path}: {dotted(at)}: not a variable's name: {match[0]!r}")
        value = self._env.get(name[1], name[2])
        if value is None:
            raise ConfigError(
                f"{self._path}: {dotted(at)}: environment variable {name[1]} is not set"
            )
        if name[1] in self._env:  # a default stands in the file for all to see
            self.found.append((at, value))
        return value


def _syntax(ex: yaml.YAMLError) -> str:
    if isinstance(ex, yaml.MarkedYAMLError) and ex.problem_mark is not None:
        mark = ex.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {ex.problem}"
    return " ".join(str(ex).split())


def _locate(message: str, data: dict[str, object], type_: type[object]) -> tuple[str, KeyPath]:
    """Split msgspec's message into what is wrong and where.

    msgspec writes a list's member as `[1]` but any value of a mapping as `[...]`; which one it was
    is found by trying each with its siblings removed.
    """
    match = _PLACE.fullmatch(message)
    if match is None:
        return message, ()
    what, at = match[1], KeyPath()
    for field, index in _STEP.findall(match[2] or ""):
        if field:
            at = (*at, field)
        elif index.isdecimal():
            at = (*at, int(index))
        else:
            at = (*at, *_bad_key(what, at, data, type_))
    return what, at


def _bad_key(what: str, at: KeyPath, data: dict[str, object], type_: type[object]) -> list[str]:
    parent: object = data
    for step in at:
        parent = _child(parent, step)
    for key, value in parent.items() if isinstance(parent, dict) else ():
        try:
            msgspec.convert(_with(data, at, {key: value}), type_)
        except msgspec.ValidationError as ex:
            match = _PLACE.fullmatch(str(ex))
            if match is not None and match[1] == what:
                return [str(key)]
    return []


def _child(parent: object, step: str | int) -> object:
    if isinstance(parent, list) and isinstance(step, int):
        return parent[step]
    return parent.get(step) if isinstance(parent, dict) else None


def _with(data: object, at: KeyPath, alone: object) -> object:
    """Return a copy of `data` with `alone` at the place `at`."""
    if not at:
        return alone
    head, rest = at[0], at[1:]
    if isinstance(data, list):
        return [
            _with(member, rest, alone) if i == head else member for i, member in enumerate(data)
        ]
    if isinstance(data, dict):
        return {k: _with(value, rest, alone) if k == head else value for k, value in data.items()}
    return data
