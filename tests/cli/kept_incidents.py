"""The incident store of a test's own folder."""

from connectors.incident_store import IncidentStore
from schema import Transition

STORE = "sqlite:///incidents.db"


def keep(*transitions: Transition) -> None:
    """Store events, in a store that is made if there is none."""
    store = IncidentStore(STORE, create=True)
    store.record(transitions)
    store.close()
