"""Fixtures of the coordinate tests: with the French grids, and certainly without them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jnt_pipeline import cli
from jnt_pipeline.crs.grids import GRIDS_VARIABLE, use_grid_folders


@pytest.fixture
def grids(shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Folder of the 51 French grids, on PROJ's path during the test."""
    folder = shared / "geodesy" / "grids"
    monkeypatch.setenv(GRIDS_VARIABLE, str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    yield folder
    monkeypatch.undo()
    use_grid_folders()


@pytest.fixture
def no_grids(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty grid folder, and nothing else on PROJ's path."""
    folder = tmp_path / "grids"
    folder.mkdir()
    monkeypatch.setenv(GRIDS_VARIABLE, str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    yield folder
    monkeypatch.undo()
    use_grid_folders()


class Said:
    """What a command printed, and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def jnt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the ``jnt`` command in this process, as a user types it; ``stdin`` is what is piped in."""

    def run(*arguments: object, stdin: str = "") -> Said:
        monkeypatch.setattr(sys, "argv", ["jnt", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        code = end.value.code
        return Said(code if isinstance(code, int) else 0 if code is None else 1, captured.out, captured.err)

    return run
