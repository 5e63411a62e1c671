"""An array as a snapshot keeps it: compressed, where that is worth while.

Numbers of one kind share sign and exponent, so bytes of like rank are laid beside each other before
they are compressed ("shuffle", as in HDF5 and Blosc). Writing a byte costs several times that.
"""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard

LEAST_BYTES = 4096  # below, an array is kept as it is
_LEVEL = 1


class KeptArray(msgspec.Struct, frozen=True, array_like=True):
    """An array of any kind."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes
    packed: bool = False  # shuffled, then Zstandard

    @property
    def nbytes(self) -> int:
        """Bytes of the array, by its shape."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


def keep(array: npt.NDArray[np.generic]) -> KeptArray:
    """Return the array to be kept."""
    plain = np.ascontiguousarray(array)
    if plain.nbytes < LEAST_BYTES:
        return KeptArray(plain.dtype.str, array.shape, plain.tobytes())
    ranks = plain.reshape(-1).view(np.uint8).reshape(-1, plain.itemsize).T
    data = zstandard.compress(np.ascontiguousarray(ranks).data, _LEVEL)
    return KeptArray(plain.dtype.str, array.shape, data, packed=True)


def restore(kept: KeptArray) -> npt.NDArray[Any]:
    """Return the array; raise ValueError where its bytes are not those that its shape says."""
    data = np.frombuffer(_bytes(kept), np.uint8)
    if data.nbytes != kept.nbytes:
        raise ValueError(f"must have {kept.nbytes} bytes, got {data.nbytes!r}")
    if kept.packed:
        data = data.reshape(np.dtype(kept.dtype).itemsize, -1).T.reshape(-1)
    return data.view(kept.dtype).reshape(kept.shape).copy()


def _bytes(kept: KeptArray) -> bytes:
    if not kept.packed:
        return kept.data
    try:
        return zstandard.decompress(kept.data, max_output_size=kept.nbytes)
    except zstandard.ZstdError as ex:
        raise ValueError(f"must have {kept.nbytes} bytes, got damaged ones: {ex}") from ex
