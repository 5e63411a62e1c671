"""The templates of messages: the shipped ones, and a folder of one's own that goes before them.

All run in a sandbox. One's own are tried at the start; one that fails later all the same gives way
to the shipped one of its name, so that a message is never lost to its looks.
"""

import logging
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

_log = logging.getLogger(__name__)

SHIPPED = Path(__file__).resolve().parent.parent / "config" / "templates"
NAMES = ("incident.txt.j2", "incident.html.j2", "digest.txt.j2")
ENDING = ".j2"
PART = "_"  # how the name of what is only included begins
Told = Mapping[str, object]


class Templates:
    """Finds a template by its name, and renders it."""

    def __init__(self, folder: str = "", failed: Callable[[str], None] = lambda _: None) -> None:
        """Load all; `failed` hears the name of each of one's own that could not be rendered.

        Raises: ValueError for a folder that is not there or a template that is none, with its line.
        """
        self._failed = failed
        self._shipped = _shipped()
        self._own: dict[str, Template] = {}
        if folder:
            self._own = _loaded(Path(folder))
        self._folder = folder

    def render(self, name: str, told: Told) -> str:
        """Return the text of a template: one's own, else the shipped one."""
        own = self._own.get(name)
        if own is None:
            return self._shipped[name].render(told)
        try:
            return own.render(told)
        except Exception as ex:  # noqa: BLE001  # a template of others may raise anything
            _log.error("%s; the shipped template is used", _where(ex, own))
            self._failed(name)
            return self._shipped[name].render(told)

    def check(self, name: str, told: Told) -> None:
        """Render one's own template, if there is one. Raises: ValueError with file and line."""
        own = self._own.get(name)
        if own is None:
            return
        try:
            own.render(told)
        except Exception as ex:  # noqa: BLE001  # as above
            raise ValueError(f"notify.templates: {_where(ex, own)}") from None


@cache
def _shipped() -> Mapping[str, Template]:
    shipped = _environment(FileSystemLoader(SHIPPED))
    return {name: shipped.get_template(name) for name in NAMES}


def _environment(loader: ChoiceLoader | FileSystemLoader) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        auto_reload=False,
    )


def _loaded(folder: Path) -> dict[str, Template]:
    if not folder.is_dir():
        raise ValueError(f"notify.templates must be a folder, got {str(folder)!r}")
    found = sorted(path for path in folder.glob(f"*{ENDING}") if not path.name.startswith(PART))
    for path in found:
        if path.name not in NAMES:
            raise ValueError(
                f"notify.templates: {path} must be named one of {', '.join(NAMES)},"
                f" or begin with {PART} where others include it"
            )
    if not found:
        raise ValueError(f"notify.templates: {folder} must hold one of {', '.join(NAMES)}")
    shipped = PrefixLoader({"shipped": FileSystemLoader(SHIPPED)})  # to include, or to extend
    own = _environment(ChoiceLoader([FileSystemLoader(folder), shipped]))
    return {path.name: _parsed(own, path) for path in found}


def _parsed(own: ImmutableSandboxedEnvironment, path: Path) -> Template:
    try:
        return own.get_template(path.name)
    except TemplateSyntaxError as ex:
        raise ValueError(f"notify.templates: {ex.filename}:{ex.lineno}: {ex.message}") from None
    except (TemplateError, OSError, UnicodeDecodeError) as ex:
        raise ValueError(f"notify.templates: {path}: {ex}") from None


def _where(error: Exception, template: Template) -> str:
    """Return the error in one line, with the file and line of the template that it is in."""
    place, line = str(template.filename), 0
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.endswith(ENDING):
            place, line = frame.filename, frame.lineno or 0
    if isinstance(error, TemplateSyntaxError):  # of a part that is included
        place, line = error.filename or place, error.lineno
    words = " ".join(str(error).split())[:300]
    return f"{place}:{line}: {type(error).__name__}: {words}"
