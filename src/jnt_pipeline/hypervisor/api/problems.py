"""Errors over HTTP: problem documents (RFC 9457), one table from the toolkit's errors to status codes."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jnt_pipeline.errors import DeliveryError, JntError
from jnt_pipeline.hypervisor.cursor import CursorError, GoneError
from jnt_pipeline.hypervisor.events import encode_json

__all__ = ["install_problems", "problem"]

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, request: Request, **more: Any) -> Response:
    """A problem document; ``more`` adds members."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        **more,
    }
    return Response(
        encode_json(document), status_code=status, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"}
    )


def install_problems(app: FastAPI) -> None:
    """Make every error of the app a problem document."""

    async def bad_cursor(request: Request, error: Exception) -> Response:
        return problem(400, _sentence(error), request)

    async def gone(request: Request, error: Exception) -> Response:
        oldest = error.oldest if isinstance(error, GoneError) else ""
        return problem(410, _sentence(error), request, oldest=oldest)

    async def bad_parameter(request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        errors = [{"parameter": ".".join(map(str, one["loc"][1:])), "message": one["msg"]} for one in found]
        detail = "; ".join(f"{one['parameter']}: {one['message']}" for one in errors)
        return problem(400, detail, request, errors=errors)

    async def http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        response = problem(error.status_code, str(error.detail), request)
        response.headers.update(error.headers or {})
        return response

    async def broken(request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        # The message may name folders of this machine: it goes to the log, not to the client.
        return problem(500, "the server could not answer; its log says why", request)

    async def unavailable(request: Request, error: Exception) -> Response:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(503, "the feed cannot be read; the log of the server says why", request)

    app.add_exception_handler(CursorError, bad_cursor)
    app.add_exception_handler(GoneError, gone)
    app.add_exception_handler(RequestValidationError, bad_parameter)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(DeliveryError, unavailable)
    app.add_exception_handler(Exception, broken)


def _sentence(error: Exception) -> str:
    if not isinstance(error, JntError):
        return str(error)
    return f"{error.where}: {error.what}; {error.remedy}"
