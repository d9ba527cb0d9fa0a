"""Points in strips and windows of cells: every point once, in its cell, wherever it waited."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jnt_pipeline.disk import Spool
from jnt_pipeline.territory import terrain_cells
from jnt_pipeline.territory.terrain_cells import STRIP, CellIndex, CellWindow, PointStrips

ORIGIN = (6_180_000_000, 67_540_000_000)
SIZE = 5 * STRIP + 1234
BOX = (*ORIGIN, ORIGIN[0] + 3 * STRIP, ORIGIN[1] + SIZE)


def some_points(n: int, seed: int = 3) -> np.ndarray:
    """Shape (3, n), whole centimetres, in the box; several at one place."""
    rng = np.random.default_rng(seed)
    points = np.empty((3, n), np.int32)
    points[0] = rng.integers(0, 3 * STRIP // 100, n) * 100
    points[1] = rng.integers(0, SIZE // 100, n) * 100
    points[2] = rng.integers(0, 10_000_000, n)
    points[:2, n // 2 : n // 2 + n // 10] = points[:2, : n // 10]  # one in ten stands where another does
    return points


def strips_of(points: np.ndarray, spool: Spool | None = None, n_parts: int = 7) -> PointStrips:
    strips = PointStrips(BOX, spool)
    for part in np.array_split(points, n_parts, axis=1):
        strips.add(*(np.ascontiguousarray(axis) for axis in part))
    return strips


def lowest_by_place(points: np.ndarray) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    for x, y, z in points.T.tolist():
        found[x, y] = min(z, found.get((x, y), z))
    return found


def held(index: CellIndex) -> dict[tuple[int, int], int]:
    """What an index holds, relative to the box; each point in the cell of its place."""
    cell, n_rows, n_columns, _, south = index.frame
    assert len(index.starts) == n_rows * n_columns + 1
    cells = np.repeat(np.arange(n_rows * n_columns), np.diff(index.starts))
    assert np.array_equal(index.y // cell * n_columns + index.x // cell, cells)
    lift = south - ORIGIN[1]
    return {(int(x), int(y) + lift): int(z) for x, y, z in zip(index.x, index.y, index.z, strict=True)}


@pytest.mark.parametrize("in_file", [False, True])
def test_all_points_are_in_the_cell_of_their_place_and_the_lowest_counts(
    tmp_path: Path, in_file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terrain_cells, "_SLAB", 256)  # many slabs, the last of each strip half full
    points = some_points(20_000)
    with Spool(tmp_path) as spool:
        index = CellWindow(strips_of(points, spool if in_file else None)).over(0, SIZE)
    assert held(index) == lowest_by_place(points)
    assert list(tmp_path.iterdir()) == []  # a file without a name


def test_a_window_that_moves_holds_what_lies_in_its_strips() -> None:
    points = some_points(20_000)
    window = CellWindow(strips_of(points))
    for south, north in ((-500, 10), (100, STRIP + 1), (2 * STRIP, 3 * STRIP - 1), (4 * STRIP + 5, SIZE + 10**6)):
        index = window.over(south, north)
        first, end = max(0, south // STRIP), max(north // STRIP + 1, 1)
        inside = points[:, (points[1] >= first * STRIP) & (points[1] < end * STRIP)]
        assert held(index) == lowest_by_place(inside)


def test_the_cut_into_chunks_does_not_show() -> None:
    points = some_points(5_000)
    one, many = (CellWindow(strips_of(points, n_parts=n)).over(0, SIZE) for n in (1, 50))
    assert all(np.array_equal(getattr(one, name), getattr(many, name)) for name in ("x", "y", "z", "starts"))


def test_no_point_at_all_gives_empty_cells() -> None:
    index = CellWindow(PointStrips(BOX)).over(0, SIZE)
    assert len(index) == 0
    assert not index.starts.any()
