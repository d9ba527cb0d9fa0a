"""The feed: what a batch changes, what it never changes, and what remains after a crash."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hypervisor.feeding import FLOOD, at, context, frame

from jnt_pipeline.errors import DeliveryError
from jnt_pipeline.hypervisor.cursor import CursorError, GoneError, encode_cursor
from jnt_pipeline.hypervisor.feed import Delivery, Feed
from jnt_pipeline.hypervisor.recording import Recorder
from jnt_pipeline.hypervisor.rules import ThresholdRule

HERE = context("a", "b")
RULES = [FLOOD]


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    with Feed.open(tmp_path / "feed.sqlite", epoch="e1") as opened:
        yield opened


def told(feed: Feed) -> list[tuple[str, str, float]]:
    """(what, time, value) of every event."""
    documents = [event.document for event in feed.events(limit=1000).events]
    return [(one["type"].split(".")[-2], one["time"], one["data"]["value"]) for one in documents]


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but the random epoch."""
    with sqlite3.connect(path) as database:
        tables = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
        rows = {name: sorted(database.execute(f"select * from {name}"), key=repr) for name in sorted(tables)}
    database.close()
    rows["feed"] = [row for row in rows["feed"] if row[0] != "epoch"]
    return rows


def test_an_alert_is_raised_and_cleared_with_its_observation(feed: Feed) -> None:
    delivery = feed.record(frame(("a", 0, 1.4), ("a", 1, 1.6), ("a", 2, 1.4), ("a", 3, 1.3)), rules=RULES, context=HERE)

    assert delivery == Delivery(received=4, stored=4, raised=1, cleared=1)
    assert told(feed) == [("raised", "2026-01-01T00:01:00Z", 1.6), ("cleared", "2026-01-01T00:03:00Z", 1.3)]
    assert feed.alerts() == ()
    (alert,) = feed.alerts(active_only=False)
    assert (alert.alert_id, alert.is_active, alert.since) == ("crue/a", False, None)
    assert alert.event.document["data"]["since"] == "2026-01-01T00:01:00Z"


def test_the_same_batch_again_changes_nothing(feed: Feed) -> None:
    batch = frame(("a", 0, 1.6), ("b", 0, 1.0), ("a", 1, 1.0))
    feed.record(batch, rules=RULES, context=HERE)
    before = contents(feed.path)

    again = feed.record(batch, rules=RULES, context=HERE)

    assert again == Delivery(received=3, repeated=3)
    assert contents(feed.path) == before


def test_an_observation_twice_in_one_batch_is_a_repetition(feed: Feed) -> None:
    assert feed.record(frame(("a", 0, 1.6), ("a", 0, 1.6)), rules=RULES, context=HERE) == Delivery(
        received=2, stored=1, repeated=1, raised=1
    )


def test_a_late_observation_is_stored_and_moves_no_alert(feed: Feed) -> None:
    feed.record(frame(("a", 10, 1.0)), rules=RULES, context=HERE)

    late = feed.record(frame(("a", 5, 9.0), ("b", 5, 9.0)), rules=RULES, context=HERE)

    assert late == Delivery(received=2, stored=2, late=1, raised=1)  # b is new: its first value is not late
    assert [alert.datastream_id for alert in feed.alerts()] == ["b"]
    assert [(one.phenomenon_at, one.result) for one in feed.observations("a")] == [(at(5), 9.0), (at(10), 1.0)]
    assert feed.latest()[0].result == 1.0


def test_another_value_for_a_recorded_instant_is_a_revision_with_an_event(feed: Feed) -> None:
    feed.record(frame(("a", 0, 1.0), ("a", 1, 1.1)), rules=RULES, context=HERE)

    delivery = feed.record(frame(("a", 0, 9.0)), rules=RULES, context=HERE)

    assert delivery == Delivery(received=1, corrected=1)
    assert told(feed) == [("corrected", "2026-01-01T00:00:00Z", 9.0)]
    facts = feed.events().events[0].document["data"]
    assert (facts["previous_value"], facts["revision"]) == (1.0, 1)
    assert [one.result for one in feed.observations("a")] == [9.0, 1.1]
    assert feed.alerts() == ()  # an old value does not say how things are now


def test_a_correction_of_the_newest_value_is_judged(feed: Feed) -> None:
    feed.record(frame(("a", 0, 9.0)), rules=RULES, context=HERE)

    delivery = feed.record(frame(("a", 0, 0.9)), rules=RULES, context=HERE)

    assert delivery == Delivery(received=1, corrected=1, cleared=1)
    assert [what for what, _, _ in told(feed)] == ["raised", "corrected", "cleared"]
    assert feed.latest()[0].result == 0.9


