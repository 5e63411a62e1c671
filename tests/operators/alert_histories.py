"""Legal histories of alerts for property tests, and every way to cut and mix them."""

from dataclasses import dataclass

from hypothesis import strategies as st

from schema import Anomaly, Closed, Evidence, Resource, Severity
from tests.operators.edges import LATENCY, Edge, closed, edge, evidence, resource

GROUPS = 3
END = 180  # minutes
RESOURCES: tuple[Resource, ...] = (
    resource("i-0", zone="a", application="shop", tier="1"),
    resource("i-1", zone="a", application="shop"),
    resource("i-2", zone="b"),
    resource("db-0", "aws.rds", zone="b", app="shop"),
    resource("lb-0", "aws.elb"),
)
KINDS = ("metrics", "rule:full")
PROOFS = ((), (evidence(),), LATENCY)


Happening = tuple[int, Resource, str, bool, int, tuple[float, float], tuple[Evidence, ...]]
STRENGTHS = ((0.5, 1.0), (0.9, 5.0), (0.99, 9.0))  # confidence and score

_happening = st.tuples(
    st.integers(0, END - 1),  # minute
    st.sampled_from(RESOURCES),
    st.sampled_from(KINDS),
    st.sampled_from([False, False, True]),  # an open alert changes rather than closes
    st.integers(0, 5),  # minutes since the onset
    st.sampled_from(STRENGTHS),
    st.sampled_from(PROOFS),
)


def _many(size: int) -> st.SearchStrategy[list[Happening]]:
    return st.lists(
        _happening, min_size=size, max_size=size + 6, unique_by=lambda happening: happening[:3]
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Anomaly]:
    """Alerts that open, change while open, and close, at most one edge each a tick."""
    edges: list[Anomaly] = []
    opened: set[tuple[Resource, str]] = set()
    happenings = sorted(
        draw(st.sampled_from([0, 12, 24]).flatmap(_many)), key=lambda happening: happening[0]
    )
    for minute, of, kind, changes, age, (confidence, score), proof in happenings:
        is_open = (of, kind) in opened
        change: Edge = "open" if not is_open else "update" if changes else "close"
        if change != "update":
            opened ^= {(of, kind)}
        edges.append(
            edge(
                change,
                of,
                minute,
                kind=kind,
                onset=minute - age,
                confidence=confidence,
                score=score,
                proof=proof,
                floor=Severity.HIGH if kind == "rule:full" else None,
            )
        )
    return edges


def group_of(of: Resource) -> int:
    return RESOURCES.index(of) % GROUPS


def whole(edges: list[Anomaly]) -> list[Closed]:
    """Every group says all it has to say in one word."""
    return [
        closed(group, END, [one for one in edges if group_of(one.resource) == group])
        for group in range(GROUPS)
    ]


@dataclass(frozen=True)
class Story:
    """The same edges, told whole and told in pieces."""

    edges: list[Anomaly]
    pieces: list[Closed]


@st.composite
def stories(draw: st.DrawFn, final: bool = False) -> Story:
    """Each group's edges are shuffled, cut anywhere, and mixed with the others' in any way."""
    edges = draw(histories())
    streams: list[list[Closed]] = []
    for group, word in enumerate(whole(edges)):
        cuts = draw(st.lists(st.integers(1, END - 1), unique=True, max_size=6))
        own: list[Closed] = []
        start = 0
        for until in [*sorted(cuts), END]:
            begin, end = closed(group, start).until_ms, closed(group, until).until_ms
            part = [one for one in word.anomalies if begin <= one.tick_ms < end]
            own.append(closed(group, until, draw(st.permutations(part)), final and until == END))
            start = until
        streams.append(own)
    turns = draw(st.permutations([g for g, own in enumerate(streams) for _ in own]))
    return Story(edges, [streams[group].pop(0) for group in turns])
