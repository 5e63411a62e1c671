"""The application as its users meet it: over loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from api.server import Server
from config.serve import ServeSettings
from flows.desk import Desk


def url_of(folder: Path) -> str:
    """Return a store's URL."""
    return f"sqlite:///{folder}/incidents.db"


@contextmanager
def serving(desk: Desk, settings: ServeSettings | None = None) -> Iterator[httpx.Client]:
    """Serve a desk, and yield a client of it."""
    server = Server(settings or ServeSettings(port=0), desk)
    thread = server.start()
    try:
        with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
            yield client
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()
