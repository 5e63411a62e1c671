"""Damage to bytes, whatever they mean."""

import random

_EDGES = (b"\x00", b"\xff", b"\x80", b"\x7f", b"\n", b'"', b"{", b"}", b"[", b"]", b",", b":",
          b"\\", b"\xff" * 10 + b"\x01", b"\x80" * 9 + b"\x00", b"\xff\xff\xff\xff\x0f", b"\r\n",
          b" ", b"\xef\xbb\xbf", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"1e999", b"-",
          b"9" * 40, b"null", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd")  # fmt: skip
_MAX_RUN = 24


def damaged_bytes(rng: random.Random, data: bytes, other: bytes) -> tuple[bytes, str]:
    """Return `data` damaged in one to three places, and how; `other` is spliced in."""
    text = bytearray(data)
    how = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.choice(("flip", "flip", "insert", "delete", "splice", "cut", "edge", "again"))
        how.append(kind)
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + 1 + rng.randrange(_MAX_RUN))
        if kind == "flip" and at < len(text):
            text[at] ^= 1 << rng.randrange(8)
        elif kind == "insert":
            text[at:at] = rng.randbytes(1 + rng.randrange(4))
        elif kind == "delete":
            del text[at:end]
        elif kind == "splice":
            start = rng.randrange(len(other) + 1)
            text[at:] = other[start:]
        elif kind == "cut":
            del text[at:]
        elif kind == "edge":
            edge = rng.choice(_EDGES)
            text[at : at + rng.choice((0, len(edge)))] = edge
        elif kind == "again":
            text[at:at] = text[at:end] * rng.choice((1, 2, 50))
    return bytes(text), "bytes: " + " ".join(how)
