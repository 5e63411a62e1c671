"""The page in a browser, as a person has it open: all that it asks for and complains of is kept."""

from playwright.sync_api import Browser, Page

from tests.browser.chromium import DESK

SCREENS = {
    "overview": "#/",
    "incidents": "#/incidents",
    "incident": "#/incidents/inc-000000000000",
    "queue": "#/queue",
    "silences": "#/silences",
    "models": "#/models",
    "review": "#/review",
    "notifications": "#/notifications",
}
READY = {  # what is there once a screen shows what it got
    "overview": ".heat-cells",
    "incidents": "ul.rows li",
    "incident": ".plot .p-value",
    "queue": "ul.rows li",
    "silences": "tr[data-id]",
    "models": ".service",
    "review": ".figure-row",
    "notifications": "tbody .quiet",
}


class OpenedPage:
    """One person's browser at the page."""

    def __init__(
        self, browser: Browser, url: str, size: tuple[int, int] = DESK, *, dark: bool = False
    ) -> None:
        self.url = url
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            timezone_id="Europe/Berlin",
        )
        self._context.set_default_timeout(15_000)
        self.page: Page = self._context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    def go(self, screen: str) -> Page:
        """Go to a screen, by its name or by its hash, and wait until it shows what it got."""
        self.page.goto(self.url + SCREENS.get(screen, screen))
        if screen in READY:
            self.page.wait_for_selector(READY[screen])
        return self.page

    @property
    def strangers(self) -> list[str]:
        """What was asked of anybody but the server."""
        return [each for each in self.asked if not each.startswith((self.url, "data:"))]

    def close(self) -> None:
        """End it."""
        self._context.close()
