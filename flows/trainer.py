"""Fits, judges and registers models, and promotes what does no worse than the one that serves."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from config.app import App
from connectors.model_files import ModelRefused, Setting
from connectors.model_registry import Registry
from flows.models import service_model, stored_model
from operators.comparison import Figures, figures_of, figures_of_model, what_is_worse
from operators.training import CALIBRATED, FITTED, Trained, by_service, rows_needed, train
from schema import Catalogue, FeatureBatch, Promotion

_log = logging.getLogger(__name__)

Promote = Callable[[Trained], int | None]
"""Says from which event time on a model is to serve; None: not, it stays a candidate."""


class Settled(msgspec.Struct, frozen=True):
    """What became of a training."""

    service: str
    version: str  # "": none, there were too few rows
    promoted: bool
    effective_ms: int  # 0 if it does not serve
    reason: str

    def promotion(self, request: str = "") -> Promotion:
        """Return what to tell the flows."""
        return Promotion(self.service, self.version, self.effective_ms, request, self.reason)


class Trainer:
    """Trains for the registry of the settings. The same rows give the same version.

    Raises: ValueError without a registry, or without the forest among the detectors.
    """

    def __init__(self, app: App, catalogue: Catalogue) -> None:
        if app.models is None:
            raise ValueError("models must name the registry's folder, got None")
        if "isolation_forest" not in app.detect.detectors:
            names = list(app.detect.detectors)
            raise ValueError(f"detectors must name isolation_forest to train it, got {names!r}")
        self._app = app
        self._catalogue = catalogue
        self.registry = Registry(Path(app.models))

    def train(
        self, batches: Sequence[FeatureBatch], promote: Promote, *, force: bool = False
    ) -> list[Settled]:
        """Train each service that the batches are of, and settle what becomes of it.

        `force` promotes a model that does worse, too.
        """
        out = []
        for service, own in by_service(batches).items():
            trained = train(service, own, self._weight(service), self._app.detect.isolation_forest)
            settled = (
                self._settle(trained, promote, force)
                if isinstance(trained, Trained)
                else self._too_few(service, trained)
            )
            _log.info("%s: %s: %s", service, settled.version or "no model", settled.reason)
            out.append(settled)
        return out

    def _settle(self, trained: Trained, promote: Promote, force: bool) -> Settled:
        service = trained.service
        weight = self._weight(service)
        own = figures_of(
            trained.forest, trained.tails, trained.names, trained.judged, trained.names, weight
        )
        stored = stored_model(trained, self._settings(trained), _figures(trained, own))
        version = self.registry.register(stored)
        effective_ms = promote(trained)
        if effective_ms is None:
            return Settled(service, version, False, 0, "a candidate, as asked")
        known = [e for e in self.registry.list() if e.version == version and e.effective_from_ms]
        if known and known[-1].effective_from_ms:
            return Settled(service, version, False, known[-1].effective_from_ms, "served already")
        worse, compared = self._compared(trained, own, effective_ms)
        if worse and not force:
            return Settled(service, version, False, 0, f"stays a candidate: {worse}")
        try:
            self.registry.promote(version, effective_ms)
        except ValueError as ex:
            return Settled(service, version, False, 0, f"stays a candidate: {ex}")
        return Settled(service, version, True, effective_ms, worse or compared)

    def _compared(self, trained: Trained, own: Figures, at_ms: int) -> tuple[str, str]:
        """Return in which respect it is worse than what serves then, and how it compares."""
        service = trained.service
        try:
            active = self.registry.active(service, at_ms)
            if active is None:
                return "", "the first of its service"
            model = service_model(active, service, self._app.ingest.tick_s)
        except ModelRefused as ex:
            return "", f"the active one is refused: {ex}"
        theirs = figures_of_model(model, trained.judged, trained.names, self._weight(service))
        return what_is_worse(own, theirs), (
            f"does no worse than {active.version}: {own.above_tail:.1%} above the tail "
            f"({theirs.above_tail:.1%}), separation {own.separation:.3f} ({theirs.separation:.3f})"
        )

    def _too_few(self, service: str, rows: int) -> Settled:
        needed = rows_needed(self._app.detect.isolation_forest)
        _log.warning("%s: no model: %d feature rows, %d needed", service, rows, needed)
        return Settled(service, "", False, 0, f"{rows} feature rows, {needed} needed")

    def _weight(self, service: str) -> Callable[[str], float]:
        return lambda metric: self._catalogue.lookup(service, metric).weight

    def _settings(self, trained: Trained) -> Mapping[str, Setting]:
        forest = self._app.detect.isolation_forest
        return {
            "detector": "isolation_forest",
            "trees": forest.trees,
            "max_samples": forest.max_samples,
            "seed": trained.seed,
            "tick_s": self._app.ingest.tick_s,
            "fitted_share": FITTED,
            "calibrated_share": CALIBRATED,
        }


def _figures(trained: Trained, own: Figures) -> Mapping[str, float]:
    tail = trained.tails[trained.tails[:, 0] > 0][0]
    return {
        "rows": float(trained.rows),
        "calibration_rows": float(trained.calibrated_rows),
        "held_back_rows": float(own.rows),
        "held_back_mean_score": own.mean_score,
        "held_back_above_tail": own.above_tail,
        "separation": own.separation,
        "tail_score": float(tail[1]),
        "tail_excess": float(tail[2]),
    }
