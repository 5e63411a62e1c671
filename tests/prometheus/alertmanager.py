"""Prometheus's Alertmanager on loopback: it tells a webhook of groups, one an incident."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.prometheus import daemon

NAME = "prometheus-alertmanager"
MISSING = daemon.missing(NAME)


def binary() -> str | None:
    """Return where it is, None where there is none."""
    return daemon.binary(NAME)


class Alertmanager(daemon.Daemon):
    """A running one; alone, without a cluster."""

    def __init__(self, folder: Path, webhook: str) -> None:
        super().__init__(
            NAME,
            folder,
            {
                "route": {
                    "receiver": "told",
                    "group_by": ["incident"],
                    "group_wait": "10ms",
                    "group_interval": "200ms",
                    "repeat_interval": "1h",
                },
                "receivers": [
                    {"name": "told", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
                ],
            },
        )

    def arguments(self, config: Path, data: Path, address: str) -> list[str]:
        """Return what it is started with."""
        return [
            f"--config.file={config}",
            f"--storage.path={data}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ]

    def alerts(self, **given: str) -> list[dict[str, Any]]:
        """Return the alerts that fire, by what the API is asked for."""
        found: list[dict[str, Any]] = json.loads(self.get(f"/api/v2/alerts?{urlencode(given)}"))
        return found
