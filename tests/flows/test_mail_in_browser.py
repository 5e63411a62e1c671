"""The HTML of a mail as a browser shows it: on a phone and a desk, by day and by night."""

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from connectors.channels.channel import PICTURE
from flows.plot_picture import picture_of
from flows.rendering import Renderer
from flows.sample_incidents import TOLD
from tests.browser.chromium import Opened
from tests.flows.made_plots import plot

WIDTHS = (360, 800)
LONG = "x" * 400

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_mail_can_be_read(browser: Browser, tmp_path: Path, width: int, dark: bool) -> None:
    picture = picture_of(plot())
    renderer = Renderer(
        "https://foreshock.example/incidents/{id}",
        draw=lambda _notice, _incident: picture,
        actions=lambda _notice, _incident: [("Acknowledge", "https://x"), (LONG, "https://x")],
    )
    html = renderer.render(*TOLD[0]).html
    shown = "data:image/png;base64," + base64.b64encode(picture.png).decode()
    file = tmp_path / "mail.html"
    file.write_text(html.replace(PICTURE, shown), encoding="utf-8")
    opened = Opened(browser, file, (width, 700), dark=dark)
    page = opened.page
    try:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert opened.requests == opened.complaints == []
        drawn = page.evaluate("(({naturalWidth, alt}) => [naturalWidth, alt])(document.images[0])")
        assert drawn == [1196, picture.alt]
        assert page.locator("img").bounding_box() is not None
        buttons = page.locator("a").all()
        assert len(buttons) == 3
        for button in buttons:
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 36
        colours = page.evaluate(
            "['body', '.quiet'].map(at => getComputedStyle(document.querySelector(at)).color)"
        )
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        for colour in colours:
            assert contrast(colour, paper) >= 4.5, (colour, paper)
    finally:
        opened.close()


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, by WCAG 2.2."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(", ")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
              for part in parts]  # fmt: skip
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
