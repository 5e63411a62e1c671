"""How often one may ask: a bucket of requests for each client, which fills again."""

import math
from collections import OrderedDict
from collections.abc import Callable

MOST_CLIENTS = 10_000  # that are remembered; who was not heard of for longest is forgotten


class Rate:
    """Buckets of `requests`, filled again within `per_s`."""

    def __init__(self, requests: int, per_s: float, monotonic: Callable[[], float]) -> None:
        self._most = float(requests)
        self._a_second = requests / per_s
        self._monotonic = monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> int:
        """Take a request from a client's bucket; return how long to wait if there is none."""
        now = self._monotonic()
        left, at = self._left.pop(client, (self._most, now))
        left = min(self._most, left + (now - at) * self._a_second)
        is_allowed = left >= 1
        self._left[client] = (left - 1 if is_allowed else left), now
        if len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0 if is_allowed else math.ceil((1 - left) / self._a_second)
