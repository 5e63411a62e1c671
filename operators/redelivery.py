"""How long to wait before a message is tried again, and when to give up."""

import zlib

import msgspec


class RedeliverySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The YAML section `notify.delivery`."""

    backoff_s: float = 2.0  # before the second attempt; doubled each time
    max_backoff_s: float = 300.0
    give_up_s: float = 21_600.0  # after so long a message is a dead letter
    breaker_failures: int = 5  # in a row: the channel is left alone for a while
    fallback_after_s: float = 300.0  # a trigger that waits so long goes to the fallback as well

    def __post_init__(self) -> None:
        if not 0 < self.backoff_s <= self.max_backoff_s <= 86_400:
            raise ValueError(
                "backoff_s and max_backoff_s must be in (0, 86400] s, in this order, "
                f"got {(self.backoff_s, self.max_backoff_s)!r}"
            )
        if not 0 < self.give_up_s <= 2_592_000:
            raise ValueError(f"give_up_s must be in (0, 2592000] s, got {self.give_up_s!r}")
        if self.breaker_failures < 1:
            raise ValueError(f"breaker_failures must be 1 or more, got {self.breaker_failures!r}")
        if not 0 <= self.fallback_after_s <= 2_592_000:
            raise ValueError(
                f"fallback_after_s must be in [0, 2592000] s, got {self.fallback_after_s!r}"
            )

    def wait_ms(self, notice_id: str, attempts: int, asked_s: float | None = None) -> int:
        """Return how long to wait after so many attempts; `asked_s` is the provider's Retry-After.

        Exponential, with a jitter of a half that is drawn from the notice: repeatable.
        Source: "Exponential Backoff And Jitter", AWS Architecture Blog, "equal jitter".
        """
        grown = min(self.backoff_s * 2.0 ** min(attempts, 30), self.max_backoff_s)
        share = zlib.crc32(f"{notice_id} {attempts}".encode()) / 2**32
        wait_s = grown * (0.5 + share / 2)
        if asked_s is not None:
            wait_s = max(wait_s, min(asked_s, self.max_backoff_s))
        return round(wait_s * 1000)
