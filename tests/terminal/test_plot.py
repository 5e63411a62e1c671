"""Plots in characters, text of unknown origin in cells, and filters as people type them."""

import doctest
import math
from types import ModuleType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from schema.plots import Plot
from terminal import asks, filter_words, layout, listening, words
from terminal.backend import GOING_ON, Wanted
from terminal.filter_words import SEVERITIES, SORTS, STATES, parse, spell
from terminal.palette import text_of
from terminal.plot import draw_plot
from terminal.words import clean, fit, wrap
from tests.terminal.made_incidents import MIN_MS, NOW_MS, plot_of


def drawn(plot: Plot, width: int = 80, height: int = 14) -> list[str]:
    return [text_of(line) for line in draw_plot(plot, width, height)]


@pytest.mark.parametrize("module", [words, filter_words, asks, layout, listening], ids=str)
def test_the_examples_in_docstrings_hold(module: ModuleType) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted > 0
    assert tried.failed == 0


def test_a_plot_shows_line_band_anomalies_onset_and_its_ends() -> None:
    lines = drawn(plot_of())
    assert len(lines) == 14
    assert lines[0].startswith("orders-db-0 latency  now 832 ms, expected 220 ms")
    assert lines[1].startswith("   832 ms│")
    canvas = "\n".join(lines[1:-2])
    assert "░" in canvas
    assert any(0x2800 < ord(char) <= 0x28FF for char in canvas)
    assert lines[-2].count("▲") in range(10, 14)  # 21 of 120 minutes in 70 columns
    assert lines[-2].rstrip().endswith("▲")
    assert "10:00" in lines[-1]
    assert "onset 11:38" in lines[-1]
    assert lines[-1].endswith("11:59")


def test_the_line_rises_to_the_right_where_the_metric_does() -> None:
    canvas = drawn(plot_of())[1:-2]
    last = [max((at for at, char in enumerate(line) if char >= "⠀"), default=0) for line in canvas]
    assert last[0] == max(last)  # the highest value is the newest


def test_a_band_of_one_side_is_shaded_to_the_edge() -> None:
    plot = msgspec.structs.replace(plot_of(), lower=(None,) * 120)
    assert drawn(plot)[-3].count("░") > 20
    bare = msgspec.structs.replace(plot, upper=(None,) * 120)
    assert "░" not in "".join(drawn(bare))


def test_a_gap_is_not_bridged() -> None:
    points = [each for each in range(120) if not 40 <= each < 80]

    def some(column: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(column[each] for each in points)

    whole = plot_of()
    plot = msgspec.structs.replace(
        whole,
        **{
            name: some(getattr(whole, name))
            for name in ("ts_ms", "value", "expected", "lower", "upper")
        },
        marks=(),
        onset_ms=0,
    )
    assert all(line[40:50].strip() == "" for line in drawn(plot)[1:-2])


@pytest.mark.parametrize(
    "values",
    [(), (1.0,), (5.0, 5.0, 5.0), (0.0, 0.0), (1e300, -1e300, 0.0), (math.nan, math.inf, 1.0)],
    ids=str,
)
@pytest.mark.parametrize("size", [(80, 14), (24, 6), (10, 3), (300, 40)], ids=str)
def test_no_values_break_a_plot(values: tuple[float, ...], size: tuple[int, int]) -> None:
    count = len(values)
    plot = msgspec.structs.replace(
        plot_of(),
        ts_ms=tuple(NOW_MS + each * MIN_MS for each in range(count)),
        value=values,
        expected=(None,) * count,
        lower=(None,) * count,
        upper=tuple(math.inf for _ in range(count)),
        marks=(0, 7),
        onset_ms=NOW_MS,
    )
    lines = drawn(plot, *size)
    assert 2 <= len(lines) <= max(2, size[1])
    assert all(cell_len(line) <= max(size[0], 24) for line in lines[1:])


@given(st.text(max_size=60), st.integers(0, 40))
def test_text_of_any_kind_takes_the_cells_that_it_is_given(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width
    assert clean(text).isprintable()
    assert all(cell_len(line) <= max(2, width) for line in wrap(text, width))


wanted = st.builds(
    Wanted,
    states=st.sampled_from([GOING_ON, (), ("open",), ("resolved", "closed")]),
    least=st.sampled_from(SEVERITIES),
    cloud=st.sampled_from(["", "aws"]),
    service=st.sampled_from(["", "aws.rds"]),
    assignee=st.sampled_from(["", "ann"]),
    words=st.sampled_from(["", "orders-db latency"]),
    sort=st.sampled_from([*SORTS]),
)


@given(wanted)
def test_a_filter_is_what_its_words_say(each: Wanted) -> None:
    assert parse(spell(each), each) == each


@pytest.mark.parametrize("text", ["sev:bad", "sev:", "state:none", "state:", "state:open,bad"])
def test_a_filter_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse(text, Wanted())


def test_states_can_be_begun_only() -> None:
    assert parse("state:ack,res", Wanted()).states == ("acknowledged", "resolved")
    assert len(STATES) == 5
