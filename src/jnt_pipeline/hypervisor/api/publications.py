"""The published files over HTTP: ranges, entity tags, and nothing that the twin does not list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from jnt_pipeline.hypervisor.api.answers import knows, matches_etag
from jnt_pipeline.hypervisor.byte_ranges import UnsatisfiableRange, byte_ranges
from jnt_pipeline.hypervisor.published_files import OpenFile, PublishedFiles

__all__ = ["CORS_EXPOSED", "CORS_REQUEST_HEADERS", "PREFIX", "router"]

router = APIRouter(tags=["publications"])

PREFIX = "/publications/"
CORS_EXPOSED = ("ETag", "Content-Range", "Accept-Ranges", "Content-Length")
CORS_REQUEST_HEADERS = ("Range", "If-Range", "If-None-Match")

_BLOCK = 1 << 18


@router.head(PREFIX + "{kind}/{path:path}", dependencies=[knows()], include_in_schema=False)
@router.get(PREFIX + "{kind}/{path:path}", dependencies=[knows()])
def read_file(request: Request, kind: str, path: str) -> Response:
    """A published file, or the parts of it that a Range header asks for (RFC 9110 §14)."""
    files = cast(PublishedFiles, request.app.state.published_files)
    opened = files.open(kind, path)
    if opened is None:
        raise HTTPException(404, f"no file {path!r} in the publication {kind!r}")
    headers = {
        "ETag": opened.etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",
        # A published HTML file is a document to look at: it gets no script and no request to this server.
        "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'",
    }
    if matches_etag(request.headers.get("if-none-match"), opened.etag):
        opened.stream.close()
        return Response(status_code=304, headers=headers)
    header = request.headers.get("range")
    wanted = None
    if header is not None and request.method == "GET" and _range_applies(request, opened.etag):
        try:
            wanted = byte_ranges(header, opened.n_bytes)
        except UnsatisfiableRange as error:
            opened.stream.close()
            raise HTTPException(
                416,
                f"the file has {opened.n_bytes} bytes; none of them lies in the range {header!r}",
                headers={**headers, "Content-Range": f"bytes */{opened.n_bytes}"},
            ) from error
    return _FileParts(opened, wanted, headers)


def _range_applies(request: Request, etag: str) -> bool:
    """RFC 9110 §13.1.5: with If-Range, only where the client's copy is the same (strong comparison)."""
    condition = request.headers.get("if-range")
    return condition is None or condition.strip() == etag


class _FileParts(Response):
    """The whole file (200), one part, or several as multipart/byteranges (206)."""

    def __init__(self, opened: OpenFile, wanted: Sequence[tuple[int, int]] | None, headers: dict[str, str]):
        self._opened = opened
        self._pieces: list[bytes | tuple[int, int]]
        size = opened.n_bytes
        media_type = opened.media_type
        if wanted is None:
            self._pieces = [(0, size - 1)]
        elif len(wanted) == 1:
            first, last = wanted[0]
            headers = {**headers, "Content-Range": f"bytes {first}-{last}/{size}"}
            self._pieces = [(first, last)]
        else:
            boundary = f"jnt-{opened.etag.strip(chr(34))}"
            self._pieces = []
            for first, last in wanted:
                part = f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
                self._pieces.append(f"{part}Content-Range: bytes {first}-{last}/{size}\r\n\r\n".encode())
                self._pieces.append((first, last))
            self._pieces.append(f"\r\n--{boundary}--\r\n".encode())
            media_type = f"multipart/byteranges; boundary={boundary}"
        length = sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] + 1 for piece in self._pieces)
        super().__init__(
            None,
            status_code=200 if wanted is None else 206,
            headers={**headers, "Content-Length": str(length), "Content-Type": media_type},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the parts, block by block, and close the file whatever happens."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                for piece in self._pieces:
                    if isinstance(piece, bytes):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                    else:
                        await self._send_part(*piece, send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._opened.stream.close()

    async def _send_part(self, first: int, last: int, send: Send) -> None:
        await run_in_threadpool(self._opened.stream.seek, first)
        left = last - first + 1
        while left:
            block = await run_in_threadpool(self._opened.stream.read, min(_BLOCK, left))
            if not block:  # truncated under us: ending early breaks the promised length, which the client sees
                raise OSError(f"{self._opened.stream.name} lost {left} bytes while it was being sent")
            left -= len(block)
            await send({"type": "http.response.body", "body": block, "more_body": True})
