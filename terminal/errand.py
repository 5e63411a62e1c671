"""Waiting for a store or an API on a thread of its own, so that the screen never does."""

import asyncio
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

X = TypeVar("X")


class Errands:
    """A thread that does one thing after the other.

    It ends with the program, whatever it waits for: a database that hangs does not hold up `q`.
    """

    def __init__(self, name: str) -> None:
        self._todo: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, errand: Callable[[], X]) -> X:
        """Return what the errand does, or raise what it raises, once its turn has come."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[X] = loop.create_future()

        def do() -> None:
            if future.cancelled():
                return
            try:
                result = errand()
            except Exception as ex:  # noqa: BLE001  # it is raised where it is awaited
                _tell(loop, future, partial(future.set_exception, ex))
            else:
                _tell(loop, future, partial(future.set_result, result))

        self._todo.put(do)
        return await future

    def end(self) -> None:
        """Take up nothing more."""
        self._todo.put(None)

    def _run(self) -> None:
        while (errand := self._todo.get()) is not None:
            errand()


def _tell(
    loop: asyncio.AbstractEventLoop, future: "asyncio.Future[X]", settle: Callable[[], None]
) -> None:
    def unless_over() -> None:
        if not future.done():
            settle()

    try:
        loop.call_soon_threadsafe(unless_over)
    except RuntimeError:  # the loop has ended: nobody waits
        return
