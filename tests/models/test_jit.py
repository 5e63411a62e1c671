"""Kernels are compiled once, kept, and never kept beyond a change of what they are made of."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import numpy as np
import pytest

from models import jit as shim

ROOT = Path(shim.__file__).resolve().parent.parent


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    for name in ("models", "operators"):
        (root / name).mkdir(parents=True)
    (root / "schema.py").write_text("LOW = 1\n")
    (root / "models" / "caller.py").write_text(
        "from models.callee import half\n\n@jit\ndef f(): 1\n"
    )
    (root / "models" / "callee.py").write_text("def half(x): return x / 2\n")
    return root


@pytest.mark.parametrize("name", ["models/callee.py", "models/caller.py", "operators/new.py"])
def test_a_change_of_what_kernels_are_made_of_changes_the_folder(sources: Path, name: str) -> None:
    before = shim.cache_folder(sources, sources / "cache")
    assert shim.cache_folder(sources, sources / "cache") == before
    (sources / name).write_text("LOW = 2\n\n@jit\ndef half(x): return x * 0.5\n")
    assert shim.cache_folder(sources, sources / "cache") != before


@pytest.mark.parametrize("name", ["operators/plain.py", "schema.py"])
def test_a_change_of_what_no_kernel_is_made_of_keeps_the_folder(sources: Path, name: str) -> None:
    before = shim.cache_folder(sources, sources / "cache")
    (sources / name).write_text("from models.callee import half\n")
    assert shim.cache_folder(sources, sources / "cache") == before


def test_content_moved_between_files_changes_the_folder(sources: Path) -> None:
    a, b = sources / "models" / "caller.py", sources / "models" / "callee.py"
    before = shim.cache_folder(sources, sources / "cache")
    first, second = a.read_text(), b.read_text()
    a.write_text(second)
    b.write_text(first)
    assert shim.cache_folder(sources, sources / "cache") != before


def test_another_numba_changes_the_folder(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shim.cache_folder(sources, sources / "cache")
    monkeypatch.setattr(numba, "__version__", "0.0")
    assert shim.cache_folder(sources, sources / "cache") != before


def test_only_the_last_generations_are_kept(sources: Path) -> None:
    base = sources / "cache"
    made = []
    for generation in range(shim.KEPT_FOLDERS + 3):
        (sources / "models" / "callee.py").write_text(f"LOW = {generation}\n")
        made.append(shim.cache_folder(sources, base))
        os.utime(made[-1], ns=(generation, generation))
    assert sorted(path for path in made if path.exists()) == sorted(made[-shim.KEPT_FOLDERS :])


def test_a_folder_in_the_home_that_others_may_write_to_is_closed_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    base = tmp_path / ".cache" / "foreshock" / "numba"
    base.mkdir(parents=True)
    base.chmod(0o777)
    assert shim.cache_base(None) == base
    assert stat.S_IMODE(base.stat().st_mode) == 0o700


def test_a_base_that_the_user_names_is_taken_as_it_is(tmp_path: Path) -> None:
    base = tmp_path / "shared"
    base.mkdir()
    base.chmod(0o770)
    assert shim.cache_base(base) == base
    assert stat.S_IMODE(base.stat().st_mode) == 0o770


def test_a_home_that_cannot_be_written_to_leads_to_a_private_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "a file, not a home"
    home.write_text("")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    base = shim.cache_base(home / "named")
    assert base.parent == tmp_path / "tmp"
    assert stat.S_IMODE(base.stat().st_mode) == 0o700


def test_the_folder_in_use_is_that_of_this_checkout_below_the_base() -> None:
    folder = Path(vars(numba.config)["CACHE_DIR"])
    assert folder.is_dir()
    assert folder.name.startswith("k-")


def test_division_by_zero_gives_what_numpy_gives() -> None:
    @shim.jit
    def ratio(a: float, b: float) -> float:
        return a / b

    assert ratio(1.0, 0.0) == np.inf
    assert np.isnan(ratio(0.0, 0.0))


SCRIPT = """
import models.callee
from models.caller import twice
print(twice(3.0), sum(twice.stats.cache_hits.values()))
"""


def test_a_new_process_takes_the_kept_kernel_and_a_changed_callee_takes_effect(
    sources: Path,
) -> None:
    shutil.copy(ROOT / "models" / "jit.py", sources / "models" / "jit.py")
    (sources / "models" / "__init__.py").write_text("")
    (sources / "models" / "caller.py").write_text(
        "from models.callee import part\nfrom models.jit import jit\n"
        "@jit\ndef twice(x):\n    return 2.0 * part(x)\n"
    )
    callee = sources / "models" / "callee.py"
    text = "from models.jit import jit\n@jit\ndef part(x):\n    return x + 1.0\n"
    callee.write_text(text)

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=sources,
            env={"HOME": str(sources), "PYTHONPATH": str(sources)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert run() == "8.0 0"
    assert run() == "8.0 1"  # from the cache
    callee.write_text(text.replace("1.0", "4.0"))
    assert run() == "14.0 0"  # numba alone would have said "8.0 1"
