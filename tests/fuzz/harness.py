"""Runs many payloads of a format through its decoder and checks what holds for all of them."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from types import FrameType

import psutil

from connectors.formats.encodings import encoding_of, unpacked
from connectors.formats.reasons import Fault as DecodeFault
from connectors.formats.registry import create_decoder
from schema import NamedDecoder, SeriesTable
from tests.fuzz.cases import MANY, Case, Draft, valid
from tests.fuzz.damage_bytes import damaged_bytes
from tests.fuzz.encoding_damage import compressed
from tests.fuzz.formats import FUZZED
from tests.fuzz.outcomes import LIMITS, Fault, Outcome, catalogue, check, outcome
from tests.fuzz.pipeline import Pipeline

MAX_CALL_S = 1.0
MIN_PARTLY_VALID = 0.5
BLOCK = 40  # payloads between looks at all of them together
TABLE_BLOCKS = 10  # blocks that share a table
DECODER_BLOCKS = 50
PIPELINE_BLOCKS = 5


@dataclass
class Figures:
    """What a run came to."""

    payloads: int = 0
    damaged: int = 0
    partly_valid: int = 0  # of those, with at least one sample
    samples: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    empty: int = 0  # payloads without sample or reject, lawfully
    slowest_s: float = 0.0  # one call, by the clock on the wall
    decode_s: float = 0.0
    grown_bytes: int = 0  # resident memory, over the last three quarters
    elapsed_s: float = 0.0
    packed: int = 0  # samples that went through ingest and key groups
    absorbed: int = 0  # of those
    late: int = 0  # not among those

    @property
    def share(self) -> float:
        """Return which share of the damaged payloads gave a sample."""
        return self.partly_valid / max(1, self.damaged)


def case(name: str, seed: int, at: int) -> Case:
    """Return payload number `at` of a run; each is made by itself."""
    rng = random.Random(f"{seed} {name} {at}")
    made = FUZZED[name]
    draft: Draft = made.draft(rng)
    kind = rng.random()
    if kind < 0.05:
        return valid(draft)
    if kind < 0.07:
        return Case(rng.choice(made.empties), "empty", 1, MANY)
    if kind < 0.78:
        return draft.damaged(rng)
    return Case(*damaged_bytes(rng, valid(draft).data, rng.choice(others(name))), 1, MANY)


@cache
def warm_up() -> None:
    """Load compiled kernels, which take a hundred megabytes, before memory is looked at."""
    whole = Pipeline(create_decoder("otlp-proto", catalogue(), LIMITS))
    payloads = list(others("otlp-proto"))
    table = SeriesTable()
    found = create_decoder("otlp-proto", catalogue(), LIMITS)(payloads, table)
    whole.feed(payloads, len(found.batch.value) + len(found.rejects))
    whole.end()


@cache
def others(name: str) -> tuple[bytes, ...]:
    """Return valid payloads, to be spliced into others."""
    made = FUZZED[name]
    return tuple(valid(made.draft(random.Random(f"{name} {i}"))).data for i in range(32))


@contextmanager
def time_limit(cpu_s: float) -> Iterator[None]:
    """Raise in the middle of what takes longer, in processor time: the machine may be busy."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Fault(f"more than {cpu_s} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class Run:
    """One format's run."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.seed = seed
        self.figures = Figures()
        self._pipeline = Pipeline(self.decoder())
        self._is_empty = FUZZED[name].is_empty
        self._decoder = self.decoder()
        self._table = SeriesTable()
        self._process = psutil.Process()

    def decoder(self, name: str = "", encoding: str = "auto") -> NamedDecoder:
        """Return a decoder with small limits, so that its caches are full soon."""
        return create_decoder(name or self.name, catalogue(), LIMITS, encoding=encoding)

    def over(self, payloads: int) -> Figures:
        """Run."""
        warm_up()
        began = time.perf_counter()
        grown_from = 0
        for first in range(0, payloads, BLOCK):
            block = first // BLOCK
            if block % DECODER_BLOCKS == 0:
                self._decoder = self.decoder()
                self._count_pipeline()
                self._pipeline = Pipeline(self.decoder())
            if block % TABLE_BLOCKS == 0:
                self._table = SeriesTable()
            if not grown_from and first >= payloads // 4:
                grown_from = self._process.memory_info().rss
            self._block(
                [case(self.name, self.seed, at) for at in range(first, first + BLOCK)], block
            )
        self._count_pipeline()
        self.figures.grown_bytes = self._process.memory_info().rss - grown_from
        self.figures.elapsed_s = time.perf_counter() - began
        return self.figures

    # ------------------------------------------------------------------ a block

    def _block(self, cases: list[Case], block: int) -> None:
        alone = [self.one(each) for each in cases]
        payloads = [each.data for each in cases]
        if block % 4 == 0:
            self._together(payloads, alone)
        if block % 4 == 1:
            self._anew(cases, alone)
        if block % 4 == 2:
            self._compressed(payloads, alone, block)
        if block % 4 == 3:
            self._by_auto(cases, alone, block)
        if block % PIPELINE_BLOCKS == 0:
            points = sum(len(found.rows) + len(found.rejects) for found in alone)
            self._pipeline.feed(payloads, points)

    def one(self, made: Case) -> Outcome:
        """Decode one payload, check what came of it, and count."""
        figures = self.figures
        found, took_s = self._timed(self._decoder, [made.data], self._table, made)
        figures.slowest_s = max(figures.slowest_s, took_s)
        figures.decode_s += took_s
        try:
            check(made, found, self._is_empty)
        except AssertionError as ex:
            raise self._fault(made, str(ex)) from ex
        figures.payloads += 1
        figures.samples += len(found.rows)
        figures.rejects.update(reason for _, reason, _ in found.rejects)
        figures.empty += not found.rows and not found.rejects
        if made.how != "valid":
            figures.damaged += 1
            figures.partly_valid += bool(found.rows)
        return found

    def _count_pipeline(self) -> None:
        self._pipeline.end()
        self.figures.packed += self._pipeline.samples
        self.figures.late += self._pipeline.late
        self.figures.absorbed += self._pipeline.absorbed

    def _timed(
        self, decoder: NamedDecoder, payloads: Sequence[bytes], table: SeriesTable, made: Case
    ) -> tuple[Outcome, float]:
        try:
            with time_limit(MAX_CALL_S):
                began = time.perf_counter()
                decoded = decoder(payloads, table)
                took_s = time.perf_counter() - began
        except Exception as ex:
            raise self._fault(made, f"{type(ex).__name__}: {ex}") from ex
        return outcome(decoded, table), took_s

    def _fault(self, made: Case, message: str) -> Fault:
        return Fault(f"{self.name}, seed {self.seed}, {made.how}: {message}\n{made.data.hex()}")

    def _together(self, payloads: list[bytes], alone: list[Outcome]) -> None:
        """A chunk gives what its payloads give, whatever was decoded before."""
        whole = Case(b"".join(payloads), "together", 0, MANY)
        table = SeriesTable()
        found, _ = self._timed(self.decoder(), payloads, table, whole)
        self._equal(found, _joined(alone), whole)

    def _anew(self, cases: list[Case], alone: list[Outcome]) -> None:
        """What a decoder has learnt changes nothing."""
        for made, before in list(zip(cases, alone, strict=True))[::5]:
            table = SeriesTable()
            found, _ = self._timed(self.decoder(), [made.data], table, made)
            self._equal(found, before, made)

    def _compressed(self, payloads: list[bytes], alone: list[Outcome], block: int) -> None:
        """Compressed payloads give what plain ones give; damaged ones give something."""
        rng = random.Random(f"{self.seed} {self.name} compressed {block}")
        for plain, before in list(zip(payloads, alone, strict=True))[::4]:
            if encoding_of(plain):
                continue  # damaged into what looks packed already
            encoding, packed = compressed(rng, plain)
            made = Case(packed, encoding, 0, MANY)
            named = rng.random() < 0.5 and bool(plain)
            decoder = self.decoder(encoding=encoding if named else "auto")
            found, _ = self._timed(decoder, [packed], SeriesTable(), made)
            self._equal(found, before, made)
            bad, how = damaged_bytes(rng, packed, plain)
            made = Case(bad, f"{encoding} {how}", 1, MANY)
            found, _ = self._timed(decoder, [bad], SeriesTable(), made)
            inside = unpacked(bad, encoding, LIMITS.max_payload_bytes)  # damage may go unnoticed
            lawful = self._is_empty(bad if isinstance(inside, DecodeFault) else inside)
            try:
                check(made._replace(least=0), found, lambda _: True)
                assert lawful or found.rows or found.rejects, "neither sample nor reject"
            except AssertionError as ex:
                raise self._fault(made, str(ex)) from ex

    def _by_auto(self, cases: list[Case], alone: list[Outcome], block: int) -> None:
        """After a valid payload `auto` is the format's decoder; before, nothing is lost."""
        first = valid(FUZZED[self.name].draft(random.Random(f"{self.seed} auto {block}")))
        decoder, table = self.decoder("auto"), SeriesTable()
        self._timed(decoder, [first.data], table, first)
        if decoder.format != self.name:
            raise self._fault(first, f"auto found {decoder.format!r}")
        for made, before in list(zip(cases, alone, strict=True))[::4]:
            found, _ = self._timed(decoder, [made.data], table, made)
            self._equal(found, before, made)
        decoder, table = self.decoder("auto"), SeriesTable()
        for made in cases[1::8]:
            found, _ = self._timed(decoder, [made.data], table, made)
            lawful = any(each.is_empty(made.data) for each in FUZZED.values())
            if not (found.rows or found.rejects or lawful):
                raise self._fault(made, "auto gave neither sample nor reject")

    def _equal(self, found: Outcome, expected: Outcome, made: Case) -> None:
        for got, before in ((found.rows, expected.rows), (found.rejects, expected.rejects)):
            if got == before:
                continue
            both = zip_longest(got, before)
            a, b = next((a, b) for a, b in both if a != b)
            raise self._fault(made, f"{len(got)}, {len(before)} before; {a}\nbefore: {b}")


def _joined(parts: Sequence[Outcome]) -> Outcome:
    return Outcome(
        [(i, *row[1:]) for i, part in enumerate(parts) for row in part.rows],
        [(i, *row[1:]) for i, part in enumerate(parts) for row in part.rejects],
    )
