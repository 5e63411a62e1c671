"""A provider on loopback: it checks each request against what its API documents, and answers."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import jsonschema
import msgspec

Json = dict[str, object]


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    raw: bytes

    @property
    def body(self) -> Json:
        return msgspec.json.decode(self.raw, type=Json)


class Reply(NamedTuple):
    """What is answered; `hangs` says nothing, `cuts` closes the connection."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    hangs: bool = False
    cuts: bool = False


Rule = Callable[[Asked], Reply]


class Provider:
    """What was asked, and how the next requests are answered."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule  # of an API: validates, and answers as that does
        self.asked: list[Asked] = []
        self.next: list[Reply] = []  # in place of the rule, one request each
        self.url = ""
        self.over = threading.Event()


@contextmanager
def provider(rule: Rule) -> Iterator[Provider]:
    """Serve on a free loopback port until the block ends."""
    state = Provider(rule)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def do_PATCH(self) -> None:
            self._serve()

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, raw)
            state.asked.append(asked)
            reply = state.next.pop(0) if state.next else state.rule(asked)
            if reply.hangs:
                state.over.wait(30)
                return
            if reply.cuts:
                self.connection.close()
                return
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, ValueError):  # cut on purpose
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def follows(schema: Json, asked: Asked) -> str:
    """Return what of the request is not as the schema says, "" if nothing."""
    try:
        jsonschema.validate(asked.body, schema)
    except (jsonschema.ValidationError, msgspec.DecodeError) as ex:
        return str(ex).splitlines()[0]
    return ""


def told(asked: Asked) -> str:
    """Return what is wrong with a request that has a body, "" if nothing."""
    kind = asked.headers.get("content-type", "")
    return "" if kind.startswith("application/json") else f"Content-Type is {kind!r}"
