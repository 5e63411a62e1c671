"""Servers for the tests of the application; the browser is the whole run's."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest
from playwright.sync_api import Browser

from config.serve import ServeSettings
from connectors.source import wall_clock
from flows.desk import Desk
from tests.api.answered import Answered, answered
from tests.api.made_desk import MadeDesk
from tests.api.opened_page import OpenedPage
from tests.api.serving import serving

Open = Callable[..., OpenedPage]
UNHURRIED = ServeSettings(port=0, rate_requests=1_000_000)


class Served:
    """A made desk and where it is served."""

    def __init__(self, desk: MadeDesk, url: str) -> None:
        self.desk, self.url = desk, url


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[MadeDesk], Served]]:
    """Serve made desks until the module's tests are over."""
    with ExitStack() as stack:

        def started(desk: MadeDesk) -> Served:
            client = stack.enter_context(serving(cast("Desk", desk), UNHURRIED))
            return Served(desk, str(client.base_url))

        yield started


@pytest.fixture(scope="module")
def served(serve: Callable[[MadeDesk], Served]) -> Served:
    """A few incidents; some names are hostile, some very long."""
    return serve(MadeDesk(now=now_ms(), count=18))


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Open]:
    """Open the page; at the end nothing may have been asked of strangers, nor complained of."""
    pages: list[OpenedPage] = []

    def opener(url: str = "", **how: object) -> OpenedPage:
        pages.append(OpenedPage(browser, url or served.url, **how))  # type: ignore[arg-type]  # passed on
        return pages[-1]

    yield opener
    for each in pages:
        each.close()
        assert each.strangers == []
        assert each.complaints == []


def now_ms() -> int:
    """Return the wall's time."""
    return int(wall_clock().timestamp() * 1000)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Answered]:
    """One that listens to every provider."""
    with answered(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answered]:
    """One for all who are refused: they leave no trace."""
    with answered(tmp_path_factory.mktemp("refusing")) as made:
        yield made
