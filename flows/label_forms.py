"""What is known to have been wrong, in the forms in which people have it.

The form is named, or found by the content: by what a reader of it would look at first.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from flows.label_alerts import read_alertmanager, read_pagerduty
from flows.label_incidents import is_store, labels_of_store, read_incident_lines
from flows.label_series import labels_of_points, read_nab_windows
from flows.labels import Labels, read_labels

AUTO = "auto"
FORMS = ("truth", "nab", "points", "pagerduty", "alertmanager", "incidents")
_BY_CONTENT: dict[str, Callable[[bytes], Labels]] = {
    "truth": read_labels,
    "nab": read_nab_windows,
    "pagerduty": read_pagerduty,
    "alertmanager": read_alertmanager,
    "incidents": read_incident_lines,
}


def _has(value: object, key: str) -> bool:
    return isinstance(value, dict) and key in value


def _holds(value: object, key: str) -> bool:
    """Say whether a record, or one of a list of them, has the key."""
    return any(_has(each, key) for each in (value if isinstance(value, list) else [value]))


def _is_by_file(value: object) -> bool:
    named = list(value.values()) if isinstance(value, dict) else []
    return bool(named) and all(isinstance(each, list) for each in named)


_SHAPES: tuple[tuple[str, Callable[[object], bool]], ...] = (  # the first that fits
    ("truth", lambda first: _has(first, "faults")),
    ("incidents", lambda first: _has(first, "schema") and _has(first, "incident")),
    ("pagerduty", lambda first: _has(first, "incidents") or _holds(first, "created_at")),
    ("alertmanager", lambda first: _has(first, "alerts") or _holds(first, "startsAt")),
    ("nab", _is_by_file),
)


def read_label_file(where: str, form: str = AUTO) -> Labels:
    """Return what a file, a folder of CSV files with labels, or an incident store says.

    Raises: ValueError with what must hold, without the file's name; OSError.
    """
    if form not in (AUTO, *FORMS):
        raise ValueError(f"the form must be one of {', '.join((AUTO, *FORMS))}, got {form!r}")
    if is_store(where):
        if form not in (AUTO, "incidents"):
            raise ValueError(f"an incident store is of the form incidents, got {form!r}")
        return labels_of_store(where)
    path = Path(where)
    if form == AUTO:
        form = "points" if path.is_dir() or path.suffix.lower() == ".csv" else ""
    if form == "points":
        return labels_of_points(path)
    content = path.read_bytes()
    form = form or form_of(content)
    labels = _BY_CONTENT[form](content)
    return msgspec.structs.replace(labels, form=form)


def form_of(content: bytes) -> str:
    """Return the form of what is in a file.

    Raises: ValueError if it is none of them.

    >>> form_of(b'{"faults": []}'), form_of(b'{"a/b.csv": []}'), form_of(b'{"incidents": []}')
    ('truth', 'nab', 'pagerduty')
    """
    first = _first_value(content)
    for form, shape in _SHAPES:
        if shape(first):
            return form
    raise ValueError(
        f"labels must be in one of the forms {', '.join(FORMS)}, got none that is known; "
        "name it with --labels-format"
    )


def _first_value(content: bytes) -> object:
    """Return the file's JSON, or that of its first line."""
    for part in (content, content.lstrip().split(b"\n", 1)[0]):
        try:
            return msgspec.json.decode(part)
        except msgspec.DecodeError:
            continue
    return None
