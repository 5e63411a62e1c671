import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.inhibition import Facts, Inhibition, InhibitRule
from operators.topology import Topology
from schema import Edge, Severity

NODE_DOWN = InhibitRule("node-down", ("kind=silent",), ("kind=metrics",), ("region",))
MAP = Topology.load(edges=[Edge("web", "api"), Edge("api", "db"), Edge("shop", "web")])
Alert = dict[str, str]


def facts(
    name: str,
    minute: int = 0,
    suspect: str = "",
    nodes: tuple[str, ...] = (),
    severity: Severity = Severity.HIGH,
    alerts: tuple[Alert, ...] = (),
    rules: tuple[InhibitRule, ...] = (),
) -> Facts:
    sources, targets = Inhibition(rules, 0, MAP).sides(alerts)
    return Facts(name, minute * 60_000, severity, suspect, lambda: iter(nodes), sources, targets)


def judged(
    *cases: Facts, rules: tuple[InhibitRule, ...] = (), within_s: float = 1800.0
) -> dict[str, str]:
    found = Inhibition(rules, within_s, MAP).judge(cases)
    assert list(found) == [case.id for case in sorted(cases, key=lambda c: (c.opened_ms, c.id))]
    return {name: by for name, by in found.items() if by}


DB = facts("i-db", 0, "db", ("db",))
CAUSES = [
    ("all of it needs the cause", facts("i-web", 20, "web", ("web", "api")), True),
    ("at the border of the time", facts("i-web", 30, "web", ("web",)), True),
    ("too late to be of it", facts("i-web", 31, "web", ("web",)), False),
    ("one does not need the cause", facts("i-web", 20, "web", ("web", "mail")), False),
    ("it is worse", facts("i-web", 20, "web", ("web",), Severity.CRITICAL), False),
    ("no alert is open", facts("i-web", 20, "web"), False),
    ("on no map", facts("i-x", 20, "x", ("x",)), False),
]  # fmt: skip


@pytest.mark.parametrize(("case", "wanted"), [c[1:] for c in CAUSES], ids=[c[0] for c in CAUSES])
def test_a_cause_hides_its_consequences(case: Facts, wanted: bool) -> None:
    assert judged(DB, case) == ({case.id: "i-db"} if wanted else {})


def test_what_is_needed_is_not_hidden_by_what_needs_it() -> None:
    assert judged(facts("i-web", 0, "web", ("web",)), facts("i-db", 5, "db", ("db",))) == {}


def test_a_consequence_that_opened_first_is_not_hidden() -> None:
    assert judged(facts("i-web", 0, "web", ("web",)), facts("i-db", 1, "db", ("db",))) == {}


def test_the_oldest_cause_hides_and_one_that_is_hidden_itself_hides_too() -> None:
    api, shop = facts("i-api", 5, "api", ("api",)), facts("i-shop", 32, "shop", ("shop",))
    assert judged(DB, api, facts("i-web", 9, "web", ("web",))) == {"i-api": "i-db", "i-web": "i-db"}
    assert judged(DB, api, shop) == {"i-api": "i-db", "i-shop": "i-api"}


def test_of_two_that_opened_together_the_needed_one_is_told() -> None:
    web, db = facts("a", 0, "web", ("web",)), facts("b", 0, "db", ("db",))
    assert judged(web, db) == {"a": "b"}


def test_two_that_need_each_other_do_not_both_hide() -> None:
    ring = Topology.load(edges=[Edge("a", "b"), Edge("b", "a")])
    cases = [facts("i-a", 0, "a", ("a",)), facts("i-b", 0, "b", ("b",))]
    assert Inhibition((), 60, ring).judge(cases) == {"i-a": "", "i-b": "i-a"}


def test_no_time_means_that_no_cause_hides_later_ones() -> None:
    assert judged(DB, facts("i-web", 0, "web", ("web",)), within_s=0) == {}


def rule_case(name: str, minute: int, *alerts: tuple[str, str]) -> Facts:
    told = tuple({"kind": kind, "region": region} for kind, region in alerts)
    return facts(name, minute, alerts=told, rules=(NODE_DOWN,))


