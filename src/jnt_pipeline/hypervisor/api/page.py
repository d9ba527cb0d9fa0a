"""The page of the territory over HTTP."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from jnt_pipeline.hypervisor.api.answers import Twin, conditional, knows
from jnt_pipeline.hypervisor.page.territory_page import TerritoryPage

__all__ = ["router"]

router = APIRouter(tags=["page"])


@router.get("/", dependencies=[knows()], include_in_schema=False)
def read_page(request: Request, twin: Twin) -> Response:
    """The page, as of now."""
    page = cast(TerritoryPage, request.app.state.page)
    return conditional(request, page.html(twin), "text/html; charset=utf-8", Content_Security_Policy=page.policy)
