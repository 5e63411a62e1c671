"""The settings that docs/silences.md shows are settings."""

import re
from pathlib import Path

import msgspec
import pytest

from config.yaml_document import parse
from operators.triage import TriageSettings

PAGE = (Path(__file__).parents[2] / "docs" / "silences.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", BLOCKS)
def test_the_settings_load(text: str) -> None:
    document = parse(text)
    assert isinstance(document, dict)
    settings = msgspec.convert(document["triage"], TriageSettings)
    assert settings.silences or settings.inhibit


def test_there_are_some() -> None:
    assert len(BLOCKS) == 2