def test_a_value_that_an_instant_has_already_had_is_a_repetition(feed: Feed) -> None:
    feed.record(frame(("a", 0, 1.0), ("a", 0, 2.0)), rules=[], context=HERE)

    again = feed.record(frame(("a", 0, 1.0), ("a", 0, 2.0)), rules=[], context=HERE)

    assert again == Delivery(received=2, repeated=2)
    assert [one.result for one in feed.observations("a")] == [2.0]


def test_bad_observations_are_set_aside_with_their_reason_and_the_others_kept(feed: Feed) -> None:
    batch = frame(("a", 0, 1.0), ("x", 0, 1.0), ("a", 1, float("nan")), ("a", 2, float("inf")), ("a", 3, 1.0))
    batch.loc[4, "phenomenon_at"] = pd.NaT

    delivery = feed.record(batch, rules=RULES, context=HERE)

    assert delivery == Delivery(
        received=5,
        stored=1,
        rejected={"missing_phenomenon_at": 1, "result_not_finite": 2, "unknown_datastream": 1},
    )


@pytest.mark.parametrize(
    ("batch", "found"),
    [
        (pd.DataFrame({"datastream_id": ["a"], "result": [1.0]}), "the observations lack columns"),
        (frame(("a", 0, 1.0)).assign(phenomenon_at=[pd.Timestamp("2026-01-01")]), "the instants have no offset"),
    ],
)
def test_a_frame_without_its_columns_or_offsets_is_refused(feed: Feed, batch: pd.DataFrame, found: str) -> None:
    with pytest.raises(DeliveryError, match=found):
        feed.record(batch, rules=RULES, context=HERE)


def test_instants_of_another_offset_and_unit_are_the_same_instants(feed: Feed) -> None:
    batch = frame(("a", 0, 1.0))
    feed.record(batch, rules=[], context=HERE)
    paris = batch.assign(phenomenon_at=batch["phenomenon_at"].dt.tz_convert("Europe/Paris").dt.as_unit("ns"))

    assert feed.record(paris, rules=[], context=HERE).repeated == 1


def test_instants_before_1970_are_kept(feed: Feed) -> None:
    batch = frame(("a", 0, 1.0)).assign(phenomenon_at=pd.Series([pd.Timestamp("1910-01-28T12:00Z")]).dt.as_unit("us"))

    feed.record(batch, rules=[], context=HERE)

    assert feed.latest()[0].phenomenon_at == pd.Timestamp("1910-01-28T12:00Z")


_SERIES = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 12), st.sampled_from([1.0, 1.3, 1.4, 1.5, 1.6, 9.0])),
    max_size=24,
)


