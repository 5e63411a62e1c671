"""Two incidents that nobody has: one of which all is known, and one of which nothing more is.

Templates are tried on them before anybody is told by them.
"""

from schema import (
    Evidence,
    Impact,
    Incident,
    Member,
    Notice,
    Resource,
    Severity,
    Suspect,
    Transition,
)

MINUTE_MS = 60_000
ONSET_MS = 1_772_359_080_000  # 2026-03-01 09:58 UTC
OPENED_MS = ONSET_MS + 2 * MINUTE_MS

_DATABASE = Resource("aws", "aws.rds", "111122223333", "eu-west-1", "orders-db", (("tier", "1"),))
_SHOP = Resource("aws", "aws.ec2", "111122223333", "eu-west-1", "checkout-1")
_LATENCY = Evidence("latency", (), "ms", 820.0, 181.5, 120.0, 240.0, 1.0, ONSET_MS)


def _member(resource: Resource, onset_ms: int) -> Member:
    return Member(resource, "metrics", OPENED_MS, onset_ms, None, 0.97, 12.5, (_LATENCY,),
                  ("statistical",))  # fmt: skip


WHOLE = Incident(
    "inc-1b3c5d7e9f", 3, "acknowledged", Severity.CRITICAL,
    ("tier 1 service", "2 resources"), "latency of orders-db rose to 820 ms, and of 1 more",
    "latency of orders-db rose to 820 ms (expected 120-240 ms) at 09:58 UTC",
    (("cloud", "aws"), ("account", "111122223333"), ("region", "eu-west-1")),
    OPENED_MS, ONSET_MS, OPENED_MS + 5 * MINUTE_MS, None, 0.97, 2,
    (_member(_DATABASE, ONSET_MS), _member(_SHOP, OPENED_MS)),
    (Suspect(_DATABASE, 0.8, "latency of orders-db rose first, and checkout-1 needs it"),
     Suspect(_SHOP, 0.2, "latency rose 2 min later")),
    "saturation", Impact(2, ("checkout-1", "basket-1"), ("1",), 12_000, ("checkout-1",)), "oncall",
    OPENED_MS + 3 * MINUTE_MS, None, OPENED_MS + 15 * MINUTE_MS, OPENED_MS + 240 * MINUTE_MS,
)  # fmt: skip
PLAIN = Incident(
    "inc-0", 2, "resolved", Severity.LOW, (), "queue of jobs grew", "", (), OPENED_MS, ONSET_MS,
    OPENED_MS, OPENED_MS + MINUTE_MS, 0.6, 1, (_member(_SHOP, ONSET_MS),),
)  # fmt: skip
TOLD = (
    (Notice(WHOLE.id, 3, "page", "update", "transition:3", OPENED_MS, "it is CRITICAL"),
     Transition("acknowledged", WHOLE.updated_ms, "oncall", "on it", WHOLE)),
    (Notice(PLAIN.id, 2, "page", "resolve", "transition:2", OPENED_MS, "quiet for 10 min"),
     Transition("resolved", OPENED_MS + MINUTE_MS, "foreshock", "quiet for 10 min", PLAIN)),
)  # fmt: skip
DIGEST = Notice("", 0, "page", "digest", "digest:1", OPENED_MS, "2 incidents held back",
                about=(WHOLE.id, PLAIN.id))  # fmt: skip
