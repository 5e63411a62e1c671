"""The house: who may import whom, and how large and what a module may be."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAX_LINES = 400

# A folder of ours (or a module beside them): what it may import of ours, itself aside.
MAY_IMPORT: dict[str, set[str]] = {
    "schema": set(),
    "models": {"schema"},
    "operators": {"schema", "models"},
    "connectors": {"schema"},
    "config": {"schema", "models", "operators", "connectors"},
    "flows": {"schema", "models", "operators", "connectors", "config"},
    "report": {"schema", "models", "operators", "connectors", "config", "flows"},
    "api": {"schema", "models", "operators", "connectors", "config", "flows", "report"},
    "terminal": {"schema", "operators", "connectors", "config", "flows"},
    "cli": {
        "schema",
        "models",
        "operators",
        "connectors",
        "config",
        "flows",
        "report",
        "api",
        "terminal",
    },
}
EVERYTHING = {*MAY_IMPORT, "foreshock", "tests", "benchmarks", "deploy"}
MAY_IMPORT["foreshock"] = MAY_IMPORT["benchmarks"] = MAY_IMPORT["deploy"] = {*MAY_IMPORT}
MAY_IMPORT["tests"] = EVERYTHING
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "base"}
# The mathematics and the rules know no clock, no network and no stream processor.
FORBIDDEN_OUTSIDE: dict[str, set[str]] = {
    "schema": {"bytewax", "confluent_kafka", "sqlalchemy", "typer", "os", "pathlib", "time"},
    "models": {"bytewax", "confluent_kafka", "sqlalchemy", "typer", "os", "pathlib", "time"},
    "operators": {"confluent_kafka", "sqlalchemy", "typer", "os", "pathlib", "time"},
}

# The compiler's cache is a folder on disk; it holds code and no data.
EXCEPT: dict[str, set[str]] = {"models/jit.py": {"os", "pathlib"}}


def tracked() -> list[Path]:
    """Return the Python files of the project: tracked, or new and not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = sorted({Path(line) for line in listing.stdout.splitlines()})
    return [path for path in found if (ROOT / path).exists()]


FILES = tracked()


def place(path: Path) -> str:
    return path.stem if len(path.parts) == 1 else path.parts[0]


def imports(tree: ast.AST) -> list[tuple[int, str]]:
    """Return (line, module) of every import, those inside functions and type checks too."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, "." * node.level + (node.module or "")))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.append((node.lineno, name.value))
    return found


def faults_of(path: Path, source: str) -> list[str]:
    """Return what breaks the rules in one file."""
    faults = []
    where = place(path)
    if where not in MAY_IMPORT:
        return [f"{path}: {where} is in no row of the table"]
    allowed = MAY_IMPORT[where] | {where}
    forbidden = FORBIDDEN_OUTSIDE.get(where, set()) - EXCEPT.get(path.as_posix(), set())
    for line, module in imports(ast.parse(source)):
        top = module.split(".")[0]
        if module.startswith("."):
            faults.append(f"{path}:{line}: relative import")
        elif top in (EVERYTHING - allowed) | forbidden:
            faults.append(f"{path}:{line}: {where} must not import {module}")
    if source.count("\n") > MAX_LINES:
        faults.append(f"{path}: more than {MAX_LINES} lines")
    if path.stem in VAGUE:
        faults.append(f"{path}: {path.stem} says nothing of what is inside")
    if (
        path.name == "__init__.py"
        and where != "schema"
        and not _is_docstring_only(ast.parse(source))
    ):
        faults.append(f"{path}: must hold a docstring and nothing else")
    return faults


def _is_docstring_only(tree: ast.Module) -> bool:
    return len(tree.body) == 1 and ast.get_docstring(tree) is not None


@pytest.mark.parametrize("path", FILES, ids=str)
def test_the_file_keeps_to_the_table(path: Path) -> None:
    assert faults_of(path, (ROOT / path).read_text()) == []


def test_every_folder_of_the_table_is_seen_by_the_listing() -> None:
    seen = {place(path) for path in FILES}
    assert {"schema", "models", "operators", "connectors", "config", "flows", "cli"} <= seen


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("models/a.py", "import operators.score", "models must not import operators.score"),
        ("models/a.py", "def f():\n    from config import app", "models must not import config"),
        ("models/a.py", "import time", "models must not import time"),
        ("models/a.py", "from bytewax import dataflow", "models must not import bytewax"),
        ("operators/a.py", "from connectors.source import Intake", "must not import connectors"),
        ("connectors/a.py", "import models.fusion", "connectors must not import models.fusion"),
        ("connectors/a.py", "from operators.ingest import X", "must not import operators.ingest"),
        ("config/a.py", "from flows.launch import run", "config must not import flows.launch"),
        ("flows/a.py", "import cli.run", "flows must not import cli.run"),
        ("flows/a.py", "import_module('cli.run')", "flows must not import cli.run"),
        ("flows/a.py", "import foreshock", "flows must not import foreshock"),
        ("cli/a.py", "from tests import conftest", "cli must not import tests"),
        ("cli/a.py", "from . import run", "relative import"),
        ("schema/a.py", "import models", "schema must not import models"),
        ("models/a.py", "x = 1\n" * 401, "more than 400 lines"),
        ("models/utils.py", "", "utils says nothing"),
        ("models/__init__.py", '"""Models."""\nimport schema', "docstring and nothing else"),
        ("models/__init__.py", "", "docstring and nothing else"),
        ("extras/a.py", "", "extras is in no row of the table"),
    ],
)
def test_a_breach_is_found(path: str, source: str, fault: str) -> None:
    faults = faults_of(Path(path), source)
    assert len(faults) == 1
    assert fault in faults[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("models/a.py", "import numpy\nfrom models.b import C\nfrom schema import F64"),
        ("operators/a.py", "from models.b import C\nimport bytewax.operators as op"),
        ("connectors/a/b.py", "import os\nfrom connectors.c import D"),
        ("cli/a.py", "from flows.launch import run"),
        ("models/a.py", "x = 1\n" * 400),
        ("models/__init__.py", '"""Models."""\n'),
    ],
)
def test_what_is_allowed_is_not_found(path: str, source: str) -> None:
    assert faults_of(Path(path), source) == []
