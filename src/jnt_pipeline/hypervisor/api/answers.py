"""What the routers share: the served twin, conditional answers, and the refusal of unknown parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, HTTPException, Query, Request
from starlette.responses import Response

from jnt_pipeline.hypervisor.context import FeedContext
from jnt_pipeline.hypervisor.events import encode_json
from jnt_pipeline.hypervisor.feed import MAX_PAGE, Feed
from jnt_pipeline.territory.model import Territory

__all__ = ["Limit", "Served", "Twin", "conditional", "json_answer", "knows", "matches_etag", "page_of"]

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What one app serves."""

    territory: Territory
    context: FeedContext
    """Datastreams and stations, placed."""
    feed: Feed


def _served(request: Request) -> Served:
    return cast(Served, request.app.state.served)


Twin = Annotated[Served, Depends(_served)]
"""Parameter of a route: what this app serves."""

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most records in the page, 1 to 1000.")]


def knows(*parameters: str, repeatable: Sequence[str] = ()) -> Any:
    """Dependency that refuses (400) a query parameter that is not listed, or one that is given twice."""

    def check(request: Request) -> None:
        given = [name for name, _ in request.query_params.multi_items()]
        allowed = sorted({*parameters, *repeatable})
        for name in given:
            if name not in allowed:
                expected = f"expected one of: {', '.join(allowed)}" if allowed else "expected none"
                raise HTTPException(400, f"unknown query parameter {name!r}; {expected}")
            if given.count(name) > 1 and name not in repeatable:
                raise HTTPException(400, f"query parameter {name!r} given more than once")

    return Depends(check)


def matches_etag(header: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names this entity tag (weak comparison, RFC 9110 §8.8.3.2)."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


def conditional(request: Request, body: str | bytes, media_type: str, **headers: str) -> Response:
    """The body with a strong ETag of its content, or 304 where the client has it."""
    content = body.encode() if isinstance(body, str) else body
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    named = {
        "ETag": etag,
        "Cache-Control": "no-cache",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    if matches_etag(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=named)
    return Response(content, media_type=media_type, headers=named)


def json_answer(request: Request, document: Any) -> Response:
    """A JSON document, conditional; never NaN."""
    return conditional(request, encode_json(document), "application/json")


def page_of(
    items: Sequence[_Item], key: Callable[[_Item], str], after: str | None, limit: int
) -> tuple[Sequence[_Item], str | None, bool]:
    """A page of items in the order of a unique key: those after ``after``, its ``next``, whether there are more."""
    ordered = sorted((item for item in items if after is None or key(item) > after), key=key)
    page = ordered[:limit]
    return page, key(page[-1]) if page else after, len(ordered) > limit
