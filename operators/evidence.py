"""What incidents are kept with: how much of it, and an alert while it is followed."""

import msgspec

from schema import Anomaly


class EvidenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `evidence`."""

    enabled: bool = True
    members: int = 4  # of an incident, of whom plots are kept: its main ones
    metrics: int = 3  # of a member
    before: int = 120  # samples before an alert
    points: int = 240  # of a plot
    every_s: float = 300.0  # of event time, between two plots of an alert that is open
    followed: int = 8  # alerts of a service that a key group follows at once
    hops: int = 2  # around suspects and members, of the topology
    nodes: int = 40  # of the topology around an incident

    def __post_init__(self) -> None:
        bounds = {
            "members": (1, 20), "metrics": (1, 8), "before": (0, 1_000), "points": (20, 2_000),
            "followed": (1, 1_000), "hops": (1, 5), "nodes": (1, 500),
        }  # fmt: skip
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} must be in [{least}, {most}], got {value!r}")
        if not 60 <= self.every_s <= 86_400:
            raise ValueError(f"every_s must be in [60, 86400] s, got {self.every_s!r}")
        if not self.before <= self.points - 10:
            raise ValueError(
                f"before must be at most points - 10, got {(self.before, self.points)!r}"
            )


class Point(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A sample of a followed series. NaN: nothing was expected yet."""

    tick: int
    value: float
    expected: float
    band: float  # half its width

    @property
    def far(self) -> float:
        """How far off it is, in half bands; 0 where nothing is expected."""
        away = abs(self.value - self.expected)
        return away / max(self.band, 1e-300) if away >= 0.0 else 0.0


class Track(msgspec.Struct, array_like=True):
    """A series of an alert that is followed.

    Memory: `most` points. Those since the opening become fewer and farther apart as they get too
    many, all alike; of each stretch the one that is farthest off stays.
    """

    uid: int  # of the series
    onset: int  # tick
    share: float  # of the resource's score, [0, 1]
    points: list[Point]
    recalled: int  # of these, those from before the opening
    stride: int = 1  # samples a point
    taken: int = 1  # of the last point's stretch

    def add(self, point: Point, most: int) -> None:
        """Take the next sample."""
        if self.taken < self.stride and len(self.points) > self.recalled:
            self.taken += 1
            if point.far >= self.points[-1].far:
                self.points[-1] = point
            return
        since = len(self.points) - self.recalled
        if len(self.points) >= most and since % 2 == 0:
            recent = self.points[self.recalled :]
            pairs = zip(recent[::2], recent[1::2], strict=True)
            self.points[self.recalled :] = [max(pair, key=_far) for pair in pairs]
            self.stride *= 2
        self.points.append(point)
        self.taken = 1


class Followed(msgspec.Struct, array_like=True):
    """An alert that is followed."""

    resource_id: int
    kind: str  # as in `Anomaly`
    opened: int  # tick
    next: int  # tick from which on it is to be said again
    detectors: tuple[tuple[str, float], ...]  # and their shares, most first
    tracks: list[Track]


def shares(edge: Anomaly) -> tuple[tuple[str, float], ...]:
    """Return by detector its share in an alert, most first.

    >>> from schema import Resource
    >>> here = Resource("aws", "aws.ec2", "1", "eu-west-1", "i-1")
    >>> odd = (("temporal", 6.0), ("discord", 2.0))
    >>> shares(Anomaly("open", "metrics", here, 0, 0, 0.9, 6.0, (), odd))
    (('temporal', 0.75), ('discord', 0.25))
    >>> shares(Anomaly("open", "silent", here, 0, 0, 1.0, 0.0))
    (('silence', 1.0),)
    """
    if edge.kind != "metrics":
        return (("silence" if edge.kind == "silent" else "rules", 1.0),)
    total = sum(size for _, size in edge.detectors if size > 0.0)
    return tuple((name, round(size / total, 3)) for name, size in edge.detectors if size > 0.0)


def _far(point: Point) -> float:
    return point.far
