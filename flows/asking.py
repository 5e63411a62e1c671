"""What somebody asks of an incident: to the running flow by its control log, and into the store."""

from datetime import datetime

from connectors.control_log import ControlLog
from connectors.requests_store import RequestsStore
from schema import Act


def ask(log: ControlLog, store: str, act: Act, now: datetime) -> None:
    """Tell the flow, then keep that it was asked, so that it shows as requested.

    In this order: what is not kept is obeyed all the same, and seen then.
    """
    log.append(act)
    requests = RequestsStore(store)
    try:
        requests.ask(act, int(now.timestamp() * 1000))
    finally:
        requests.close()
