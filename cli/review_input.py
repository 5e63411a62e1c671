"""Where the review's incidents come from: the store, files of other tools, or a topic."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cli.errors import BadInput, bad_input, say
from cli.places import PREFIX, Reach, client_for, is_file

if TYPE_CHECKING:
    from operators.review_settings import ReviewSettings
    from schema import IncidentEvent, Reject


class Given(NamedTuple):
    """What there is to review."""

    events: "list[IncidentEvent]"
    rejects: "list[Reject]"
    is_history: bool  # of files and topics, which are taken to be whole


def settings_of(config: str | None, window_hours: int | None) -> "ReviewSettings":
    """Return the settings' section `review`, with what the options say over it."""
    import msgspec

    from config.app import load_app
    from operators.review_settings import ReviewSettings

    found = ReviewSettings() if config is None else load_app(config).review
    if window_hours is None:
        return found
    with bad_input():
        return msgspec.structs.replace(found, window_hours=window_hours)


def given(inputs: Sequence[str], store: str, reach: Reach) -> Given:
    """Read files and topics, or the store where none is named; say what was left out."""
    from connectors.incident_history import read_history
    from flows.review_service import steps_of_store

    events: list[IncidentEvent] = []
    rejects: list[Reject] = []
    remarks: Counter[str] = Counter()
    if not inputs:
        with bad_input():
            return Given(steps_of_store(store), [], is_history=False)
    for name in inputs:
        if not is_file(name):
            events += _of_topic(name, reach, rejects)
            continue
        path = Path(name).expanduser()
        with bad_input():
            if not path.is_file():
                raise BadInput(f"{name}: must be a file of incidents")
            history = read_history(name, path.read_bytes())
        events += history.events
        rejects += history.rejects
        remarks.update(history.remarks)
    for reason, number in sorted(Counter(each.reason for each in rejects).items()):
        say(f"{number} refused: {reason.replace('_', ' ')}")
    for remark, number in sorted(remarks.items()):
        say(f"{number} times: {remark}")
    return Given(sorted(events, key=lambda each: each.order), rejects, is_history=True)


def _of_topic(name: str, reach: Reach, rejects: "list[Reject]") -> "list[IncidentEvent]":
    """Read a topic of incident events to its end; each event once."""
    from connectors.incident_steps import step_of
    from connectors.incident_wire import decode_transition
    from connectors.kafka_to_end import read_topic
    from schema import Reject

    topic = name.removeprefix(PREFIX)
    found: dict[str, IncidentEvent] = {}
    for where, value in read_topic(client_for(topic, reach), topic):
        try:
            said = decode_transition(value)
        except ValueError as ex:
            rejects.append(Reject("not_an_incident_event", str(ex), where, "", 0, value))
            continue
        step = step_of(said)
        if step is not None:
            found[said.id] = step
    return list(found.values())


def write_rejects(rejects: "Sequence[Reject]", path: str | None) -> None:
    """Keep what was refused in a dead-letter file, if one is named."""
    from connectors.dead_letter import DeadLetterFile, encode_reject

    if path is None or not rejects:
        return
    most = DeadLetterFile(path).max_raw_bytes
    with Path(path).open("ab") as file:
        for each in rejects:
            file.write(encode_reject(each, most) + b"\n")
