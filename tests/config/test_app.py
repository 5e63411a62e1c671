"""The whole of the settings: what is shipped loads, what is wrong is refused with its place."""

from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml

from config import catalogue
from config.app import App, load_app
from config.loader import ConfigError, Document
from config.masking import masked_yaml

HERE = Path(__file__).parent
SHIPPED = HERE.parent.parent / "config"
BAD = sorted((HERE / "bad").glob("*.yaml"))
CATALOGUE = {path.name for path in catalogue.SHIPPED}
SETTINGS = sorted(path for path in SHIPPED.glob("*.yaml") if path.name not in CATALOGUE)


def test_there_are_settings_to_ship_and_faults_to_refuse() -> None:
    assert {path.name for path in SETTINGS} >= {"dev.yaml", "kafka.yaml"}
    assert len(BAD) >= 20


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.name)
def test_shipped_settings_load(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BROKERS", raising=False)
    assert load_app(str(path)).sources


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_fault_is_refused_with_file_and_key(path: Path) -> None:
    expected = path.read_text().splitlines()[0].removeprefix("# ")
    with pytest.raises(ConfigError) as caught:
        load_app(str(path))
    assert str(caught.value) == f"{path.parent}/{expected}"


def test_the_schema_takes_what_the_loader_takes_and_refuses_unknown_keys() -> None:
    validator = jsonschema.Draft202012Validator(msgspec.json.schema(App))
    validator.check_schema(msgspec.json.schema(App))
    for path in SETTINGS:
        assert list(validator.iter_errors(yaml.safe_load(path.read_text()))) == []
    assert not validator.is_valid({"sources": [{"type": "simulator"}], "sinkz": []})
    assert not validator.is_valid({"sources": [{"type": "kafak"}]})


def test_shown_settings_load_again_as_the_same(tmp_path: Path) -> None:
    app = load_app(str(SHIPPED / "dev.yaml"))
    again = tmp_path / "again.yaml"
    again.write_text(masked_yaml(app, Document({}, ())))
    assert load_app(str(again)) == app