RULES = [
    ("where the labels are equal", [("metrics", "eu")], True),
    ("not where they are not", [("metrics", "us")], False),
    ("not where one alert is another", [("metrics", "eu"), ("rule:x", "eu")], False),
    ("not where one alert has no source", [("metrics", "eu"), ("metrics", "us")], False),
]  # fmt: skip


@pytest.mark.parametrize(("alerts", "wanted"), [r[1:] for r in RULES], ids=[r[0] for r in RULES])
@pytest.mark.parametrize("minute", [0, 9])
def test_a_rule_hides_its_targets(alerts: list[tuple[str, str]], wanted: bool, minute: int) -> None:
    down = rule_case("a", 5, ("silent", "eu"))
    found = judged(down, rule_case("b", minute, *alerts), rules=(NODE_DOWN,))
    assert found == ({"b": "node-down"} if wanted else {})


def test_the_sources_of_a_rule_may_be_in_several_incidents() -> None:
    both = rule_case("b", 9, ("metrics", "eu"), ("metrics", "us"))
    downs = rule_case("a", 5, ("silent", "eu")), rule_case("c", 6, ("silent", "us"))
    assert judged(*downs, both, rules=(NODE_DOWN,)) == {"b": "node-down"}


def test_an_incident_does_not_hide_itself() -> None:
    every = InhibitRule("every", ("kind=metrics",), ("kind=metrics",))
    case = facts("a", alerts=({"kind": "metrics"},), rules=(every,))
    assert judged(case, rules=(every,)) == {}


def test_a_label_that_both_lack_is_equal() -> None:
    rule = InhibitRule("r", ("kind=silent",), ("kind=metrics",), ("team",))
    down = facts("a", alerts=({"kind": "silent"},), rules=(rule,))
    target = facts("b", alerts=({"kind": "metrics"},), rules=(rule,))
    assert judged(down, target, rules=(rule,)) == {"b": "r"}


EACH_OTHER = tuple(
    InhibitRule(f"{a}-hides-{b}", (f"kind={a}",), (f"kind={b}",)) for a in "xyz" for b in "xyz"
)
_kinds = st.lists(st.sampled_from("xyz"), min_size=1, max_size=7)


@given(_kinds, st.sets(st.sampled_from(EACH_OTHER)))
def test_whatever_is_hidden_somebody_is_told_of_what_hides_it(
    kinds: list[str], chosen: set[InhibitRule]
) -> None:
    rules = tuple(sorted(chosen, key=lambda rule: rule.name))
    cases = [
        facts(f"i-{i}", i // 2, alerts=({"kind": kind},), rules=rules)
        for i, kind in enumerate(kinds)
    ]
    found = judged(*cases, rules=rules)
    kind_of = dict(zip((case.id for case in cases), kinds, strict=True))
    for name, by in found.items():
        hiders = {by.split("-")[0]}
        while True:  # kinds that lead to it in the end
            more = {
                found[other].split("-")[0] for other in found if kind_of[other] in hiders
            } | hiders
            if more == hiders:
                break
            hiders = more
        told = {kind_of[other] for other in kind_of if other not in found}
        assert told & hiders, name


@given(_kinds, st.sets(st.sampled_from(EACH_OTHER)), st.permutations(range(7)))
def test_the_order_of_the_incidents_decides_nothing(
    kinds: list[str], chosen: set[InhibitRule], order: list[int]
) -> None:
    rules = tuple(sorted(chosen, key=lambda rule: rule.name))
    cases = [
        facts(f"i-{i}", i // 2, alerts=({"kind": kind},), rules=rules)
        for i, kind in enumerate(kinds)
    ]
    mixed = [cases[i] for i in order if i < len(cases)]
    assert judged(*cases, rules=rules) == judged(*mixed, rules=rules)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (("", ("a=b",), ("a=c",)), "name must name the rule"),
        (("r", (), ("a=c",)), r"source must have a matcher .* got \(\)"),
        (("r", ("a=b",), ("a!=c",)), "target must have a matcher"),
        (("r", ("a=~(",), ("a=c",)), "RE2 syntax"),
    ],
)
def test_refuses_a_rule_that_makes_no_sense(
    bad: tuple[str, tuple[str, ...], tuple[str, ...]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        InhibitRule(*bad)
