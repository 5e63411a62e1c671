"""Two thousand damaged payloads a format, and that the fuzzer itself would notice."""

import gc
import tracemalloc

import numpy as np
import pytest

from connectors.formats.registry import FORMATS, create_decoder
from schema import Decoded, SampleBatch, SeriesTable
from tests.fuzz.cases import Case
from tests.fuzz.formats import FUZZED
from tests.fuzz.harness import BLOCK, MIN_PARTLY_VALID, Run, case, time_limit
from tests.fuzz.outcomes import Fault, Outcome, catalogue, check

PAYLOADS = 1_000
MAX_GROWN_BYTES = 32_000_000
MAX_LEAK_BYTES = 16_384
WARM_UPS = 6  # what a decoder learns of a payload it may learn at the second sight of it

formats = pytest.mark.parametrize("name", FORMATS)


def test_every_format_is_fuzzed() -> None:
    assert sorted(FUZZED) == sorted(FORMATS)


@formats
def test_damaged_payloads_are_accounted_for_to_the_point(name: str) -> None:
    found = Run(name, seed=1).over(PAYLOADS)
    assert found.payloads == PAYLOADS
    assert found.share >= MIN_PARTLY_VALID
    assert found.samples > PAYLOADS
    assert len(found.rejects) >= 5
    assert found.packed > 0
    assert found.grown_bytes < MAX_GROWN_BYTES


@formats
def test_decoding_the_same_again_needs_no_more_memory(name: str) -> None:
    payloads = [case(name, 2, at).data for at in range(BLOCK)]
    decoder, table = create_decoder(name, catalogue()), SeriesTable()

    def again() -> None:
        for payload in payloads:
            decoder([payload], table)

    def held() -> int:
        """Return the bytes that decoders hold, without what else the process does."""
        gc.collect()
        traces = tracemalloc.take_snapshot().filter_traces((ours,))
        return sum(trace.size for trace in traces.traces)

    ours = tracemalloc.Filter(inclusive=True, filename_pattern="*/connectors/formats/*")
    tracemalloc.start()
    try:
        for _ in range(WARM_UPS):
            again()
        before = held()
        assert before > 0
        again()
        again()
        assert held() - before < MAX_LEAK_BYTES
    finally:
        tracemalloc.stop()


@formats
def test_a_payload_can_be_made_again(name: str) -> None:
    assert [case(name, 3, at) for at in range(30)] == [case(name, 3, at) for at in range(30)]
    assert case(name, 3, 0) != case(name, 4, 0)


def test_a_hang_is_stopped() -> None:
    def hang() -> None:
        while True:
            pass

    with pytest.raises(Fault, match=r"more than 0\.01 s"), time_limit(0.01):
        hang()


@pytest.mark.parametrize(
    ("made", "found", "fault"),
    [
        (Case(b"x", "valid", 2, 2, 2), Outcome([], []), "not 2 samples"),
        (Case(b"x", "valid", 0, 0, 0), Outcome([], [(0, "empty", "")]), "not 0 samples"),
        (Case(b"x", "odd", 2, 2), Outcome([], [(0, "empty", "")]), "not 2 to 2 in all"),
        (Case(b"x", "odd", 1, 1), Outcome([], [(0, "empty", "")] * 2), "not 1 to 1 in all"),
        (Case(b"x", "odd", 1, 1), Outcome([], []), "neither sample nor reject"),
        (Case(b"x", "odd", 1, 1), Outcome([], [(0, "whatever", "")]), "unknown reason"),
    ],
)
def test_a_point_too_few_or_too_many_is_a_fault(made: Case, found: Outcome, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        check(made, found, lambda _: False)


class _Forgetful:
    """A decoder that raises, or loses every one."""

    format = "foreshock-json"

    def __init__(self, *, raises: bool) -> None:
        self._raises = raises

    def __call__(self, payloads: list[bytes], table: SeriesTable) -> Decoded:
        if self._raises:
            raise ZeroDivisionError
        none = np.zeros(0, np.int32)
        return Decoded(SampleBatch(none, none.astype(np.int64), np.zeros(0), none), [])


@pytest.mark.parametrize(("raises", "said"), [(True, "ZeroDivisionError"), (False, "neither")])
def test_a_broken_decoder_is_told_with_the_payload(
    monkeypatch: pytest.MonkeyPatch, raises: bool, said: str
) -> None:
    monkeypatch.setattr(Run, "decoder", lambda *_, **__: _Forgetful(raises=raises))
    with pytest.raises(Fault, match=rf"foreshock-json, seed 1, .*{said}(.|\n)*[0-9a-f]+$"):
        Run("foreshock-json", seed=1).over(BLOCK)
