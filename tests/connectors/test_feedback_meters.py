"""Words on incidents, counted."""

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from connectors.feedback_meters import FeedbackMeters
from schema import Transition
from tests.connectors.made_transitions import INCIDENT, MEMBER, OPENED, RESOURCE

replace = msgspec.structs.replace


def judged(verdict: str, *found_by: tuple[str, ...]) -> Transition:
    lambdas = replace(RESOURCE, service="aws.lambda")
    members = tuple(
        replace(MEMBER, resource=RESOURCE if i == 0 else lambdas, detectors=detectors)
        for i, detectors in enumerate(found_by)
    )
    incident = msgspec.convert(
        msgspec.to_builtins(replace(INCIDENT, members=members)) | {"verdict": verdict},
        type(INCIDENT),
    )
    return replace(OPENED, event="judged", incident=incident)


@pytest.mark.parametrize("verdict", ["false_positive", "real"])
def test_a_word_counts_once_for_each_service_and_each_detector_there(verdict: str) -> None:
    registry = CollectorRegistry()
    meters = FeedbackMeters(registry)
    word = judged(verdict, ("temporal", "discord"), ("temporal",), ("temporal",))
    meters.take([OPENED, word])

    def shown(name: str, service: str, **labels: str) -> float | None:
        return registry.get_sample_value(
            f"foreshock_{name}", {"service": service, "verdict": verdict, **labels}
        )

    assert shown("feedback_total", "aws.rds") == shown("feedback_total", "aws.lambda") == 1
    assert shown("detector_feedback_total", "aws.rds", detector="discord") == 1
    assert shown("detector_feedback_total", "aws.lambda", detector="temporal") == 1
    assert shown("detector_feedback_total", "aws.lambda", detector="discord") is None
