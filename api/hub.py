"""Event streams: one reader a process, whose words are sent to all who listen."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from anyio import to_thread
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from connectors.kafka_client import KafkaUnavailableError
from flows.desk import Desk
from flows.desk_news import News, Word
from flows.desk_stores import StoreAway

POLL_S = 0.5
HEARTBEAT_S = 15.0
SEND_WITHIN_S = 20.0  # or the reader is not there any more
MOST_WAITING = 512  # words that a reader may be behind
MOST_RESUMED = 5_000  # steps that are told again to one who comes back
RETRY_MS = 2_000
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

_log = logging.getLogger(__name__)


class Listener:
    """One who listens: the words that wait for it. Memory: bounded, the words are shared."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.news = asyncio.Event()
        self.ends = ""  # why its stream is to end

    def tell(self, frame: bytes) -> None:
        """Let a word wait; who is too far behind is let go."""
        if self.ends:
            return
        if len(self.waiting) >= MOST_WAITING:
            self.waiting.clear()
            self.end("too slow: words were left out; load again, then listen again")
            return
        self.waiting.append(frame)
        self.news.set()

    def end(self, why: str) -> None:
        """Let the stream end with a word."""
        self.ends = why
        self.news.set()


class Hub:
    """Reads while somebody listens, and tells all of them."""

    def __init__(self, desk: Desk, most_streams: int) -> None:
        self._desk = desk
        self._most = most_streams
        self._news = News(desk)
        self._listeners: set[Listener] = set()
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._told: int | None = None  # sequence up to which all listeners were told
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Whether no more can listen."""
        return self._closed or len(self._listeners) >= self._most

    async def join(self, after: int | None) -> Listener:
        """Return a new listener, which hears first what came after a sequence.

        It is told from the log what the reader has told already, and by the reader what follows.
        """
        listener = Listener()
        async with self._starting:
            if self._reader is None or self._reader.done():
                await self._poll()  # where the log ends, or what came while nobody listened
                self._reader = asyncio.create_task(self._read())
        upto = self._told
        self._listeners.add(listener)
        if self._news.away:
            listener.tell(frame_of(Word("away", self._news.away)))
        if after is not None and upto is not None and after != upto:
            frames = await to_thread.run_sync(self._missed, after, upto)
            listener.waiting.extendleft(reversed(frames))
            listener.news.set()
        return listener

    def leave(self, listener: Listener) -> None:
        """Tell it no more."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for listener in self._listeners:
            listener.end("the server stops")
        if self._reader is not None:
            self._reader.cancel()

    async def _read(self) -> None:
        await asyncio.sleep(POLL_S)
        try:
            while self._listeners and not self._closed:
                await self._poll()
                await asyncio.sleep(POLL_S)
        except Exception:
            _log.exception("the reader of what is new has failed")
            for listener in self._listeners:
                listener.end("the reader has failed; listen again")
            raise

    async def _poll(self) -> None:
        try:
            words = await to_thread.run_sync(self._news.poll)
        except (KafkaUnavailableError, OSError) as ex:
            _log.warning("what is new cannot be read: %s", ex)
            return
        for frame in map(frame_of, words):
            for listener in tuple(self._listeners):
                listener.tell(frame)
        self._told = self._news.sequence

    def _missed(self, after: int, upto: int) -> list[bytes]:
        """Return what came after one sequence, up to another."""
        try:
            found = self._desk.changes(after, MOST_RESUMED + 1).changes
        except StoreAway:
            return []
        if after > upto or len(found) > MOST_RESUMED:
            return [frame_of(Word("reset", "too much has come since: load again"))]
        return [
            frame_of(Word("transition", each, each.sequence))
            for each in found
            if each.sequence <= upto
        ]


def frame_of(word: Word) -> bytes:
    """Return a word as it is sent; JSON holds no line breaks."""
    number = b"" if word.sequence is None else b"id: %d\n" % word.sequence
    said = {"detail": word.said} if isinstance(word.said, str) else word.said
    return b"event: %s\n%sdata: %s\n\n" % (word.kind.encode(), number, msgspec.json.encode(said))


class EventStream(Response):
    """The answer to one who listens. It ends when they leave, are too slow, or may not any more."""

    def __init__(
        self, hub: Hub, after: int | None, is_welcome: Callable[[], Awaitable[bool]]
    ) -> None:
        super().__init__(status_code=200)
        self._hub = hub
        self._after = after
        self._is_welcome = is_welcome

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of both sides has enough."""
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        listener = await self._hub.join(self._after)
        left = asyncio.create_task(_until_left(receive, listener))
        try:
            await _sent(send, b"retry: %d\n\n" % RETRY_MS)
            while not listener.ends:
                await self._wait(listener)
                frames = b"".join(listener.waiting)
                listener.waiting.clear()
                listener.news.clear()
                await _sent(send, frames or b": still here\n\n")
            if not left.done():
                await _sent(send, _farewell(listener.ends), more=False)
        except (TimeoutError, OSError):
            pass  # who does not read is gone
        finally:
            left.cancel()
            self._hub.leave(listener)

    async def _wait(self, listener: Listener) -> None:
        """Wait for a word, or until it is time to say that there is none."""
        try:
            await asyncio.wait_for(listener.news.wait(), HEARTBEAT_S)
        except TimeoutError:
            if not await self._is_welcome():
                listener.end("nobody is known by what was sent, any more")


def _farewell(why: str) -> bytes:
    return b"event: dropped\ndata: %s\n\n" % msgspec.json.encode({"detail": why})


async def _sent(send: Send, body: bytes, *, more: bool = True) -> None:
    message: Message = {"type": "http.response.body", "body": body, "more_body": more}
    await asyncio.wait_for(send(message), SEND_WITHIN_S)


async def _until_left(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.end("left")
