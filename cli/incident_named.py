"""Which store, and which incident in it, as the command line names them."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import BadInput, CommandFailed, bad_input

if TYPE_CHECKING:
    from connectors.incident_store import IncidentStore
    from schema import Incident, Severity

SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
COUNTED = 100  # incidents whose ids begin alike
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
    found = store.find_ids(incident_id, limit=COUNTED)
    incident = store.get_incident(found[0]) if incident_id in found or len(found) == 1 else None
    if incident is None:
        how_many = (
            f"{len(found)} incidents" if len(found) < COUNTED else f"{COUNTED} or more incidents"
        )
        raise CommandFailed(
            f"{how_many if found else 'no incident'} with an id that begins with {incident_id!r}"
        )
    return incident


def least_severity(name: str) -> "Severity":
    """Return the severity that `--severity` names."""
    from schema import Severity

    if name.upper() not in SEVERITIES:
        raise BadInput(f"--severity must be one of {', '.join(SEVERITIES)}, got {name!r}")
    return Severity[name.upper()]
