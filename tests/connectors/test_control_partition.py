"""The control log's partition: what its watermark follows, and what it never does."""

import logging
from pathlib import Path

import msgspec
import pytest

from connectors.control_log import FileControlLog, FileTail, IdleMark, Record
from connectors.control_partition import MARGIN_MS, PULL_S
from connectors.control_source import ControlSettings, Guide
from connectors.deploy_feed import DeployFeed
from connectors.kafka_control_log import KafkaControlLog
from connectors.kafka_settings import KafkaOutput
from connectors.partition import NEVER_MS
from schema import Deploy, Promotion
from tests.connectors.control_bench import (
    HELD,
    LEAD_MS,
    REPLAY,
    SOON,
    START_MS,
    WAITING,
    Bench,
)
from tests.kafka.cluster import Cluster
from tests.operators.made_commands import MINUTE_MS, drift, feedback


def test_a_replay_reads_the_log_once_and_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", REPLAY)
    for record in (feedback(5), IdleMark("kafka:t/0", 1, 2), drift(1, 2)):
        bench.log.append(record)
    bench.poll()
    assert bench.commands == [feedback(5), drift(1, 2)]
    assert bench.ended
    assert bench.pace.ended_besides(1)
    with pytest.raises(StopIteration):
        bench.partition.next_batch()


def test_a_replay_without_a_log_file_ends_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "none", REPLAY)
    bench.poll()
    assert bench.ended


def test_a_stop_is_no_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", REPLAY)
    bench.stop.set()
    with pytest.raises(StopIteration):
        bench.partition.next_batch()
    assert not bench.ended


# ------------------------------------------------------------------ live


