"""Fixtures of the coordinate tests: with the French grids, and certainly without them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
