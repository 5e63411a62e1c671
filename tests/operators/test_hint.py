import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.hint import TITLE_CHARS, hint, title
from operators.members import AlertRecord
from schema import Evidence, Member, Resource
from tests.operators.edges import LATENCY, at, edge, evidence, resource

EC2 = (("cloud", "aws"), ("region", "eu-west-1"), ("service", "aws.ec2"))
CPU = (evidence(),)


def member(
    name: str, onset: float = 4, kind: str = "metrics", proof: tuple[Evidence, ...] = CPU
) -> Member:
    opened = edge("open", resource(name), max(5.0, onset), onset=onset, kind=kind, proof=proof)
    return AlertRecord.of(opened).shown()


def said(*suspects: Member, resources: int | None = None) -> str:
    return hint(suspects, len(suspects) if resources is None else resources, EC2, at(10))


def test_names_metric_change_band_and_time() -> None:
    wanted = "cpu.utilization of i-0a1 rose to 93 % (expected 41-48 %) at 12:04 UTC"
    assert said(member("i-0a1")) == wanted


@pytest.mark.parametrize(
    ("onset", "relation"),
    [(7, "3 min before"), (4, "together with"), (2, "2 min after")],
)
def test_sets_the_first_suspect_in_time_against_the_next(onset: float, relation: str) -> None:
    text = said(member("i-0a1"), member("web-lb", onset, proof=LATENCY))
    assert text.endswith(f"at 12:04 UTC, {relation} latency of web-lb")


@pytest.mark.parametrize(
    ("resources", "tail"),
    [
        (2, "cpu.utilization of b"),
        (3, "cpu.utilization of b; 1 more resource of aws.ec2 in eu-west-1 follows"),
        (6, "cpu.utilization of b; 4 more resources of aws.ec2 in eu-west-1 follow"),
    ],
)
def test_counts_those_that_follow(resources: int, tail: str) -> None:
    assert said(member("a"), member("b"), resources=resources).endswith(tail)


def test_names_only_what_the_members_share_of_the_place() -> None:
    text = hint([member("a"), member("b")], 3, (("cloud", "aws"),), at(10))
    assert text.endswith("; 1 more resource follows")


def test_another_alert_of_the_same_resource_is_not_the_next_suspect() -> None:
    text = said(member("a"), member("a", kind="silent", proof=()), member("b", 5), resources=2)
    assert text.endswith("1 min before cpu.utilization of b")


@pytest.mark.parametrize(
    ("kind", "proof", "wanted"),
    [
        ("silent", (), "a has sent nothing since 12:04 UTC (its neighbours have)"),
        ("metrics", (), "a behaves unusually at 12:04 UTC"),
        (
            "metrics",
            (evidence(value=10.0),),
            "cpu.utilization of a fell to 10 % (expected 41-48 %) at 12:04 UTC",
        ),
        (
            "metrics",
            (evidence(value=45.0),),
            "cpu.utilization of a is unusual at 45 % (expected 41-48 %) at 12:04 UTC",
        ),
        (
            "metrics",
            (evidence(value=48.01),),
            "cpu.utilization of a rose to 48.01 % (expected 41-48 %) at 12:04 UTC",
        ),
        (
            "metrics",
            (evidence("disk.io", 2e6, 1e5, 2e5, "bytes/s", labels=(("device", "sda"),)),),
            "disk.io{device=sda} of a rose to 2 MB/s (expected 100-200 kB/s) at 12:04 UTC",
        ),
        (
            "rule:disk_full",
            (evidence("disk.utilization", 96.0, -math.inf, 90.0),),
            "rule disk_full: disk.utilization of a is 96 % (limit 90 %) at 12:04 UTC",
        ),
        (
            "rule:disk_full",
            (evidence("disk.utilization", 96.0),),
            "rule disk_full: disk.utilization of a is 96 % (expected 41-48 %) at 12:04 UTC",
        ),
        (
            "rule:no_memory",
            (evidence("memory.available", 1e6, 5e6, math.inf, "bytes"),),
            "rule no_memory: memory.available of a is 1 MB (limit 5 MB) at 12:04 UTC",
        ),
    ],
)
def test_each_kind_of_alert_has_its_words(
    kind: str, proof: tuple[Evidence, ...], wanted: str
) -> None:
    assert said(member("a", kind=kind, proof=proof)) == wanted


def test_says_when_a_climb_reaches_its_limit_while_that_is_to_come() -> None:
    climb = msgspec.structs.replace(evidence(), limit=100.0, limit_at_ms=at(30))
    wanted = "(expected 41-48 %) at 12:04 UTC; reaches 100 % at 12:30 UTC at this pace"
    assert said(member("a", proof=(climb,))).endswith(wanted)
    beside = said(member("a", proof=(*LATENCY, climb)))
    assert beside.endswith("; cpu.utilization reaches 100 % at 12:30 UTC at this pace")
    gone = msgspec.structs.replace(climb, limit_at_ms=at(10))
    assert said(member("a", proof=(gone,))).endswith("at 12:04 UTC")
    assert said(member("a", proof=(climb,)), member("b", 7)).endswith(
        "at this pace, 3 min before cpu.utilization of b"
    )


def test_the_neighbours_of_a_silent_resource_are_not_called_witnesses_when_silent_too() -> None:
    text = said(member("a", kind="silent", proof=()), member("b", kind="silent", proof=()))
    assert text == "a has sent nothing since 12:04 UTC, together with silence of b"


def test_a_title_counts_the_other_resources() -> None:
    assert title([member("a")], 1) == "cpu.utilization of a rose to 93 %"
    assert title([member("a")], 2) == "cpu.utilization of a rose to 93 % (+1 resource)"
    assert title([member("a")], 5000) == "cpu.utilization of a rose to 93 % (+4999 resources)"


def test_a_long_path_is_called_by_its_last_segment() -> None:
    path = "/subscriptions/0000/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1"
    assert title([member(path)], 1) == "cpu.utilization of vm1 rose to 93 %"


def test_a_long_name_keeps_both_ends() -> None:
    text = title([member("start" + "x" * 100 + "end")], 1)
    assert "start" in text
    assert "end rose to 93 %" in text


@settings(deadline=None)
@given(
    name=st.text(min_size=1, max_size=200),
    metric=st.text(min_size=1, max_size=100),
    kind=st.sampled_from(["metrics", "silent", "rule:a_rule_with_a_long_name"]),
    value=st.floats(),
    resources=st.integers(1, 10**6),
)
def test_a_title_always_fits_a_phone(
    name: str, metric: str, kind: str, value: float, resources: int
) -> None:
    proof = (Evidence(metric, (), "ms", value, 1.0, 0.0, 2.0, 1.0, 0),)
    one = Resource("", "", "", "", name)
    shown = Member(one, kind, at(0), at(0), None, 0.9, 1.0, proof)
    assert 0 < len(title([shown], resources)) <= TITLE_CHARS
    assert hint([shown], resources, (), at(0))
