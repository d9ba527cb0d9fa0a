"""The log over HTTP: pages by cursor, one event by id, and the live stream (SSE)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from jnt_pipeline.hypervisor.api.answers import Limit, Twin, conditional, knows
from jnt_pipeline.hypervisor.cursor import GoneError
from jnt_pipeline.hypervisor.events import EVENT_TYPES, encode_json
from jnt_pipeline.hypervisor.feed import EventPage, Feed
from jnt_pipeline.hypervisor.log_signal import LogSignal

__all__ = ["router"]

router = APIRouter(tags=["events"])

HEARTBEAT_S = 15
SEND_TIMEOUT_S = 30  # a client that reads nothing for so long is let go; it comes back with its cursor
STREAM_PAGE = 100  # events read ahead of a client, and so the most that one client holds in memory

After = Annotated[str | None, Query(max_length=200, description="Cursor; events after it. Absent: from the oldest.")]
Types = Annotated[list[str] | None, Query(alias="type", description="Event type; repeatable.")]
Subject = Annotated[
    str | None, Query(max_length=500, description="Prefix of the subject, e.g. station/V3 or layer/parcels/.")
]


@router.get("/v1/events", dependencies=[knows("after", "limit", "subject", repeatable=["type"])])
def read_events(
    request: Request,
    twin: Twin,
    after: After = None,
    limit: Limit = 100,
    types: Types = None,
    subject: Subject = None,
) -> Response:
    """A page of events: ``{events, next, hasMore}``."""
    page = twin.feed.events(after, limit, _known_types(types), subject)
    listed = ",".join(event.body for event in page.events)
    body = f'{{"events":[{listed}],"next":{encode_json(page.next)},"hasMore":{encode_json(page.has_more)}}}'
    return conditional(request, body, "application/json")


@router.get("/v1/events/stream", dependencies=[knows("after", "subject", repeatable=["type"])])
async def stream_events(
    request: Request,
    twin: Twin,
    after: After = None,
    types: Types = None,
    subject: Subject = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The events after a cursor, then those to come, as server-sent events.

    ``Last-Event-ID`` wins over ``after``. The id of each message is its cursor.
    """
    kept = _known_types(types)
    place = last_event_id or after
    first = await run_in_threadpool(twin.feed.events, place, STREAM_PAGE, kept, subject)  # 400 or 410 before 200
    signal: LogSignal = request.app.state.log_signal
    return EventSourceResponse(
        _messages(twin.feed, signal, first, kept, subject),
        ping=HEARTBEAT_S,
        ping_message_factory=lambda: ServerSentEvent(comment="heartbeat"),
        send_timeout=SEND_TIMEOUT_S,
        sep="\n",
    )


@router.get("/v1/events/{event_id}", dependencies=[knows()])
def read_event(request: Request, twin: Twin, event_id: str) -> Response:
    """One event, as it was logged."""
    event = twin.feed.event(event_id)
    if event is None:
        raise HTTPException(404, f"the log holds no event {event_id!r}")
    return conditional(request, event.body, "application/cloudevents+json")


async def _messages(
    feed: Feed, signal: LogSignal, page: EventPage, types: list[str] | None, subject: str | None
) -> AsyncIterator[ServerSentEvent]:
    # Pulled by the client's own pace: the log is the queue, one page of it is in memory.
    seen = 0
    while True:
        for event in page.events:
            yield ServerSentEvent(id=event.cursor, event=event.type, data=event.body)
        if not page.has_more:
            seen = await signal.wait_after(seen)
        try:
            page = await run_in_threadpool(feed.events, page.next, STREAM_PAGE, types, subject)
        except GoneError:
            return  # the log was rebuilt under the stream: the client comes back with its cursor and is told (410)


def _known_types(types: list[str] | None) -> list[str] | None:
    for one in types or ():
        if one not in EVENT_TYPES:
            raise HTTPException(400, f"type: unknown event type {one!r}; expected one of: {', '.join(EVENT_TYPES)}")
    return types
