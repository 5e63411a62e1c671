"""Where files are: paths of this machine, or URLs of object stores by `fsspec`."""

from pathlib import Path
from posixpath import commonpath, relpath
from typing import cast
from urllib.parse import unquote

import fsspec
from upath import UPath

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "abfss": "azure",
          "az": "azure", "adl": "azure"}  # fmt: skip
TIMES = frozenset(("year", "month", "day", "hour", "minute", "date", "dt"))
NULL = "__HIVE_DEFAULT_PARTITION__"
_SEPARATOR = "://"


def is_url(text: str) -> bool:
    """Say whether a file is named by a URL."""
    return _SEPARATOR in text


def place_of(text: str) -> Path:
    """Return a path, or what does as one for a URL.

    Raises: ValueError for a store that nobody knows, or whose client is not installed, saying how
    to install it.
    """
    if not is_url(text):
        return Path(text).expanduser()
    scheme = text.partition(_SEPARATOR)[0]
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as ex:
        package = EXTRAS.get(scheme)
        how = f"pip install 'foreshock[{package}]'" if package else str(ex)
        raise ValueError(f"{text}: {scheme}:// needs a client that is not here: {how}") from ex
    except ValueError as ex:
        known = ", ".join(sorted(EXTRAS))
        raise ValueError(f"{text}: must be a path, or a URL of {known} ..., {ex}") from ex
    return cast(Path, UPath(text))


def absolute(place: Path) -> Path:
    """Return the place from the root on; that of a URL is."""
    return place.resolve() if isinstance(place, Path) else place


def relative(places: list[Path], roots: list[Path]) -> list[str]:
    """Return the places' names below the folder that all of them and the roots have in common.

    Raises: ValueError if some are of one store and some of another.
    """
    stores = {str(getattr(place, "protocol", "")) for place in (*places, *roots)}
    if len(stores) > 1:
        raise ValueError(f"paths must be of one store, got {', '.join(sorted(stores))}")
    inside = [*map(_inside, roots), *(_inside(place.parent) for place in places)]
    base = commonpath(inside)
    return [relpath(_inside(place), base) for place in places]


def _inside(place: Path) -> str:
    return place.as_posix() if isinstance(place, Path) else str(place.path)


def hive_columns(place: Path, known: list[str]) -> dict[str, str]:
    """Return the columns that the folders of a partitioned table add to those that are `known`.

    A folder `region=eu-west-1` says it of all rows below. Times (`year`, `date` ...) are not
    columns: the rows say theirs.
    """
    found: dict[str, str] = {}
    for folder in place.parent.parts:
        name, equals, cell = folder.partition("=")
        if equals and name and name not in known and name.lower() not in TIMES and cell != NULL:
            found[name] = unquote(cell)
    return found
