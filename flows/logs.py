"""How log lines look, the same in every process."""

import logging

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(level: int) -> None:
    """Log this process's records of `level` and above to standard error."""
    logging.basicConfig(level=level, format=_FORMAT)
    logging.getLogger().setLevel(level)
