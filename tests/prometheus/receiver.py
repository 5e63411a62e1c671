"""A loopback end of remote write that keeps request bodies as they come."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self


class Body(NamedTuple):
    """A request that was received."""

    encoding: str
    version: str  # of remote write
    content: bytes


class Receiver:
    """Takes what is posted, until it is closed."""

    def __init__(self) -> None:
        self.bodies: list[Body] = []
        bodies, self._came = self.bodies, threading.Condition()
        came = self._came

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                encoding = self.headers["Content-Encoding"]
                version = self.headers["X-Prometheus-Remote-Write-Version"]
                self.send_response(204)
                self.end_headers()
                with came:
                    bodies.append(Body(encoding, version, content))
                    came.notify_all()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/write"

    def wait_for(self, found: Callable[[list[Body]], bool], deadline_s: float, what: str) -> None:
        """Return as soon as the bodies are as `found` says; fail with `what` at the deadline."""
        deadline = time.monotonic() + deadline_s
        with self._came:
            left_s = deadline_s
            while not found(self.bodies):
                assert left_s > 0, f"{what}: not in {deadline_s:g} s, {len(self.bodies)} bodies"
                self._came.wait(left_s)
                left_s = deadline - time.monotonic()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
