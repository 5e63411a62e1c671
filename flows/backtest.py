"""The same flow over history at full speed, and what it came to."""

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from config.app import App
from connectors.control_log import write_log
from connectors.model_registry import Registry
from flows.control import logged
from flows.given_models import give_models, without_promotions
from flows.labels import Labels, within
from flows.outcome import CONTROL
from flows.replay import Show, replay, summary_of
from flows.resumable import begin, is_begun, plan_of
from flows.summary import Summary
from flows.train import run as train

_log = logging.getLogger(__name__)

_MODELS = "models"  # folder of those that are made for the run


def run(
    app: App,
    *,
    workers: int = 1,
    labels: Labels | None = None,
    versions: Sequence[str] = (),
    training: App | None = None,
    retrain: bool = False,
    folder: Path | None = None,
    show: Show | None = None,
) -> Summary:
    """Replay the settings' sources; with `labels`, say how well the incidents agree with them.

    The control log is obeyed and never written. Models serve as they did, or `versions` of the
    registry from the start, or what `training` (the settings with an earlier window's sources)
    comes to. To `retrain` is to train a model whenever a service drifts, for the run alone, as a
    trainer that watches the live flow would have done; what the control log has answered already
    stays. With a `folder` a run that was stopped can be gone on with.

    Raises: what `flows.replay.replay` raises; ValueError if the folder is of another run.
    """
    with TemporaryDirectory(prefix="foreshock-") as own:
        kept = folder or Path(own)
        sources = None if training is None else training.sources
        more = {"versions": versions, "training": sources, "retrain": retrain}
        plan = {} if folder is None else plan_of(app, **more)
        if folder is None or not is_begun(folder, plan):
            kept.mkdir(parents=True, exist_ok=True)
            _prepare(app, kept, versions, training, workers)
            if retrain:
                _own_models(app, kept)
            begin(kept, plan)
        outcome = replay(
            _prepared(app, kept), workers=workers, retrain=retrain, folder=folder, show=show
        )
    if labels is not None and outcome.until_ms:
        labels = within(labels, outcome.from_ms, outcome.until_ms)
    return summary_of(outcome, labels)


def _prepare(
    app: App, folder: Path, versions: Sequence[str], training: App | None, workers: int
) -> None:
    """Put the control log's records and the models into the folder."""
    records = logged(app)
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
    )
