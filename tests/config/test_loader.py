"""Reading YAML into structs: expansion, places of errors, and what is never shown."""

from pathlib import Path

import msgspec
import pytest

from config.loader import ConfigError, Document, load, load_yaml, read
from config.masking import masked_yaml


class Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = ""
    password: str = ""
    port: int = 9092
    properties: dict[str, str] = {}
    url: str = ""

    def __post_init__(self) -> None:
        if self.host.startswith("http"):
            raise ValueError(f"host must be a name, got {self.host!r}")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    brokers: tuple[Broker, ...] = ()
    by_name: dict[str, Broker] = {}
    note: str = ""


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOST", "SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def settings(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HOST}", "kafka"),
        ("${HOST}:9092", "kafka:9092"),
        ("${HOST},${HOST}", "kafka,kafka"),
        ("${UNSET:-localhost}", "localhost"),
        ("${UNSET:-}", ""),
        ("${UNSET:-a:-b}", "a:-b"),
        ("${HOST:-localhost}", "kafka"),
        ("$HOST", "$HOST"),
        ("$${HOST}", "${HOST}"),
        ("costs 5 $", "costs 5 $"),
    ],
)
def test_references_are_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    monkeypatch.setenv("HOST", "kafka")
    assert load(settings(tmp_path, f"note: '{text}'"), Settings).note == expected


def test_an_expanded_value_is_text_and_never_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "[1, {a: b}] # ${SECRET}")
    assert load(settings(tmp_path, "note: ${HOST}"), Settings).note == "[1, {a: b}] # ${SECRET}"


def test_the_environment_goes_before_env_files_and_the_nearer_file_before_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (tmp_path / ".env").write_text("A=cwd\nB=cwd\nC=cwd\n")
    (folder / ".env").write_text("A=beside\nB=beside\n")
    monkeypatch.setenv("A", "environment")
    path = folder / "settings.yaml"
    path.write_text("note: ${A} ${B} ${C}")
    assert load(path, Settings).note == "environment beside cwd"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("brokers: [{port: 1}, {port: x}]", "brokers[1].port: Expected `int`, got `str`"),
        ("brokers: [{}, {host: http://x}]", "brokers[1]: host must be a name, got 'http://x'"),
        ("by_name: {a: {}, b.c: {port: x}}", "by_name.b.c.port: Expected `int`, got `str`"),
        (
            "by_name: {a: {}, b: {properties: {k: v, l: 1}}}",
            "by_name.b.properties.l: Expected `str`, got `int`",
        ),
        ("by_name: {a: {prot: 1}}", "by_name.a: Object contains unknown field `prot`"),
        ("brokers: [{}, {host: a, host: b}]", "brokers[1].host: given twice, on lines 1 and 1"),
        ("note: 1", "note: Expected `str`, got `int`"),
        ("nope: 1", "Object contains unknown field `nope`"),
        ("note: ${HOST}", "note: environment variable HOST is not set"),
    ],
)
def test_an_error_names_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = settings(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path, Settings)
    assert str(caught.value) == f"{path}: {message}"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file"):
        load(tmp_path / "none.yaml", Settings)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, Settings)


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"note: \xe9")
    with pytest.raises(ConfigError, match=r"latin\.yaml: "):
        load(path, Settings)


def test_nesting_without_end_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        load(settings(tmp_path, "note: " + "[" * 20_000), Settings)


def test_merged_keys_are_not_duplicates(tmp_path: Path) -> None:
    text = "by_name:\n  a: &a {host: x, port: 1}\n  b: {<<: *a, port: 2}"
    assert load(settings(tmp_path, text), Settings).by_name["b"] == Broker("x", port=2)


def test_plain_yaml_is_expanded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "kafka")
    assert load_yaml(settings(tmp_path, "a: [1, '${HOST}']")) == {"a": [1, "kafka"]}


def test_an_error_does_not_quote_what_came_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "http://hunter2")
    with pytest.raises(ConfigError) as caught:
        load(settings(tmp_path, "brokers: [{host: '${SECRET}'}]"), Settings)
    assert str(caught.value).endswith("brokers[0]: host must be a name, got '***'")
    assert caught.value.__cause__ is None


def test_what_is_secret_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "from-env")
    path = settings(
        tmp_path,
        "brokers:\n- {host: plain, password: hunter2, url: 'db://me:hunter2@host/x'}\n"
        "- host: ${HOST}\n  properties:\n    sasl.username: me\n    sasl.password: hunter2\n"
        "    ssl.key.pem: hunter2\n    ssl.key.location: key.pem\n    note: a ${HOST} b\n",
    )
    document = read(path)
    shown = masked_yaml(msgspec.convert(document.data, Settings), document)
    assert "hunter2" not in shown
    assert "from-env" not in shown
    assert load(settings(tmp_path, shown), Settings) == Settings(
        brokers=(
            Broker("plain", "***", url="db://me:***@host/x"),
            Broker(
                "***",
                properties={
                    "sasl.username": "me",
                    "sasl.password": "***",
                    "ssl.key.pem": "***",
                    "ssl.key.location": "key.pem",
                    "note": "***",
                },
            ),
        )
    )


def test_a_default_of_the_file_is_no_secret(tmp_path: Path) -> None:
    document = read(settings(tmp_path, "brokers: [{host: '${HOST:-localhost}'}]"))
    assert "host: localhost" in masked_yaml(msgspec.convert(document.data, Settings), document)


def test_an_empty_secret_is_shown_as_empty() -> None:
    assert "password: ''" in masked_yaml(Broker(), Document({}, ()))