@settings(max_examples=25)
@given(rows=_SERIES, cuts=st.lists(st.integers(0, 24), max_size=4))
def test_events_do_not_depend_on_batches_nor_on_delivering_again(
    rows: list[tuple[str, float, float]], cuts: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        whole, parts = Path(folder, "whole"), Path(folder, "parts")
        with Feed.open(whole) as feed:
            feed.record(frame(*rows), rules=RULES, context=HERE)
        edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
        with Feed.open(parts) as feed:
            for start, end in itertools.pairwise(edges):
                feed.record(frame(*rows[start:end]), rules=RULES, context=HERE)
                # Killed after this batch and begun again from the start: what was recorded is repeated.
                feed.record(frame(*rows[:end]), rules=RULES, context=HERE)
            feed.record(frame(*rows), rules=RULES, context=HERE)
            alerts = [(event.type, event.document["data"]["datastream_id"]) for event in feed.events(limit=1000).events]
        assert contents(parts) == contents(whole) or not rows
    for datastream_id in "ab":
        kinds = [kind.split(".")[-2] for kind, of in alerts if of == datastream_id and ".alert." in kind]
        assert kinds == [("raised", "cleared")[n % 2] for n in range(len(kinds))]


def test_a_crash_in_the_middle_of_a_batch_leaves_nothing(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    feed.record(frame(("a", 0, 1.0)), rules=RULES, context=HERE)
    before = contents(feed.path)
    flush = Recorder.flush

    def crash(recorder: Recorder) -> None:
        flush(recorder)  # observations, latest, events and alerts are all written, not committed
        raise MemoryError

    monkeypatch.setattr(Recorder, "flush", crash)
    with pytest.raises(MemoryError):
        feed.record(frame(("a", 1, 9.0)), rules=RULES, context=HERE)

    assert contents(feed.path) == before
    monkeypatch.undo()
    assert feed.record(frame(("a", 1, 9.0)), rules=RULES, context=HERE).raised == 1


def test_an_event_is_never_seen_without_its_alert_nor_out_of_order_while_another_writes(tmp_path: Path) -> None:
    path = tmp_path / "feed.sqlite"
    n_batches = 30
    done = threading.Event()
    failures: list[str] = []

    def follow(feed: Feed) -> None:
        cursor, sequences = None, []
        while True:
            finished = done.is_set()  # asked before reading: what is read after it is everything
            page = feed.events(cursor, limit=7)
            cursor = page.next
            sequences += [event.sequence for event in page.events]
            for event in page.events:
                alert_id = f"crue/{event.document['data']['datastream_id']}"
                if alert_id not in {alert.alert_id for alert in feed.alerts(active_only=False)}:
                    failures.append(f"event {event.sequence} without its alert")
            if finished and not page.has_more:
                break
        if sequences != list(range(1, n_batches + 1)):
            failures.append(f"read {sequences}")

    with Feed.open(path) as writer, Feed.open(path) as one, Feed.open(path) as other:
        readers = [threading.Thread(target=follow, args=(feed,)) for feed in (one, other)]
        for reader in readers:
            reader.start()
        for minute in range(n_batches):
            writer.record(frame(("a", minute, 9.0 if minute % 2 == 0 else 0.0)), rules=RULES, context=HERE)
        done.set()
        for reader in readers:
            reader.join()

    assert failures == []


def test_opening_a_new_feed_from_several_threads_at_once_makes_one_log(tmp_path: Path) -> None:
    path, ends, barrier = tmp_path / "feed.sqlite", [], threading.Barrier(4)

    def open_it() -> None:
        barrier.wait()
        with Feed.open(path) as feed:
            ends.append(feed.end())

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ends) == 4
    assert len(set(ends)) == 1


def filled(feed: Feed) -> None:
    feed.record(
        frame(*(("a", minute, 9.0 if minute % 2 == 0 else 0.0) for minute in range(6)), ("b", 9, 9.0)),
        rules=RULES,
        context=HERE,
    )


def test_pages_of_any_size_give_every_event_once_and_then_repeat_their_cursor(feed: Feed) -> None:
    filled(feed)
    for limit in (1, 2, 3, 7, 100):
        cursor, seen = None, []
        while True:
            page = feed.events(cursor, limit)
            seen += [event.sequence for event in page.events]
            cursor = page.next
            if not page.has_more:
                break
        assert seen == [1, 2, 3, 4, 5, 6, 7]
        assert feed.events(cursor, limit).next == cursor == encode_cursor("e1", 7)


def test_a_filter_keeps_its_events_and_next_passes_the_others(feed: Feed) -> None:
    filled(feed)

    page = feed.events(type="fr.jnt.alert.cleared.v1", limit=2)
    assert [event.sequence for event in page.events] == [2, 4]
    assert (page.has_more, page.next) == (True, encode_cursor("e1", 4))

    rest = feed.events(page.next, type=["fr.jnt.alert.cleared.v1"], limit=2)
    assert [event.sequence for event in rest.events] == [6]
    assert (rest.has_more, rest.next) == (False, encode_cursor("e1", 7))


@pytest.mark.parametrize(("prefix", "n"), [("station/s", 7), ("station/", 7), ("station/S", 0), ("station/s%", 0)])
def test_a_subject_is_a_plain_prefix_with_its_case(feed: Feed, prefix: str, n: int) -> None:
    filled(feed)

    assert len(feed.events(subject=prefix).events) == n


def test_a_cursor_of_another_log_or_beyond_the_end_is_gone_and_the_oldest_is_named(feed: Feed) -> None:
    filled(feed)
    for foreign in (encode_cursor("e2", 1), encode_cursor("e1", 8)):
        with pytest.raises(GoneError) as gone:
            feed.events(foreign)
        assert feed.events(gone.value.oldest).events[0].sequence == 1
    with pytest.raises(CursorError):
        feed.events("nonsense!")


def test_a_rebuilt_log_has_another_epoch(tmp_path: Path) -> None:
    ends = set()
    for name in ("one", "two"):
        with Feed.open(tmp_path / name) as feed:
            ends.add(feed.end())

    assert len(ends) == 2


def test_a_feed_deleted_and_delivered_again_is_followed_by_those_who_had_it_open(feed: Feed) -> None:
    filled(feed)
    old_end = feed.end()
    for file in feed.path.parent.iterdir():
        file.unlink()
    feed._engine.dispose()  # as the pool does in time: the next read opens the file by its name
    with pytest.raises(DeliveryError, match="cannot be read"):
        feed.events()
    assert not feed.path.exists()

    with Feed.open(feed.path) as new:
        new.record(frame(("a", 0, 9.0)), rules=RULES, context=HERE)

    assert len(feed.events().events) == 1
    with pytest.raises(GoneError):
        feed.events(old_end)


def _text_file(path: Path) -> None:
    path.write_text("not a database, but long enough to be looked at as one" * 50, encoding="utf-8")


def _other_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("create table parcels (idu text)")
    database.close()


def _newer_feed(path: Path) -> None:
    Feed.open(path).close()
    with sqlite3.connect(path) as database:
        database.execute("update feed set value = '99' where name = 'schema_version'")
    database.close()


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (_text_file, "cannot be opened as a feed"),
        (_other_database, "not a feed"),
        (_newer_feed, "another schema version"),
        (_folder, "cannot be opened as a feed"),
    ],
)
def test_what_is_not_a_feed_of_this_version_is_refused_and_left_alone(
    tmp_path: Path, make: Callable[[Path], None], what: str
) -> None:
    path = tmp_path / "feed.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else None

    with pytest.raises(DeliveryError, match=what):
        Feed.open(path)

    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="No such file or directory"):
        Feed.open(tmp_path / "nowhere" / "feed.sqlite")


