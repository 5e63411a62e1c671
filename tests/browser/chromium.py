"""Debian's Chromium, driven by Playwright: pages as people see them, and all that they ask for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

PATIENCE_MS = 15_000  # for what a page is to show
MISSING = "needs Chromium: `make components` or `apt-get install chromium`"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE = (360, 760)
DESK = (1280, 900)


class BrowserError(RuntimeError):
    """There is no browser; the message says why."""


def program() -> str | None:
    """Return the browser's path; None: there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a running browser, without a window. Raises: BrowserError."""
    found = program()
    if found is None:
        raise BrowserError(MISSING)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        try:
            # as root, as in containers, there is no sandbox to be had; the pages are our own
            browser = playwright.chromium.launch(
                executable_path=found, args=["--no-sandbox", "--disable-gpu"]
            )
        except Error as ex:
            raise BrowserError(f"{found} does not start: {ex.message}") from ex
        try:
            yield browser
        finally:
            browser.close()


class Opened:
    """A page, what it asked for beside itself, and what it complained of."""

    def __init__(
        self, browser: Browser, file: Path, size: tuple[int, int] = DESK, *, dark: bool = False,
        fragment: str = "",
    ) -> None:  # fmt: skip
        width, height = size
        self._context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = self._context.new_page()
        url = f"{file.resolve().as_uri()}{fragment}"
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(url)
        self.requests = [
            each for each in self.requests if each not in {url, file.resolve().as_uri()}
            and not each.startswith("data:")
        ]  # fmt: skip

    def close(self) -> None:
        """End it."""
        self._context.close()
