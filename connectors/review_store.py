"""The review in the incident store: its records, what people did with them, and its models."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from connectors.incident_database import open_database, reading, writing
from connectors.incident_rows import stored_text
from connectors.incident_steps import EVENTS, step_of
from connectors.incident_tables import incident_events, incidents, insert_once, upsert
from connectors.incident_wire import decode_transition
from connectors.review_tables import review_audit, review_models, review_records
from schema import (
    AnomalyRecord,
    Counted,
    IncidentEvent,
    ModelRecord,
    RecordAct,
    RecordState,
    Refusal,
    record_step,
)

_record = msgspec.json.Decoder(AnomalyRecord)
_parameters = msgspec.json.Decoder(dict[str, float | int | bool | str])
READ_AT_ONCE = 1_000
JUDGEMENTS = ("CONFIRMED", "FALSE_POSITIVE")


class ReviewStore:
    """The review's tables of an incident store.

    Raises: ValueError if there is no store and `create` is false, or it has another version.
    """

    def __init__(self, url: str, *, create: bool = False) -> None:
        self._engine = open_database(url, create=create)

    # ------------------------------------------------------------------ records

    def keep(self, records: Sequence[AnomalyRecord]) -> int:
        """Keep records, over older revisions of them; return how many were new or newer."""
        newest: dict[str, AnomalyRecord] = {}
        for record in records:
            held = newest.get(record.id)
            if held is None or held.revision < record.revision:
                newest[record.id] = record
        with writing(self._engine) as connection:
            known = _revisions(connection, list(newest))
            taken = [each for each in newest.values() if known.get(each.id, 0) < each.revision]
            fresh = [_row(each) for each in taken if each.id not in known]
            if fresh:
                connection.execute(review_records.insert(), fresh)
            for each in taken:
                if each.id in known:
                    row = _row(each)
                    kept = {name: row[name] for name in ("revision", "window_end_ms", "body")}
                    query = update(review_records).where(review_records.c.id == each.id)
                    connection.execute(query.values(kept))
        return len(taken)

    def records(
        self,
        from_ms: int,
        to_ms: int,
        *,
        service: str = "",
        states: Sequence[RecordState] = (),
        limit: int = 1_000,
    ) -> list[AnomalyRecord]:
        """Return the records whose windows end in (from, to], the newest first."""
        table = review_records
        query = select(table.c.body, table.c.state).where(_within(from_ms, to_ms))
        if service:
            query = query.where(table.c.service == service)
        if states:
            query = query.where(table.c.state.in_(states))
        query = query.order_by(table.c.window_end_ms.desc(), table.c.id).limit(limit)
        with reading(self._engine) as connection:
            return [_read(body, state) for body, state in connection.execute(query)]

    def counted(self, from_ms: int, to_ms: int) -> list[tuple[str, Counted]]:
        """Return what a summary counts, with the service of each, of windows that end in it."""
        table = review_records
        query = select(table.c.service, table.c.body, table.c.state, table.c.judged)
        query = query.where(_within(from_ms, to_ms)).order_by(table.c.window_end_ms, table.c.id)
        with reading(self._engine) as connection:
            found = connection.execute(query).all()
        out = []
        for service, body, state, judged in found:
            record = _record.decode(body)
            out.append((service, Counted(record.severity, state, record.confidence, judged)))
        return out

    def find(self, prefix: str) -> list[AnomalyRecord]:
        """Return the records whose ids begin so, up to two."""
        table = review_records
        query = select(table.c.id, table.c.body, table.c.state).where(table.c.id >= prefix)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(table.c.id).limit(2)).all()
        return [_read(body, state) for name, body, state in rows if name.startswith(prefix)]

    def steps(self, from_ms: int, to_ms: int, most: int | None = None) -> list[IncidentEvent]:
        """Return the steps before a time of the incidents that opened in [from, to), in order.

        `most`: of so many incidents, those that opened last.
        """
        opened = select(incidents.c.id).where(incidents.c.opened_ms.between(from_ms, to_ms - 1))
        newest = opened.order_by(incidents.c.opened_ms.desc()).limit(most).subquery()
        query = select(incident_events.c.body).join(
            newest, newest.c.id == incident_events.c.incident_id
        )
        query = query.where(incident_events.c.event.in_(EVENTS), incident_events.c.ts_ms < to_ms)
        with reading(self._engine) as connection:
            bodies = connection.execution_options(yield_per=READ_AT_ONCE).execute(query).scalars()
            found = (step_of(decode_transition(body)) for body in bodies)
            return sorted((each for each in found if each), key=lambda each: each.order)

    # ------------------------------------------------------------------ what people did

    def act(
        self, record: str, wanted: RecordState, actor: str, note: str, at_ms: int
    ) -> RecordAct | Refusal:
        """Move a record to a state, and write down who did; or say why that cannot be."""
        table = review_records
        with writing(self._engine) as connection:
            found = connection.execute(select(table.c.state).where(table.c.id == record)).scalar()
            if found is None:
                return Refusal(f"there is no record {record!r}")
            refused = record_step(record, found, wanted)
            if refused is not None:
                return refused
            query = select(func.max(review_audit.c.number))
            last = connection.execute(query.where(review_audit.c.record_id == record)).scalar()
            act = RecordAct(record, (last or 0) + 1, found, wanted, actor, note, at_ms)
            kept: dict[str, object] = {"state": wanted}
            if wanted in JUDGEMENTS:
                kept["judged"] = wanted
            connection.execute(update(table).where(table.c.id == record).values(kept))
            connection.execute(review_audit.insert(), [_audit_row(act)])
        return act

    def audit(self, record: str) -> list[RecordAct]:
        """Return who moved a record, in order."""
        query = select(review_audit).where(review_audit.c.record_id == record)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(review_audit.c.number)).all()
        return [RecordAct(*row) for row in rows]

    # ------------------------------------------------------------------ models

    def models(self) -> list[ModelRecord]:
        """Return every model, by name and version."""
        query = select(review_models).order_by(review_models.c.name, review_models.c.version)
        with reading(self._engine) as connection:
            return [
                ModelRecord(name, version, algorithm, _parameters.decode(parameters), active)
                for name, version, algorithm, parameters, active in connection.execute(query)
            ]

    def put_models(self, models: Sequence[ModelRecord]) -> None:
        """Keep models that are new; one that is there stays as it is."""
        rows = [_model_row(each) for each in models]
        if rows:
            with writing(self._engine) as connection:
                connection.execute(insert_once(review_models, self._engine.dialect.name), rows)

    def set_active(self, model: ModelRecord, active: bool) -> None:
        """Make a model one of those that are run, or not."""
        row = _model_row(msgspec.structs.replace(model, active=active))
        with writing(self._engine) as connection:
            connection.execute(upsert(review_models, self._engine.dialect.name), [row])

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _within(from_ms: int, to_ms: int) -> ColumnElement[bool]:
    ends = review_records.c.window_end_ms
    return and_(ends > from_ms, ends <= to_ms)


def _revisions(connection: Connection, ids: list[str]) -> dict[str, int]:
    table = review_records
    found = connection.execute(select(table.c.id, table.c.revision).where(table.c.id.in_(ids)))
    return {name: revision for name, revision in found}


def _row(record: AnomalyRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "revision": record.revision,
        "service": stored_text(record.service),
        "state": record.state,
        "judged": "",
        "window_end_ms": record.window_end_ms,
        "body": msgspec.json.encode(record).decode(),
    }


def _read(body: str, state: RecordState) -> AnomalyRecord:
    return msgspec.structs.replace(_record.decode(body), state=state)


def _audit_row(act: RecordAct) -> dict[str, object]:
    return {
        "record_id": act.record,
        "number": act.number,
        "before_state": act.before,
        "after_state": act.after,
        "actor": stored_text(act.actor),
        "note": stored_text(act.note),
        "at_ms": act.at_ms,
    }


def _model_row(model: ModelRecord) -> dict[str, object]:
    return {
        "name": model.name,
        "version": model.version,
        "algorithm": model.algorithm,
        "parameters": msgspec.json.encode(model.parameters).decode(),
        "active": model.active,
    }
