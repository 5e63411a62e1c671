"""Seeded generators: one a thing and purpose, so that adding a thing changes no other's draws."""

import numpy as np

from schema import stable_id


def generator(seed: int, name: str, *place: int) -> np.random.Generator:
    """Return the generator of `name` at `place` (a block, an attempt); the same on every machine.

    Philox, because its key is set without hashing and so costs half of PCG64 with a SeedSequence.
    """
    key = (seed << 64) | stable_id(name)
    counter = sum(part << (64 * (3 - i)) for i, part in enumerate(place[:2]))
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
