"""A screen under test: it is waited for by what it shows, never by time."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from rich.cells import cell_len
from textual.pilot import Pilot

from terminal.app import TopApp
from terminal.palette import Look
from tests.own_loop import run_to_end
from tests.terminal.made_desk import MadeDesk
from tests.terminal.made_incidents import clock

PATIENCE_S = 8.0
LOOK = Look()
SMALL, MIDDLE, LARGE = (80, 24), (120, 40), (200, 60)


class Shown:
    """An app that runs, and how to talk to it."""

    def __init__(self, app: TopApp, pilot: "Pilot[None]") -> None:
        self.app = app
        self._pilot = pilot

    def lines(self) -> list[str]:
        """Return what is on the screen."""
        width, height = self.app.size
        strips = self.app.screen._compositor.render_strips()
        found = ["".join(segment.text for segment in strip) for strip in strips]
        assert len(found) == height
        assert {cell_len(line) for line in found} == {width}
        return found

    def text(self) -> str:
        return "\n".join(self.lines())

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)

    async def type(self, text: str) -> None:
        self.app._prompt.value += text
        self.app._prompt.cursor_position = len(self.app._prompt.value)
        await self._pilot.pause()

    async def resize(self, width: int, height: int) -> None:
        await self._pilot.resize_terminal(width, height)

    async def until(self, *words: str, gone: str = "") -> str:
        """Wait until all of the words are on the screen."""
        return await self.holds(
            lambda text: all(word in text for word in words) and (not gone or gone not in text),
            f"{words} and not {gone!r}",
        )

    async def has_read(self, incident: str | None) -> None:
        """Wait until an incident's details are there."""
        await self.holds(lambda _: incident in self.app.picture.details, f"details of {incident}")

    async def holds(self, fact: Callable[[str], bool], name: str = "that") -> str:
        ends = time.monotonic() + PATIENCE_S
        while True:
            text = self.text()
            if fact(text):
                return text
            assert time.monotonic() < ends, f"in vain for {name}:\n{text}"
            await self._pilot.pause(0.01)


@asynccontextmanager
async def shown(
    desk: MadeDesk, size: tuple[int, int] = SMALL, look: Look = LOOK
) -> AsyncIterator[Shown]:
    app = TopApp(desk, clock, look, every_s=0.05)
    async with app.run_test(size=size) as pilot:
        yield Shown(app, pilot)


def run(
    desk: MadeDesk,
    steps: Callable[[Shown], Awaitable[None]],
    size: tuple[int, int] = SMALL,
    look: Look = LOOK,
) -> None:
    """Run the steps on a screen over the desk."""

    async def all_of_it() -> None:
        async with shown(desk, size, look) as screen:
            await steps(screen)

    run_to_end(all_of_it())
