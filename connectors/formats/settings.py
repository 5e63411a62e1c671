"""Limits that keep a decoder bounded whatever a producer sends."""

import msgspec


class DecodeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of every decoder, and the YAML section `decode`."""

    max_payload_bytes: int = 16_777_216  # plain; a longer payload is rejected unread
    cache_entries: int = 262_144  # identities remembered; twice as many for a moment
    cache_bytes: int = 67_108_864  # of their keys; twice as many for a moment

    def __post_init__(self) -> None:
        for name in ("max_payload_bytes", "cache_entries", "cache_bytes"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}")
