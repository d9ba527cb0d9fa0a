"""A server on the loopback that has the manners of the French services, good and bad, as a test asks."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class Reply:
    """One answer; ``sent`` bytes of the body really go out, whatever Content-Length says."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None


Answering = Callable[[Asked], Reply]


class Server:
    """Answers by path; what was asked is kept, in order."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.pages: dict[str, Answering] = {}
        self.script: list[Answering] = []  # answers that come before those by path
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                asked = Asked(parts.path, query, dict(self.headers))
                outer.asked.append(asked)
                default = outer.pages.get(parts.path, lambda _: Reply(404, b"Not Found"))
                reply = (outer.script.pop(0) if outer.script else default)(asked)
                self.send_response_only(reply.status)
                headers = {
                    "Content-Length": str(len(reply.body)),
                    "Date": "Tue, 24 Nov 2026 08:00:00 GMT",
                } | reply.headers
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if reply.status != 304:
                    with suppress(BrokenPipeError):  # who asked has given up
                        self.wfile.write(reply.body if reply.sent is None else reply.body[: reply.sent])
                if reply.sent is not None:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.release.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def file(self, path: str, content: bytes, **headers: str) -> None:
        """A static file with ETag, ranges and conditions."""
        self.pages[path] = lambda asked: static(asked, content, headers)


def static(asked: Asked, content: bytes, headers: dict[str, str] | None = None, etag: str = "") -> Reply:
    """What a good server answers for a file."""
    etag = etag or f'"{len(content)}-{sum(content) % 65536}"'
    own = {"ETag": etag, "Last-Modified": "Mon, 01 Jun 2026 00:00:00 GMT"} | (headers or {})
    if asked.headers.get("If-None-Match") == etag:
        return Reply(304, b"", own | {"Content-Length": "0"})
    wanted = asked.headers.get("Range")
    if wanted and asked.headers.get("If-Range", etag) == etag:
        start, _, end = wanted.removeprefix("bytes=").partition("-")
        first, last = int(start), min(int(end or len(content) - 1), len(content) - 1)
        if first >= len(content):
            return Reply(416, b"", own | {"Content-Range": f"bytes */{len(content)}"})
        return Reply(206, content[first : last + 1], own | {"Content-Range": f"bytes {first}-{last}/{len(content)}"})
    return Reply(200, content, own)


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []
        self._lock = threading.Lock()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
            self.sleeps.append(seconds)


def collection(*features: dict[str, Any], **members: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features), **members}).encode()


def square(x: float, y: float, **properties: Any) -> dict[str, Any]:
    """A feature: a square of one unit whose south-west corner is (x, y)."""
    ring = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1], [x, y]]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def packed(*features: dict[str, Any]) -> bytes:
    return gzip.compress(collection(*features), mtime=0)
