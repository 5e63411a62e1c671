"""What a command of the control log does to a key group's cohorts: each kind in one place.

A key group calls `obey` between two ticks, with the command's tick as the next. All of it is pure:
it may change the tables and forests that it is given, and knows nothing else.
"""

from collections.abc import Sequence

from operators.cohort import CohortTable
from operators.feedback import apply_feedback
from operators.forests import Forests
from operators.layout import FIRST_TICK, FIT_TICK, ROWS, Knobs
from operators.new_level import accept_level
from operators.shelf import Serving
from schema import Command, Drift, Feedback, Promotion


def obey(
    command: Command,
    tick: int,
    tables: Sequence[CohortTable],
    forests: Sequence[Forests],
    knobs: Knobs,
) -> None:
    """Let `command` take effect before `tick`; `forests` are those of the tables, in their order.

    A command of a service or resource that the group does not hold changes nothing.
    """
    match command:
        case Drift():
            for table in tables:
                if table.service == command.service:
                    accept_level(table, tick, knobs)
        case Promotion():
            if command.version:
                for table, own in zip(tables, forests, strict=True):
                    if table.service == command.service:
                        own.shelve(Serving(command.effective_ms, command.version))
        case Feedback():
            for table in tables:
                apply_feedback(table, command)


def collect_anew(table: CohortTable, forests: Forests) -> int:
    """Empty a cohort's reservoir, whose rows are of a level that is gone; return how many it saw.

    Forests that are fitted in the flow are fitted again when the reservoir has enough of the new.
    """
    counters = table.arrays.counters
    seen = int(counters[ROWS])
    counters[ROWS] = 0.0
    counters[FIRST_TICK] = -1.0
    if not forests.from_registry:
        counters[FIT_TICK] = -1.0
    return seen


def collect_ms(request: Drift) -> int:
    """Return the event time at which the rows to train from are handed out.

    It leaves the last quarter of the way to the trainer, who answers by `retrain_by_ms`.
    """
    return request.retrain_by_ms - (request.retrain_by_ms - request.effective_ms) // 4
