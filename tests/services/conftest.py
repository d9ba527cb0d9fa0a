"""Fixtures of the services: a server on the loopback, a clock that a test moves, a session with both."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from jnt_pipeline.services import Budgets, Session
from services.french_services import Server, Time


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def session(time: Time) -> Iterator[Session]:
    budgets = Budgets({"127.0.0.1": 1000.0}, clock=time.clock, sleep=time.sleep)
    with Session(transport=httpx.HTTPTransport(), budgets=budgets, sleep=time.sleep, timeout_s=20.0) as session:
        yield session
