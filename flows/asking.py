"""What somebody asks of an incident: to the running flow by its control log, and into the store."""

import hashlib
import secrets
from datetime import datetime

from connectors.control_log import ControlLog
from connectors.requests_store import RequestsStore
from schema import Act


def request_id(now: datetime) -> str:
    """Return a new id. Requests of one tick are obeyed by their ids, so what is asked first is."""
    return f"req-{int(now.timestamp() * 1000):013d}-{secrets.token_hex(4)}"


def request_id_of(name: str, at_ms: int) -> str:
    """Return the id of what came in by a name of its own: the same however often it comes."""
    digest = hashlib.blake2b(name.encode(), digest_size=4)
    return f"req-{at_ms:013d}-{digest.hexdigest()}"


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
