"""Which store, and which incident in it, as the command line names them."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandFailed, bad_input

if TYPE_CHECKING:
    from connectors.incident_store import IncidentStore
    from schema import Incident

DEFAULT_URL = "sqlite:///.foreshock/incidents.db"
Store = Annotated[
    str, typer.Option(help="URL of the incident store.", envvar="FORESHOCK_STORE", metavar="URL")
]


def open_store(url: str) -> "IncidentStore":
    """Open the store that is there."""
    from connectors.incident_store import IncidentStore

    with bad_input():
        return IncidentStore(url)


def find_incident(store: "IncidentStore", incident_id: str) -> "Incident":
    """Return the incident of an id, or of how it begins if that is one alone."""
    exact = store.get_incident(incident_id)
    if exact is not None:
        return exact
    found = [
        each for each in store.list_incidents(limit=1_000_000) if each.id.startswith(incident_id)
    ]
    if len(found) != 1:
        how_many = "no incident" if not found else f"{len(found)} incidents"
        raise CommandFailed(f"{how_many} with an id that begins with {incident_id!r}")
    return found[0]
