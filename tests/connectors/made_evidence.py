"""Evidence for tests: a plot that shows a fault, the topology around it, words of key groups."""

from schema import Edge, HeatCell, LiveCount, LiveResource, LiveWord, NearNode, Plot, Surroundings
from tests.connectors.made_transitions import ONSET_MS, OPENED_MS, RESOURCE

MINUTE_MS = 60_000
BUCKET_MS = 15 * MINUTE_MS
POINTS = 20
FAULTY = 4  # of these, the last ones
_TIMES = tuple(OPENED_MS + (each + 1 - POINTS) * MINUTE_MS for each in range(POINTS))
_LEVELS = tuple(180.0 + each % 3 for each in range(POINTS - FAULTY))

PLOT = Plot(
    RESOURCE.key,
    RESOURCE.name,
    RESOURCE.service,
    "latency",
    (("quantile", "0.99"),),
    "ms",
    "metrics",
    OPENED_MS,
    ONSET_MS,
    None,
    OPENED_MS,
    MINUTE_MS,
    _TIMES,
    (*_LEVELS, 640.0, 790.0, 810.0, 820.0),
    (None, *[181.0] * (POINTS - 1)),
    (None, *[120.0] * (POINTS - 1)),
    (None, *[240.0] * (POINTS - 1)),
    tuple(range(POINTS - FAULTY, POINTS)),
    0.9,
    (("temporal", 0.7), ("discord", 0.3)),
    POINTS - FAULTY,
)
AROUND = Surroundings(
    OPENED_MS,
    (
        NearNode("orders-db", "aws.rds", "suspect", 0),
        NearNode("orders-api", "aws.ecs", "member", 0),
        NearNode("eu-west-1a", "zone", "neighbour", 1),
    ),
    (Edge("orders-api", "orders-db"), Edge("orders-db", "eu-west-1a", "in_zone")),
    2,
)
OFF = LiveResource(
    RESOURCE.key, RESOURCE.name, "aws", RESOURCE.service, "off", ONSET_MS, 2.5
)  # fmt: skip


def word(group: int, until_ms: int = OPENED_MS, groups: int = 2) -> LiveWord:
    """Return what a key group of a small estate says."""
    return LiveWord(
        group,
        groups,
        until_ms - 30_000,
        until_ms,
        BUCKET_MS,
        (
            LiveCount("aws", "aws.rds", 10, 1, 0, 1_500, 300, 3),
            LiveCount("gcp", "gcp.gce", 5, 0, group, 600, 100, 0),
        ),
        (OFF,) if group == 0 else (),
        3,
        (HeatCell(RESOURCE.key, until_ms - until_ms % BUCKET_MS, 2.5),) if group == 0 else (),
    )
