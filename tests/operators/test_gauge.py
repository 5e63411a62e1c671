"""A key group says how it stands: the same at its end in any pieces, and heat whatever comes."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from operators.gauge import LiveSettings
from operators.keygroup import KeyGroup
from operators.keygroup_state import dump, load
from schema import LiveWord
from tests.operators.group_input import MINUTE_MS, Sample, buffer, settings

MINUTES, FAULT, SILENT_FROM = 700, 690, 600
ASKED = replace(settings(groups=4), live=LiveSettings())
Heat = dict[tuple[str, int], float]


def samples() -> list[list[Sample]]:
    """Return what is sent in each minute: two are well, one is off at the end, one silent."""
    columns = [np.random.default_rng(at).normal(40.0, 1.0, MINUTES) for at in range(4)]
    columns[0][FAULT:] += 55.0
    return [
        [
            (name, minute, float(column[minute]))
            for name, column in zip("abcd", columns, strict=True)
            if name != "d" or minute < SILENT_FROM
        ]
        for minute in range(MINUTES)
    ]


def said(size: int, asked: LiveSettings | None = None, crash: int = -1) -> list[LiveWord]:
    group = KeyGroup(replace(ASKED, live=asked or LiveSettings()), 0)
    out: list[LiveWord] = []
    minutes = samples()
    for at in range(0, MINUTES, size):
        until = min(MINUTES, at + size)
        rows = [sample for each in minutes[at:until] for sample in each]
        group.feed(buffer(rows, until=until, end=until == MINUTES))
        group.close()
        out += group.screens.words()
        if at <= crash < at + size:
            group = load(dump(group), group.settings)
    return out


def heat(words: list[LiveWord]) -> Heat:
    """Return the heat of all words, as a store puts it together."""
    out: Heat = {}
    for word in words:
        for cell in word.heat:
            at = cell.resource, cell.start_ms
            out[at] = max(out.get(at, 0.0), cell.oddness)
    return out


def test_the_last_word_says_who_is_off_and_who_is_silent() -> None:
    last = said(MINUTES)[-1]
    assert (last.group, last.groups, last.until_ms) == (0, 4, MINUTES * MINUTE_MS)
    assert last.since_ms == (MINUTES - 5) * MINUTE_MS
    (count,) = last.counts
    assert (count.cloud, count.service, count.resources) == ("aws", "aws.ec2", 4)
    assert (count.off, count.silent) == (1, 1)
    assert (count.samples, count.scored) == (15, 15)
    assert 0 < count.anomalous <= 5
    assert [(each.name, each.health) for each in last.resources] == [("a", "off"), ("d", "silent")]
    off, silent = last.resources
    assert off.since_ms == FAULT * MINUTE_MS
    assert off.oddness > 1.0
    assert silent.since_ms == (SILENT_FROM - 1) * MINUTE_MS


@pytest.mark.parametrize("size", [1, 13, 100])
def test_pieces_do_not_matter(size: int) -> None:
    whole, words = said(MINUTES), said(size)
    assert msgspec.structs.replace(words[-1], heat=()) == msgspec.structs.replace(
        whole[-1], heat=()
    )
    assert heat(words) == heat(whole)
    assert ("aws|1|eu|aws.ec2|a", 690 * MINUTE_MS) in heat(whole)


def test_heat_that_was_not_said_survives_a_crash() -> None:
    often = LiveSettings(every_s=3_600.0)
    assert heat(said(1, often, crash=695)) == heat(said(MINUTES, often)) != {}


def test_it_is_said_no_more_often_than_asked() -> None:
    every = [word.until_ms // MINUTE_MS for word in said(1, LiveSettings(every_s=600.0))]
    assert every == list(range(10, MINUTES + 1, 10))
    assert len(said(1)) == MINUTES


def test_what_is_said_is_bounded() -> None:
    last = said(MINUTES, LiveSettings(resources=1, heat_resources=0))[-1]
    assert [each.name for each in last.resources] == ["a"]
    assert last.more == 1
    assert last.heat == ()


def test_a_group_that_is_not_asked_says_nothing() -> None:
    assert said(100, LiveSettings(enabled=False)) == []


@pytest.mark.parametrize(
    ("name", "value"), [("every_s", 0.0), ("heat_from", 0.0), ("heat_hours", 0), ("resources", -1)]
)
def test_settings_that_make_no_sense_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be in \[.*\], got {value}"):
        msgspec.convert({name: value}, LiveSettings)
