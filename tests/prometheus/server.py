"""Prometheus on loopback: it scrapes one target each second, and may write on or alert."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.prometheus import daemon

NAME = "prometheus"
JOB = "shop"
EXTERNAL_LABELS = {"region": "eu-west-1", "prometheus_replica": "a"}
MISSING = daemon.missing(NAME)


def binary() -> str | None:
    """Return where Prometheus is, None where there is none."""
    return daemon.binary(NAME)


class Prometheus(daemon.Daemon):
    """A running server."""

    def __init__(
        self,
        folder: Path,
        target: str,
        remote_write: str | None = None,
        *,
        job: str = JOB,
        rules: Path | None = None,
    ) -> None:
        super().__init__(NAME, folder, _settings(target, remote_write, job, rules))

    def arguments(self, config: Path, data: Path, address: str) -> list[str]:
        """Return what it is started with."""
        return [
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address={address}",
            "--enable-feature=exemplar-storage",
        ]

    def ask(self, page: str, **given: str) -> dict[str, Any]:
        """Return the data of an API page. Raises: DaemonError with what the server said."""
        data: dict[str, Any] = json.loads(self.get(f"/api/v1/{page}?{urlencode(given)}"))["data"]
        return data


def _settings(
    target: str, remote_write: str | None, job: str, rules: Path | None
) -> dict[str, object]:
    write_to = {
        "url": remote_write,
        "send_exemplars": True,
        "queue_config": {"max_shards": 1, "batch_send_deadline": "100ms"},
        "metadata_config": {"send": True, "send_interval": "1s"},
    }
    return {
        "global": {
            "scrape_interval": "1s",
            "evaluation_interval": "1s",
            "external_labels": EXTERNAL_LABELS,
        },
        "rule_files": [str(rules)] if rules else [],
        "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [target]}]}],
        "remote_write": [write_to] if remote_write else [],
    }
