"""Session: requests to services, within their budgets, repeated where that helps, with errors that say what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urljoin, urlsplit

from jnt_pipeline.errors import (
    BadAnswerError,
    BusyServiceError,
    MovedAddressError,
    RefusedRequestError,
    ServiceError,
    UnreachableServiceError,
)
from jnt_pipeline.services.budgets import Budgets, shared_budgets

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

__all__ = ["Again", "Answer", "Request", "Session"]

N_ATTEMPTS = 5
"""Requests for one thing before giving up."""

MAX_WAIT_S = 120.0
"""Longest pause that a server may ask for with Retry-After, seconds; a longer one is an error that says it."""

MAX_REDIRECTS = 5
MAX_BODY = 256 * 2**20
"""Largest answer that is held in memory, bytes: a page of 5,000 features is a few MB."""

_WORDS = 300  # characters of a refusal that are told
_BUSY = frozenset({429, 500, 502, 503, 504})
_GONE = frozenset({404, 410})
_FINE = frozenset({200, 206, 304, 416})  # 416: asked for a part beyond the end; who asked knows what to do

Taken = TypeVar("Taken")


class Again(Exception):  # noqa: N818 - not an error yet: the request is made again
    """Raised by who takes an answer, to have the request made again; ``error`` is what it is after the last attempt."""

    def __init__(self, error: ServiceError, *, wait_s: float | None = None, pauses: bool = False):
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s
        self.pauses = pauses


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One GET."""

    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    setting: str = "base_url"
    """Field of the declaration where another address can be stated."""

    @property
    def full_url(self) -> str:
        """Address with its parameters."""
        import httpx

        return str(httpx.URL(self.url).copy_merge_params(dict(self.params))) if self.params else self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer in memory."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes


