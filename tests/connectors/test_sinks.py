import base64
import io
import json
import logging
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import bytewax.operators as op
import msgspec
import pytest
from bytewax.dataflow import Dataflow, Stream
from bytewax.outputs import FixedPartitionedSink
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource, cluster_main, run_main
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from connectors.console import ConsoleFeed, ConsoleSink, block, render
from connectors.dead_letter import DeadLetterFile, dead_letter_lines, encode_reject
from connectors.file_starts import note_starts, read_starts
from connectors.incident_wire import decode_transition, encode_transition
from connectors.jsonl_sink import JsonLinesSink, incident_lines
from connectors.late import LateFile, late_lines
from connectors.line_file import Existing, LineFileSink
from schema import LateSample, Reject, Series, Severity, Transition
from tests.connectors.made_transitions import INCIDENT, OPENED, RESOURCE, later, resolved

Item = TypeVar("Item")
replace = msgspec.structs.replace
Event = Transition | TestingSource.EOF | TestingSource.ABORT
EVENTS = [OPENED, *(later("inc-1", i) for i in range(2, 8)), resolved("inc-1", 8)]
LINES = b"".join(encode_transition(event) + b"\n" for event in EVENTS)


def flow(items: Sequence[Event], sink: FixedPartitionedSink[Transition, int]) -> Dataflow:
    built: Dataflow = Dataflow("test")
    events: Stream[Transition] = op.input("in", built, TestingSource(items, batch_size=2))
    op.output("out", op.key_on("key", events, lambda event: event.id), sink)
    return built


# ---------------------------------------------------------------- a file of lines


def write(sink: LineFileSink[Item], items: list[Item], state: int | None = None) -> int:
    """Write items as a run does that resumes from `state`; return its last snapshot."""
    with closing(sink.build_part("out", "file", state)) as part:
        part.write_batch(items)
        return part.snapshot()


def numbers(path: Path, existing: Existing = "append") -> LineFileSink[int]:
    return LineFileSink(path, lambda number: b"%d" % number, existing)


