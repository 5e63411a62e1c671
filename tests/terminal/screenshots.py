"""Pictures of the terminal screen: `make screenshots` writes the README's into docs/images.

With a folder, `python -m tests.terminal.screenshots FOLDER`, the views at three sizes: to be looked
at.
"""

import asyncio
import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from terminal.app import TopApp
from terminal.palette import Look
from tests.browser.chromium import chromium
from tests.terminal.made_desk import MadeDesk
from tests.terminal.made_incidents import MIN_MS, NOW_MS, clock, incident
from tests.terminal.screens import LARGE, MIDDLE, SMALL, Shown

IMAGES = Path(__file__).parents[2] / "docs" / "images"
README_SIZE = (150, 42)
COLOURS = 256
TITLES = (
    "latency of orders-db-0 rose to 820 ms",
    "disk.utilization of checkout-logs climbs to 90 %, full at 14:20 UTC",
    "error.count of payments-api rose to 41 after deploy 2026.11.3",
    "search-index-2 has been silent for 12 min",
    "cpu.utilization of 14 resources in eu-west-1b fell to 2 %",
    "queue.depth of invoices rose to 12.4k",
)


def estate() -> MadeDesk:
    """Return a desk with an hour that somebody could have had."""
    desk = MadeDesk([])
    desk.where = "sqlite:///.foreshock/incidents.db"
    for number, title in enumerate(TITLES):
        opened_ms = NOW_MS - (20 + 13 * number) * MIN_MS
        made = incident(number, title=title, opened_ms=opened_ms, member_count=1 + 6 * (number % 3))
        desk.all[made.id] = made
    desk.change("inc-00002", state="acknowledged", acked_ms=NOW_MS, assignee="oncall")
    desk.change("inc-00004", state="acknowledged", acked_ms=NOW_MS, assignee="bob", flapping=True)
    desk.change("inc-00005", silenced_by=("sil-1",))
    return desk


async def drawn(size: tuple[int, int], *keys: str) -> str:
    """Return the screen as SVG, after some keys."""
    app = TopApp(estate(), clock, Look(), every_s=0.05)
    async with app.run_test(size=size) as pilot:
        screen = Shown(app, pilot)
        await screen.until("critical", "1.84k samples/s")
        if keys:
            await screen.press(*keys)
        await screen.has_read(app._list.chosen if app.view == "incidents" else "inc-00000")
        await pilot.pause(0.3)
        return app.export_screenshot(title="foreshock top")


def picture(browser: Browser, svg: str, file: Path) -> None:
    """Write an SVG as PNG."""
    page = browser.new_page(viewport={"width": 1500, "height": 1000}, device_scale_factor=1)
    page.set_content(f"<body style='margin:0'>{svg}</body>")
    shot = page.locator("svg").first.screenshot(omit_background=True)
    page.close()
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    file.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


def main(folder: str = "") -> None:
    """Write them."""
    views: tuple[tuple[str, ...], ...] = ((), ("enter",), ("2",), ("3",), ("4",), ("a",))
    found = {IMAGES / "top.png": asyncio.run(drawn(README_SIZE))} if not folder else {}
    for width, height in (SMALL, MIDDLE, LARGE) if folder else ():
        for keys in views:
            file = Path(folder) / f"top-{width}x{height}-{''.join(keys) or 'list'}.png"
            found[file] = asyncio.run(drawn((width, height), *keys))
    with chromium() as browser:
        for file, svg in found.items():
            picture(browser, svg, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
