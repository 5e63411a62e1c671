"""Incidents against the truth."""

import pytest

from flows.labels import Agreement, Alert, Fault, agreement, false_positive_rate, read_labels

MIN = 60_000
START = 1_000 * MIN
FAULT = Fault("F1", START, START + 10 * MIN, frozenset({"db", "web"}), "cpu_hog")


def told(
    opened_min: float, resolved_min: float | None, *resources: str, name: str = "I1"
) -> dict[str, object]:
    return {
        "id": name,
        "severity": "HIGH",
        "state": "open" if resolved_min is None else "resolved",
        "resources": list(resources),
        "metrics": ["cpu.utilization"],
        "opened_ms": START + round(opened_min * MIN),
        "resolved_ms": None if resolved_min is None else START + round(resolved_min * MIN),
        "hint": "",
    }


@pytest.mark.parametrize(
    ("incident", "matches", "delay_s"),
    [
        (told(2, 12, "db"), True, 120.0),
        (told(2, None, "db"), True, 120.0),
        (told(0, 1, "db"), True, 0.0),
        (told(-5, 1, "db"), True, 0.0),  # opened before: a delay is not negative
        (told(-5, 0, "db"), True, 0.0),  # resolved at the very start: its last tick overlaps
        (told(-5, -0.001, "db"), False, None),
        (told(9.999, 11, "web"), True, 599.94),
        (told(39.999, 60, "web"), True, 2399.94),  # the last moment of the aftermath
        (told(40, 60, "web"), False, None),  # half-open
        (told(2, 12, "cache"), False, None),
        (told(2, 12), False, None),
        (told(2, 12, "cache", "web"), True, 120.0),
        (told(2, 12, "DB"), False, None),  # names are exact
    ],
)
def test_a_match_is_in_time_and_names_a_resource_that_was_hit(
    incident: dict[str, object], matches: bool, delay_s: float | None
) -> None:
    result = agreement([FAULT], [incident])
    assert (result.recall, result.precision) == ((1.0, 1.0) if matches else (0.0, 0.0))
    assert result.median_detection_delay_s == delay_s
    assert result.missed_faults == (() if matches else ("F1 cpu_hog",))
    assert result.false_incidents == (() if matches else ("I1",))


def test_every_incident_of_a_fault_is_right_and_the_first_gives_the_delay() -> None:
    incidents = [told(8, 9, "db", name="b"), told(3, 4, "web", name="a"), told(3, 4, "x", name="c")]
    result = agreement([FAULT], incidents)
    assert result == Agreement(1, 1, 2 / 3, 1.0, 180.0, (), ("c",))


def test_one_incident_may_be_right_for_two_faults() -> None:
    other = Fault("F2", START + MIN, START + 2 * MIN, frozenset({"db"}))
    result = agreement([FAULT, other], [told(5, 6, "db")])
    assert (result.caught, result.precision, result.recall) == (2, 1.0, 1.0)
    assert result.median_detection_delay_s == (300 + 240) / 2


@pytest.mark.parametrize(
    ("faults", "incidents", "precision", "recall"),
    [
        ([], [], None, None),
        ([FAULT], [], None, 0.0),
        ([], [told(1, 2, "db")], 0.0, None),
    ],
)
def test_a_share_of_nothing_is_no_number(
    faults: list[Fault],
    incidents: list[dict[str, object]],
    precision: float | None,
    recall: float | None,
) -> None:
    result = agreement(faults, incidents)
    assert (result.precision, result.recall) == (precision, recall)
    assert result.median_detection_delay_s is None


def test_a_truth_file_is_read_and_what_is_not_judged_is_ignored() -> None:
    content = (
        b'{"faults":[{"id":"F1","kind":"cpu_hog","start_ms":1,"end_ms":2,"resources":["db"],'
        b'"root":"db","effects":[]}],"benign":[{"id":"B1"}]}'
    )
    assert read_labels(content).faults == (Fault("F1", 1, 2, frozenset({"db"}), "cpu_hog"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated"),
        (b"{}", "missing required field `faults`"),
        (b'{"faults":[{"id":"F1"}]}', "missing required field"),
        (
            b'{"faults":[{"id":"F","start_ms":2,"end_ms":1,"resources":[]}]}',
            "start_ms must not be after end_ms, got (2, 1)",
        ),
    ],
)
def test_what_is_no_truth_file_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match="must be a truth file with faults") as caught:
        read_labels(content)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("resource", "opened_min", "closed_min", "outside_min"),
    [
        ("db", 2, 12, 0),
        ("db", 0, 40, 0),  # the aftermath is the fault's
        ("db", -5, 45, 10),
        ("db", -5, -3, 2),
        ("db", 41, 44, 3),
        ("db", 35, 205, 160),  # up to the next fault
        ("db", -10, 300, 10 + 160 + 60),
        ("cache", 2, 12, 10),
    ],
)
def test_a_false_row_is_one_with_an_alert_open_outside_of_its_resources_faults(
    resource: str, opened_min: int, closed_min: int, outside_min: int
) -> None:
    later = Fault("F2", START + 200 * MIN, START + 210 * MIN, frozenset({"db"}))
    alert = Alert(resource, START + opened_min * MIN, START + closed_min * MIN)
    rate = false_positive_rate((later, FAULT), [alert], 1_000, MIN)
    assert rate == outside_min / 1_000


def test_no_rows_have_no_rate() -> None:
    assert false_positive_rate((FAULT,), [], 0, MIN) is None
