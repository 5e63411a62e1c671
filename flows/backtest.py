"""The same flow over history at full speed, and what it came to."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from config.app import App
from connectors.control_log import write_log
from connectors.model_registry import Registry
from flows.control import announced, logged
from flows.given_models import give_models, without_promotions
from flows.labels import Labels, within
from flows.nab_run import nab_of_run
from flows.outcome import CONTROL, Outcome
from flows.replay import Show, replay, summary_of
from flows.resumable import begin, is_begun, plan_of
from flows.score_curve import curve_of_scores
from flows.summary import Summary
from flows.train import run as train
from schema import Deploy

_log = logging.getLogger(__name__)

_OF_ROWS = ("nab", "points")  # forms of labels that are of single rows, as scores are
_MODELS = "models"  # folder of those that are made for the run
_SPOOL = "spool"  # folder for how every sample was judged


class Run(NamedTuple):
    """A run that has ended; `spool` is the folder of how every sample was judged."""

    app: App
    outcome: Outcome
    summary: Summary
    spool: Path


@dataclass(frozen=True)
class Report:
    """What is wanted of a run beside its summary."""

    folder: Path
    write: Callable[[Run, Labels | None], None]


class Plan(msgspec.Struct, frozen=True):
    """What is run over history.

    The control log is obeyed and never written. Models serve as they did, or `versions` of the
    registry from the start, or what `training` (the settings with an earlier window's sources)
    comes to. To `retrain` is to train a model whenever a service drifts, for the run alone, as a
    trainer that watches the live flow would have done; what the control log has answered already
    stays.
    """

    app: App
    versions: tuple[str, ...] = ()
    training: App | None = None
    retrain: bool = False

    def over_the_data_of(self, other: "Plan") -> "Plan":
        """Return this plan with the other's sources and control log."""

        def reading(app: App, others: App) -> App:
            return msgspec.structs.replace(
                app,
                sources=others.sources,
                control_log=others.control_log,
                deploys=others.deploys,
            )

        mine, theirs = self.training, other.training
        training = mine if mine is None or theirs is None else reading(mine, theirs)
        return Plan(reading(self.app, other.app), self.versions, training, self.retrain)


def run(
    plan: Plan,
    *,
    workers: int = 1,
    labels: Labels | None = None,
    folder: Path | None = None,
    show: Show | None = None,
    report: Report | None = None,
) -> Summary:
    """Replay; with `labels`, say how well the incidents agree with them. A `report` comes last.

    Of windows by file the benchmark's score too, but for a run that is gone on with: the scores of
    its first part may not have been kept.
    """
    beside = None if report is None else report.folder
    with spooled(beside, labels if folder is None else None, folder) as spool:
        outcome = replayed(plan, workers=workers, folder=folder, show=show, spool=spool)
        labels = None if labels is None else within_run(labels, outcome)
        summary = summed_up(plan.app, outcome, labels, None if folder else spool)
        if report is not None and spool is not None:
            report.write(Run(plan.app, outcome, summary, spool), labels)
    return summary


def summed_up(app: App, outcome: Outcome, labels: Labels | None, spool: Path | None) -> Summary:
    """Return what a run came to; with labels of rows, by the scores in its spool too."""
    summary = summary_of(outcome, labels)
    if labels is None or labels.form not in _OF_ROWS or spool is None or summary.figures is None:
        return summary
    curve = curve_of_scores(spool, labels, outcome.threshold) or summary.figures.curve
    nab = nab_of_run(app, spool, labels) if labels.windows else ()
    figures = msgspec.structs.replace(summary.figures, curve=curve, nab=nab)
    return msgspec.structs.replace(summary, figures=figures)


@contextmanager
def spooled(
    beside: Path | None, labels: Labels | None, kept: Path | None = None
) -> Iterator[Path | None]:
    """Yield where it is written how every sample was judged, if a report or the labels need it.

    That is in the folder of the run's state, if that is `kept`; else `beside` the report, which is
    on a disk: other temporary files may be in memory.
    """
    if beside is not None and kept is not None:
        yield kept / _SPOOL
    elif beside is not None or (labels is not None and labels.form in _OF_ROWS):
        if beside is not None:
            beside.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".spool-", dir=beside) as own:
            yield Path(own)
    else:
        yield None


def within_run(labels: Labels, outcome: Outcome) -> Labels:
    """Return the labels of what the run could see."""
    return within(labels, outcome.from_ms, outcome.until_ms) if outcome.until_ms else labels


def replayed(
    plan: Plan,
    *,
    workers: int = 1,
    folder: Path | None = None,
    show: Show | None = None,
    spool: Path | None = None,
) -> Outcome:
    """Replay. With a `folder` a run that was stopped can be gone on with.

    Raises: what `flows.replay.replay` raises; ValueError if the folder is of another run.
    """
    app, training = plan.app, plan.training
    with TemporaryDirectory(prefix="foreshock-") as own:
        kept = folder or Path(own)
        sources = None if training is None else training.sources
        more = {"versions": plan.versions, "training": sources, "retrain": plan.retrain}
        marks = {} if folder is None else plan_of(app, **more)
        if folder is None or not is_begun(folder, marks):
            kept.mkdir(parents=True, exist_ok=True)
            _prepare(app, kept, plan.versions, training, workers)
            if plan.retrain:
                _own_models(app, kept)
            begin(kept, marks)
        return replay(
            _prepared(app, kept),
            workers=workers,
            retrain=plan.retrain,
            folder=folder,
            show=show,
            spool=spool,
        )


def _prepare(
    app: App, folder: Path, versions: Sequence[str], training: App | None, workers: int
) -> None:
    """Put the control log's records and the models into the folder."""
    records = logged(app)
    there = {each.id for each in records if isinstance(each, Deploy)}
    records += [each for each in announced(app) if each.id not in there]
    if versions:
        if app.models is None:
            raise ValueError(f"models must name the registry that has {versions[0]!r}, got None")
        given = give_models(Path(app.models), versions, folder / _MODELS)
        records = without_promotions(records, given.services)
    if training is not None:
        train(msgspec.structs.replace(training, models=str(folder / _MODELS)), workers=workers)
        records = without_promotions(records)
    if records:
        write_log(folder / CONTROL, records)


def _own_models(app: App, folder: Path) -> None:
    """Have a registry in the folder, so that what is trained meanwhile goes nowhere else."""
    own = folder / _MODELS
    if own.exists():
        return
    own.mkdir()
    if app.models is not None:
        known = Registry(Path(app.models))
        known.copy(own, known.list())


def _prepared(app: App, folder: Path) -> App:
    """Return the settings of a run on what was put into the folder."""
    own_models, log = folder / _MODELS, folder / CONTROL
    return msgspec.structs.replace(
        app,
        models=str(own_models) if own_models.exists() else app.models,
        control_log=str(log) if log.exists() else None,
        deploys=None,  # they are in the log
    )
