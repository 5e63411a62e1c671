"""Requests for a model are answered in the control log, and only what does no worse serves."""

import threading
import time
from pathlib import Path

import pytest

from config.app import App
from connectors.control_log import FileControlLog, Record
from connectors.model_files import ModelRefused
from connectors.model_registry import Registry
from connectors.training_rows import RowsFolder
from flows.assemble import catalogue_of
from flows.retraining import Answers, answering
from flows.trainer import Trainer
from schema import Drift, FeatureBatch, Promotion, TrainingRows
from tests.flows.feature_rows import GROUPS, MINUTE_MS, app_for, batch

BY_MS = 1_000 * MINUTE_MS
REQUEST = Drift("d1", "aws.ec2", 0, 1, 2, BY_MS, 5, 0.9)


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_for(tmp_path / "models", tmp_path / "control.jsonl")


def log_of(app: App) -> FileControlLog:
    return FileControlLog(Path(str(app.control_log)))


def hand_out(app: App, *batches: FeatureBatch, request: str = "d1") -> None:
    for group, found in enumerate(batches):
        RowsFolder(Path(str(app.models))).write(TrainingRows(request, group, found))


def answers(app: App) -> Answers:
    return Answers(app, catalogue_of(app), log_of(app))


def test_a_request_waits_for_every_group_and_is_answered_once(app: App) -> None:
    log_of(app).append(REQUEST)
    hand_out(app, batch(1))
    trainer = answers(app)
    assert trainer.step() == []
    hand_out(app, batch(1), batch(2))
    (answer,) = trainer.step()
    assert (answer.service, answer.effective_ms, answer.request) == ("aws.ec2", BY_MS, "d1")
    assert answer.version == Registry(Path(str(app.models))).active_version("aws.ec2")
    assert log_of(app).read() == [REQUEST, answer]
    assert trainer.step() == answers(app).step() == []


def test_the_same_rows_give_the_same_answer_in_whatever_order_the_groups_wrote(
    app: App, tmp_path: Path
) -> None:
    other = app_for(tmp_path / "more", tmp_path / "more.jsonl")
    for one, batches in ((app, (batch(1), batch(2))), (other, (batch(2), batch(1)))):
        log_of(one).append(REQUEST)
        hand_out(one, *batches)
    assert answers(app).step() == answers(other).step()
    version = Registry(tmp_path / "more").active_version("aws.ec2")
    files = [sorted((tmp_path / name / str(version)).iterdir()) for name in ("models", "more")]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]


def test_a_live_answer_serves_from_a_time_that_no_flow_has_passed(app: App) -> None:
    log_of(app).append(REQUEST)
    hand_out(app, batch(1), batch(2))
    late = Answers(app, catalogue_of(app), log_of(app), lambda: BY_MS + 7 * MINUTE_MS)
    assert [answer.effective_ms for answer in late.step()] == [BY_MS + 7 * MINUTE_MS]


def test_a_model_that_does_worse_is_declined_and_stays_a_candidate(app: App) -> None:
    trainer = Trainer(app, catalogue_of(app))
    (first,) = trainer.train([batch(1, count=900)], lambda _: 1)
    assert first.promoted
    log_of(app).append(REQUEST)
    # what it is fitted to is much wilder than the newest rows, by which it is judged
    hand_out(app, batch(3, count=450, spread=6.0), batch(4, count=150, since=460))
    (answer,) = answers(app).step()
    assert (answer.version, answer.effective_ms) == ("", BY_MS)
    assert "it tells a moved metric with" in answer.reason
    states = {entry.version: entry.state for entry in trainer.registry.list()}
    assert states.pop(first.version) == "active"
    assert list(states.values()) == ["candidate"]


@pytest.mark.parametrize(
    ("batches", "reason"),
    [
        ((batch(1, count=20), batch(2, count=20)), "40 feature rows, 200 needed"),
        ((batch(1, count=0), batch(2, count=0)), "no feature rows"),
    ],
)
def test_too_few_rows_are_said(app: App, batches: tuple[FeatureBatch, ...], reason: str) -> None:
    log_of(app).append(REQUEST)
    hand_out(app, *batches)
    assert answers(app).step() == [Promotion("aws.ec2", "", BY_MS, "d1", reason)]


def test_damaged_rows_are_declined_with_the_file(app: App) -> None:
    log_of(app).append(REQUEST)
    hand_out(app, batch(1), batch(2))
    path = Path(str(app.models)) / "rows" / "d1" / "1.bin"
    path.write_bytes(path.read_bytes()[:-1])
    (answer,) = answers(app).step()
    assert answer.version == ""
    assert "rows/d1/1.bin: damaged" in answer.reason


def test_a_trainer_that_died_before_it_had_answered_answers_the_same(app: App) -> None:
    log_of(app).append(REQUEST)
    hand_out(app, batch(1), batch(2))
    (settled,) = answers(app).trainer.train([batch(1), batch(2)], lambda _: BY_MS)
    (answer,) = answers(app).step()
    assert (answer.version, answer.effective_ms) == (settled.version, BY_MS)


def test_a_model_that_would_serve_before_the_active_one_is_declined(app: App) -> None:
    answers(app).trainer.train([batch(5)], lambda _: BY_MS + 1)
    log_of(app).append(REQUEST)
    hand_out(app, batch(1), batch(2))
    (answer,) = answers(app).step()
    assert answer.version == ""
    assert "must not take effect before" in answer.reason


def test_force_promotes_what_does_worse_and_says_so(app: App) -> None:
    trainer = Trainer(app, catalogue_of(app))
    trainer.train([batch(1, count=900)], lambda _: 1)
    worse = [batch(3, count=450, spread=6.0), batch(4, count=150, since=460)]
    (declined,) = trainer.train(worse, lambda _: 2)
    assert not declined.promoted
    (forced,) = trainer.train(worse, lambda _: 2, force=True)
    assert (forced.promoted, forced.version) == (True, declined.version)
    assert "moved metric" in forced.reason


def wait_for_an_answer(app: App) -> list[Record]:
    """Ask as a replay would, in front of the thread; return what is in the log at the end."""
    log = log_of(app)
    hand_out(app, *(batch(seed) for seed in range(GROUPS)))
    with answering(app, catalogue_of(app), log):
        log.append(REQUEST)
        deadline = time.monotonic() + 20
        while len(log.read()) == 1 and _is_alive("foreshock-trainer"):
            assert time.monotonic() < deadline
            threading.Event().wait(0.02)
    return log.read()


def _is_alive(name: str) -> bool:
    return any(thread.name == name for thread in threading.enumerate())


def test_a_thread_answers_while_a_replay_waits(app: App) -> None:
    _, answer = wait_for_an_answer(app)
    assert isinstance(answer, Promotion)
    assert answer.version


def test_what_the_thread_stumbles_over_is_raised_at_the_end(app: App) -> None:
    folder = Path(str(app.models))
    folder.mkdir()
    (folder / "index.json").write_bytes(b"{}")
    with pytest.raises(ModelRefused, match="not an index of models"):
        wait_for_an_answer(app)