def test_live_the_watermark_follows_the_wall_clock_less_a_margin(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", Guide(MINUTE_MS, live=True))
    assert bench.poll() == (START_MS - MARGIN_MS) / MINUTE_MS
    bench.wall_s = 120.0
    assert bench.poll(after_s=0.0) == (START_MS + 120_000 - MARGIN_MS) / MINUTE_MS
    bench.log.append(feedback(SOON))
    bench.poll()
    assert bench.commands == [feedback(SOON)]
    assert not bench.ended


def test_live_the_log_is_looked_at_every_so_often(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", Guide(MINUTE_MS, live=True))
    bench.poll()
    bench.log.append(feedback(SOON))
    bench.poll(after_s=0.4)
    assert bench.commands == []
    bench.poll(after_s=0.4)
    assert bench.commands == [feedback(SOON)]


def test_a_command_that_comes_too_late_is_sent_on_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path / "log", Guide(MINUTE_MS, live=True))
    passed = bench.poll()
    bench.log.append(feedback(1))
    with caplog.at_level(logging.WARNING):
        bench.poll()
    assert bench.commands == [feedback(passed)]
    assert "Feedback of 60000 ms came when ticks up to" in caplog.text


def test_a_log_that_does_not_answer_stops_the_watermark_and_is_asked_now_and_then(
    tmp_path: Path,
) -> None:
    asked = 0

    class Unreachable(FileTail):
        def read(self) -> list[Record] | None:
            nonlocal asked
            asked += 1
            return None if asked < 3 else super().read()

    class Log(FileControlLog):
        def tail(self, position: int | None) -> FileTail:
            return Unreachable(tmp_path / "log", position or 0)

    bench = Bench(tmp_path / "log", Guide(MINUTE_MS, live=True))
    bench.log = Log(tmp_path / "log")
    bench.begin(None)
    for _ in range(20):
        assert bench.poll(after_s=0.04) == NEVER_MS / MINUTE_MS
    assert asked == 2
    assert bench.poll() == (START_MS - MARGIN_MS) / MINUTE_MS


def test_a_topic_serves_as_well_as_a_file(real_kafka: Cluster, tmp_path: Path) -> None:
    settings = KafkaOutput(brokers=real_kafka.bootstrap, topic=real_kafka.name("commands"))
    bench = Bench(tmp_path / "unused", HELD)
    bench.log = KafkaControlLog(settings)
    bench.log.append(feedback(200))
    bench.begin(None)
    bench.pace.move(1, 100 * MINUTE_MS)
    assert bench.poll_until(105) == 105
    bench.log.append(drift(101, 107))
    bench.frontier.move(0, 101 * MINUTE_MS)
    assert bench.poll_until(106) == 106
    assert bench.commands == [feedback(200), drift(101, 107)]
    saved = bench.partition.snapshot()
    bench.partition.close()
    bench.begin(saved)
    bench.log.append(feedback(300))
    bench.frontier.move(0, 102 * MINUTE_MS)
    assert bench.poll_until(107) == 107
    assert bench.commands == [feedback(300)]
    bench.partition.close()


# ------------------------------------------------------------------ held by the frontier


def test_it_leads_the_frontier_by_so_much_and_starts_with_the_slowest(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", HELD)
    bench.pace.move(1, NEVER_MS)
    assert bench.poll() == NEVER_MS / MINUTE_MS  # nobody has read anything
    bench.pace.move(1, 100 * MINUTE_MS)
    assert bench.poll() == 105
    bench.pace.move(1, 103 * MINUTE_MS)
    assert bench.poll() == 105  # until the first tick is judged
    bench.frontier.move(0, 102 * MINUTE_MS)
    assert bench.poll() == 107


def test_what_was_decided_before_the_frontier_goes_out_before_the_watermark(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "log", HELD)
    bench.pace.move(1, 100 * MINUTE_MS)
    bench.poll()
    bench.log.append(drift(101, 107))
    bench.frontier.move(0, 101 * MINUTE_MS)
    assert bench.poll(after_s=0.0) == 106  # no time has passed: a tick is due
    assert bench.commands == [drift(101, 107)]


def test_it_ends_when_all_is_judged_and_the_others_have_ended(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", Guide(MINUTE_MS, lead_ms=LEAD_MS, slack_ms=2 * MINUTE_MS))
    bench.pace.move(1, 90 * MINUTE_MS)
    bench.poll()
    bench.pace.move(1, 100 * MINUTE_MS)
    bench.frontier.move(0, 97 * MINUTE_MS)
    bench.pace.end(1)
    assert bench.poll() == 102
    assert not bench.ended  # an event may be at 102
    bench.frontier.move(0, 98 * MINUTE_MS)
    bench.poll()
    assert bench.ended


def test_it_ends_where_nothing_was_ever_read(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", HELD)
    bench.pace.move(1, NEVER_MS)
    bench.pace.end(1)
    bench.poll()
    assert bench.ended


def test_a_resumed_one_goes_on_where_it_stood(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", HELD)
    bench.log.append(feedback(1))
    bench.pace.move(1, 100 * MINUTE_MS)
    bench.poll()
    saved = bench.partition.snapshot()
    bench.log.append(feedback(200))
    bench.begin(saved)
    bench.pace.move(1, 104 * MINUTE_MS)
    assert bench.poll() == 105  # the slowest stood at 100 when it began
    assert bench.commands == [feedback(200)]
    bench.pace.end(1)
    bench.frontier.move(0, 99 * MINUTE_MS)
    bench.poll()
    assert not bench.ended  # the other had been at 104
    bench.frontier.move(0, 100 * MINUTE_MS)
    bench.poll()
    assert bench.ended


# ------------------------------------------------------------------ what pipelines announce


class Pipeline:
    """Announces a deploy as soon as it is there."""

    def __init__(self) -> None:
        self.there, self.looks = False, 0

    def read(self) -> list[Deploy] | None:
        self.looks += 1
        return [Deploy("d1", 5 * MINUTE_MS, "v2", ())] if self.there else None

    def close(self) -> None:
        pass


def fed(path: Path, guide: Guide) -> tuple[Bench, Pipeline]:
    pipeline, log = Pipeline(), FileControlLog(path)

    def feed() -> DeployFeed:
        return DeployFeed([pipeline], log, 60, live=guide.live)

    return Bench(path, guide, deploys=feed), pipeline


@pytest.mark.parametrize("guide", [REPLAY, HELD])
def test_a_replay_takes_all_that_was_announced_before_anything_moves(
    tmp_path: Path, guide: Guide
) -> None:
    bench, pipeline = fed(tmp_path / "log", guide)
    bench.pace.move(1, 100 * MINUTE_MS)
    bench.poll()
    assert (bench.watermark_ms, bench.commands) == (NEVER_MS, [])
    pipeline.there = True
    bench.poll()
    assert bench.commands == [Deploy("d1", 5 * MINUTE_MS, "v2", ())]
    assert bench.watermark_ms > NEVER_MS
    if guide is HELD:
        bench.poll(after_s=60.0)
        assert pipeline.looks == 2


def test_a_live_flow_looks_now_and_then_and_waits_for_nobody(tmp_path: Path) -> None:
    bench, pipeline = fed(tmp_path / "log", Guide(MINUTE_MS, live=True))
    assert bench.poll() > 0
    assert bench.poll() > 0
    assert pipeline.looks == 1
    pipeline.there = True
    bench.poll(after_s=PULL_S)
    (deploy,) = bench.commands
    assert isinstance(deploy, Deploy)
    assert deploy.at_ms == 5 * MINUTE_MS
    assert deploy.effective_ms > START_MS


# ------------------------------------------------------------------ held by a request


def asked(bench: Bench) -> None:
    bench.pace.move(1, 300 * MINUTE_MS)
    bench.frontier.move(0, 100 * MINUTE_MS)
    bench.log.append(drift(100, 105, 140))
    assert bench.poll() == 105
    bench.frontier.move(0, 139 * MINUTE_MS)
    assert bench.poll() == 140
    bench.frontier.move(0, 140 * MINUTE_MS)
    assert bench.poll() == 140


def test_a_replay_stands_at_a_requests_time_until_it_is_answered(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", WAITING)
    asked(bench)
    answer = Promotion("aws.ec2", "v2", 140 * MINUTE_MS, drift(100, 105).id)
    bench.log.append(answer)
    assert bench.poll() == 145
    assert bench.commands[-1] == answer


def test_a_replay_that_trains_nothing_does_not_wait(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", HELD)
    bench.frontier.move(0, 100 * MINUTE_MS)
    bench.log.append(drift(100, 105, 140))
    bench.frontier.move(0, 139 * MINUTE_MS)
    assert bench.poll() == 144


def test_who_waits_too_long_answers_himself_once_and_in_the_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", WAITING)
    asked(bench)
    assert bench.poll(after_s=59.0) == 140
    bench.poll(after_s=1.5)
    assert bench.poll() == 145
    refusal = Promotion("aws.ec2", "", 140 * MINUTE_MS, drift(100, 105).id, "timed out")
    assert bench.log.read() == [drift(100, 105, 140), refusal]
    assert bench.commands[-1] == refusal
    bench.log.append(msgspec.structs.replace(refusal, version="v2", reason=""))  # too late
    bench.poll()
    assert bench.commands[-1] == refusal


def test_the_end_does_not_wait_for_what_would_come_after_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log", WAITING)
    bench.pace.move(1, 110 * MINUTE_MS)
    bench.pace.end(1)
    bench.log.append(drift(100, 105, 140))
    bench.frontier.move(0, 110 * MINUTE_MS)
    bench.poll()
    assert bench.ended


@pytest.mark.parametrize(
    ("lead_ms", "waits", "live"),
    [(59_999, False, False), (None, True, False), (60_000, True, True)],
)
def test_a_guide_that_could_stand_still_for_ever_is_refused(
    lead_ms: int | None, waits: bool, live: bool
) -> None:
    with pytest.raises(ValueError, match="must be"):
        Guide(MINUTE_MS, live=live, lead_ms=lead_ms, waits=waits)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), 1e9])
@pytest.mark.parametrize("name", ["poll_s", "wait_s"])
def test_times_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be in"):
        msgspec.structs.replace(ControlSettings(), **{name: value})
