"""The workspace: commits are whole or absent, whatever happens, and nothing damaged is believed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jnt_pipeline import disk
from jnt_pipeline.errors import DiskFullError, WorkspaceError, WorkspaceFormatError, WorkspaceLockedError
from jnt_pipeline.runner import LocalRunner, Planned, make_units
from jnt_pipeline.store import Unit, Workspace


@dataclass(frozen=True)
class WriteText:
    """A tiny unit of work: two files, one in a folder."""

    text: str

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        (folder / "a.txt").write_text(self.text)
        (folder / "deep").mkdir()
        (folder / "deep" / "b.txt").write_text(self.text * 2)
        return {"length": len(self.text)}


def planned(*texts: str) -> list[Planned]:
    return [
        Planned(
            unit=Unit(stage="step", name=f"u{i}", version=1, parameters={"i": i}, inputs={"text": text}),
            work=WriteText(text),
        )
        for i, text in enumerate(texts)
    ]


def make(root: Path, *texts: str) -> tuple[dict[str, str], dict[str, str]]:
    """Run the units; returns (reason by unit made, content by relative path of the outputs)."""
    with Workspace.open(root) as workspace:
        records, report = make_units(workspace, LocalRunner(workers=1), planned(*texts))
        workspace.write_document("twin.json", {"texts": texts})
        workspace.point_publications({name: record.folder for name, record in records.items()})
        contents = {
            f"{name}/{output}": (root / record.path(output)).read_text()
            for name, record in records.items()
            for output in record.outputs
        }
    return dict(report.made), contents


def test_second_run_makes_nothing(tmp_path: Path) -> None:
    first, contents = make(tmp_path / "w", "x", "y")
    assert first == {"step/u0": "new", "step/u1": "new"}
    assert make(tmp_path / "w", "x", "y") == ({}, contents)


def test_only_the_unit_whose_input_changed_is_made_again(tmp_path: Path) -> None:
    make(tmp_path / "w", "x", "y")
    made, contents = make(tmp_path / "w", "x", "z")
    assert made == {"step/u1": "input changed: text"}
    assert contents["u1/deep/b.txt"] == "zz"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "output missing: a.txt"),
        (lambda path: path.write_text(""), "output damaged: a.txt"),
        (lambda path: path.write_text("?"), "output damaged: a.txt"),  # same size
    ],
    ids=["deleted", "truncated", "corrupted at equal size"],
)
def test_damaged_output_is_made_again(tmp_path: Path, damage: Callable[[Path], object], reason: str) -> None:
    _, contents = make(tmp_path / "w", "x", "y")
    (output,) = (tmp_path / "w" / "units" / "step" / "u0").glob("*/a.txt")
    damage(output)
    assert make(tmp_path / "w", "x", "y") == ({"step/u0": reason}, contents)


def test_a_torn_manifest_line_is_not_believed(tmp_path: Path) -> None:
    _, contents = make(tmp_path / "w", "x", "y")
    line = tmp_path / "w" / "manifest" / "step" / "u0.json"
    line.write_bytes(line.read_bytes()[:40])
    assert make(tmp_path / "w", "x", "y") == ({"step/u0": "new"}, contents)


class Crash(BaseException):
    """Power goes off."""


def crash_at(monkeypatch: pytest.MonkeyPatch, n: int) -> list[str]:
    """Let the n-th call of the ways to touch the disk fail, before it acts; returns the calls seen so far."""
    seen: list[str] = []
    for name in ("write", "fsync", "replace"):
        real = getattr(disk, name)

        def struck(*arguments: Any, name: str = name, real: Callable[..., object] = real) -> object:
            seen.append(name)
            if len(seen) == n:
                raise Crash
            return real(*arguments)

        monkeypatch.setattr(disk, name, struck)
    return seen


def test_a_crash_at_every_write_fsync_and_rename_loses_nothing(tmp_path: Path) -> None:
    _, contents = make(tmp_path / "whole", "x", "y")
    n, kinds = 0, set()
    while True:
        n += 1
        root = tmp_path / f"crash-{n}"
        with pytest.MonkeyPatch.context() as patch:
            seen = crash_at(patch, n)
            try:
                make(root, "x", "y")
            except Crash:
                kinds.add(seen[-1])
            else:
                break
        _, after = make(root, "x", "y")
        assert after == contents, f"after a crash at operation {n}, {seen[-1]}"
        assert sorted(os.listdir(root / "publication")) == ["u0", "u1"]
        assert not list((root / "scratch").iterdir())
    assert kinds == {"write", "fsync", "replace"}
    assert n > 20  # two units and two documents touch the disk more often than that


def test_a_crash_while_replacing_a_damaged_output_loses_nothing(tmp_path: Path) -> None:
    for n in range(1, 40):
        root = tmp_path / f"w{n}"
        _, contents = make(root, "x")
        (output,) = (root / "units" / "step" / "u0").glob("*/a.txt")
        output.write_text("?")
        with pytest.MonkeyPatch.context() as patch:
            crash_at(patch, n)
            try:
                make(root, "x")
            except Crash:
                pass
            else:
                break
        assert make(root, "x")[1] == contents
    assert n > 8


@pytest.mark.parametrize("name", ["write", "fsync", "replace"])
def test_a_full_disk_is_named_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make(tmp_path / "w", "x")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(disk, name, full)
        with pytest.raises(DiskFullError, match="jnt clean"):
            make(tmp_path / "w", "z")
    made, contents = make(tmp_path / "w", "x")
    assert made == {}
    assert contents["u0/a.txt"] == "x"


def test_a_full_disk_in_a_library_that_words_it_otherwise_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(WriteText):
        def __call__(self, folder: Path) -> Mapping[str, Any]:
            raise OSError("write failed")

    usage = disk.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage._replace(free=0))
    plan = [Planned(unit=planned("x")[0].unit, work=Failing("x"))]
    with Workspace.open(tmp_path / "w") as workspace, pytest.raises(DiskFullError):
        make_units(workspace, LocalRunner(workers=1), plan)


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path) -> None:
    refused = pytest.raises(WorkspaceLockedError, match=f"process {os.getpid()}")
    with Workspace.open(tmp_path / "w"), refused, Workspace.open(tmp_path / "w"):
        pass
    with Workspace.open(tmp_path / "w"):
        pass  # released


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from jnt_pipeline.store import Workspace\n"
        "with Workspace.open(pathlib.Path(sys.argv[1])):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "w")], check=False).returncode == -9
    assert make(tmp_path / "w", "x")[0] == {"step/u0": "new"}


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(WorkspaceError, match="other things"), Workspace.open(tmp_path):
        pass
    assert os.listdir(tmp_path) == ["thesis.txt"]


@pytest.mark.parametrize("text", ['{"format": 99}', "{", "[]"])
def test_another_format_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "workspace.json").write_text(text)
    with pytest.raises(WorkspaceFormatError), Workspace.open(tmp_path):
        pass
    with pytest.raises(WorkspaceFormatError):
        Workspace.at(tmp_path)


def test_clean_drops_what_no_twin_needs(tmp_path: Path) -> None:
    make(tmp_path / "w", "x", "y")
    make(tmp_path / "w", "x", "longer")
    with Workspace.open(tmp_path / "w") as workspace:
        needed = {("step", unit.unit.name, unit.unit.key) for unit in planned("x", "longer")}
        assert workspace.clean(needed) == 3  # "y" and "yy"
        assert workspace.clean(needed) == 0
    assert make(tmp_path / "w", "x", "longer")[0] == {}


def test_a_unit_made_with_another_grid_is_made_again(tmp_path: Path) -> None:
    unit = planned("x")[0].unit
    with Workspace.open(tmp_path / "w") as workspace:
        scratch = workspace.scratch_folder(unit)
        scratch.mkdir()
        workspace.commit(unit, scratch, {"grids": {"no_such_grid.tif": "00"}})
        assert workspace.why_make(unit) == "grid changed: no_such_grid.tif"
