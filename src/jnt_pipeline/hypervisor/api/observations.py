"""The observations over HTTP: the newest of each datastream, and the series of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from jnt_pipeline.hypervisor.api.answers import Limit, Twin, json_answer, knows, page_of
from jnt_pipeline.hypervisor.instants import rfc3339
from jnt_pipeline.hypervisor.rules import Observation

__all__ = ["router"]

router = APIRouter(tags=["observations"])


@router.get("/v1/observations/latest", dependencies=[knows("after", "limit")])
def read_latest(
    request: Request,
    twin: Twin,
    after: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    limit: Limit = 100,
) -> Response:
    """The newest observation of each datastream, in the order of their ids, with quantity, unit and station."""
    page, following, has_more = page_of(twin.feed.latest(), lambda one: one.datastream_id, after, limit)
    documents = []
    for observation in page:
        flow = twin.context.flows.get(observation.datastream_id)
        known: dict[str, Any] = {
            "observed_property": None if flow is None else flow.observed_property,
            "unit": None if flow is None else flow.unit,
            "station": None if flow is None else flow.station.model_dump(mode="json"),
        }
        documents.append({"datastream_id": observation.datastream_id, **_document(observation), **known})
    return json_answer(request, {"observations": documents, "next": following, "hasMore": has_more})


@router.get("/v1/datastreams/{datastream_id:path}/observations", dependencies=[knows("after", "limit")])
def read_series(
    request: Request,
    twin: Twin,
    datastream_id: str,
    after: Annotated[
        AwareDatetime | None, Query(description="Instant, RFC 3339 with an offset; observations later than it.")
    ] = None,
    limit: Limit = 100,
) -> Response:
    """Observations of one datastream at the value in force, in the order of time."""
    flow = twin.context.flows.get(datastream_id)
    if flow is None:
        raise HTTPException(404, f"the twin has no datastream {datastream_id!r}")
    found = twin.feed.observations(datastream_id, after=after, limit=limit)
    return json_answer(
        request,
        {
            "datastream_id": datastream_id,
            "observed_property": flow.observed_property,
            "unit": flow.unit,
            "observations": [_document(observation) for observation in found],
            "next": _following(found, after),
            "hasMore": bool(found)
            and bool(twin.feed.observations(datastream_id, after=found[-1].phenomenon_at, limit=1)),
        },
    )


def _following(found: tuple[Observation, ...], after: datetime | None) -> str | None:
    last = found[-1].phenomenon_at if found else after
    return None if last is None else rfc3339(last)


def _document(observation: Observation) -> dict[str, Any]:
    return {"phenomenon_at": rfc3339(observation.phenomenon_at), "result": observation.result}
