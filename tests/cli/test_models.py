"""`foreshock models` as a user runs it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from connectors.control_log import FileControlLog
from connectors.model_registry import Registry
from connectors.standing_store import StandingStore
from flows.assemble import catalogue_of
from flows.trainer import Trainer
from foreshock import main
from schema import DriftStanding, Promotion
from tests.flows.feature_rows import MINUTE_MS, app_for, batch

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a registry with a version that served, an active one and a candidate."""
    folder = tmp_path_factory.mktemp("models")
    app = app_for(folder)
    trainer = Trainer(app, catalogue_of(app))
    trainer.train([batch(1)], lambda trained: trained.until_ms)
    more = [batch(2, since=500, metrics=("cpu.utilization", "disk.used"))]
    trainer.train(more, lambda trained: trained.until_ms, force=True)
    trainer.train([batch(3, since=900)], lambda _: None)
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """Return a copy that may be changed."""
    copy = tmp_path / "models"
    for file in (path for path in trained.rglob("*") if path.is_file()):
        target = copy / file.relative_to(trained)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    return copy


@pytest.fixture
def said(folder: Path, capfd: pytest.CaptureFixture[str]) -> Said:
    def run(*args: str) -> tuple[int, str, str]:
        code = main(["models", args[0], "--models", str(folder), *args[1:]])
        out, err = capfd.readouterr()
        return code, out, err

    return run


def versions(folder: Path) -> list[str]:
    return [entry.version for entry in Registry(folder).list()]


def test_list_names_every_version_with_its_state_and_figures(said: Said, folder: Path) -> None:
    code, out, _ = said("list")
    header, *rows = out.splitlines()
    assert code == 0
    assert header.split()[:3] == ["service", "version", "state"]
    assert header.rstrip().endswith("above tail  separation")
    assert [row.split()[2] for row in rows] == ["retired", "active", "candidate"]
    assert [row.split()[1] for row in rows] == versions(folder)
    assert rows[0].split()[3:5] == ["1970-01-01", "05:00"]
    assert rows[2].split()[3] == "-"
    code, out, _ = said("list", "--json", "--service", "aws.ec2")
    objects = [msgspec.json.decode(line) for line in out.splitlines()]
    assert [each["figures"]["rows"] for each in objects] == [180.0] * 3
    assert objects[2]["effective_from_ms"] is None
    assert said("list", "--service", "none")[1] == "no models\n"


def test_show_verifies_the_files_and_says_what_the_model_is(said: Said, folder: Path) -> None:
    version = versions(folder)[0]
    code, out, _ = said("show", version)
    assert code == 0
    assert f"{version}  aws.ec2  retired\n  retired from 1970-01-01 05:00 UTC\n" in out
    assert "features    10 of 2 metrics: cpu.utilization, memory.utilization\n" in out
    assert "  rows                  180\n" in out
    assert "threshold.npy" in out
    shown = msgspec.json.decode(said("show", version, "--json")[1])
    assert shown["served_from_ms"] == [300 * MINUTE_MS]
    assert set(shown["arrays"]) > {"held_rows", "tails"}


