"""What a key group says for screens: plots of what has alerted, and how it stands now."""

from collections.abc import Sequence

from operators.cohort import CohortTable
from operators.evidence import EvidenceSettings, Followed
from operators.gauge import Gauge, GaugeState, LiveSettings
from operators.layout import Found, Knobs
from operators.recorder import Recorder
from operators.rules import RuleTable
from schema import I32, I64, Anomaly, LiveWord, Plot


def laid_over(knobs: Knobs, evidence: EvidenceSettings | None, live: LiveSettings | None) -> Knobs:
    """Return the pass's knobs with what it is to write down for screens."""
    if evidence is not None and evidence.enabled:
        knobs = knobs._replace(followed=evidence.followed * evidence.metrics)
    if live is not None and live.enabled:
        knobs = knobs._replace(raised_bar=live.heat_from * knobs.open_score)
    return knobs


class Screens:
    """A key group's recorder and gauge."""

    def __init__(
        self,
        evidence: EvidenceSettings | None,
        live: LiveSettings | None,
        group: tuple[int, int],
        knobs: Knobs,
        rules: RuleTable,
        tick_ms: int,
    ) -> None:
        """Start empty. `group` is the key group's index, and how many there are."""
        self._recorder = Recorder(evidence, knobs, rules, tick_ms)
        self._gauge = Gauge(live, group, knobs, tick_ms)
        self._words: list[LiveWord] = []  # since the last word

    def count(self, table: CohortTable, tick: I64, rows: I32) -> None:
        """Count the samples of a service, ordered by tick and resource."""
        self._gauge.count(table, tick, rows)

    def take(self, found: Found, table: CohortTable, edges: Sequence[Anomaly]) -> None:
        """Take what a pass wrote down, which ended with the tick of the first alert that opened."""
        self._recorder.take(found, table, edges)
        self._gauge.take(found, table)

    def close(self, tables: Sequence[CohortTable], until_ms: int, final: bool) -> tuple[Plot, ...]:
        """Return the plots that were drawn before `until_ms`; all of them where it is the end."""
        if final:
            self._recorder.say_all(tables, until_ms)
        word = self._gauge.word(tables, until_ms, final)
        if word is not None:
            self._words.append(word)
        return self._recorder.said()

    def words(self) -> list[LiveWord]:
        """Return, once, how the group has stood."""
        said, self._words = self._words, []
        return said

    def state(self) -> tuple[tuple[tuple[str, tuple[Followed, ...]], ...], GaugeState]:
        """Return what a snapshot must hold: what is followed by service, and what was counted."""
        return self._recorder.state(), self._gauge.state

    def resume(
        self,
        followed: Sequence[tuple[str, tuple[Followed, ...]]],
        counted: GaugeState,
        tables: Sequence[CohortTable],
    ) -> None:
        """Go on from a snapshot."""
        self._recorder.resume(followed, tables)
        self._gauge.state = counted
