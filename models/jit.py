"""The one typed shim over numba, and where compiled kernels are kept between runs.

numba recompiles a kernel when its own file changes, but not when another file's kernel that was
compiled into it does. So the cache folder is named by a digest over every source that kernels can
be made of: an edit of any of them, or another numba, starts an empty folder.
"""

import contextlib
import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

_KERNEL = "\n@jit\n"
_IMPORT = re.compile(r"^from (models|operators)(?:\.(\w+) import| import ([\w, ]+))", re.MULTILINE)
KEPT_FOLDERS = 8  # older generations of kernels are removed
OWNER_ONLY = 0o700


def source_files(root: Path) -> list[Path]:
    """Return the files below `root` that kernels can be compiled from, sorted.

    Those that have a kernel, and what they import of `models` and `operators`: a constant is
    compiled into a kernel too. `schema` lends kernels nothing but names of types.
    """
    folders = (root / "models", root / "operators")
    texts = {path: path.read_text() for folder in folders for path in folder.glob("*.py")}
    waiting = [path for path, text in texts.items() if _KERNEL in text]
    found = set(waiting)
    while waiting:
        for folder, module, several in _IMPORT.findall(texts[waiting.pop()]):
            paths = {root / folder / f"{name}.py" for name in (module, *several.split(", "))}
            fresh = sorted(paths & texts.keys() - found)
            found.update(fresh)
            waiting += fresh
    return sorted(found)


def digest_of(files: Iterable[Path], versions: Iterable[str]) -> str:
    """Return a name for what `files` contain, in the order given, under these tool versions.

    >>> digest_of([], ["numba 0.61"]) == digest_of([], ["numba 0.62"])
    False
    >>> digest_of([], ["numba 0.61"])
    'ac585cdc7fbd8a9167a0'
    """
    digest = hashlib.blake2b(digest_size=10)
    for tool in versions:
        digest.update(f"{tool}\n".encode())
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.parent.name}/{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _private(folder: Path) -> bool:
    """Whether nobody else can put code into `folder`, after closing it to them."""
    with contextlib.suppress(OSError):  # not ours to close
        folder.chmod(OWNER_ONLY)
        return folder.stat().st_uid == os.getuid()
    return False


def cache_base(wanted: Path | None) -> Path:
    """Return a writable folder: `wanted`, else this user's in the home, else a temporary one."""
    if wanted is not None and _writable(wanted):
        return wanted
    choices = [Path(tempfile.gettempdir()) / f"foreshock-numba-{os.getuid()}"]
    with contextlib.suppress(RuntimeError):  # no home is known
        choices.insert(0, Path.home() / ".cache" / "foreshock" / "numba")
    for choice in choices:
        if _writable(choice) and _private(choice):
            return choice
    return Path(tempfile.mkdtemp(prefix="foreshock-numba-"))


def _drop_old(base: Path, current: str) -> None:
    """Keep the generations last written to; a folder that vanishes meanwhile is no error."""

    def written_ns(folder: Path) -> int:
        try:
            return folder.stat().st_mtime_ns
        except OSError:
            return 0

    others = (path for path in base.glob("k-*") if path.name != current and path.is_dir())
    for folder in sorted(others, key=written_ns, reverse=True)[KEPT_FOLDERS - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


def cache_folder(root: Path, base: Path) -> Path:
    """Return, and make, the folder in `base` for kernels of the sources below `root`."""
    versions = (
        f"python {platform.python_implementation()} {platform.python_version()}",
        f"numba {numba.__version__}",
        f"llvmlite {version('llvmlite')}",
    )
    name = f"k-{digest_of(source_files(root), versions)}"
    folder = base / name
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    _drop_old(base, name)
    return folder


def jit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` on first call, for the argument types it then gets.

    No fastmath: results must not depend on the shape of a batch. Division by zero gives inf or NaN
    as in numpy, not an exception. Indices are not checked: a kernel's caller vouches for shapes.

    >>> import numpy as np
    >>> @jit
    ... def ratio(a: float, b: float) -> float:
    ...     return a / b
    >>> ratio(1.0, 4.0), ratio(1.0, 0.0)
    (0.25, inf)
    """
    compiled = numba.njit(cache=_is_in_a_file(function), fastmath=False, error_model="numpy")(
        function
    )
    return cast("Callable[P, R]", compiled)


def _is_in_a_file(function: Callable[..., object]) -> bool:
    """Whether numba can key a cache by the function's source; not so in a console or doctest."""
    code = getattr(function, "__code__", None)
    return code is not None and Path(code.co_filename).is_file()


# numba's own setting (NUMBA_CACHE_DIR), where a user has made one, is kept as the base.
_settings = vars(numba.config)  # its attributes are made at run time
_settings["CACHE_DIR"] = str(
    cache_folder(
        root=Path(__file__).resolve().parent.parent,
        base=cache_base(Path(_settings["CACHE_DIR"]) if _settings["CACHE_DIR"] else None),
    )
)
