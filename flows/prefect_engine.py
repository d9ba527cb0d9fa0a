"""The Prefect engine of ``jnt run``: the territory flow, on the server that is there or on one of our own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from jnt_pipeline.errors import JntError
from jnt_pipeline.pipeline import RunReport
from jnt_pipeline.stages import Stage

START_UP_S = 180
"""How long a server of our own may take to answer, seconds: 24 measured on an idle machine."""

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_CLI_PROMPT": "false",
}


def run(config: Path, workspace: Path, *, until: Stage, workers: int, refresh: bool = False) -> RunReport:
    """Run the territory flow on ``workers`` threads; raises what the stages raise."""
    os.environ["PREFECT_TASK_RUNNER_THREAD_POOL_MAX_WORKERS"] = str(workers)
    warnings.filterwarnings("ignore", message="SOCKS support in urllib3", module="urllib3")  # not ours, no proxy here
    with server():
        from territory import territory  # Prefect reads its settings when it is imported

        return territory(str(config), str(workspace), until, refresh)


@contextmanager
def server() -> Iterator[str]:
    """The server of ``PREFECT_API_URL``; where none is named, one of our own, stopped at the end."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if address := os.environ.get("PREFECT_API_URL"):
        yield address
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/api"
    os.environ["PREFECT_API_URL"] = address
    try:
        _wait_for(address, process)
        yield address
    finally:
        del os.environ["PREFECT_API_URL"]
        process.terminate()
        process.wait(timeout=30)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_UP_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{address}/health", timeout=2, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise JntError(
        "the local Prefect server did not start",
        found="it ended" if process.poll() is not None else f"no answer in {START_UP_S} s",
        remedy="run `prefect server start` to see why, or use `--engine local`",
    )
