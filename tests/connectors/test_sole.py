"""One process at a time may notify from a store."""

import pytest
from sqlalchemy.exc import DBAPIError

from connectors.incident_store import IncidentStore
from connectors.sole import Sole, TakenError
from tests.postgres.server import Postgres


def test_the_second_is_refused_until_the_first_lets_go(store_url: str) -> None:
    IncidentStore(store_url, create=True).close()
    first = Sole(store_url)
    first.check()
    with pytest.raises(
        TakenError, match=r"another process notifies from this store.*notify\.inside"
    ):
        Sole(store_url, take_s=0.2)
    first.close()
    second = Sole(store_url)
    second.check()
    second.close()


def test_stores_of_one_server_do_not_share_it(postgres: Postgres) -> None:
    held = [Sole(postgres.database()) for _ in range(2)]
    for each in held:
        each.close()


@pytest.mark.usefixtures("postgres")  # or there is none, and the test is skipped
def test_a_database_that_was_away_may_give_it_to_another() -> None:
    with Postgres() as server:
        url = server.database()
        held = Sole(url)
        server.stop()
        with pytest.raises(DBAPIError):
            held.check()
        server.start()
        held.check()  # taken again
        server.stop()
        with pytest.raises(DBAPIError):
            held.check()
        server.start()
        other = Sole(url)
        with pytest.raises(TakenError):
            held.check()
        for each in (held, other):
            each.close()
