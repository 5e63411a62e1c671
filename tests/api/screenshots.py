"""Pictures of the screens: `make screenshots` writes the README's into docs/images.

With a folder, `python -m tests.api.screenshots FOLDER`, every screen at three sizes, in light and
dark, and without an incident: to be looked at by the list in docs/page.md.
"""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from PIL import Image
from playwright.sync_api import Browser

from config.serve import ServeSettings
from flows.desk import Desk
from tests.api.conftest import now_ms
from tests.api.made_desk import MadeDesk
from tests.api.opened_page import SCREENS, OpenedPage
from tests.api.serving import serving
from tests.browser.chromium import chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
README_SIZE = (1280, 800)
SIZES = ((360, 760), (1280, 800), (1920, 1080))
COLOURS = 256  # a palette is a third of the bytes; the rare loud colours must stay what they are
SETTLED_MS = 400


@contextmanager
def estate(count: int, *, plain: bool) -> Iterator[str]:
    """Yield the address of a page over made incidents; `plain`: with everyday names alone."""
    desk = MadeDesk(now=now_ms(), count=count, plain=plain)
    settings = ServeSettings(port=0, rate_requests=1_000_000)
    with serving(cast("Desk", desk), settings) as client:
        yield str(client.base_url)


def picture(seen: OpenedPage, screen: str, file: Path) -> None:
    """Write what a screen shows."""
    page = seen.go(screen)
    page.wait_for_timeout(SETTLED_MS)
    drawn = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        file, optimize=True
    )


def page_for_readme(folder: Path) -> None:
    """Write the pictures of the page that the README shows."""
    with chromium() as browser, estate(60, plain=True) as url:
        for screen, dark in (("overview", False), ("incident", True)):
            seen = OpenedPage(browser, url, README_SIZE, dark=dark)
            picture(seen, screen, folder / f"page-{screen}.png")
            seen.close()


PARTS: tuple[Callable[[Path], None], ...] = (page_for_readme,)  # a part a kind of screen


def everything(browser: Browser, folder: Path) -> None:
    """Write every screen at every size, in light and dark, full and empty."""
    for count in (60, 0):
        with estate(count, plain=False) as url:
            for size in SIZES:
                for dark in (False, True):
                    seen = OpenedPage(browser, url, size, dark=dark)
                    for screen in SCREENS:
                        name = f"{screen}-{size[0]}-{'dark' if dark else 'light'}"
                        where = screen if count else SCREENS[screen]
                        picture(seen, where, folder / str(count) / f"{name}.png")
                    seen.close()


def main() -> None:
    """Write the README's pictures, or, into a folder that is given, all."""
    if len(sys.argv) > 1:
        with chromium() as browser:
            everything(browser, Path(sys.argv[1]))
        return
    for part in PARTS:
        part(IMAGES)


if __name__ == "__main__":
    main()
