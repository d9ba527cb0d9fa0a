"""Runners: all jobs are done wherever they run, and an error of one is told as it was raised."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from jnt_pipeline.errors import JntError, UnreadableError
from jnt_pipeline.runner import DryRunEnd, DryRunner, Job, LocalRunner, Planned, make_units
from jnt_pipeline.store import Unit, Workspace


@dataclass(frozen=True)
class Square:
    n: int

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        (folder / "n").write_text(str(self.n * self.n))
        return {"square": self.n * self.n, "process": os.getpid()}


@dataclass(frozen=True)
class Fails:
    how: Literal["error", "killed"]

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        if self.how == "killed":
            os.kill(os.getpid(), 9)
        raise UnreadableError("torn", where="tile.laz", found="3 points", expected="9", remedy="fetch it again")


@dataclass(frozen=True)
class Works:
    """At work for longer than any test waits; says which process it is."""

    seconds: float

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        (folder / "new").write_text(str(os.getpid()))
        (folder / "new").rename(folder / "process")
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            sum(range(10_000))
        return {}


def jobs(folder: Path, *works: Any) -> list[Job]:
    return [Job(name=f"j{i}", reason="new", work=work, folder=folder / f"j{i}") for i, work in enumerate(works)]


@pytest.mark.parametrize("mode", ["threads", "processes"])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_once(tmp_path: Path, mode: Literal["threads", "processes"], workers: int) -> None:
    found = dict(LocalRunner(workers=workers, mode=mode).map(jobs(tmp_path, *map(Square, range(5))), "squares"))
    assert {i: facts["square"] for i, facts in found.items()} == {0: 0, 1: 1, 2: 4, 3: 9, 4: 16}
    assert (tmp_path / "j3" / "n").read_text() == "9"
    elsewhere = {facts["process"] for facts in found.values()} - {os.getpid()}
    assert bool(elsewhere) == (mode == "processes" and workers > 1)


@pytest.mark.parametrize("mode", ["threads", "processes"])
def test_an_error_crosses_threads_and_processes_whole(tmp_path: Path, mode: Literal["threads", "processes"]) -> None:
    runner = LocalRunner(workers=2, mode=mode)
    with pytest.raises(UnreadableError) as caught:
        list(runner.map(jobs(tmp_path, Square(1), Fails("error"), Square(2)), "mixed"))
    assert caught.value.remedy == "fetch it again"
    assert "tile.laz: torn" in str(caught.value)


def test_a_killed_worker_is_named(tmp_path: Path) -> None:
    runner = LocalRunner(workers=2, mode="processes")
    with pytest.raises(JntError, match="worker process died"):
        list(runner.map(jobs(tmp_path, Square(1), Fails("killed")), "mixed"))


def test_workers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.test_runner import Works, jobs\n"
        "from jnt_pipeline.runner import LocalRunner\n"
        "if __name__ == '__main__':\n"
        "    runner = LocalRunner(workers=2, mode='processes')\n"
        "    list(runner.map(jobs(Path(sys.argv[1]), Works(300), Works(300)), 'long'))"
    )
    (tmp_path / "program.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    run = subprocess.Popen([sys.executable, tmp_path / "program.py", tmp_path], env=environment)
    said = [tmp_path / name / "process" for name in ("j0", "j1")]
    assert soon(lambda: all(path.exists() for path in said) or run.poll() is not None)
    workers = [int(path.read_text()) for path in said]
    assert all(map(is_at_work, workers))
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert soon(lambda: not any(map(is_at_work, workers)))


def soon(happens: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether it happens before a minute has passed, which is far from the 300 s that the work would take."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happens():
            return True
        time.sleep(0.02)
    return False


def is_at_work(process: int) -> bool:
    """Whether the process lives; one that ended and that nobody has asked about yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False


def test_units_done_before_a_failure_stay(tmp_path: Path) -> None:
    def plan(second: Any) -> list[Planned]:
        return [
            Planned(unit=Unit(stage="s", name=name, version=1, parameters={}, inputs={}), work=work)
            for name, work in (("a", Square(2)), ("b", second))
        ]

    with Workspace.open(tmp_path / "w") as workspace:
        with pytest.raises(UnreadableError):
            make_units(workspace, LocalRunner(workers=1), plan(Fails("error")))
        assert {(step, name) for step, name, _ in workspace.planned_units()} == {("s", "a"), ("s", "b")}  # for clean
        _, report = make_units(workspace, LocalRunner(workers=1), plan(Square(3)))
    assert report.skipped == ("s/a",)
    assert report.made == {"s/b": "new"}


def test_a_dry_run_tells_and_does_nothing(tmp_path: Path) -> None:
    unit = Unit(stage="s", name="a", version=1, parameters={}, inputs={})
    with Workspace.open(tmp_path / "w") as workspace:
        with pytest.raises(DryRunEnd) as end:
            make_units(workspace, DryRunner(), [Planned(unit=unit, work=Square(2))])
        assert workspace.record("s", "a") is None
    assert end.value.reasons == {"s/a": "new"}
