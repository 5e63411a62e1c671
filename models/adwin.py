"""ADWIN: a window of a stream's newest values, cut wherever its older part has another mean.

Values are kept in buckets of 1, 2, 4 ... of them, at most `max_buckets` + 1 of a size, so that n
values need O(log n) numbers. A cut needs the means of the two parts to differ by more than chance
explains (a Bernstein bound, at confidence 1 - delta), so what goes up and down within its usual
spread is no change, and a small change is found late. The bound takes a unit as the range of the
values: of a stream that lives in a hundredth of one, no change is ever found.

Fails on what has a rhythm (the morning is a change), and says that there is a change, not which
way: compare `mean` before and after. It is for streams of a few values a minute, not for samples:
an update takes some microseconds a bucket.

Source: Bifet and Gavalda (2007), Learning from time-changing data with adaptive windowing; equal
to River's `drift.ADWIN`, which cannot be stored without pickle.
"""

import math

import msgspec

MAX_BUCKETS = 5


class AdwinSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How sure a change must be, and how often it is looked for."""

    delta: float = 0.002
    clock: int = 32  # values between two looks
    min_window: int = 5  # values either side of a cut
    grace: int = 10  # values before the first look

    def __post_init__(self) -> None:
        if not 0 < self.delta < 1:
            raise ValueError(f"delta must be in (0, 1), got {self.delta!r}")
        for name in ("clock", "min_window", "grace"):
            value = getattr(self, name)
            if not 1 <= value <= 100_000:
                raise ValueError(f"{name} must be in [1, 100000], got {value!r}")


class AdwinState(msgspec.Struct, tag="adwin.v1"):
    """All that a window holds. The tag is the version.

    Memory: two numbers a bucket, at most 6 buckets a doubling of the width.
    """

    total: float = 0.0
    variance: float = 0.0  # sum of squared distances from the mean
    width: float = 0.0
    ticks: int = 0  # values since the last reset
    fired: bool = False  # the last value was a change: the next one starts anew
    # rows of buckets, of 1, 2, 4 ... values; each (sum, sum of squared distances), oldest first
    rows: list[list[tuple[float, float]]] = msgspec.field(default_factory=lambda: [[]])


class Adwin:
    """A window, value by value; `state` is all that it holds, and changes in place.

    >>> window = Adwin(AdwinSettings(clock=1))
    >>> [i for i in range(60) if window.update(0.0 if i < 40 else 3.0)]
    [51]
    >>> again = Adwin.load(AdwinSettings(clock=1), window.dump())
    >>> again.width == window.width, again.mean
    (True, 3.0)
    """

    def __init__(self, settings: AdwinSettings, state: AdwinState | None = None) -> None:
        self.state = AdwinState() if state is None else state
        self._settings = settings

    @classmethod
    def load(cls, settings: AdwinSettings, dumped: bytes) -> "Adwin":
        """Return the window that `dumped` came from.

        Raises: msgspec.ValidationError for a dump of another version.
        """
        return cls(settings, msgspec.msgpack.decode(dumped, type=AdwinState))

    @property
    def width(self) -> int:
        """How many values the window holds."""
        return int(self.state.width)

    @property
    def mean(self) -> float | None:
        """Return their mean; None of none."""
        return self.state.total / self.state.width if self.state.width else None

    def dump(self) -> bytes:
        """Return the state, from which a new Adwin goes on as this one would."""
        return msgspec.msgpack.encode(self.state)

    def update(self, value: float) -> bool:
        """Take a finite value; return whether the window was cut, which the next value empties."""
        if self.state.fired:
            self.state = AdwinState()
        self._insert(value)
        self._compress()
        self.state.fired = self._look()
        return self.state.fired

    def _insert(self, value: float) -> None:
        state = self.state
        state.rows[0].append((value, 0.0))
        state.width += 1.0
        if state.width > 1.0:
            away = value - state.total / (state.width - 1.0)
            state.variance += (state.width - 1.0) * away * away / state.width
        state.total += value

    def _compress(self) -> None:
        """Merge the two oldest buckets of a full row into one of the next row."""
        rows = self.state.rows
        for i, row in enumerate(rows):
            if len(row) <= MAX_BUCKETS:
                return
            if i + 1 == len(rows):
                rows.append([])
            (sum_1, var_1), (sum_2, var_2) = row[:2]
            del row[:2]
            rows[i + 1].append((sum_1 + sum_2, var_1 + var_2 + _apart(sum_1, 2**i, sum_2, 2**i)))

    def _look(self) -> bool:
        state = self.state
        state.ticks += 1
        if state.ticks % self._settings.clock or state.width <= self._settings.grace:
            return False
        changed = False
        while self._has_cut():
            changed = True
            self._drop_oldest()
        return changed

    def _has_cut(self) -> bool:
        """Whether the window, cut somewhere between two buckets, falls into two."""
        state, least = self.state, self._settings.min_window
        old, young = 0.0, state.width
        old_sum, young_sum = 0.0, state.total
        for i in range(len(state.rows) - 1, -1, -1):
            row = state.rows[i]
            for total, _ in row[: len(row) - (i == 0)]:
                old, young = old + 2.0**i, young - 2.0**i
                old_sum, young_sum = old_sum + total, young_sum - total
                if old >= least and young >= least:
                    apart = old_sum / old - young_sum / young
                    if abs(apart) > self._bound(old, young):
                        return True
        return False

    def _bound(self, old: float, young: float) -> float:
        """Return by how much two such means differ by chance (the paper's section 3.1)."""
        state, least = self.state, self._settings.min_window
        doubt = math.log(2.0 * math.log(state.width) / self._settings.delta)
        share = 1.0 / (old - least + 1.0) + 1.0 / (young - least + 1.0)
        spread = max(state.variance, 0.0) / state.width  # of equal values, rounding leaves less
        return math.sqrt(2.0 * share * spread * doubt) + 2.0 / 3.0 * doubt * share

    def _drop_oldest(self) -> None:
        state = self.state
        last = len(state.rows) - 1
        total, variance = state.rows[last].pop(0)
        size = 2.0**last
        state.width -= size
        state.total -= total
        state.variance -= variance + _apart(total, size, state.total, state.width)
        if not state.rows[last]:
            state.rows.pop()


def _apart(sum_1: float, size_1: float, sum_2: float, size_2: float) -> float:
    """Return what the distance of two means adds to the squared distances of both together."""
    away = sum_1 / size_1 - sum_2 / size_2
    return size_1 * size_2 * away * away / (size_1 + size_2)
