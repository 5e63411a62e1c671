"""What an orchestrator and Prometheus ask a worker: /healthz, /readyz, /metrics.

Nothing is asked of who asks: these pages are for the inside of a network.
"""

import json
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import msgspec
from prometheus_client import CollectorRegistry, make_wsgi_app

from connectors.partition_meters import Position

SLOW_S = 10.0  # who has not sent a request by then is not heard
MOST_NAMED = 20  # partitions in an answer

Respond = Callable[[str, list[tuple[str, str]]], Any]
Page = Callable[[dict[str, Any], Respond], Iterable[bytes]]


class HealthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a worker is ready, and where it says so; the YAML section `health`."""

    ready_within_s: float = 600.0  # of event time behind the clock, for each partition
    host: str = ""  # address to listen on; "": all of the machine

    def __post_init__(self) -> None:
        if not 0 < self.ready_within_s <= 31_536_000:
            raise ValueError(
                f"ready_within_s must be in (0, 31536000] s, got {self.ready_within_s!r}"
            )


def readiness(positions: Iterable[Position], within_s: float) -> tuple[bool, dict[str, object]]:
    """Return whether all partitions are caught up, and what to say of it.

    An ended partition is; so is a process that reads none, which scores what others read.
    """
    behind = {
        f"{each.topic}/{each.partition}": None if each.watermark_ms is None else round(each.lag_s)
        for each in positions
        if not each.ended and not each.lag_s <= within_s
    }
    named = dict(list(behind.items())[:MOST_NAMED])
    return not behind, {
        "ready": not behind,
        "ready_within_s": within_s,
        "behind": len(behind),
        "lag_s": named,  # null: nothing has been read
    }


class HealthServer:
    """Serves until it is closed. Raises: OSError naming the port if it is taken."""

    def __init__(
        self,
        port: int,
        settings: HealthSettings,
        registry: CollectorRegistry,
        positions: Callable[[], list[Position]],
    ) -> None:
        metrics: Page = make_wsgi_app(registry)

        def answer(environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
            match environ.get("PATH_INFO"):
                case "/metrics":
                    return metrics(environ, respond)
                case "/healthz":
                    return _say(respond, "200 OK", {"alive": True})
                case "/readyz":
                    ready, words = readiness(positions(), settings.ready_within_s)
                    return _say(respond, "200 OK" if ready else "503 Service Unavailable", words)
                case _:
                    return _say(respond, "404 Not Found", {"pages": _PAGES})

        try:
            self._server = make_server(settings.host, port, answer, _Server, _Quiet)
        except OSError as ex:
            raise OSError(ex.errno, ex.strerror, f"metrics_port {port}") from ex
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


_PAGES = ["/healthz", "/readyz", "/metrics"]


def _say(respond: Respond, status: str, words: object) -> list[bytes]:
    respond(status, [("Content-Type", "application/json; charset=utf-8")])
    return [json.dumps(words).encode() + b"\n"]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = SLOW_S

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