def test_a_feed_takes_no_observation_of_another_territory(feed: Feed) -> None:
    feed.record(frame(("a", 0, 1.0)), rules=RULES, context=HERE)

    with pytest.raises(DeliveryError, match="another territory"):
        feed.record(frame(("a", 1, 1.0)), rules=RULES, context=context("a", territory="elsewhere"))


def test_two_rules_of_one_id_are_refused(feed: Feed) -> None:
    with pytest.raises(DeliveryError, match="same rule_id"):
        feed.record(frame(("a", 0, 1.0)), rules=[FLOOD, FLOOD], context=HERE)


def test_writes_are_durable_and_concurrent_reads_possible(feed: Feed) -> None:
    with feed.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL


def rule(**change: object) -> ThresholdRule:
    return ThresholdRule.model_validate({**FLOOD.model_dump(exclude_none=True), **change})


def test_a_new_rule_is_judged_on_the_latest_value_at_once(feed: Feed) -> None:
    feed.record(frame(("a", 0, 9.0), ("a", 1, 1.6)), rules=[], context=HERE)

    assert feed.adopt(RULES, context=HERE) == Delivery(raised=1)
    assert told(feed) == [("raised", "2026-01-01T00:01:00Z", 1.6)]
    assert feed.events().events[0].document["data"]["cause"] == "rule_changed"
    assert feed.adopt(RULES, context=HERE) == Delivery()


def test_a_changed_threshold_clears_what_it_no_longer_covers(feed: Feed) -> None:
    feed.record(frame(("a", 0, 1.6)), rules=RULES, context=HERE)

    assert feed.adopt([rule(above=3.0, clear=2.0)], context=HERE) == Delivery(cleared=1)
    assert feed.adopt([rule(title="Autre titre", above=3.0, clear=2.0)], context=HERE) == Delivery()


@pytest.mark.parametrize("still_there", [context("a"), context("b"), context()])
def test_an_alert_whose_rule_or_datastream_is_gone_is_cleared_and_says_so(feed: Feed, still_there: object) -> None:
    feed.record(frame(("a", 0, 1.6)), rules=RULES, context=HERE)
    rules = RULES if "a" not in still_there.flows else []  # type: ignore[attr-defined]

    assert feed.adopt(rules, context=still_there) == Delivery(cleared=1)  # type: ignore[arg-type]
    assert feed.alerts() == ()
    data = feed.events().events[-1].document["data"]
    assert (data["state"], data["cause"], data["since"]) == ("cleared", "no_longer_watched", "2026-01-01T00:00:00Z")
    assert feed.adopt(rules, context=still_there) == Delivery()  # type: ignore[arg-type]


def test_a_rule_that_comes_back_is_judged_on_what_happened_without_it(feed: Feed) -> None:
    feed.record(frame(("a", 0, 1.0)), rules=RULES, context=HERE)
    feed.adopt([], context=HERE)
    feed.record(frame(("a", 1, 9.0)), rules=[], context=HERE)

    assert feed.adopt(RULES, context=HERE) == Delivery(raised=1)


def test_a_series_is_paged_by_time_and_its_end_is_given_in_order(feed: Feed) -> None:
    feed.record(frame(*(("a", minute, float(minute)) for minute in range(5))), rules=[], context=HERE)

    assert [one.result for one in feed.observations("a", limit=2)] == [0.0, 1.0]
    assert [one.result for one in feed.observations("a", after=at(1).to_pydatetime(), limit=2)] == [2.0, 3.0]
    assert [one.result for one in feed.last_observations("a", 2)] == [3.0, 4.0]
    assert feed.observations("nobody") == ()


def test_deliveries_add_up() -> None:
    one = Delivery(received=3, stored=1, rejected={"b": 2})
    two = Delivery(received=4, stored=1, repeated=1, rejected={"a": 1, "b": 1}, raised=1)

    assert one + two == Delivery(received=7, stored=2, repeated=1, rejected={"a": 1, "b": 3}, raised=1)
