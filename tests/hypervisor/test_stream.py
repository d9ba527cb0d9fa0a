"""The live stream, from a server that really listens."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.hypervisor.feeding import FLOOD, context, frame, listening

from jnt_pipeline.hypervisor.deliver import deliver
from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.hypervisor.server import create_app
from jnt_pipeline.territory.model import Territory

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.hypervisor.dying"])

HERE = context("a")
PATIENCE_S = 60  # only a broken server takes so long


def deliver_elsewhere(territory: Territory, path: Path) -> None:
    """Runs in another process."""
    deliver(territory, [FLOOD], path)


@contextmanager
def stream(url: str, *, last_event_id: str | None = None, **parameters: str) -> Iterator[Iterator[dict[str, str]]]:
    """The messages of the stream, as (field, value)."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    with (
        httpx.Client(timeout=PATIENCE_S) as client,
        client.stream("GET", f"{url}/v1/events/stream", params=parameters, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        yield _messages(answer.iter_lines())


def _messages(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    message: dict[str, str] = {}
    for line in lines:
        if line == "":
            if message:
                yield message
            message = {}
        elif not line.startswith(":"):
            field, _, value = line.partition(": ")
            assert field not in message, "an event must fit on one data line"
            message[field] = value


def alternate(feed: Feed, first: int, n: int) -> None:
    """``n`` events: raised on even minutes, cleared on odd ones."""
    rows = [("a", minute, 0.0 if minute % 2 else 9.0) for minute in range(first, first + n)]
    feed.record(frame(*rows), rules=[FLOOD], context=HERE)


def test_the_stream_gives_what_is_logged_then_what_comes_and_resumes_where_it_was_cut(
    twin: Territory, tmp_path: Path
) -> None:
    path = tmp_path / "feed.sqlite"
    with Feed.open(path) as feed, listening(create_app(twin, path)) as url:
        alternate(feed, 0, 2)
        logged = [(event.cursor, event.type, event.body) for event in feed.events().events]
        with stream(url) as messages:
            seen = [next(messages), next(messages)]
            assert [(one["id"], one["event"], one["data"]) for one in seen] == logged
            alternate(feed, 2, 1)  # while the client waits
            assert next(messages)["event"] == "fr.jnt.alert.raised.v1"
        alternate(feed, 3, 3)  # while no one listens

        third = feed.events().events[2].cursor
        with stream(url, last_event_id=third, after=logged[0][0]) as messages:  # the header wins
            resumed = [next(messages)["id"] for _ in range(3)]
        assert resumed == [event.cursor for event in feed.events(third).events]

        with stream(url, type="fr.jnt.alert.cleared.v1", subject="station/s") as messages:
            assert [next(messages)["id"] for _ in range(3)] == [event.cursor for event in feed.events().events[1::2]]


def test_events_committed_by_another_process_reach_a_waiting_client(twin: Territory, tmp_path: Path) -> None:
    path = tmp_path / "feed.sqlite"
    with listening(create_app(twin, path)) as url, stream(url) as messages:
        process = _PROCESSES.Process(target=deliver_elsewhere, args=(twin, path))
        process.start()

        assert '"rule_id":"crue"' in next(messages)["data"]
        process.join()
        assert process.exitcode == 0


def test_more_events_than_a_page_are_streamed_in_order_to_several_clients(twin: Territory, tmp_path: Path) -> None:
    path = tmp_path / "feed.sqlite"
    with Feed.open(path) as feed, listening(create_app(twin, path)) as url:
        alternate(feed, 0, 250)
        with stream(url) as one, stream(url) as other:
            both = [[next(messages)["id"] for _ in range(250)] for messages in (one, other)]
        cursors = [event.cursor for event in feed.events(limit=1000).events]
    assert both == [cursors, cursors]


def test_a_log_rebuilt_under_a_stream_ends_it_and_the_client_that_comes_back_is_told(
    twin: Territory, tmp_path: Path
) -> None:
    path = tmp_path / "feed.sqlite"
    with Feed.open(path) as feed:
        alternate(feed, 0, 1)
    with listening(create_app(twin, path)) as url:
        with stream(url) as messages:
            last = next(messages)["id"]
            for file in tmp_path.glob("feed.sqlite*"):
                file.unlink()
            with Feed.open(path) as feed:
                alternate(feed, 0, 2)
            assert list(messages) == []
        answer = httpx.get(f"{url}/v1/events/stream", headers={"Last-Event-ID": last}, timeout=PATIENCE_S)

        assert answer.status_code == 410
        with stream(url, after=answer.json()["oldest"]) as messages:
            assert next(messages)["event"] == "fr.jnt.alert.raised.v1"


def test_a_bad_cursor_in_the_header_is_refused(twin: Territory, tmp_path: Path) -> None:
    with listening(create_app(twin, tmp_path / "feed.sqlite")) as url:
        answer = httpx.get(f"{url}/v1/events/stream", headers={"Last-Event-ID": "nonsense"}, timeout=PATIENCE_S)

    assert answer.status_code == 400


def test_an_empty_last_event_id_is_as_none(twin: Territory, tmp_path: Path) -> None:
    path = tmp_path / "feed.sqlite"
    with Feed.open(path) as feed:
        alternate(feed, 0, 1)
    with listening(create_app(twin, path)) as url, stream(url, last_event_id="") as messages:
        assert next(messages)["event"] == "fr.jnt.alert.raised.v1"
