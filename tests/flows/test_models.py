"""A registry's models as a flow gets them: none that is damaged, malicious or foreign."""

import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from connectors.model_files import ModelRefused, sha256
from connectors.model_registry import Registry
from flows.assemble import catalogue_of
from flows.models import shelf_of
from flows.trainer import Trainer
from foreshock import main
from tests.flows.feature_rows import app_for, batch

Harm = Callable[[Path], str]  # harms a version's folder; returns what must be said of it


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = app_for(tmp_path)
    trainer = Trainer(app, catalogue_of(app))
    trainer.train([batch(1)], lambda _: 1_000)
    trainer.train([batch(2, since=400)], lambda _: 2_000, force=True)
    return tmp_path


def truncated(version: Path) -> str:
    path = version / "path.npy"
    path.write_bytes(path.read_bytes()[:-1])
    return f"{path}: damaged: its sha256 is not the one recorded"


def bit_flipped(version: Path) -> str:
    path = version / "threshold.npy"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    return f"{path}: damaged"


def gone(version: Path) -> str:
    (version / "manifest.json").unlink()
    return f"{version / 'manifest.json'}: missing, or not a file"


class _Malice:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self._mark,)


def pickled(version: Path) -> str:
    path = version / "path.npy"
    path.write_bytes(pickle.dumps(_Malice(version / "mark")))
    return forged(version, "path", "<f8", [1]) + "not an array of <f8"


def of_objects(version: Path) -> str:
    path = version / "path.npy"
    np.save(path, np.array([_Malice(version / "mark")], object), allow_pickle=True)
    return forged(version, "path", "|O", [1]) + "must hold numbers, got '|O'"


def escaping(version: Path) -> str:
    manifest = version / "manifest.json"
    said = msgspec.json.decode(manifest.read_bytes())
    said["arrays"]["../../outside"] = said["arrays"].pop("path")
    manifest.write_bytes(msgspec.json.encode(said))
    rewrite_index(version)
    return "an array's name must match"


def forged(version: Path, name: str, dtype: str, shape: list[int]) -> str:
    """Make manifest and index agree with a file, as somebody could who may write there."""
    path, manifest = version / f"{name}.npy", version / "manifest.json"
    said = msgspec.json.decode(manifest.read_bytes())
    digest = sha256(path.read_bytes())
    said["arrays"][name] = {"sha256": digest, "dtype": dtype, "shape": shape}
    manifest.write_bytes(msgspec.json.encode(said))
    rewrite_index(version)
    return f"{path}: "


def rewrite_index(version: Path) -> None:
    index = version.parent / "index.json"
    content = msgspec.json.decode(index.read_bytes())
    for entry in content["entries"]:
        if entry["version"] == version.name:
            entry["manifest_sha256"] = sha256((version / "manifest.json").read_bytes())
    content["sha256"] = sha256(msgspec.json.encode(content["entries"]))
    index.write_bytes(msgspec.json.encode(content))


HARMS = [truncated, bit_flipped, gone, pickled, of_objects, escaping]


def test_the_shelf_has_every_version_that_served_from_its_time_on(folder: Path) -> None:
    first, second = Registry(folder).list()
    shelf = shelf_of(str(folder), 60)
    assert shelf.servings == {"aws.ec2": ((1_000, first.version), (2_000, second.version))}
    model = shelf.load("aws.ec2", first.version)
    assert model is not None
    assert model is shelf.load("aws.ec2", first.version)
    assert shelf_of(None, 60).servings == {}


@pytest.mark.parametrize("harm", HARMS)
def test_a_bad_active_model_stops_the_start_with_file_and_reason(
    folder: Path, harm: Harm, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = harm(folder / Registry(folder).list()[-1].version)
    with pytest.raises(ModelRefused) as refused:
        shelf_of(str(folder), 60)
    assert said in str(refused.value)
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "settings.yaml").write_text(
        f"sources: [{{type: files, paths: [{tmp_path}/empty.jsonl], format: foreshock-json}}]\n"
        f"models: {folder}\n"
    )
    assert main(["run", "-c", str(tmp_path / "settings.yaml")]) == 1
    err = capfd.readouterr().err
    assert said in err
    assert err.count("foreshock: ") == 1
    assert not list(folder.rglob("mark"))


@pytest.mark.parametrize("harm", HARMS)
def test_a_bad_model_whose_turn_comes_is_said_and_counted_once_and_not_used(
    folder: Path, harm: Harm, caplog: pytest.LogCaptureFixture
) -> None:
    first = Registry(folder).list()[0].version
    said = harm(folder / first)
    counted: list[str] = []
    shelf = shelf_of(str(folder), 60, counted.append)
    assert [shelf.load("aws.ec2", first) for _ in range(3)] == [None] * 3
    assert counted == ["aws.ec2"]
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert line.startswith("aws.ec2: a model is refused: ")
    assert said in line
    assert not list(folder.rglob("mark"))


def test_a_model_of_another_tick_service_or_kind_of_feature_is_refused(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Registry(folder).list()[0].version
    shelf = shelf_of(str(folder), 60)
    assert shelf.load("aws.rds", first) is None
    assert shelf.load("aws.ec2", "../aws-ec2") is None
    assert "must be of 'aws.rds', got 'aws.ec2'" in caplog.text
    assert "no model '../aws-ec2' in the registry" in caplog.text
    with pytest.raises(ModelRefused, match="must be of ticks of 10 s, got 60"):
        shelf_of(str(folder), 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": ("cpu:z", "cpu:high")}, "features must be z, z_short"),
        ({"arrays": {"tails": np.zeros((5, 2))}}, r"tails must be finite, >= 0 and \(\d, 3\)"),
        ({"arrays": {"tails": np.full((5, 3), np.nan)}}, "tails must be finite"),
        ({"arrays": {"child": np.zeros(3, np.uint32)}}, "damaged forest: arrays of nodes differ"),
    ],
)
def test_an_honest_file_that_does_not_fit_is_refused(
    folder: Path, change: dict[str, object], message: str
) -> None:
    registry = Registry(folder)
    model = registry.load(registry.list()[-1].version)
    arrays = change.get("arrays", {})
    assert isinstance(arrays, dict)
    fields = {name: getattr(model, name) for name in model.__dataclass_fields__}
    changed = {**fields, **change, "version": "", "libraries": {}}
    changed["arrays"] = {**model.arrays, **arrays}
    registry.register(type(model)(**changed), state="active")
    with pytest.raises(ModelRefused, match=message):
        shelf_of(str(folder), 60)