def test_show_says_how_detection_stands_where_a_store_knows(
    said: Said, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    version = versions(folder)[0]
    assert msgspec.json.decode(said("show", version, "--json")[1])["statistics"] is None
    url = f"sqlite:///{tmp_path / 'a.db'}"
    missing = said("show", version, "--store", url)
    assert (missing[0], "no such incident store" in missing[2]) == (2, True)
    store = StandingStore(url, create=True)
    store.keep_drifts([DriftStanding("aws.ec2", 7, "steady", None, 3, 0.1, None, 0, None)])
    store.close()
    out = said("show", version, "--store", url)[1]
    assert "\nstatistics\n" in out
    assert "drift  steady; 10.0% of its resources odd" in out
    shown = msgspec.json.decode(said("show", version, "--store", url, "--json")[1])
    assert shown["statistics"]["drift"]["window"] == 3


def test_a_version_may_be_named_by_how_it_begins(said: Said) -> None:
    assert said("show", "aws-ec2-19700101t0500")[0] == 0
    assert said("show", "aws-ec2")[::2] == (
        1, "foreshock: 3 versions begin with 'aws-ec2'\n",
    )  # fmt: skip
    assert said("show", "x")[2] == "foreshock: no version begins with 'x'\n"


def test_diff_shows_features_figures_and_how_far_scores_agree(said: Said, folder: Path) -> None:
    a, b, candidate = versions(folder)
    code, out, _ = said("diff", a, b)
    assert code == 0
    assert f"A  {a}\nB  {b}\n" in out
    assert "metrics added    disk.used\nmetrics removed  memory.utilization\n" in out
    assert "on 60 rows of A\n" in out
    found = msgspec.json.decode(said("diff", a, candidate, "--json")[1])
    assert (found["added"], found["removed"], found["settings"]) == ([], [], {})
    assert 0.0 < found["agreement"] < 1.0
    assert msgspec.json.decode(said("diff", a, a, "--json")[1])["agreement"] == pytest.approx(1)


def test_promote_writes_the_registry_then_tells_the_control_log(
    said: Said, folder: Path, tmp_path: Path
) -> None:
    *_, candidate = versions(folder)
    log = tmp_path / "control.jsonl"
    before_ms = datetime.now(UTC).timestamp() * 1000  # noqa: TID251 (what the command reads too)
    code, out, _ = said("promote", candidate, "--control", str(log))
    assert code == 0
    (told,) = FileControlLog(log).read()
    assert isinstance(told, Promotion)
    assert (told.service, told.version, told.reason) == ("aws.ec2", candidate, "by hand")
    assert before_ms + 2 * MINUTE_MS < told.effective_ms < before_ms + 10 * MINUTE_MS
    entry = Registry(folder).list()[-1]
    assert (entry.version, entry.state) == (candidate, "active")
    assert entry.effective_from_ms == told.effective_ms
    assert "told to the flows" in out


def test_promote_takes_a_time_and_says_that_nobody_was_told(said: Said, folder: Path) -> None:
    *_, candidate = versions(folder)
    code, out, _ = said("promote", candidate, "--effective", "1970-01-02")
    assert code == 0
    assert f"{candidate} active from 1970-01-02 00:00 UTC\n" in out
    assert "no control log is named" in out


def test_rollback_brings_back_what_served_before(said: Said, folder: Path) -> None:
    first, second, _ = versions(folder)
    assert said("rollback", "aws.ec2")[0] == 0
    assert Registry(folder).active_version("aws.ec2") == first
    assert said("rollback", "aws.ec2", "--effective", "2999-01-01T00:00:00+02:00")[0] == 0
    assert Registry(folder).active_version("aws.ec2") == second
    assert said("rollback", "aws.ec2")[0] == 0  # after the one that is yet to come
    newest = Registry(folder).list()[-1]
    assert newest.version == first
    assert newest.effective_from_ms == 32_472_136_800_000 + MINUTE_MS


def test_a_damaged_version_is_listed_as_such_and_neither_shown_nor_promoted(
    said: Said, folder: Path
) -> None:
    *_, candidate = versions(folder)
    array = folder / candidate / "path.npy"
    array.write_bytes(array.read_bytes()[:-1])
    for command in (("show", candidate), ("promote", candidate), ("diff", candidate, candidate)):
        code, _, err = said(*command)
        assert (code, err.count("\n")) == (1, 1)
        assert f"{array}: damaged: its sha256 is not the one recorded" in err
    manifest = folder / candidate / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    code, out, _ = said("list")
    assert code == 0
    assert f"refused: {manifest}: damaged" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("rollback", "gcp.gce"), "gcp.gce must have a version that served before, got none"),
        (("promote", "x"), "no version begins with 'x'"),
        (("promote", "aws-ec2-19700101t13", "--effective", "noon"), "--effective must be a time"),
        (("promote", "aws-ec2-19700101t13", "-c", "nowhere.yaml"), "nowhere.yaml: "),
    ],
)
def test_what_cannot_be_done_is_one_line(said: Said, args: tuple[str, ...], message: str) -> None:
    code, _, err = said(*args)
    assert code in (1, 2)
    assert err.count("\n") == 1
    assert message in err


def test_a_registry_that_is_not_there_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--models", "nowhere"]) == 2
    assert capfd.readouterr().err == (
        "foreshock: nowhere: no such folder; `foreshock train` makes it\n"
    )