def test_what_was_written_after_the_last_snapshot_is_cut_off_on_resume(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.jsonl"
    with closing(numbers(path).build_part("out", "file", None)) as part:
        part.write_batch([1, 2])
        state = part.snapshot()
        part.write_batch([3, 4])
        assert path.read_bytes() == b"1\n2\n3\n4\n"  # readers see it at once
        # The process is killed here. What another does with the file does not concern it.
        with closing(numbers(path).build_part("out", "file", state)) as again:
            assert path.read_bytes() == b"1\n2\n"
            again.write_batch([3, 4, 5])
            assert again.snapshot() == 10
    assert path.read_bytes() == b"1\n2\n3\n4\n5\n"


def test_what_was_written_before_the_first_snapshot_comes_once(tmp_path: Path) -> None:
    path, state = tmp_path / "a.jsonl", tmp_path / "state"
    path.write_bytes(b"7\n")
    for _ in range(2):  # starts: the first is killed before a snapshot of the sink
        note_starts(state, [str(path)])
        sink = numbers(path)
        sink.start = read_starts(state)[str(path)]
        with closing(sink.build_part("out", "file", None)) as part:
            part.write_batch([8, 9])
            last = part.snapshot()
    assert path.read_bytes() == b"7\n8\n9\n"
    write(sink, [10], state=last)
    assert path.read_bytes() == b"7\n8\n9\n10\n"


@pytest.mark.parametrize(
    ("found", "existing", "left"),
    [
        (b"", "append", b"9\n"),
        (b"7\n8\n", "append", b"7\n8\n9\n"),
        (b"7\n8\n{torn", "append", b"7\n8\n9\n"),
        (b"{torn", "append", b"9\n"),
        (b"7\n" + b"x" * 200_000, "append", b"7\n9\n"),
        (b"7\n8\n", "replace", b"9\n"),
    ],
)
def test_a_run_without_state_keeps_whole_lines_or_starts_anew(
    tmp_path: Path, found: bytes, existing: Existing, left: bytes
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(found)
    write(numbers(path, existing), [9])
    assert path.read_bytes() == left


def test_a_file_that_was_emptied_meanwhile_is_not_padded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n")
    with caplog.at_level(logging.WARNING):
        write(numbers(path), [2], state=500)
    assert path.read_bytes() == b"1\n2\n"
    assert "shorter than when it was left" in caplog.text


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be writable, got Is a directory"):
        numbers(tmp_path).build_part("out", "file", None)


# ---------------------------------------------------------------- incidents as lines


@pytest.mark.parametrize("workers", [1, 2])
def test_events_become_lines_in_one_file_from_any_number_of_workers(
    tmp_path: Path, workers: int
) -> None:
    path = tmp_path / "incidents.jsonl"
    sink = incident_lines(JsonLinesSink(str(path)))
    cluster_main(flow(EVENTS, sink), [], 0, worker_count_per_proc=workers)
    found = path.read_bytes().splitlines(keepends=True)
    assert sorted(found) == sorted(LINES.splitlines(keepends=True))
    assert [decode_transition(line).id for line in found] == [event.id for event in EVENTS]


@pytest.mark.parametrize("aborts_after", [2, 5, 7])
@pytest.mark.parametrize("epoch_s", [0.0, 3600.0])
def test_a_run_that_was_aborted_and_resumed_leaves_the_file_of_an_unbroken_one(
    tmp_path: Path, aborts_after: int, epoch_s: float
) -> None:
    store = tmp_path / "recovery"
    store.mkdir()
    init_db_dir(store, 1)
    path = tmp_path / "incidents.jsonl"
    # With long epochs the only snapshot is that of the stop after the first two events.
    items: list[Event] = [*EVENTS[:2], TestingSource.EOF(), *EVENTS[2:]]
    items.insert(aborts_after + 1, TestingSource.ABORT())
    built = flow(items, incident_lines(JsonLinesSink(str(path))))
    sizes = []
    for _ in range(3):
        run_main(
            built, epoch_interval=timedelta(seconds=epoch_s), recovery_config=RecoveryConfig(store)
        )
        sizes.append(path.stat().st_size)
    assert sizes[0] < sizes[2]
    assert path.read_bytes() == LINES


# ---------------------------------------------------------------- dead letters


def reject(raw: bytes) -> Reject:
    return Reject("malformed_json", "invalid character", "files", "a.jsonl", 7, raw)


def test_a_reject_keeps_its_reason_its_place_and_its_text() -> None:
    assert json.loads(encode_reject(reject(b'{"a": \xc3\xa9\x00'), 100)) == {
        "reason": "malformed_json",
        "detail": "invalid character",
        "source": "files",
        "partition": "a.jsonl",
        "position": 7,
        "raw_bytes": 9,
        "raw": '{"a": é\x00',
    }


@given(st.binary(max_size=40), st.integers(0, 50))
def test_as_many_raw_bytes_as_allowed_can_be_had_back(raw: bytes, limit: int) -> None:
    line = json.loads(encode_reject(reject(raw), limit))
    assert line["raw_bytes"] == len(raw)
    assert ("raw" in line) != ("raw_base64" in line)
    if "raw" in line:
        back = line["raw"].encode()
        assert len(raw[:limit]) - len(back) < 4  # a character that the limit splits is left out
        assert raw.startswith(back)
        assert limit < len(raw) or back == raw
    else:
        assert base64.b64decode(line["raw_base64"]) == raw[:limit]


def test_text_cut_inside_a_character_stays_text() -> None:
    assert json.loads(encode_reject(reject("aé".encode()), 2))["raw"] == "a"


def test_rejects_are_written_cut_as_the_settings_say(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    sink = dead_letter_lines(DeadLetterFile(str(path), max_raw_bytes=3))
    write(sink, [reject(b"12345"), reject(b"")])
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["raw"], line["raw_bytes"]) for line in found] == [("123", 5), ("", 0)]


# ---------------------------------------------------------------- late samples


def test_late_samples_are_written_with_their_series_and_their_place(tmp_path: Path) -> None:
    path = tmp_path / "late.jsonl"
    series = Series(replace(RESOURCE, uid="u-1"), "disk.io", "bytes", (("direction", "in"),))
    late = LateSample(series, 1_772_359_200_000, 1.5, "kafka:m", "3", 99)
    write(late_lines(LateFile(str(path))), [late])
    assert json.loads(path.read_text()) == {
        "resource": "orders-db",
        "cloud": "aws",
        "service": "aws.rds",
        "account": "111122223333",
        "region": "eu-west-1",
        "uid": "u-1",
        "metric": "disk.io",
        "labels": {"direction": "in"},
        "unit": "bytes",
        "ts_ms": 1_772_359_200_000,
        "value": 1.5,
        "source": "kafka:m",
        "partition": "3",
        "position": 99,
    }


@pytest.mark.parametrize(
    ("struct", "given"),
    [
        (JsonLinesSink, {"path": ""}),
        (JsonLinesSink, {"path": "a", "existing": "shred"}),
        (DeadLetterFile, {"path": ""}),
        (DeadLetterFile, {"path": "a", "max_raw_bytes": -1}),
        (LateFile, {"path": ""}),
        (ConsoleSink, {"colour": "red"}),
    ],
)
def test_settings_that_cannot_work_are_refused(
    struct: type[msgspec.Struct], given: dict[str, object]
) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given | {"type": struct.__struct_config__.tag}, struct)


