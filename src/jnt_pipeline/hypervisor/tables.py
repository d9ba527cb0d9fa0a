"""The tables of the feed and how its file is opened: one SQLite file, write-ahead log, a stated schema version."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from jnt_pipeline.errors import DeliveryError

__all__ = [
    "SCHEMA_VERSION",
    "alerts",
    "events",
    "facts_of_feed",
    "latest",
    "observations",
    "open_engine",
    "reading",
    "writing",
]

SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 30  # a writer waits for the other one's batch, well under a second, before it gives up
_REMEDY = "give another path, or move this file away: the feed is rebuilt by delivering again"

schema = MetaData()

facts_of_feed = Table(
    "feed",
    schema,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""schema_version, epoch (changes when the log is rebuilt), territory (from the first delivery on)."""

observations = Table(
    "observations",
    schema,
    Column("datastream_id", Text, primary_key=True),
    Column("phenomenon_us", BigInteger, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("result", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""Every value ever received; of one (datastream, instant) the highest revision is in force."""

latest = Table(
    "latest",
    schema,
    Column("datastream_id", Text, primary_key=True),
    Column("phenomenon_us", BigInteger, nullable=False),
    Column("result", Float, nullable=False),
)
"""The newest observation of each datastream, at the value in force."""

events = Table(
    "events",
    schema,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("events_by_subject", "subject", "sequence"),
    Index("events_by_type", "type", "sequence"),
)
"""The log: append-only, the one truth that every way out reads. ``body`` is the CloudEvent, byte for byte."""

alerts = Table(
    "alerts",
    schema,
    Column("rule_id", Text, primary_key=True),
    Column("datastream_id", Text, primary_key=True),
    Column("is_active", Boolean, nullable=False),
    Column("since_us", BigInteger),
    Column("rule", Text, nullable=False),
    Column("event_sequence", ForeignKey(events.c.sequence)),
)
"""Where each rule stands on each datastream, the rule it was judged by, and the event that last moved it."""


def open_engine(path: Path, *, epoch: str | None) -> Engine:
    """Engine on the feed of this path, created where there is none.

    ``epoch`` names a new log (hexadecimal; None: drawn at random, so that a rebuilt log never honours the
    cursors of the one before). Raises ``DeliveryError`` for a file that is not a feed of this version.
    """

    engine = _engine(path)
    try:
        if not path.exists():
            _create(path, epoch or secrets.token_hex(8))
        with engine.connect() as connection, reading(connection).begin():
            _check(connection, path)
    except (DBAPIError, OSError) as error:
        engine.dispose()
        raise DeliveryError(
            "this cannot be opened as a feed",
            where=path,
            found=str(error.orig if isinstance(error, DBAPIError) else error.strerror),
            expected="a feed written by jnt, or no file yet in a folder that can be written to",
            remedy=_REMEDY,
        ) from error
    except DeliveryError:
        engine.dispose()
        raise
    return engine


def reading(connection: Connection) -> Connection:
    """The same connection, whose next transaction sees one snapshot of the feed."""
    return connection.execution_options(jnt_begin="BEGIN")


def writing(connection: Connection) -> Connection:
    """The same connection, whose next transaction is the only writer from its first statement on."""
    return connection.execution_options(jnt_begin="BEGIN IMMEDIATE")


def _engine(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        # mode=rw: a reader never brings back a feed that was deleted, as an empty file.
        return sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False
        )

    # No bound of its own: the callers' threads are the bound, and a connection is a few file handles.
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, max_overflow=-1)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # transactions are ours: the driver would begin them late
    cursor = dbapi_connection.cursor()
    try:
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("jnt_begin", "BEGIN"))


def _create(path: Path, epoch: str) -> None:
    """Make the feed under another name and give it its own when it is whole; of several at once, one wins.

    In place, a crash would leave half a schema, and two processes would fight over the switch to WAL, which
    SQLite refuses at once instead of waiting.
    """
    draft = path.with_name(f"{path.name}.new-{secrets.token_hex(8)}")
    draft.touch(exist_ok=False)
    engine = _engine(draft)
    try:
        with engine.connect() as connection, writing(connection).begin():
            schema.create_all(connection)
            facts = {"schema_version": str(SCHEMA_VERSION), "epoch": epoch}
            connection.execute(facts_of_feed.insert(), [{"name": n, "value": v} for n, v in facts.items()])
        raw = engine.raw_connection()
        raw.cursor().execute("PRAGMA journal_mode = WAL").close()  # kept in the file from now on
        raw.close()
        engine.dispose()
        with suppress(FileExistsError):  # another process was faster: its feed is as good
            os.link(draft, path)
    finally:
        engine.dispose()
        for leftover in (draft, draft.with_name(f"{draft.name}-wal"), draft.with_name(f"{draft.name}-shm")):
            leftover.unlink(missing_ok=True)


def _check(connection: Connection, path: Path) -> None:
    present = set(inspect(connection).get_table_names())
    if facts_of_feed.name not in present or not set(schema.tables) <= present:
        raise DeliveryError(
            "this database is not a feed",
            where=path,
            found=f"tables {', '.join(sorted(present))}",
            expected=f"tables {', '.join(sorted(schema.tables))}",
            remedy=_REMEDY,
        )
    version = connection.scalar(select(facts_of_feed.c.value).where(facts_of_feed.c.name == "schema_version"))
    if version != str(SCHEMA_VERSION):
        raise DeliveryError(
            "this feed has another schema version",
            where=path,
            found=f"version {version}",
            expected=f"version {SCHEMA_VERSION}",
            remedy=_REMEDY,
        )
