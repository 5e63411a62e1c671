"""How a step is handed to whoever measures it: operators read no clock."""

from collections.abc import Callable
from typing import Any

from bytewax.operators import StatefulBatchLogic

Logic = StatefulBatchLogic[Any, Any, Any]

Measured = Callable[[str, Logic], Logic]
"""Takes a step's name and its logic; returns a logic that does the same."""


def unmeasured(_step: str, logic: Logic) -> Logic:
    """Return the logic as it is."""
    return logic
