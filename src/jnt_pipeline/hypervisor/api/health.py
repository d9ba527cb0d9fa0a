"""Whether the server can answer."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from jnt_pipeline.hypervisor.api.answers import Twin, json_answer, knows
from jnt_pipeline.hypervisor.instants import rfc3339

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/v1/health", dependencies=[knows()])
def read_health(request: Request, twin: Twin) -> Response:
    """The feed is read, not assumed: cursor of its end, number of datastreams, time of the newest observation."""
    newest = [observation.phenomenon_at for observation in twin.feed.latest()]
    return json_answer(
        request,
        {
            "status": "ok",
            "territory": twin.territory.name,
            "datastreams": len(twin.context.flows),
            "active_alerts": len(twin.feed.alerts()),
            "newest_observation_at": rfc3339(max(newest)) if newest else None,
            "end": twin.feed.end(),
        },
    )
