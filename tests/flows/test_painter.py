import logging
import struct

import msgspec
import pytest

from flows.painter import Painter, main_plot
from flows.plot_picture import in_words, picture_of
from flows.sample_incidents import PLAIN, TOLD, WHOLE
from schema import Incident, Notice, Plot
from tests.flows.made_plots import plot

NOTICE: Notice = TOLD[0][0]
HOSTILE = "$\\frac{x}$ <b> 数据库 \u2028 😀"


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_plot_is_a_picture_and_says_the_same_in_words() -> None:
    picture = picture_of(plot())
    width, height = size(picture.png)
    assert 1_000 <= width <= 1_400
    assert 400 <= height <= 700
    assert len(picture.png) < 100_000
    assert picture.alt == (
        "Plot of latency of orders-db from 08:28 UTC to 10:17 UTC: 820 ms at 10:01 UTC,"
        " expected 135-240 ms; off since 09:58 UTC"
    )
    assert picture_of(plot()) == picture


@pytest.mark.parametrize(
    "shown",
    [
        plot(banded=False),
        plot(name=HOSTILE, metric=HOSTILE),
        plot(name="n" * 3_000),
        plot(high=180.0),
        plot(unit="bytes", high=4e12),
        plot(before=0, after=2),
        plot(before=60 * 24 * 30, after=60),
        msgspec.structs.replace(plot(), lower=(None,) * 110, marks=(109,)),
        msgspec.structs.replace(plot(), upper=(None,) * 110, marks=()),
        msgspec.structs.replace(plot(), value=(0.0,) * 110),
    ],
)  # fmt: skip
def test_whatever_a_plot_holds_is_drawn(shown: Plot) -> None:
    picture = picture_of(shown)
    assert size(picture.png) == size(picture_of(plot()).png)
    assert picture.alt


def test_a_band_with_one_side_is_said_as_it_is() -> None:
    assert "expected up to" in in_words(msgspec.structs.replace(plot(), lower=(None,) * 110))
    assert "expected" not in in_words(plot(banded=False))


def test_the_first_suspect_is_shown_and_else_the_first_of_the_members() -> None:
    first, other = plot(), msgspec.structs.replace(plot(), resource=WHOLE.members[1].resource.key)
    assert main_plot(WHOLE, [other, first]) == first
    assert main_plot(WHOLE, [other]) == other
    assert main_plot(PLAIN, [first, other]) == first
    assert main_plot(WHOLE, []) is None
    assert main_plot(WHOLE, [plot(before=0, after=1)]) is None  # a point is no plot


def test_only_channels_that_show_pictures_have_one_drawn() -> None:
    asked: list[str] = []

    def plots_of(incident: Incident) -> list[Plot]:
        asked.append(incident.id)
        return [plot()]

    painter = Painter(plots_of, {"mail"})
    assert painter(NOTICE, WHOLE) is None
    assert asked == []
    mail = msgspec.structs.replace(NOTICE, channel="mail")
    assert painter(mail, WHOLE) == picture_of(plot())
    assert Painter(lambda _: [], {"mail"})(mail, WHOLE) is None


def test_a_store_or_plot_that_fails_costs_the_picture_and_not_the_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: Incident) -> list[Plot]:
        raise ValueError("no table")

    with caplog.at_level(logging.ERROR):
        assert Painter(broken, {"page"})(NOTICE, WHOLE) is None
    assert f"{WHOLE.id} is told without a picture" in caplog.text
    uneven = msgspec.structs.replace(plot(), value=(1.0,))
    assert Painter(lambda _: [uneven], {"page"})(NOTICE, WHOLE) is None