# ---------------------------------------------------------------- the feed


def printed(events: Sequence[Transition], settings: ConsoleSink, console: Console) -> None:
    ConsoleFeed(settings, console).build_part("out", "console", None).write_batch(list(events))


def test_an_opened_incident_says_what_since_when_how_bad_why_and_where() -> None:
    assert block(OPENED) == [
        "CRITICAL opened   2026-03-01 10:00 UTC  latency of orders-db rose to 820 ms",
        "since 09:58 (2 min) · 1 alert · confidence 0.97 · aws 111122223333 eu-west-1",
        "why  tier 1 service",
        "hint latency of orders-db rose to 820 ms (expected 120-240 ms) at 09:58 UTC  [inc-1.1]",
    ]


def test_an_update_says_what_changed_and_an_end_how_long_it_took() -> None:
    assert block(later("inc-1", 2))[1:] == [
        "revision 2 · 1 alert · aws 111122223333 eu-west-1  [inc-1.2]"
    ]
    head, rest = block(resolved("inc-1", 8))
    assert head.startswith("HIGH     resolved 2026-03-01 10:08 UTC  ")
    assert rest == "after 10 min · quiet for 10 min · aws 111122223333 eu-west-1  [inc-1.8]"


def test_the_feed_is_plain_and_unwrapped_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    printed(EVENTS[:2], ConsoleSink(), Console(file=out))
    expected = "".join(
        "\n".join([head, *(" " * 9 + line for line in rest)]) + "\n\n"
        for head, *rest in map(block, EVENTS[:2])
    )
    assert out.getvalue() == expected


def test_the_feed_is_coloured_by_severity_and_wrapped_in_a_terminal() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, color_system="standard")
    printed([OPENED, EVENTS[-1]], ConsoleSink(), console)
    assert "\x1b[1;37;41mCRITICAL\x1b[0m" in out.getvalue()
    assert "\x1b[32mHIGH\x1b[0m" in out.getvalue()
    details = [line for line in out.getvalue().splitlines() if line.startswith(" " * 9)]
    assert len(details) > 4
    assert max(map(len, details)) <= 60


def test_names_from_outside_cannot_control_the_terminal() -> None:
    hostile = replace(INCIDENT, title="a\x1b[2Jb\nc\u202ed", hint="[red]x[/red]\r")
    lines = block(replace(OPENED, incident=hostile))
    assert lines[0].endswith("a?[2Jb?c?d")
    assert "hint [red]x[/red]?" in render(replace(OPENED, incident=hostile), None).plain


def test_the_console_says_what_is_kept_from_people() -> None:
    hidden = replace(INCIDENT, silenced_by=("s-1", "s-2"), inhibited_by="node-down")
    assert block(replace(OPENED, incident=hidden))[-1] == (
        "told to nobody: silenced by s-1, silenced by s-2, inhibited by node-down  [inc-1.1]"
    )


def test_what_the_output_cannot_write_becomes_a_question_mark() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, "ascii")
    printed([OPENED], ConsoleSink(), Console(file=out))
    out.flush()
    assert b"(2 min) ? 1 alert" in raw.getvalue()


def test_incidents_below_the_least_severity_are_not_shown() -> None:
    out = io.StringIO()
    low = replace(OPENED, incident=replace(INCIDENT, severity=Severity.LOW))
    printed([low, EVENTS[-1]], ConsoleSink(least_severity="HIGH"), Console(file=out))
    assert out.getvalue().startswith("HIGH ")
    assert "LOW" not in out.getvalue()


def test_the_feed_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    built: Dataflow = Dataflow("test")
    events = op.input("in", built, TestingSource([OPENED]))
    op.output("out", op.key_on("key", events, lambda e: e.id), ConsoleFeed(ConsoleSink()))
    run_main(built)
    assert capsys.readouterr().out.startswith("CRITICAL opened ")


def test_what_an_incident_does_not_say_leaves_no_gap() -> None:
    bare = replace(INCIDENT, scope=(("cloud", ""),), reasons=(), hint="", members=())
    event = replace(OPENED, incident=bare)
    assert block(event)[1:] == ["since 09:58 (2 min) · 1 alert · confidence 0.97  [inc-1.1]"]
