"""`docs/formats.md` against the code: every format is there, every example gives what it says."""

import base64
import re
from pathlib import Path

import pytest

from connectors.formats.registry import BINARY_FORMATS, FORMATS, create_decoder
from schema import SeriesTable
from tests.connectors.formats.payloads import CATALOGUE

TEXT = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
OVERVIEW = re.compile(r"^\| \[`([a-z-]+)`\]\(#([a-z-]+)\) \|", re.MULTILINE)
SECTION = re.compile(
    r"^### ([a-z-]+)\n\n```(json|base64)\n([^\n]+)\n```\n(.*?)(?=^##)", re.M | re.S
)


class Section:
    """What the page says of a format."""

    def __init__(self, name: str, language: str, example: str, text: str) -> None:
        self.name = name
        self.payload = base64.b64decode(example) if language == "base64" else example.encode()
        self.is_binary = language == "base64"
        self.text = text


SECTIONS = [Section(*found) for found in SECTION.findall(TEXT)]
sections = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)


def given(name: str, payload: bytes) -> list[str]:
    """Return what a payload gives, a sample each, in the words of the page."""
    table = SeriesTable()
    found = create_decoder(name, CATALOGUE)([payload], table)
    assert found.rejects == []
    observed = [0.0] * len(found.batch.value) if found.batch.count is None else found.batch.count
    out: list[str] = []
    for index, value, count in zip(found.batch.series, found.batch.value, observed, strict=True):
        series = table.series[index]
        resource = series.resource
        said = f"{value:g} {series.unit}"
        if series.counter is not None:
            rule = series.counter
            mean = 0.0 if count == 0 else value / count * rule.scale + rule.offset
            said = f"{said} so far" if rule.kind == "rate" else f"{mean:g} {series.unit}"
        out.append(f"`{series.metric_key}` {said} of `{resource.name}` (`{resource.service}`)")
    return out


def test_the_table_names_every_format_once_and_links_to_its_section() -> None:
    assert sorted(name for name, _ in OVERVIEW.findall(TEXT)) == sorted(FORMATS)
    assert sorted(anchor for _, anchor in OVERVIEW.findall(TEXT)) == sorted(FORMATS)
    assert sorted(section.name for section in SECTIONS) == sorted(FORMATS)


@sections
def test_an_example_gives_what_the_page_says_and_no_reject(section: Section) -> None:
    samples = given(section.name, section.payload)
    assert samples
    assert f"| gives | {'; '.join(samples)} |" in section.text


@sections
def test_auto_finds_the_format_of_an_example(section: Section) -> None:
    decoder = create_decoder("auto", CATALOGUE)
    found = decoder([section.payload], SeriesTable())
    assert (decoder.format, found.rejects) == (section.name, [])
    assert section.is_binary == (section.name in BINARY_FORMATS)


@sections
def test_a_section_says_who_is_measured_when_and_what(section: Section) -> None:
    rows = {row.split("|")[1].strip() for row in section.text.splitlines() if row.startswith("| ")}
    if "all else" in rows:
        return
    assert {"time", "value", "ignored"} <= rows
    assert any("identity" in row for row in rows) or {"labels", "attributes"} <= rows
