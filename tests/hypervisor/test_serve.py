"""Serving: this machine only, a port that is free, and an end that comes when asked for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from jnt_pipeline.errors import DeliveryError
from jnt_pipeline.hypervisor.server import serve
from jnt_pipeline.territory.model import Territory

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.hypervisor.dying"])


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "8.8.8.8"])
def test_an_address_that_others_can_reach_is_refused_with_the_reason(
    twin: Territory, tmp_path: Path, host: str
) -> None:
    with pytest.raises(DeliveryError, match="no authentication yet") as refused:
        serve(twin, tmp_path / "feed.sqlite", host=host)

    assert refused.value.found == host
    assert not (tmp_path / "feed.sqlite").exists()


def test_a_host_that_does_not_exist_is_named(twin: Territory, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="unknown"):
        serve(twin, tmp_path / "feed.sqlite", host="no host")


def test_a_port_that_is_taken_is_named(twin: Territory, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DeliveryError, match=f"127.0.0.1:{port}: the port cannot be used"):
            serve(twin, tmp_path / "feed.sqlite", port=port)


def test_the_server_answers_to_loopback_names_only_and_stops_when_asked_with_a_stream_open(
    twin: Territory, tmp_path: Path
) -> None:
    port = free_port()
    process = _PROCESSES.Process(target=serve, args=(twin, tmp_path / "feed.sqlite"), kwargs={"port": port})
    process.start()
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=60, transport=httpx.HTTPTransport(retries=10)
        ) as client:
            health = client.get("/v1/health")
            assert health.status_code == 200
            assert "server" not in health.headers
            for host in ("localhost", f"localhost:{port}", "[::1]", f"[::1]:{port}", "127.0.0.2", "LOCALHOST"):
                assert client.get("/v1/health", headers={"Host": host}).status_code == 200, host
            for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "10.0.0.1", "[fe80::1]"):
                # A site that points its own name here (DNS rebinding) reads nothing.
                assert client.get("/v1/health", headers={"Host": host}).status_code == 421, host
            with client.stream("GET", "/v1/events/stream") as answer:
                assert answer.status_code == 200
                os.kill(process.pid or 0, signal.SIGINT)
                process.join(timeout=60)
    finally:
        process.kill()
        process.join()

    assert process.exitcode == 0