class Session:
    """Requests of one run; shared by its threads."""

    def __init__(
        self,
        *,
        transport: httpx.BaseTransport | None = None,
        budgets: Budgets | None = None,
        sleep: Callable[[float], None] = time.sleep,
        timeout_s: float = 30.0,
    ):
        self.budgets = budgets or shared_budgets()
        self._sleep = sleep
        self._transport = transport
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self.n_requests = 0
        """Requests made so far, repeated ones and redirects included."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()

    def get(self, request: Request) -> Answer:
        """The whole answer to one request. Raises ``ServiceError`` of one kind or another."""

        def take(answer: httpx.Response) -> Answer:
            if answer.status_code not in {200, 206}:
                raise RefusedRequestError(
                    "not an answer to this request", where=request.full_url, found=f"HTTP {answer.status_code}"
                )
            body = bytearray()
            for block in answer.iter_bytes():
                body += block
                if len(body) > MAX_BODY:
                    raise BadAnswerError(
                        "the answer is too large to be one page",
                        where=request.full_url,
                        found=f"more than {MAX_BODY:,} bytes",
                        remedy="ask for a smaller area",
                    )
            return Answer(
                url=str(answer.url), status=answer.status_code, headers=dict(answer.headers), content=bytes(body)
            )

        return self.send(lambda: request, take)

    def send(self, make: Callable[[], Request], take: Callable[[httpx.Response], Taken]) -> Taken:
        """Have ``take`` read a good answer (200, 206, 304, 416), whatever it takes to get one.

        ``make`` is called before each attempt, so that a broken download asks for the rest only. Raises
        ``UnreachableServiceError``, ``BusyServiceError`` after the last attempt, ``MovedAddressError`` and
        ``RefusedRequestError`` at once.
        """
        for attempt in range(1, N_ATTEMPTS + 1):
            request = make()
            try:
                return self._once(request, take)
            except Again as again:
                if attempt == N_ATTEMPTS:
                    raise again.error from again
                wait_s = float(2 ** (attempt - 1)) if again.wait_s is None else again.wait_s
                if again.pauses:
                    self.budgets.pause(request.url, wait_s)
                else:
                    self._sleep(wait_s)
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    def _once(self, request: Request, take: Callable[[httpx.Response], Taken]) -> Taken:
        import httpx

        try:
            url = request.full_url
            urlsplit(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise _no_address(request, error) from error
        for _ in range(MAX_REDIRECTS + 1):
            self.budgets.wait_turn(url)
            with self._lock:
                self.n_requests += 1
            try:
                with self._http().stream("GET", url, headers=dict(request.headers), follow_redirects=False) as answer:
                    self._heed(answer, request)
                    if answer.has_redirect_location:
                        url = _followed(url, answer.headers["Location"], answer.status_code, request)
                        continue
                    if answer.status_code not in _FINE:
                        raise _refusal(answer, request)
                    return take(answer)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
                raise _no_address(request, error) from error
            except httpx.DecodingError as error:
                raise BadAnswerError("the answer cannot be unpacked", where=url, found=str(error)) from error
            except httpx.TransportError as error:
                raise Again(
                    UnreachableServiceError(
                        "the service does not answer, or breaks off",
                        where=url,
                        found=f"{type(error).__name__}: {error}",
                        remedy="try again: what came is kept, and what is complete is not asked for again",
                    )
                ) from error
        raise MovedAddressError(
            "the address leads round and round",
            where=request.full_url,
            found=f"more than {MAX_REDIRECTS} redirects",
            remedy=f"state the right address as `{request.setting}` in the `download` block",
        )

    def _http(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                headers = {"User-Agent": "jnt_pipeline", "Accept-Encoding": "gzip"}
                self._client = httpx.Client(transport=self._transport, timeout=self._timeout_s, headers=headers)
            return self._client

    def _heed(self, answer: httpx.Response, request: Request) -> None:
        """Take the rate that the server states, where it is lower than the one we know."""
        stated = answer.headers.get("X-RateLimit-Limit-Second", "")
        if stated.isdigit() and int(stated) > 0:
            self.budgets.limit(str(answer.url), float(stated))


def _no_address(request: Request, error: Exception) -> RefusedRequestError:
    return RefusedRequestError(
        "not an address that can be asked",
        where=request.url,
        found=f"{type(error).__name__}: {error}",
        expected="http:// or https://, a host, and a path",
        remedy=f"state the right address as `{request.setting}` in the `download` block",
    )


def _followed(url: str, location: str, code: int, request: Request) -> str:
    """Where a redirect leads, on the same host; another host may be anybody."""
    target = urljoin(url, location)
    here, there = urlsplit(url), urlsplit(target)
    same_port = (here.port, there.port) in {(here.port, here.port), (None, 443), (80, 443), (80, None), (None, None)}
    is_downgrade = here.scheme == "https" and there.scheme != "https"
    if there.hostname == here.hostname and same_port and not is_downgrade:
        return target
    raise MovedAddressError(
        "the address has moved to another host",
        where=request.full_url,
        found=f"HTTP {code}, now {target}",
        expected=f"an answer of {here.netloc}",
        remedy=f"if you trust that host, state the new address as `{request.setting}` in the `download` block",
    )


def _refusal(answer: httpx.Response, request: Request) -> Exception:
    code = answer.status_code
    if code in _BUSY:
        return _busy(answer, request)
    words = _own_words(answer)
    if code in _GONE:
        return MovedAddressError(
            "nothing is at this address",
            where=request.full_url,
            found=f"HTTP {code}{words}",
            remedy="check the codes and the vintage; if the service has moved, state its address as "
            f"`{request.setting}` in the `download` block",
        )
    return RefusedRequestError(
        "the service refuses the request",
        where=request.full_url,
        found=f"HTTP {code}{words}",
        remedy="correct what its message names in the `download` block",
    )


def _busy(answer: httpx.Response, request: Request) -> Exception:
    code, wait_s = answer.status_code, _retry_after_s(answer)
    error = BusyServiceError(
        "the service counts too many requests" if code == 429 else "the service is down",
        where=request.full_url,
        found=f"HTTP {code}" + ("" if wait_s is None else f", to be asked again in {wait_s:g} s"),
        remedy="run again later: what is complete is not asked for again; `requests_per_s` sets a lower rate",
    )
    if wait_s is not None and wait_s > MAX_WAIT_S:
        return error
    return Again(error, wait_s=wait_s, pauses=wait_s is not None)


def _retry_after_s(answer: httpx.Response) -> float | None:
    """Seconds of Retry-After; a date is counted from the server's own Date, so that no clock of ours matters."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        until, now = (parsedate_to_datetime(value) for value in (text, answer.headers.get("Date", "")))
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - now.astimezone(UTC)).total_seconds())


def _own_words(answer: httpx.Response) -> str:
    import httpx

    try:
        text = answer.read().decode("utf-8", "replace")
    except httpx.HTTPError:
        return ""
    words = " ".join(text.split())
    return f": {words[:_WORDS]}" if words else ""
