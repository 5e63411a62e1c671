"""A bounded cache that keeps what is in use and costs one dict lookup a hit."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Generations(Generic[K, V]):
    """Two dicts, young and old. When the young one is full it becomes the old one.

    What is asked for within a generation survives it, so a flood of distinct keys evicts the keys
    in use at most once a generation, and memory stays below two generations.
    `get` is the young dict's own `get`: the hot path. On a miss call `recall`, then `put`.
    """

    get: Callable[[K], V | None]

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._old: dict[K, V] = {}
        self._renew()

    def _renew(self) -> None:
        self._young: dict[K, V] = {}
        self._bytes = 0
        self.get = self._young.get

    def recall(self, key: K, size: int) -> V | None:
        """Return what the old generation knows, and keep it for another one."""
        value = self._old.get(key)
        if value is not None:
            self.put(key, value, size)
        return value

    def put(self, key: K, value: V, size: int) -> None:
        """Remember `value`; `size` is the bytes that the key holds."""
        if size > self._max_bytes:
            return
        if len(self._young) >= self._max_entries or self._bytes + size > self._max_bytes:
            self._old = self._young
            self._renew()
        self._young[key] = value
        self._bytes += size

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
