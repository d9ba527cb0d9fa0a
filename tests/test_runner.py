"""Runners: all jobs are done wherever they run, and an error of one is told as it was raised."""

from __future__ import annotations

import os
from collections.abc import Mapping
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
