"""A simulated year: what is put in is found, and hardly anything else; see `make review-year`."""

from operators.review_models import SHIPPED
from operators.review_settings import ReviewSettings
from tests.review.judged import judged, reviewed
from tests.review.year import KEYS, simulate


def test_a_year_is_its_seeds_and_its_oddities_are_all_there() -> None:
    year = simulate(3, oddities=5, services=2)
    assert year == simulate(3, oddities=5, services=2)
    assert year.events != simulate(4, oddities=5, services=2).events
    assert {odd.kind for odd in year.oddities} == {
        "burst", "slow_rise", "severity_shift", "slow_repair", "strange_hour"
    }  # fmt: skip
    assert [e.order for e in year.events] == sorted(e.order for e in year.events)
    assert {(e.service, e.team) for e in year.events} == set(KEYS[:2])


def test_most_of_a_year_is_found_by_statistics_alone_and_little_else() -> None:
    year = simulate(11, oddities=5, services=2)
    found, failures = reviewed(year, SHIPPED[:1], ReviewSettings())
    how = judged(year, found)
    assert failures == []
    assert how.recall >= 0.6
    assert how.precision >= 0.6
    assert how.false_a_month < 1.0
