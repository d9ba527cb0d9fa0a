"""Feed (*flux*): the observation and event store of the hypervisor, one SQLite file that several processes share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from jnt_pipeline.errors import DeliveryError
from jnt_pipeline.hypervisor.context import FeedContext
from jnt_pipeline.hypervisor.cursor import GoneError, decode_cursor, encode_cursor
from jnt_pipeline.hypervisor.instants import from_microseconds, to_microseconds
from jnt_pipeline.hypervisor.recording import Recorder, Row
from jnt_pipeline.hypervisor.rules import Observation, ThresholdRule
from jnt_pipeline.hypervisor.tables import (
    alerts,
    events,
    facts_of_feed,
    latest,
    observations,
    open_engine,
    reading,
    writing,
)

__all__ = ["MAX_PAGE", "Alert", "Delivery", "EventPage", "Feed", "LogWatch", "LoggedEvent"]

MAX_PAGE = 1000
"""Most records that one page gives."""

_COLUMNS = ("datastream_id", "phenomenon_at", "result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a delivery did; ``received = stored + repeated + corrected + rejected``."""

    received: int = 0
    """Observations given."""
    stored: int = 0
    """Observations of an instant that was not recorded yet."""
    repeated: int = 0
    """Observations already recorded with this value: nothing changed."""
    corrected: int = 0
    """Another value for a recorded instant: kept as a revision, with an event."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Set aside, by reason: unknown_datastream, missing_phenomenon_at, result_not_finite."""
    late: int = 0
    """Of those stored: older than the newest of their datastream, so they moved no alert."""
    raised: int = 0
    """Alerts raised."""
    cleared: int = 0
    """Alerts cleared."""

    def __add__(self, other: Delivery) -> Delivery:
        """Sum of two deliveries, one after the other."""
        reasons = sorted({*self.rejected, *other.rejected})
        return Delivery(
            received=self.received + other.received,
            stored=self.stored + other.stored,
            repeated=self.repeated + other.repeated,
            corrected=self.corrected + other.corrected,
            rejected={r: self.rejected.get(r, 0) + other.rejected.get(r, 0) for r in reasons},
            late=self.late + other.late,
            raised=self.raised + other.raised,
            cleared=self.cleared + other.cleared,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One event of the log."""

    sequence: int
    cursor: str
    """Cursor right after this event."""
    event_id: str
    type: str
    body: str
    """The CloudEvent as JSON on one line, the same for every reader."""

    @property
    def document(self) -> dict[str, Any]:
        """The CloudEvent as a JSON value."""
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """A page of the log, in the order of its sequence."""

    events: tuple[LoggedEvent, ...]
    next: str
    """Cursor to read on from; it also passes the events that the filter left out."""
    has_more: bool
    """Whether the filter lets further events through right now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One rule on one datastream that has been raised at least once."""

    rule_id: str
    datastream_id: str
    is_active: bool
    since: datetime | None
    """When it was raised, UTC; None once it is cleared."""
    event: LoggedEvent
    """The event that last moved it."""
    latest: Observation
    """The newest observation of the datastream."""

    @property
    def alert_id(self) -> str:
        """``<rule_id>/<datastream_id>``: unique in the feed."""
        return f"{self.rule_id}/{self.datastream_id}"


class LogWatch:
    """Tells, for the price of one PRAGMA, whether any process has committed to the feed since it was last asked.

    Keeps one connection; one thread at a time uses it.
    """

    def __init__(self, connection: Connection):
        self._connection = connection
        self._version = -1

    def has_changed(self) -> bool:
        """True the first time, and after every commit of another connection."""
        # data_version moves only outside a transaction, so none is left open.
        version = int(self._connection.exec_driver_sql("PRAGMA data_version").scalar_one())
        self._connection.rollback()
        changed, self._version = version != self._version, version
        return changed

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


class Feed:
    """The open feed. Any number of readers and one writer at a time, in any number of processes.

    State and event are written in one transaction (outbox), so the log never tells of a state that is not there,
    nor hides one that is. Reads see one snapshot each.
    """

    def __init__(self, path: Path, engine: Engine):
        self.path = path
        self._engine = engine

    @classmethod
    def open(cls, path: Path, *, epoch: str | None = None) -> Self:
        """Open the feed, or create it where there is no file.

        ``epoch`` names a log that is created (hexadecimal text; None = random). Raises ``DeliveryError`` when the
        file is not a feed of this schema version, or cannot be written to.
        """
        return cls(path, open_engine(path, epoch=epoch))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def record(self, given: pd.DataFrame, *, rules: Sequence[ThresholdRule], context: FeedContext) -> Delivery:
        """Record one batch in one transaction: values, latest values, alerts and events together, or nothing.

        Parameters: ``given`` has the columns ``datastream_id`` (text), ``phenomenon_at`` (instants in UTC) and
        ``result`` (number, in the unit of the datastream); rows are taken in their order. Instants are kept to
        the microsecond.

        The same observation again changes nothing and raises no event. The same instant with another value is a
        correction: the first value is kept, the new one is stored as a revision in force, and an event says so.
        A value that this instant has already had is read as a repetition, never as a correction back. An
        observation older than the newest of its datastream is stored and moves no alert.

        Raises ``DeliveryError`` when the columns are not these, when the feed belongs to another territory, or
        when the database refuses the batch.
        """
        _check_rules(rules)
        rows, rejected = _rows(given, context)
        with self._transaction(context) as connection:
            recorder = Recorder(connection, rules, context)
            recorder.record(rows)
            recorder.flush()
        return Delivery(
            received=len(given),
            stored=recorder.stored,
            repeated=recorder.repeated,
            corrected=recorder.corrected,
            rejected=rejected,
            late=recorder.late,
            raised=recorder.raised,
            cleared=recorder.cleared,
        )

    def adopt(self, rules: Sequence[ThresholdRule], *, context: FeedContext) -> Delivery:
        """Bring the alerts in line with a set of rules, in one transaction.

        A rule that is new or changed is judged on the latest value of each datastream it watches, so that it need
        not wait for the next measure; an active alert that no rule or datastream stands for any more is cleared.
        With the same rules again nothing happens. Raises ``DeliveryError`` like ``record``.
        """
        _check_rules(rules)
        with self._transaction(context) as connection:
            recorder = Recorder(connection, rules, context)
            recorder.adopt()
            recorder.flush()
        return Delivery(raised=recorder.raised, cleared=recorder.cleared)

    def events(
        self,
        after: str | None = None,
        limit: int = 100,
        type: Sequence[str] | str | None = None,
        subject: str | None = None,
    ) -> EventPage:
        """Events after a cursor (None: from the oldest), in the order of their sequence.

        ``limit`` is 1 to 1000; ``type`` keeps one or several event types; ``subject`` is a prefix.
        Raises ``CursorError`` for what is not a cursor, ``GoneError`` for one of another log or beyond the end.
        """
        _check_limit(limit)
        query = select(events).order_by(events.c.sequence).limit(limit + 1)
        if type is not None:
            query = query.where(events.c.type.in_([type] if isinstance(type, str) else list(type)))
        if subject:
            query = query.where(events.c.subject >= subject, events.c.subject < subject + "\U0010ffff")
        with self._snapshot() as connection:
            epoch, newest = _epoch(connection), _newest_sequence(connection)
            start = 0 if after is None else _place(after, epoch, newest)
            found = connection.execute(query.where(events.c.sequence > start)).all()
        page = tuple(_logged(row, epoch) for row in found[:limit])
        has_more = len(found) > limit
        end = page[-1].sequence if has_more else newest
        return EventPage(events=page, next=encode_cursor(epoch, end), has_more=has_more)

    def event(self, event_id: str) -> LoggedEvent | None:
        """One event by its id; None where the log holds none."""
        with self._snapshot() as connection:
            row = connection.execute(select(events).where(events.c.event_id == event_id)).one_or_none()
            return None if row is None else _logged(row, _epoch(connection))

    def last_events(self, n: int) -> tuple[LoggedEvent, ...]:
        """The ``n`` newest events, newest first."""
        with self._snapshot() as connection:
            epoch = _epoch(connection)
            rows = connection.execute(select(events).order_by(events.c.sequence.desc()).limit(n)).all()
        return tuple(_logged(row, epoch) for row in rows)

    def end(self) -> str:
        """Cursor after the newest event: reading on from it gives only what is still to come."""
        with self._snapshot() as connection:
            return encode_cursor(_epoch(connection), _newest_sequence(connection))

    def latest(self) -> tuple[Observation, ...]:
        """The newest observation of each datastream, in the order of their ids."""
        with self._snapshot() as connection:
            rows = connection.execute(select(latest).order_by(latest.c.datastream_id)).all()
        return tuple(_observation(row) for row in rows)

    def observations(
        self, datastream_id: str, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Observation, ...]:
        """Observations of a datastream at the value in force, later than ``after``, in the order of time."""
        _check_limit(limit)
        query = _in_force(datastream_id).order_by(observations.c.phenomenon_us).limit(limit)
        if after is not None:
            query = query.where(observations.c.phenomenon_us > to_microseconds(after))
        with self._snapshot() as connection:
            return tuple(_observation(row) for row in connection.execute(query))

    def last_observations(self, datastream_id: str, n: int) -> tuple[Observation, ...]:
        """The ``n`` newest observations of a datastream at the value in force, in the order of time."""
        query = _in_force(datastream_id).order_by(observations.c.phenomenon_us.desc()).limit(n)
        with self._snapshot() as connection:
            return tuple(_observation(row) for row in connection.execute(query).all()[::-1])

    def alerts(self, active_only: bool = True) -> tuple[Alert, ...]:
        """The alerts, in the order of rule and datastream; with the cleared ones where ``active_only`` is False."""
        query = (
            select(alerts.c.rule_id, alerts.c.is_active, alerts.c.since_us, events, latest)
            .join(events, events.c.sequence == alerts.c.event_sequence)
            .join(latest, latest.c.datastream_id == alerts.c.datastream_id)
            .order_by(alerts.c.rule_id, alerts.c.datastream_id)
        )
        if active_only:
            query = query.where(alerts.c.is_active)
        with self._snapshot() as connection:
            epoch = _epoch(connection)
            rows = connection.execute(query).all()
        return tuple(
            Alert(
                rule_id=row.rule_id,
                datastream_id=row.datastream_id,
                is_active=row.is_active,
                since=None if row.since_us is None else from_microseconds(row.since_us),
                event=_logged(row, epoch),
                latest=_observation(row),
            )
            for row in rows
        )

    def watch(self) -> LogWatch:
        """A watch on the commits of other connections and processes; the caller closes it."""
        return LogWatch(reading(self._engine.connect()))

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, reading(connection).begin():
            yield connection

    @contextmanager
    def _transaction(self, context: FeedContext) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection, writing(connection).begin():
                _claim(connection, context.territory, self.path)
                yield connection
        except DBAPIError as error:
            raise DeliveryError(
                "the batch could not be written; nothing of it remains",
                where=self.path,
                found=str(error.orig),
                remedy="see that the disk has room and that no other program holds the file, then deliver again",
            ) from error


def _check_rules(rules: Sequence[ThresholdRule]) -> None:
    ids = [rule.rule_id for rule in rules]
    twice = sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
    if twice:
        raise DeliveryError(
            "two rules have the same rule_id", where="rules", found=", ".join(twice), expected="one rule per rule_id"
        )


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise ValueError(f"limit is {limit}, expected 1 to {MAX_PAGE}")


def _rows(given: pd.DataFrame, context: FeedContext) -> tuple[list[Row], dict[str, int]]:
    """The sound rows in their order, and how many were set aside by reason."""
    missing = [name for name in _COLUMNS if name not in given.columns]
    if missing:
        raise DeliveryError(
            "the observations lack columns",
            where="observations",
            found=", ".join(map(str, given.columns)),
            expected=", ".join(_COLUMNS),
        )
    instants = given["phenomenon_at"]
    if not isinstance(instants.dtype, pd.DatetimeTZDtype):
        raise DeliveryError(
            "the instants have no offset",
            where="observations.phenomenon_at",
            found=str(instants.dtype),
            expected="instants in UTC, e.g. datetime64[us, UTC]",
            remedy="say in which offset they were measured: pandas.to_datetime(…, utc=True)",
        )
    results = pd.to_numeric(given["result"]).to_numpy(dtype=np.float64, na_value=np.nan)
    microseconds = instants.dt.tz_convert("UTC").dt.as_unit("us")
    reasons = np.select(
        [
            ~given["datastream_id"].isin(list(context.flows)).to_numpy(dtype=bool),
            microseconds.isna().to_numpy(dtype=bool),
            ~np.isfinite(results),
        ],
        ["unknown_datastream", "missing_phenomenon_at", "result_not_finite"],
        default="",
    )
    sound = reasons == ""
    names, counts = np.unique(reasons[~sound], return_counts=True)
    rows = zip(
        given["datastream_id"][sound].astype(str).tolist(),
        microseconds[sound].astype("int64").tolist(),
        results[sound].tolist(),
        strict=True,
    )
    return list(rows), {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def _claim(connection: Connection, territory: str, path: Path) -> None:
    """Bind a new feed to its territory; refuse the observations of another one."""
    owner = connection.scalar(select(facts_of_feed.c.value).where(facts_of_feed.c.name == "territory"))
    if owner is None:
        connection.execute(facts_of_feed.insert().values(name="territory", value=territory))
    elif owner != territory:
        raise DeliveryError(
            "this feed belongs to another territory",
            where=path,
            found=owner,
            expected=territory,
            remedy="give each territory its own feed",
        )


def _epoch(connection: Connection) -> str:
    return str(connection.execute(select(facts_of_feed.c.value).where(facts_of_feed.c.name == "epoch")).scalar_one())


def _newest_sequence(connection: Connection) -> int:
    return connection.scalar(select(func.max(events.c.sequence))) or 0


def _place(after: str, epoch: str, newest: int) -> int:
    of_epoch, sequence = decode_cursor(after)
    if of_epoch == epoch and sequence <= newest:
        return sequence
    raise GoneError(
        "this cursor does not belong to this log",
        where="after",
        found=after,
        expected=f"a cursor of the log {epoch}, at most {newest} events long",
        remedy="the log was rebuilt: start again from the oldest cursor, and drop events whose id you have seen",
        oldest=encode_cursor(epoch, 0),
    )


def _in_force(datastream_id: str) -> Any:
    """Query of the values in force: of each instant, the highest revision."""
    later = observations.alias()
    return select(observations.c.datastream_id, observations.c.phenomenon_us, observations.c.result).where(
        observations.c.datastream_id == datastream_id,
        ~select(later.c.revision)
        .where(
            later.c.datastream_id == observations.c.datastream_id,
            later.c.phenomenon_us == observations.c.phenomenon_us,
            later.c.revision > observations.c.revision,
        )
        .exists(),
    )


def _logged(row: Any, epoch: str) -> LoggedEvent:
    return LoggedEvent(
        sequence=row.sequence,
        cursor=encode_cursor(epoch, row.sequence),
        event_id=row.event_id,
        type=row.type,
        body=row.body,
    )


def _observation(row: Any) -> Observation:
    return Observation(
        datastream_id=row.datastream_id,
        phenomenon_at=from_microseconds(row.phenomenon_us),
        result=row.result,
    )
