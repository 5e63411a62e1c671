"""Buffers for key groups, made by hand."""

from collections.abc import Iterable

import msgspec
import numpy as np

from operators.alerts import AlertSettings
from operators.keygroup import GroupSettings, KeyGroup
from operators.packing import Named, Packed, pack
from schema import Closed, Resource, Series, stable_id
from tests.operators.small_estate import DETECT, catalogue

MINUTE_MS = 60_000
Sample = tuple[str, float, float]  # resource, minute, value


def series(name: str, metric: str = "cpu.utilization", service: str = "aws.ec2") -> Series:
    return Series(Resource("aws", service, "1", "eu", name), metric, "percent")


def named(one: Series, minute: float = 0.0) -> Named:
    key = one.resource.key
    uid = stable_id(f"{key}\n{one.stream_key}")
    return Named(uid, stable_id(key), round(minute * MINUTE_MS), one)


def settings(
    partitions: int = 1, groups: int = 1, alerts: AlertSettings | None = None
) -> GroupSettings:
    detect = msgspec.structs.replace(DETECT, alerts=alerts or DETECT.alerts)
    return GroupSettings(groups, partitions, 60, detect, catalogue())


def buffer(
    samples: Iterable[Sample] = (),
    *,
    until: float,
    partition: int = 0,
    metric: str = "cpu.utilization",
    end: bool = False,
    newest: float | None = None,
) -> bytes:
    """Return samples with their names, and a watermark of `until` minutes."""
    rows = list(samples)
    names = [named(series(name, metric), minute) for name, minute, _ in rows]
    last = max((minute for _, minute, _ in rows), default=until if newest is None else newest)
    return pack(
        Packed(
            0,
            partition,
            (1 << 62) if end else round(until * MINUTE_MS),
            round(last * MINUTE_MS),
            end,
            np.array([n.uid for n in names], np.uint64),
            np.array([n.ts_ms for n in names], np.int64),
            np.array([value for _, _, value in rows], np.float64),
            tuple({n.uid: n for n in names}.values()),
        )
    )


def fed(group: KeyGroup, *buffers: bytes) -> Closed | None:
    for one in buffers:
        group.feed(one)
    return group.close()
