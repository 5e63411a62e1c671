import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.packing import Named, Packed, group_in, pack, unpack
from schema import Resource, Series

SERIES = Series(Resource("aws", "aws.ec2", "1", "eu", "i-ü", (("team", "a"),)), "cpu", "percent")
NAMED = Named(2**64 - 1, 7, -5, SERIES)
FAR = 1 << 62
TEXT = st.text(max_size=5)


def packed(n: int = 2, **changed: object) -> Packed:
    item = Packed(
        group=3, partition=1, watermark_ms=100, max_event_ms=200, end=False,
        uid=np.arange(n, dtype=np.uint64) + np.uint64(2**63),
        ts_ms=np.arange(n, dtype=np.int64) - 1,
        value=np.arange(n, dtype=np.float64) / 3,
        names=(),
    )  # fmt: skip
    for name, value in changed.items():
        setattr(item, name, value)
    return item


def same(one: Packed, other: Packed) -> bool:
    plain = ("group", "partition", "watermark_ms", "max_event_ms", "end", "names")
    columns = ("uid", "ts_ms", "value")
    return all(getattr(one, name) == getattr(other, name) for name in plain) and all(
        getattr(one, name).dtype == getattr(other, name).dtype
        and getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in columns
    )


@pytest.mark.parametrize(
    "item",
    [
        packed(),
        packed(0),
        packed(0, end=True, watermark_ms=FAR, max_event_ms=-FAR),
        packed(1, names=(NAMED,)),
        packed(0, names=(NAMED, NAMED)),
        packed(group=1023, partition=65_535),
        packed(value=np.array([-0.0, 5e-324])),
    ],
)
def test_what_is_packed_is_unpacked(item: Packed) -> None:
    assert same(unpack(pack(item)), item)
    assert group_in(pack(item)) == item.group


def test_a_sample_takes_24_bytes() -> None:
    assert len(pack(packed(1000))) - len(pack(packed(0))) == 24_000


def test_another_version_is_refused_by_number() -> None:
    buffer = b"\x04\x00" + pack(packed())[2:]
    with pytest.raises(ValueError, match="version 3, got 4"):
        unpack(buffer)


def test_what_is_unpacked_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        unpack(pack(packed())).value[0] = 1.0


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**64 - 1),
            st.integers(-FAR, FAR),
            st.floats(allow_nan=False, allow_infinity=False),
        )
    ),
    st.lists(st.tuples(st.integers(0, 2**64 - 1), TEXT, TEXT, st.tuples(TEXT, TEXT)), max_size=4),
    st.booleans(),
)
def test_any_samples_and_names_survive(
    rows: list[tuple[int, int, float]],
    names: list[tuple[int, str, str, tuple[str, str]]],
    end: bool,
) -> None:
    item = packed(
        0,
        end=end,
        uid=np.array([r[0] for r in rows], np.uint64),
        ts_ms=np.array([r[1] for r in rows], np.int64),
        value=np.array([r[2] for r in rows], np.float64),
        names=tuple(
            Named(uid, uid, 0, msgspec.structs.replace(SERIES, metric=m, unit=u, labels=(label,)))
            for uid, m, u, label in names
        ),
    )
    assert same(unpack(pack(item)), item)
