"""The README's commands, run as they stand.

A fenced `sh` block after `<!-- test: name -->` is run; blocks of one name are one script, in order.
"""

import os
import re
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
TIMEOUT_S = 900.0
_BLOCK = re.compile(r"<!-- test: (\w+) -->\n```sh\n(.*?)```", re.DOTALL)


def scripts(text: str) -> dict[str, str]:
    """Return the scripts of a page by name."""
    found: dict[str, str] = {}
    for name, block in _BLOCK.findall(text):
        found[name] = found.get(name, "") + block
    return found


SCRIPTS = scripts(README)


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script from the checkout; end all that it has left running."""
    log = folder / "output.txt"
    with log.open("w") as out:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(TIMEOUT_S)
        finally:
            _end(shell)
    return subprocess.CompletedProcess(script, code, log.read_text())


def _end(shell: "subprocess.Popen[bytes]") -> None:
    """End the shell's process group: in order, so that a broker stops its own children too."""
    for number, within_s in ((signal.SIGTERM, 30.0), (signal.SIGKILL, 10.0)):
        try:
            os.killpg(shell.pid, number)
            deadline = time.monotonic() + within_s
            while time.monotonic() < deadline:
                shell.poll()  # a shell that has ended counts as a member until it is waited for
                os.killpg(shell.pid, 0)
                time.sleep(0.05)
        except ProcessLookupError:
            break
    shell.wait(10.0)


@pytest.mark.integration
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_commands_of_the_readme_work(name: str, tmp_path: Path) -> None:
    if not (ROOT / ".venv" / ".ready").exists():
        pytest.skip("needs the environment that `make setup` makes")
    done = run(SCRIPTS[name], tmp_path)
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_shell_block_is_run() -> None:
    assert len(_BLOCK.findall(README)) == README.count("```sh\n")
    assert set(SCRIPTS) == {"start", "kafka", "files"}


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    inside = [link for link in links if "://" not in link]
    assert inside
    assert [link for link in inside if not (ROOT / link).exists()] == []


def test_the_make_targets_are_those_of_the_makefile() -> None:
    listed = re.search(r"`(setup demo [a-z -]+)`", README)
    assert listed is not None
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed[1].split() == [target for target in targets if target != "help"]


def test_the_licence_is_the_one_that_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("script", "code"), [("true | false; true", 1), ("sleep 600 & echo on", 0), ("echo $X", 1)]
)
def test_a_failing_or_unfinished_script_is_noticed(script: str, code: int, tmp_path: Path) -> None:
    assert run(script, tmp_path).returncode == code
