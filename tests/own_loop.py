"""A coroutine run from a test, whatever loop a browser of an earlier test has left running.

Playwright keeps a loop of its own running in the main thread, between its calls too, and Textual
wants that thread for its signals. So the other loop is put aside for the while.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(steps: Coroutine[Any, Any, T]) -> T:
    """Run in a new loop, and return what comes of it."""
    held = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return asyncio.run(steps)
    finally:
        asyncio._set_running_loop(held)
