"""A file on a server as a file object: only the parts that are read come over the network (*requêtes partielles*)."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from jnt_pipeline.errors import BadAnswerError, ServiceError
from jnt_pipeline.services.session import Again, Request, Session

if TYPE_CHECKING:
    import httpx
    from _typeshed import WriteableBuffer

__all__ = ["RangedFile"]

_BLOCK = 1 << 16  # headers and hierarchies are read in small steps: one request for many of them


class RangedFile(io.RawIOBase):
    """Read-only, seekable. A file that changes while it is read is an error, as is a server that gives no parts."""

    def __init__(self, url: str, session: Session, *, setting: str = "base_url"):
        super().__init__()
        self._url = url
        self._session = session
        self._setting = setting
        self._position = 0
        self._block = b""
        self._block_start = 0
        self._validator: str | None = None
        self.n_bytes_fetched = 0
        """Bytes that came over the network."""
        self.last_modified = ""
        """Last-Modified of the answers."""
        self.n_bytes = 0
        """Size of the whole file."""
        self._fetch(0, _BLOCK)

    @property
    def etag(self) -> str:
        """ETag of the answers."""
        return self._validator or ""

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move without any request."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.n_bytes}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        """Where the next read starts."""
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer, or as much of it as the file has."""
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(0, self.n_bytes - self._position))
        if wanted == 0:
            return 0
        start = self._position - self._block_start
        if not (start >= 0 and start + wanted <= len(self._block)):
            self._fetch(self._position, max(wanted, _BLOCK))
            start = 0
        view[:wanted] = self._block[start : start + wanted]
        self._position += wanted
        return wanted

    def _fetch(self, start: int, length: int) -> None:
        end = start + length - 1
        if self.n_bytes:
            end = min(end, self.n_bytes - 1)
        request = Request(
            url=self._url,
            headers={"Range": f"bytes={start}-{end}", "Accept-Encoding": "identity"},
            setting=self._setting,
        )

        def take(answer: httpx.Response) -> bytes:
            if answer.status_code != 206:
                raise ServiceError(
                    "the server gives no parts of the file",
                    where=self._url,
                    found=f"HTTP {answer.status_code} to a request for {length:,} bytes",
                    expected="HTTP 206",
                    remedy="bring whole tiles: `parts: false`",
                )
            stated = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
            content = b"".join(answer.iter_raw())
            if stated is None or int(stated[1]) != start or len(content) != int(stated[2]) - start + 1:
                found = f"{len(content):,} bytes, Content-Range {answer.headers.get('Content-Range')}"
                raise Again(BadAnswerError("another part than asked for", where=self._url, found=found))
            validator = answer.headers.get("ETag", "") or answer.headers.get("Last-Modified", "")
            if self._validator not in {None, validator} or (self.n_bytes and int(stated[3]) != self.n_bytes):
                raise BadAnswerError(
                    "the file changed while it was read",
                    where=self._url,
                    found=f"{validator}, {stated[3]} bytes",
                    expected=f"{self._validator}, {self.n_bytes} bytes",
                    remedy="run again",
                )
            self._validator, self.n_bytes = validator, int(stated[3])
            self.last_modified = answer.headers.get("Last-Modified", "")
            return content

        self._block = self._session.send(lambda: request, take)
        self._block_start = start
        self.n_bytes_fetched += len(self._block)
