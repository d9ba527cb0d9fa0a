"""The alerts over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from jnt_pipeline.hypervisor.api.answers import Limit, Twin, json_answer, knows, page_of
from jnt_pipeline.hypervisor.feed import Alert
from jnt_pipeline.hypervisor.instants import rfc3339

__all__ = ["router"]

router = APIRouter(tags=["alerts"])


@router.get("/v1/alerts", dependencies=[knows("active", "after", "limit")])
def read_alerts(
    request: Request,
    twin: Twin,
    active: Annotated[bool, Query(description="false: the cleared ones too.")] = True,
    after: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    limit: Limit = 100,
) -> Response:
    """The alerts in the order of their ids, with the facts of the event that last moved each."""
    page, following, has_more = page_of(twin.feed.alerts(active), lambda alert: alert.alert_id, after, limit)
    return json_answer(
        request, {"alerts": [_document(alert) for alert in page], "next": following, "hasMore": has_more}
    )


def _document(alert: Alert) -> dict[str, Any]:
    event = alert.event.document
    return {
        "id": alert.alert_id,
        "active": alert.is_active,
        "since": None if alert.since is None else rfc3339(alert.since),
        "changed_at": event["time"],
        "event_id": alert.event.event_id,
        "subject": event["subject"],
        "data": event["data"],
        "latest": {"phenomenon_at": rfc3339(alert.latest.phenomenon_at), "result": alert.latest.result},
    }
