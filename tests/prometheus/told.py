"""What an Alertmanager tells its webhook."""

import threading
from collections.abc import Callable
from typing import Any

from tests.connectors.channels.provider import Asked, Reply

WITHIN_S = 60.0


class Told:
    """What a webhook of Alertmanager's hears: each alert of each group, in order."""

    def __init__(self) -> None:
        self._heard: list[tuple[str, str, str]] = []
        self._came = threading.Condition()

    def take(self, asked: Asked) -> Reply:
        body: Any = asked.body
        with self._came:
            self._heard += [
                (each["labels"].get("incident", ""), each["labels"].get("severity", ""),
                 each["status"])
                for each in body["alerts"]
            ]  # fmt: skip
            self._came.notify_all()
        return Reply()

    def of(self, name: str) -> list[tuple[str, str]]:
        return [(severity, status) for of, severity, status in self._heard if of == name]

    def wait_for(self, name: str, found: Callable[[list[tuple[str, str]]], bool]) -> None:
        with self._came:
            assert self._came.wait_for(lambda: found(self.of(name)), WITHIN_S), self.of(name)
