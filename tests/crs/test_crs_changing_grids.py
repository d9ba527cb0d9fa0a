"""Grids that go away or are exchanged while a process uses them: refused by name, never read as another."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from jnt_pipeline.crs import Transformation, transformation
from jnt_pipeline.errors import MissingGridError

NTF_POINT = np.array([[600_000.0, 2_400_000.0]])


def _apply_in_thread(chosen: Transformation, points: np.ndarray) -> object:
    """In a new thread pyproj opens all grids anew."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(chosen.apply, points).result()


def test_a_grid_that_goes_away_is_missing_in_every_thread(grids: Path, no_grids: Path) -> None:
    grid = no_grids / "fr_ign_gr3df97a.tif"
    shutil.copy(grids / grid.name, grid)
    chosen = transformation("EPSG:27572", "EPSG:2154")
    before = chosen.apply(NTF_POINT)
    grid.unlink()
    for apply in (lambda: chosen.apply(NTF_POINT), lambda: _apply_in_thread(chosen, NTF_POINT)):
        with pytest.raises(MissingGridError, match="gr3df97a"):
            apply()
    shutil.copy(grids / grid.name, grid)
    assert np.array_equal(chosen.apply(NTF_POINT), before)
    assert np.array_equal(_apply_in_thread(chosen, NTF_POINT), before)


@pytest.mark.parametrize(
    ("name", "source", "target", "point"),
    [
        ("fr_ign_gr3df97a.tif", "EPSG:27572", "EPSG:9793", [600_000.0, 2_400_000.0, 35.0]),
        ("fr_ign_RAF20.tif", "EPSG:9794+5720", "EPSG:9780", [652_469.0, 6_862_035.0, 35.0]),
    ],
)
def test_a_grid_that_is_exchanged_before_its_first_use_is_refused_not_read(
    name: str, source: str, target: str, point: list[float], grids: Path, no_grids: Path
) -> None:
    shutil.copy(grids / name, no_grids / name)
    chosen = transformation(source, target)
    other = bytearray((grids / name).read_bytes())
    other[-1] ^= 1
    (no_grids / name).write_bytes(other)
    points = np.array([point])[:, : 3 if chosen.moves_heights else 2]
    with pytest.raises(MissingGridError, match="damaged"):
        chosen.apply(points)
    (no_grids / name).unlink()
    with pytest.raises(MissingGridError, match=name):
        chosen.apply(points)
