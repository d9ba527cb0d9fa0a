"""The server of the hypervisor: API, published files and page of one twin, on this machine only."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jnt_pipeline.errors import DeliveryError
from jnt_pipeline.hypervisor.api import alerts, events, health, layers, observations, page, publications
from jnt_pipeline.hypervisor.api.answers import Served
from jnt_pipeline.hypervisor.api.problems import install_problems
from jnt_pipeline.hypervisor.context import context_of
from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.hypervisor.log_signal import LogSignal
from jnt_pipeline.hypervisor.page.territory_page import TerritoryPage
from jnt_pipeline.hypervisor.published_files import PublishedFiles
from jnt_pipeline.territory.model import Territory

__all__ = ["create_app", "serve"]

GRACEFUL_SHUTDOWN_S = 5


def create_app(territory: Territory, feed_path: Path) -> FastAPI:
    """The application for a twin as it stands now; the feed is followed live, whoever writes to it.

    Raises ``DeliveryError`` when the feed cannot be opened, ``CrsError`` when a station cannot be placed.
    """
    served = Served(territory=territory, context=context_of(territory), feed=Feed.open(feed_path))
    signal = LogSignal()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with signal.polling(served.feed):
            yield
        served.feed.close()

    # The interactive documentation of FastAPI loads scripts from a public network: the description alone is served.
    app = FastAPI(
        title=f"JNT {territory.title}",
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.served = served
    app.state.log_signal = signal
    app.state.published_files = PublishedFiles(territory.publications)
    app.state.page = TerritoryPage(app.state.published_files)
    for module in (events, observations, alerts, layers, health, publications, page):
        app.include_router(module.router)
    install_problems(app)
    app.add_middleware(_PublicationsCors)
    app.add_middleware(_ProtectiveHeaders)
    return app


def serve(
    territory: Territory,
    feed_path: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted, on a loopback address only; ``announce`` is given the address once it listens.

    Raises ``DeliveryError`` for any other address (there is no authentication yet), and for a port that is taken.
    """
    listener = _listen(host, port)
    with listener:
        if announce is not None:
            place = listener.getsockname()
            announce(f"http://{f'[{place[0]}]' if ':' in place[0] else place[0]}:{place[1]}")
        app = _LoopbackNamesOnly(create_app(territory, feed_path))
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
        )
        with suppress(KeyboardInterrupt):  # uvicorn has already closed in order, and raises it again
            uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise DeliveryError(
            "this host name is unknown", where=host, found=str(error), expected="127.0.0.1, ::1 or localhost"
        ) from error
    if not all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found):
        raise DeliveryError(
            "the server has no authentication yet, so it listens on this machine only",
            where="host",
            found=host,
            expected="127.0.0.1, ::1 or localhost",
            remedy="keep a loopback address; for others, put a proxy that authenticates in front of it",
        )
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise DeliveryError(
            "the port cannot be used",
            where=f"{host}:{port}",
            found=error.strerror or str(error),
            expected="a free port that this user may open",
            remedy="choose another one with --port, or stop the program that holds it",
        ) from error
    return listener


class _ProtectiveHeaders:
    """Adds the headers that every answer carries; plain ASGI, so that streams flow through untouched."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class _PublicationsCors(CORSMiddleware):
    """Lets any site read the published files, as map viewers need, and nothing else of this server."""

    def __init__(self, app: ASGIApp):
        super().__init__(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "HEAD"],
            allow_headers=publications.CORS_REQUEST_HEADERS,
            expose_headers=publications.CORS_EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(publications.PREFIX):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class _LoopbackNamesOnly:
    """Refuses requests under another host name: a web site could otherwise point its own name at this machine
    (DNS rebinding) and read the twin through the visitor's browser."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if not _is_loopback_name(host):
                refusal = PlainTextResponse("this server answers to loopback host names only", 421)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_loopback_name(host: str) -> bool:
    """Whether a Host header, port included, names this machine."""
    name, _, port = host.rpartition(":")
    if not port.isdigit():
        name = host
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
