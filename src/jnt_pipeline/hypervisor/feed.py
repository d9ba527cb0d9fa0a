"""Feed (*flux*): the observation and event store of the hypervisor, one SQLite file that several processes share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from jnt_pipeline.errors import DeliveryError
from jnt_pipeline.hypervisor.batches import check_rules, sound_rows
from jnt_pipeline.hypervisor.changes import ChangeFacts
from jnt_pipeline.hypervisor.context import FeedContext
from jnt_pipeline.hypervisor.cursor import GoneError, decode_cursor, encode_cursor
from jnt_pipeline.hypervisor.instants import from_microseconds, to_microseconds
from jnt_pipeline.hypervisor.log_values import Alert, Delivery, EventPage, LoggedEvent
from jnt_pipeline.hypervisor.recording import Recorder
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


class LogWatch:
    """Tells, for the price of one PRAGMA, whether any process has committed to the feed since it was last asked.

    Keeps one connection; one thread at a time uses it.
    """

    def __init__(self, feed: Feed):
        self._feed = feed
        self._connection: Connection | None = None
        self._version = -1

    def has_changed(self) -> bool:
        """True the first time, after every commit of another connection, and after the file was replaced.

        Raises ``DeliveryError`` while the file is away.
        """
        if self._feed.renew():
            self.close()
        with self._feed.named_errors():
            if self._connection is None:
                self._connection = self._feed.connect()
            version = int(self._connection.exec_driver_sql("PRAGMA data_version").scalar_one())
            self._connection.rollback()  # data_version moves only outside a transaction
        changed, self._version = version != self._version, version
        return changed

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._version = None, -1


class Feed:
    """The open feed. Any number of readers and one writer at a time, in any number of processes.

    State and event are written in one transaction (outbox), so the log never tells of a state that is not there,
    nor hides one that is. Reads see one snapshot each.
    """

    def __init__(self, path: Path, engine: Engine):
        self.path = path
        self._engine = engine
        self._identity = _identity(path)

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
        check_rules(rules)
        rows, rejected = sound_rows(given, context)
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
        check_rules(rules)
        with self._transaction(context) as connection:
            recorder = Recorder(connection, rules, context)
            recorder.adopt()
            recorder.flush()
        return Delivery(raised=recorder.raised, cleared=recorder.cleared)

    def tell_changes(self, changes: Sequence[ChangeFacts], *, context: FeedContext) -> Delivery:
        """Log one event for each change that the log does not hold yet, in their order and in one transaction.

        The log itself is the state: the id of the event follows from the change. Raises ``DeliveryError`` like
        ``record``.
        """
        with self._transaction(context) as connection:
            recorder = Recorder(connection, (), context)
            recorder.tell_changes(changes)
            recorder.flush()
        return Delivery(changes_told=recorder.changes_told, changes_known=recorder.changes_known)

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
        return LogWatch(self)

    def connect(self) -> Connection:
        """A connection for reading, to be closed by the caller."""
        return reading(self._engine.connect())

    def renew(self) -> bool:
        """Whether another file has taken the place of the feed since it was opened or last renewed.

        If so, the connections to the old one are let go: a server then follows a feed that was deleted and
        delivered again, whose epoch tells its clients.
        """
        identity = _identity(self.path)
        if identity in (self._identity, None):
            return False
        self._identity = identity
        self._engine.dispose()
        return True

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """Turn what the database refuses while reading into ``DeliveryError``."""
        try:
            yield
        except DBAPIError as error:
            raise DeliveryError(
                "the feed cannot be read",
                where=self.path,
                found=str(error.orig),
                expected="the file that was opened",
                remedy="deliver again if it was deleted",
            ) from error

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        self.renew()
        with self.named_errors(), self.connect() as connection, connection.begin():
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


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise ValueError(f"limit is {limit}, expected 1 to {MAX_PAGE}")


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file; None while there is none."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_dev, facts.st_ino


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
