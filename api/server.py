"""The web server: binds first, so that its address is known, then serves until stopped."""

import socket
import threading
from importlib.metadata import PackageNotFoundError, version

import uvicorn

from api.app import create_app
from api.hub import Hub
from config.serve import ServeSettings
from flows.desk import Desk

BACKLOG = 2_048


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams first, which else would go on."""
        self._hub.close()
        await super().shutdown(sockets)


class Server:
    """Serves a desk.

    Raises: OSError naming the address if it is taken.
    """

    def __init__(self, settings: ServeSettings, desk: Desk) -> None:
        self._desk = desk
        family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((settings.bind, settings.port))
            self._socket.listen(BACKLOG)  # who comes before the loop runs waits
        except OSError as ex:
            self._socket.close()
            raise OSError(ex.errno, ex.strerror, f"{settings.bind}:{settings.port}") from ex
        port = self._socket.getsockname()[1]
        host = f"[{settings.bind}]" if ":" in settings.bind else settings.bind
        self.url = settings.url or f"http://{host}:{port}/"
        app = create_app(settings, desk, version=_version())
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,  # whom to trust is a setting of ours
                ws="none",
                timeout_graceful_shutdown=3,
            ),
            app.state.hub,
        )

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, or until `stop`."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self._desk.close()

    def start(self) -> threading.Thread:
        """Serve in a thread of its own."""
        thread = threading.Thread(target=self.run, name="serve", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End."""
        self._server.should_exit = True


def _version() -> str:
    try:
        return version("foreshock")
    except PackageNotFoundError:
        return ""
