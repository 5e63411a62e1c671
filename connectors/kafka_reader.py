"""One open partition of a topic: where it starts and ends, what it does about gaps and outages."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

import numpy as np
from confluent_kafka import (
    OFFSET_END,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from connectors.kafka_client import VANISHED, Contact, KafkaUnavailableError, asking
from connectors.kafka_meters import ReaderMeter
from connectors.kafka_reasons import explained
from connectors.kafka_settings import KafkaSource, instant_ms
from connectors.kafka_topics import TopicWatch
from schema import Chunk

logger = logging.getLogger(__name__)

VERIFY_EVERY_S = 5.0  # how often an idle partition asks the broker whether that is so
VERIFY_WITHIN_S = 1.0
GONE = frozenset((KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE))


class KafkaReader:
    """One open partition. Offsets may have gaps: compaction, transactions.

    An end that lies in the past is an offset, found once, when the partition is opened.
    """

    def __init__(
        self,
        settings: KafkaSource,
        topic: str,
        partition: int,
        position: int | None,
        consumer: Consumer,
        contact: Contact,
        clock: Callable[[], datetime],
        watch: TopicWatch,
        meter: ReaderMeter | None = None,
    ) -> None:
        self.ended = False
        self._settings = settings
        self._name = f"kafka:{topic}/{partition}"
        self._topic, self._partition = topic, partition
        self._consumer = consumer
        self._contact = contact
        self._clock = clock
        self._watch = watch
        self._meter = meter
        self._open = threading.Lock()  # held while another thread asks the consumer
        self._closed = False
        self._at_end = False  # everything that the broker told of has been read
        self._sure = False  # it told so not long ago
        self._asked_s = 0.0  # when it was asked, monotonic
        with asking(settings, contact, f"{self._name}: offsets"):
            try:
                first, last = self._bounds()
                self._first = self._next = (
                    self._start(first, last) if position is None else position
                )
                self._end = self._fixed_end(last)
            finally:
                consumer.poll(0)
        never = settings.end in {"never", "now"}
        self._end_ms = None if never else instant_ms("end", settings.end)
        self._moved = True  # the position is to be told
        contact.answered()
        self._assign(self._next)
        if meter is not None:
            meter.lag(self._lag)

    @property
    def caught_up(self) -> bool:
        """Whether it stands at the end; the broker is asked every few seconds.

        A broker that has fallen silent must not make a partition look idle.
        """
        if not self._at_end or self.ended:
            return False
        if time.monotonic() - self._asked_s > VERIFY_EVERY_S:
            self._sure = self._verify()
            self._asked_s = time.monotonic()
        return self._sure and not self._contact.lost

    @property
    def span(self) -> tuple[int, int]:
        """The offsets of a range with an end that is known, half-open."""
        return self._first, max(self._first, self._first if self._end is None else self._end)

    @property
    def share(self) -> float:
        """How much of a range with an end has been read, by offsets."""
        if self._end is None or self._end <= self._first:
            return 0.0
        return min(1.0, (self._next - self._first) / (self._end - self._first))

    def read(self) -> Chunk | None:
        """Return the messages that have arrived."""
        if self._moved:
            self._moved = False
            return Chunk([], [], self._next)
        if self._end is not None and self._next >= self._end:
            self.ended = True
        if self.ended:
            return None
        self._watch.look(self._partition, self._consumer, self._contact)
        payloads: list[bytes] = []
        offsets: list[int] = []
        stamps: list[int] = []
        for message in self._consumer.consume(self._settings.poll_size, 0.0):
            error, offset = message.error(), message.offset()
            if error is not None or offset is None:
                self._take_error(message, error)
                continue
            kind, stamp_ms = message.timestamp()
            if self._beyond(offset, kind, stamp_ms):
                self.ended = True
                break
            payloads.append(message.value() or b"")  # no value: for the decoder to reject
            offsets.append(offset)
            stamps.append(-1 if kind == TIMESTAMP_NOT_AVAILABLE else stamp_ms)
            self._next = offset + 1
            self._at_end = False
        return self._chunk(payloads, offsets, stamps)

    def close(self) -> None:
        """Close the consumer."""
        with self._open:
            self._closed = True
        self._consumer.close()

    def _chunk(self, payloads: list[bytes], offsets: list[int], stamps: list[int]) -> Chunk | None:
        if not payloads:
            if not self._moved:
                return None
            self._moved = False
            return Chunk([], [], self._next)
        self._contact.answered()
        self._moved = False
        known = None if -1 in stamps else np.asarray(stamps, dtype=np.int64)
        return Chunk(payloads, offsets, self._next, known)

    def _take_error(self, message: Message, error: KafkaError | None) -> None:
        if error is None:
            return
        code, offset = error.code(), message.offset()
        if code == KafkaError._PARTITION_EOF and offset is not None:
            self._reached(offset)
        elif code in GONE:
            self._offset_gone(error)
        elif code in VANISHED:
            self._contact.error(error)
        elif error.fatal() or (message.topic() is not None and not error.retriable()):
            raise KafkaUnavailableError(f"{self._name}: {explained(error.str(), self._settings)}")
        else:
            self._contact.error(error)

    def _reached(self, offset: int) -> None:
        """Stand at the end of the partition, behind any gap before it."""
        self._contact.answered()
        if offset > self._next:
            self._next = offset
            self._moved = True
        self._at_end = self._sure = True
        self._asked_s = time.monotonic()
        if self._end_ms is not None and self._now_ms() >= self._end_ms:
            self.ended = True  # nothing at or after the end time has come, and it is past

    def _beyond(self, offset: int, kind: int, stamp_ms: int) -> bool:
        if self._end is not None and offset >= self._end:
            return True
        stamped = kind != TIMESTAMP_NOT_AVAILABLE
        return self._end_ms is not None and stamped and stamp_ms >= self._end_ms

    def _offset_gone(self, error: KafkaError) -> None:
        with asking(self._settings, self._contact, f"{self._name}: offsets"):
            first, last = self._bounds()
        policy = self._settings.on_offset_gone
        said = f"offset {self._next} is gone, the partition now holds {first} to {last}"
        if policy == "stop":
            raise KafkaUnavailableError(
                f"{self._name}: {said}: {error.str()}; set on_offset_gone to 'earliest' or "
                "'latest' to go on with a gap"
            )
        target = first if policy == "earliest" else last
        # a position beyond the end is of a log that was cut off or made anew
        lost = target - self._next if target >= self._next else target - first
        logger.warning("%s: %s: going on at %d, %d messages lost", self._name, said, target, lost)
        if self._meter is not None:
            self._meter.lost(lost)
        self._next = target
        self._moved = True
        self._assign(target)

    def _start(self, first: int, last: int) -> int:
        if self._settings.start == "earliest":
            return first
        if self._settings.start == "latest":
            return last
        return self._offset_at(instant_ms("start", self._settings.start), last)

    def _fixed_end(self, last: int) -> int | None:
        """Return the offset before which reading ends; None: that is not known yet, or never."""
        end = self._settings.end
        if end in {"never", "now"}:
            return last if end == "now" else None
        end_ms = instant_ms("end", end)
        return self._offset_at(end_ms, last) if end_ms <= self._now_ms() else None

    def _offset_at(self, time_ms: int, last: int) -> int:
        """Return the offset of the first record stamped at or after a time, `last` if none is."""
        asked = TopicPartition(self._topic, self._partition, time_ms)
        found = self._consumer.offsets_for_times([asked], self._settings.connect_timeout_s)[0]
        if found.error is not None:
            raise KafkaException(found.error)
        return last if found.offset == OFFSET_END else found.offset

    def _now_ms(self) -> float:
        return self._clock().timestamp() * 1000

    def _bounds(self) -> tuple[int, int]:
        """Return the first offset and the one after the last."""
        here = TopicPartition(self._topic, self._partition)
        return self._consumer.get_watermark_offsets(here, self._settings.connect_timeout_s)

    def _verify(self) -> bool:
        here = TopicPartition(self._topic, self._partition)
        try:
            _, last = self._consumer.get_watermark_offsets(here, VERIFY_WITHIN_S)
        except KafkaException as ex:
            self._contact.error(ex.args[0])
            return False
        self._contact.answered()
        return last <= self._next

    def _lag(self) -> float:
        """Return how many messages are still to be read, as the last fetch had it; 0: unknown."""
        with self._open:
            if self._closed:
                return 0.0
            here = TopicPartition(self._topic, self._partition)
            try:
                _, last = self._consumer.get_watermark_offsets(here, cached=True)
            except KafkaException:  # the partition is gone
                return 0.0
        return float(max(0, last - self._next))

    def _assign(self, offset: int) -> None:
        self._consumer.assign([TopicPartition(self._topic, self._partition, offset)])
