"""A key group says plots of what alerts: the same in any pieces, after crashes, and in bounds."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from operators.evidence import EvidenceSettings
from operators.keygroup import KeyGroup
from operators.keygroup_state import dump, load
from schema import Plot
from tests.operators.group_input import MINUTE_MS, Sample, buffer, settings

MINUTES, FAULT, FAULT_END = 900, 700, 790
SILENT_FROM = 750
ASKED = replace(settings(), evidence=EvidenceSettings())


def samples(names: str = "abcd", faulty: str = "ab", silent: str = "d") -> list[list[Sample]]:
    """Return what is sent in each minute."""
    columns = {}
    for at, name in enumerate(names):
        column = np.random.default_rng(at).normal(40.0, 1.0, MINUTES)
        if name in faulty:
            column[FAULT:FAULT_END] += 55.0
        columns[name] = column
    return [
        [
            (name, minute, float(column[minute]))
            for name, column in columns.items()
            if not (name in silent and minute >= SILENT_FROM)
        ]
        for minute in range(MINUTES)
    ]


def said(
    size: int, minutes: list[list[Sample]], asked: EvidenceSettings | None = None, crash: int = -1
) -> list[Plot]:
    """Feed so many minutes at a time; go on from a snapshot after minute `crash`."""
    group = KeyGroup(replace(ASKED, evidence=asked or EvidenceSettings()), 0)
    out: list[Plot] = []
    for at in range(0, len(minutes), size):
        rows = [sample for each in minutes[at : at + size] for sample in each]
        until = min(len(minutes), at + size)
        group.feed(buffer(rows, until=until, end=until == len(minutes)))
        closed = group.close()
        out += closed.plots if closed is not None else ()
        if at <= crash < at + size:
            group = load(dump(group), group.settings)
    return sorted(out, key=lambda p: (p.until_ms, p.resource, p.kind, p.metric))


def of(plots: list[Plot], name: str, kind: str = "metrics") -> list[Plot]:
    return [plot for plot in plots if (plot.name, plot.kind) == (name, kind)]


def test_the_plot_of_a_fault_shows_it() -> None:
    minutes = samples()
    plots = of(said(MINUTES, minutes), "a")
    last = plots[-1]
    onset = last.onset_ms // MINUTE_MS
    assert FAULT <= onset <= FAULT + 2
    assert last.opened_ms >= last.onset_ms
    assert FAULT_END <= last.closed_ms // MINUTE_MS <= FAULT_END + 30 if last.closed_ms else False
    sent = {minute * MINUTE_MS: each[0][2] for minute, each in enumerate(minutes)}
    assert last.value == pytest.approx([sent[ts_ms] for ts_ms in last.ts_ms], rel=1e-5)
    assert last.ts_ms[0] == (last.opened_ms // MINUTE_MS - 119) * MINUTE_MS
    odd = {last.ts_ms[at] // MINUTE_MS for at in last.marks}
    assert odd == set(range(onset, FAULT_END))
    for at in set(range(len(last.ts_ms))) - set(last.marks):
        lower, upper = last.lower[at], last.upper[at]
        assert lower is not None
        assert upper is not None
        assert lower - 2.0 <= last.value[at] <= upper + 2.0
    assert last.recalled == 120
    assert sum(share for _, share in last.detectors) == pytest.approx(1.0, abs=0.01)
    assert (last.step_ms, last.unit, last.share) == (MINUTE_MS, "percent", 1.0)


@pytest.mark.parametrize(("size", "crash"), [(1, 720), (37, 705), (200, 300)])
def test_pieces_and_crashes_do_not_matter(size: int, crash: int) -> None:
    minutes = samples()
    whole = said(MINUTES, minutes)
    assert len(whole) > 20
    assert said(size, minutes, crash=crash) == whole


def test_an_open_alert_is_said_ever_more_rarely_and_at_its_end() -> None:
    plots = of(said(50, samples()), "a")
    minutes = [(plot.until_ms - plot.opened_ms) // MINUTE_MS for plot in plots]
    assert minutes[:9] == [0, 5, 10, 15, 20, 25, 30, 35, 40]
    gaps = np.diff(minutes[:-1])
    assert (gaps[10:] > 5).all()
    assert [plot.closed_ms for plot in plots[:-1]] == [None] * (len(plots) - 1)
    assert plots[-1].closed_ms == plots[-1].until_ms


def test_what_falls_silent_is_shown_up_to_its_last_sample() -> None:
    first, *_, last = of(said(60, samples()), "d", "silent")
    assert first.ts_ms[-1] == (SILENT_FROM - 1) * MINUTE_MS
    assert first.detectors == (("silence", 1.0),)
    assert last.until_ms == (MINUTES - 1) * MINUTE_MS  # at the end of all
    assert last.closed_ms is None
    assert last.value == first.value


def test_a_rule_is_shown_with_its_threshold() -> None:
    plots = of(said(100, samples()), "a", "rule:saturated")
    assert set(plots[-1].upper) == {90.0}
    assert set(plots[-1].lower) == {None}
    assert plots[-1].detectors == (("rules", 1.0),)


def test_in_a_storm_a_service_has_so_many_followed_and_no_more() -> None:
    names = "abcdefghijkl"
    asked = EvidenceSettings(followed=3, points=40, before=20)
    plots = said(30, samples(names, faulty=names, silent=""), asked)
    assert len({(plot.resource, plot.kind) for plot in plots}) <= 6  # three, then others
    at_once: dict[int, set[tuple[str, str]]] = {}
    for plot in plots:
        at_once.setdefault(plot.until_ms, set()).add((plot.resource, plot.kind))
    assert max(map(len, at_once.values())) <= 3
    assert max(len(plot.ts_ms) for plot in plots) <= 41
    assert plots == said(7, samples(names, faulty=names, silent=""), asked)


def test_a_group_that_is_not_asked_follows_nothing() -> None:
    minutes = samples()
    off = EvidenceSettings(enabled=False)
    assert said(300, minutes, off) == []
    group = KeyGroup(replace(ASKED, evidence=None), 0)
    group.feed(buffer([s for each in minutes for s in each], until=MINUTES, end=True))
    closed = group.close()
    assert closed is not None
    assert closed.plots == ()


def test_what_was_followed_is_not_once_it_is_switched_off() -> None:
    minutes = samples()[: FAULT + 20]
    group = KeyGroup(ASKED, 0)
    group.feed(buffer([s for each in minutes for s in each], until=len(minutes)))
    group.close()
    saved = dump(group)
    more = [("a", len(minutes) + at, 95.0) for at in range(10)]
    for evidence, count in ((None, 0), (EvidenceSettings(), 1)):
        resumed = load(saved, replace(ASKED, evidence=evidence))
        resumed.feed(buffer(more, until=len(minutes) + 10))
        closed = resumed.close()
        assert closed is not None
        assert (len(of(list(closed.plots), "a")) > 0) == bool(count)


def test_evidence_changes_nothing_of_what_is_found() -> None:
    rows = [sample for each in samples() for sample in each]
    words = []
    for evidence in (None, EvidenceSettings()):
        group = KeyGroup(replace(ASKED, evidence=evidence), 0)
        group.feed(buffer(rows, until=MINUTES, end=True))
        closed = group.close()
        assert closed is not None
        words.append(msgspec.structs.replace(closed, plots=()))
    assert words[0] == words[1]
