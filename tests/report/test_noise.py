"""Who makes the most noise, what was kept from people, and which settings are not usual."""

from pathlib import Path

from msgspec.structs import replace

from config.app import App
from connectors.files import FileSource
from connectors.kafka_settings import KafkaSource
from operators.detect_settings import DetectSettings
from operators.ingest import IngestSettings
from report.noise import high_shares, hushed, noisy_metrics, noisy_resources
from report.settings_used import Change, changes, settings_yaml
from report.told import lives_of
from schema import Transition
from tests.report.made_run import METRICS, RESOURCES, START_MS, made_run


def test_the_noisiest_come_first(tmp_path: Path) -> None:
    run = made_run(tmp_path, RESOURCES + 3, days=3.0)
    incidents = [life[-1].incident for life in lives_of(run.outcome.transitions)]
    found = noisy_resources(incidents, run.spool, 4.1, START_MS)
    assert [each.name for each in found[:4]] == ["db-00", "db-01", "db-02", "db-03"]
    assert [each.incidents for each in found[:4]] == [2, 2, 2, 1]
    assert found[0].alerting_ms == 2 * found[3].alerting_ms > 0
    assert 0.0 < (found[3].high_share or 0.0) < (found[0].high_share or 0.0) < 0.1
    assert [(each.metric, each.incidents, each.resources) for each in noisy_metrics(incidents)] == [
        (metric, RESOURCES + 3, RESOURCES) for metric in sorted(METRICS)
    ]


def test_no_score_is_high_above_all_scores(tmp_path: Path) -> None:
    run = made_run(tmp_path, 2)
    assert set(high_shares(run.spool, 99.0).values()) == {0.0}


def test_silenced_inhibited_and_merged_are_told_apart(tmp_path: Path) -> None:
    (life,) = lives_of(made_run(tmp_path, 1).outcome.transitions)

    def said(event: str, reason: str, **fields: object) -> Transition:
        incident = replace(life[-1].incident, **fields)
        return replace(life[-1], event=event, reason=reason, incident=incident)

    silenced = said("silenced", "silenced by s1, until 10:00", silenced_by=("s1",))
    inhibited = said("silenced", "inhibited by inc-9", inhibited_by="inc-9")
    merged = said("merged", "the same trouble: part of inc-9", merged_into="inc-9")
    found = hushed([(*life, silenced), (*life, inhibited, merged), life])
    assert [(each.how, each.why) for each in found] == [
        ("silenced", "silenced by s1, until 10:00"),
        ("inhibited", "inhibited by inc-9"),
        ("merged", "the same trouble: part of inc-9"),
    ]


def test_settings_are_compared_with_the_defaults_and_name_no_source() -> None:
    secret = KafkaSource(
        brokers="broker:9092", topics=("t",), properties={"sasl.password": "hunter2"}
    )
    app = App(sources=(secret,), ingest=IngestSettings(groups=2))
    assert changes(app) == (Change("ingest.groups", "2", str(IngestSettings().groups)),)
    assert changes(App(sources=(FileSource(("a",)),))) == ()
    shown = settings_yaml(app)
    assert "hunter2" not in shown
    assert "broker" not in shown
    assert "max_label_sets" in shown
    alone = replace(app, detect=DetectSettings(detectors=("temporal",)))
    assert [each.key for each in changes(alone)] == ["ingest.groups", "detect.detectors"]
