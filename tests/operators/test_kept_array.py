import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from operators.kept_array import LEAST_BYTES, KeptArray, keep, restore

KINDS = st.sampled_from(["<f8", "<f4", "<i8", "<i4", "<u8", "|b1", "|u1"])
LARGE = np.arange(LEAST_BYTES, dtype=np.float64).reshape(2, -1)


@given(KINDS.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(max_dims=3, min_side=0))))
def test_a_small_array_comes_back(array: npt.NDArray[np.generic]) -> None:
    back = restore(keep(array))
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize("kind", ["<f8", "<f4", "<i8", "<u2", "|b1"])
def test_a_large_array_comes_back_from_fewer_bytes(kind: str) -> None:
    array = LARGE.astype(kind).T
    kept = keep(array)
    assert len(kept.data) < array.nbytes
    assert restore(kept).tobytes() == np.ascontiguousarray(array).tobytes()
    assert restore(kept).flags.writeable


def test_an_array_as_older_releases_kept_it_comes_back() -> None:
    plain = KeptArray("<f8", LARGE.shape, LARGE.tobytes())
    assert (restore(plain) == LARGE).all()


def test_damaged_bytes_are_refused_with_what_must_hold() -> None:
    kept = keep(LARGE)
    for data in (kept.data[:-9], b"x" + kept.data[1:], b""):
        with pytest.raises(ValueError, match="must have 32768 bytes"):
            restore(KeptArray(kept.dtype, kept.shape, data, packed=True))
    with pytest.raises(ValueError, match="must have 8 bytes, got 32768"):
        restore(KeptArray(kept.dtype, (1,), LARGE.tobytes()))
    with pytest.raises(ValueError, match="must have 8 bytes"):
        restore(KeptArray(kept.dtype, (1,), kept.data, packed=True))
