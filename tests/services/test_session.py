"""Requests: budgets shared by threads, repeated where that helps, and errors that say what to do."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable

import httpx
import pytest

from jnt_pipeline.errors import (
    BadAnswerError,
    BusyServiceError,
    MovedAddressError,
    RefusedRequestError,
    ServiceError,
    UnreachableServiceError,
)
from jnt_pipeline.services import Budgets, Session
from jnt_pipeline.services.session import Request
from services.french_services import Asked, Reply, Server, Time


def status(code: int, body: bytes = b"", **headers: str) -> Callable[[Asked], Reply]:
    return lambda _: Reply(code, body, {name.replace("_", "-"): value for name, value in headers.items()})


def get(session: Session, server: Server) -> bytes:
    return session.get(Request(url=f"{server.url}/thing")).content


@pytest.fixture
def good(server: Server) -> Server:
    server.pages["/thing"] = status(200, b"good")
    return server


def test_requests_to_one_host_are_spaced_evenly(time: Time) -> None:
    budgets = Budgets({"wfs.example/wfs": 30.0}, clock=time.clock, sleep=time.sleep)
    for _ in range(31):
        budgets.wait_turn("https://wfs.example/wfs/ows?SERVICE=WFS")
    assert time.now - 1000.0 == pytest.approx(1.0)  # the first leaves at once, the 31st after 30 thirtieths


def test_threads_share_one_budget(time: Time) -> None:
    budgets = Budgets({"wfs.example": 10.0}, clock=lambda: 1000.0, sleep=time.sleep)  # a clock that stands still
    threads = [threading.Thread(target=budgets.wait_turn, args=("https://wfs.example/x",)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(time.sleeps) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def test_another_api_of_the_host_has_its_own_budget_and_so_have_parts_of_files() -> None:
    budgets = Budgets()
    rates = [
        budgets.rate("https://data.geopf.fr/wfs/ows"),
        budgets.rate("https://data.geopf.fr/altimetrie/1.0/calcul/alti/rest/elevation.json"),
        budgets.rate("https://data.geopf.fr/telechargement/download/a"),
        budgets.rate("https://data.geopf.fr/chunk/telechargement/download/a"),
        budgets.rate("https://nobody.example/x"),
    ]
    assert rates == [30.0, 5.0, 10.0, 200.0, 5.0]


def test_a_lower_rate_is_taken_and_a_higher_one_is_not() -> None:
    budgets = Budgets()
    budgets.limit("https://data.geopf.fr/wfs/ows", 2.0)
    budgets.limit("https://data.geopf.fr/altimetrie/x", 50.0)
    assert budgets.rate("https://data.geopf.fr/wfs/ows") == 2.0
    assert budgets.rate("https://data.geopf.fr/altimetrie/x") == 5.0


def test_a_rate_that_the_server_states_is_obeyed(session: Session, server: Server) -> None:
    server.pages["/thing"] = status(200, b"good", X_RateLimit_Limit_Second="1")
    get(session, server)
    assert session.budgets.rate(f"{server.url}/thing") == 1.0


def test_too_many_requests_are_followed_by_the_pause_that_the_server_asks_for(
    session: Session, good: Server, time: Time
) -> None:
    good.script = [status(429, Retry_After="5")]
    assert get(session, good) == b"good"
    assert sum(time.sleeps) == pytest.approx(5.0, abs=0.01)
    assert session.n_requests == 2


def test_a_pause_holds_back_every_thread_that_asks_the_same_host(time: Time) -> None:
    budgets = Budgets({"a.example": 1000.0}, clock=time.clock, sleep=time.sleep)
    budgets.pause("https://a.example/x", 5.0)
    budgets.wait_turn("https://b.example/x")
    assert time.now == 1000.0
    budgets.wait_turn("https://a.example/other")
    assert time.now == pytest.approx(1005.0, abs=0.01)


def test_a_pause_that_comes_while_a_thread_waits_for_its_turn_holds_it_back(time: Time) -> None:
    def sleep(seconds: float) -> None:
        if not time.sleeps:
            budgets.pause("https://a.example/x", 7.0)
        time.sleep(seconds)

    budgets = Budgets({"a.example": 1.0}, clock=time.clock, sleep=sleep)
    budgets.wait_turn("https://a.example/x")
    budgets.wait_turn("https://a.example/x")
    assert time.now >= 1007.0


def test_a_date_in_retry_after_is_counted_from_the_date_of_the_answer(
    session: Session, good: Server, time: Time
) -> None:
    good.script = [status(503, Retry_After="Tue, 24 Nov 2026 08:00:09 GMT")]  # the server's Date is 08:00:00
    assert get(session, good) == b"good"
    assert sum(time.sleeps) == pytest.approx(9.0, abs=0.01)


def test_a_server_that_asks_for_an_hour_is_an_error_that_says_so(session: Session, good: Server) -> None:
    good.script = [status(429, Retry_After="3600")]
    with pytest.raises(BusyServiceError, match=r"asked again in 3600 s"):
        get(session, good)
    assert session.n_requests == 1


def test_a_server_that_stays_busy_is_given_up_after_five_attempts(session: Session, good: Server, time: Time) -> None:
    good.script = [status(503)] * 5
    with pytest.raises(BusyServiceError, match="the service is down") as caught:
        get(session, good)
    assert session.n_requests == 5
    assert [wait for wait in time.sleeps if wait >= 1] == [1.0, 2.0, 4.0, 8.0]  # the same waits each time
    assert f"{good.url}/thing" in str(caught.value)
    assert "run again later" in str(caught.value)


def test_nobody_at_the_address_is_an_error(session: Session, server: Server) -> None:
    with pytest.raises(UnreachableServiceError, match="ConnectError"):
        session.get(Request(url="http://127.0.0.1:9/thing"))  # the discard port: nobody listens
    assert session.n_requests == 5


def test_a_server_that_never_answers_is_an_error(server: Server, time: Time) -> None:
    def silent(_: Asked) -> Reply:
        server.release.wait(10)
        return Reply()

    server.pages["/thing"] = silent
    budgets = Budgets({"127.0.0.1": 1000.0}, clock=time.clock, sleep=time.sleep)
    with (
        Session(transport=httpx.HTTPTransport(), budgets=budgets, sleep=time.sleep, timeout_s=0.05) as hasty,
        pytest.raises(UnreachableServiceError, match="ReadTimeout"),
    ):
        get(hasty, server)


def test_a_packed_page_is_unpacked(session: Session, server: Server) -> None:
    server.pages["/thing"] = status(200, gzip.compress(b"good"), Content_Encoding="gzip")
    assert get(session, server) == b"good"


def test_a_page_that_cannot_be_unpacked_is_an_error(session: Session, server: Server) -> None:
    server.pages["/thing"] = status(200, b"not packed", Content_Encoding="gzip")
    with pytest.raises(BadAnswerError, match="cannot be unpacked"):
        get(session, server)


@pytest.mark.parametrize("code", [304, 416])
def test_an_answer_to_another_question_is_refused(code: int, session: Session, server: Server) -> None:
    server.pages["/thing"] = status(code)
    with pytest.raises(RefusedRequestError, match=f"HTTP {code}"):
        get(session, server)


@pytest.mark.parametrize("url", ["ftp://a.example/x", "http://[::1/x", "https://a.example:port/x", "tile.laz"])
def test_what_is_no_address_is_an_error_of_its_own(url: str, session: Session) -> None:
    with pytest.raises(RefusedRequestError, match="not an address"):
        session.get(Request(url=url))


def test_an_answer_that_breaks_off_is_asked_for_again(session: Session, good: Server) -> None:
    good.script = [lambda _: Reply(200, b"good and long", sent=4)]
    assert get(session, good) == b"good"
    assert session.n_requests == 2


@pytest.mark.parametrize("code", [404, 410])
def test_an_address_without_anything_says_that_it_may_have_moved_and_where_to_state_another(
    code: int, session: Session, server: Server
) -> None:
    server.pages["/thing"] = status(code, b"No context found")
    with pytest.raises(MovedAddressError, match="No context found") as caught:
        get(session, server)
    assert "`base_url`" in str(caught.value)
    assert session.n_requests == 1


def test_a_redirect_on_the_same_host_is_followed(session: Session, good: Server) -> None:
    good.pages["/old"] = status(301, Location="/thing")
    assert session.get(Request(url=f"{good.url}/old")).content == b"good"


def test_a_redirect_to_another_host_is_not_followed(session: Session, server: Server) -> None:
    server.pages["/thing"] = status(301, Location="https://elsewhere.example/thing")
    with pytest.raises(MovedAddressError, match=r"now https://elsewhere\.example/thing"):
        get(session, server)
    assert session.n_requests == 1


def test_a_redirect_to_another_port_of_the_host_is_not_followed(session: Session, server: Server) -> None:
    server.pages["/thing"] = status(302, Location="http://127.0.0.1:1/thing")
    with pytest.raises(MovedAddressError, match="another host"):
        get(session, server)


@pytest.mark.parametrize(
    ("start", "target", "is_followed"),
    [
        ("http://a.example/x", "https://a.example/x", True),
        ("https://a.example/x", "http://a.example/x", False),
        ("https://a.example/x", "https://a.example:443/y", True),
        ("https://a.example/x", "https://b.example/x", False),
    ],
)
def test_a_redirect_may_make_the_connection_safer_and_not_less_safe(
    start: str, target: str, is_followed: bool, time: Time
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(301, headers={"Location": target}) if str(request.url) == start else httpx.Response(200)

    budgets = Budgets(clock=time.clock, sleep=time.sleep)
    with Session(transport=httpx.MockTransport(answer), budgets=budgets, sleep=time.sleep) as session:
        if is_followed:
            assert session.get(Request(url=start)).status == 200
        else:
            with pytest.raises(MovedAddressError, match="another host"):
                session.get(Request(url=start))


def test_a_redirect_to_no_address_is_an_error(session: Session, server: Server) -> None:
    server.pages["/thing"] = status(302, Location="http://[::1/thing")
    with pytest.raises(UnreachableServiceError, match="Invalid URL in location header"):
        get(session, server)


def test_an_address_that_leads_round_and_round_is_an_error(session: Session, server: Server) -> None:
    server.pages["/thing"] = status(302, Location="/thing")
    with pytest.raises(MovedAddressError, match="round and round"):
        get(session, server)


def test_a_refusal_is_told_in_the_words_of_the_service(session: Session, server: Server) -> None:
    server.pages["/thing"] = status(400, b'{"code":"InvalidRequest",\n  "message":"limit must be at most 100"}')
    with pytest.raises(RefusedRequestError, match=r"HTTP 400.*limit must be at most 100"):
        get(session, server)
    assert session.n_requests == 1


def test_every_error_of_a_service_is_an_error_of_a_source() -> None:
    assert issubclass(ServiceError, Exception)
    assert ServiceError.__mro__[1].__name__ == "SourceError"
