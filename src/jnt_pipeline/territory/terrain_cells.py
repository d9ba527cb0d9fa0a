"""Points packed and sorted by cell, and the highest point of each pixel: the passes over a whole point cloud."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.territory.grid import QUANTA_PER_M
from jnt_pipeline.territory.sorting import sort_with
from jnt_pipeline.territory.terrain_compiled import compiled

__all__ = ["CellIndex", "highest_per_pixel", "index_points"]

Points = NDArray[np.float64]
Classes = NDArray[np.uint8]
Box = tuple[int, int, int, int]

_POINTS_PER_CELL = 1.2  # measured: the search is fastest between 2 and 4
_LARGEST_CELLS = 30_000_000  # cells of an index, 4 bytes each, whatever the extent


@dataclass(frozen=True, slots=True, kw_only=True)
class CellIndex:
    """Points of distinct positions, sorted by square cell; lengths in tenths of a millimetre."""

    x: NDArray[np.int32]
    """Easting relative to the origin of the cells."""
    y: NDArray[np.int32]
    z: NDArray[np.int32]
    """Elevation above the vertical datum."""
    starts: NDArray[np.int32]
    """First point of each cell, row after row from the south, and the end."""
    frame: tuple[int, int, int, int, int]
    """Cell size, rows, columns, absolute easting and northing of the origin."""

    def __len__(self) -> int:
        return len(self.x)


@compiled
def _count(xyz: Points, classes: Classes, chosen: NDArray[np.bool_], box: Box) -> int:
    """Points of the chosen classes inside the box (all bounds included)."""
    n = 0
    for i in range(len(classes)):
        if chosen[classes[i]]:
            px, py = np.int64(np.rint(xyz[i, 0] * QUANTA_PER_M)), np.int64(np.rint(xyz[i, 1] * QUANTA_PER_M))
            if box[0] <= px <= box[2] and box[1] <= py <= box[3]:
                n += 1
    return n


@compiled
def _pack(
    xyz: Points,
    classes: Classes,
    chosen: NDArray[np.bool_],
    box: Box,
    frame: tuple[int, int, int, int, int],
    starts: NDArray[np.int32],
    x: NDArray[np.int32],
    y: NDArray[np.int32],
    z: NDArray[np.int32],
) -> int:
    """Counting sort by cell; then, in each cell, of the points at one position the lowest is kept.

    Returns the number kept; ``starts`` is adapted to them.
    """
    cell, n_columns = frame[0], frame[2]
    for i in range(len(classes)):
        if chosen[classes[i]]:
            px, py = np.int64(np.rint(xyz[i, 0] * QUANTA_PER_M)), np.int64(np.rint(xyz[i, 1] * QUANTA_PER_M))
            if box[0] <= px <= box[2] and box[1] <= py <= box[3]:
                starts[(py - box[1]) // cell * n_columns + (px - box[0]) // cell + 1] += 1
    for k in range(1, len(starts)):
        starts[k] += starts[k - 1]
    # Scatter from the end of each cell down: starts[k + 1] walks from the end of cell k to its begin.
    for i in range(len(classes) - 1, -1, -1):
        if chosen[classes[i]]:
            px, py = np.int64(np.rint(xyz[i, 0] * QUANTA_PER_M)), np.int64(np.rint(xyz[i, 1] * QUANTA_PER_M))
            if box[0] <= px <= box[2] and box[1] <= py <= box[3]:
                walker = (py - box[1]) // cell * n_columns + (px - box[0]) // cell + 1
                starts[walker] -= 1
                x[starts[walker]], y[starts[walker]] = px - box[0], py - box[1]
                z[starts[walker]] = np.int32(np.rint(xyz[i, 2] * QUANTA_PER_M))
    kept, n = 0, len(x)
    for k in range(len(starts) - 1):
        begin, end = int(starts[k + 1]), n if k == len(starts) - 2 else int(starts[k + 2])
        starts[k] = kept
        if end - begin <= 24:
            for i in range(begin, end):
                same = -1
                for j in range(starts[k], kept):
                    if x[j] == x[i] and y[j] == y[i]:
                        same = j
                        break
                if same >= 0:
                    z[same] = min(z[same], z[i])
                else:
                    x[kept], y[kept], z[kept] = x[i], y[i], z[i]
                    kept += 1
        else:  # a crowded cell: sort, lest the work grow with its square
            keys = np.empty(end - begin, np.int64)
            for i in range(begin, end):
                keys[i - begin] = (np.int64(x[i]) << 32) | np.int64(y[i])
            levels = z[begin:end].copy()
            sort_with(keys, levels)
            for j in range(len(keys)):
                if j > 0 and keys[j] == keys[j - 1]:
                    z[kept - 1] = min(z[kept - 1], levels[j])
                else:
                    x[kept], y[kept] = np.int32(keys[j] >> 32), np.int32(keys[j] & 0xFFFFFFFF)
                    z[kept] = levels[j]
                    kept += 1
    starts[len(starts) - 1] = kept
    return kept


@compiled
def _highest(
    xyz: Points, classes: Classes, chosen: NDArray[np.bool_], pixels: tuple[int, int, int], best: NDArray[np.int64]
) -> None:
    """Row of ``xyz`` of the highest point in each pixel (ties: the greatest easting, then northing), else -1."""
    n_rows, n_columns = best.shape
    size = pixels[2]
    west, north = 2 * pixels[0] - size, 2 * pixels[1] + size  # doubled: an edge may lie on half a unit
    for i in range(len(classes)):
        if chosen[classes[i]]:
            px, py = np.int64(np.rint(xyz[i, 0] * QUANTA_PER_M)), np.int64(np.rint(xyz[i, 1] * QUANTA_PER_M))
            column, row = (2 * px - west) // (2 * size), (north - 2 * py) // (2 * size)
            if 0 <= row < n_rows and 0 <= column < n_columns:
                j = best[row, column]
                if (
                    j < 0
                    or xyz[i, 2] > xyz[j, 2]
                    or (xyz[i, 2] == xyz[j, 2] and (xyz[i, 0], xyz[i, 1]) > (xyz[j, 0], xyz[j, 1]))
                ):
                    best[row, column] = i


def _chosen(codes: tuple[int, ...]) -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(codes)] = True
    return table


def index_points(
    xyz: Points,
    classification: Classes,
    codes: tuple[int, ...],
    box: Box,
) -> CellIndex:
    """Pack the points of the given classes that lie in ``box`` (*rangement par cellule*).

    Parameters: ``xyz`` (n, 3) metres, C order; ``classification`` (n,); ``box`` west, south, east, north in tenths
    of a millimetre, included. Of several points at one position the lowest is kept. Memory: 12 bytes per point kept
    and about 2 per point for the cells.
    """
    chosen = _chosen(codes)
    width, height = box[2] - box[0] + 1, box[3] - box[1] + 1
    n = int(_count(xyz, classification, chosen, box))
    cells = min(max(n / _POINTS_PER_CELL, 1.0), _LARGEST_CELLS)
    cell = max(1, math.ceil(math.sqrt(width * height / cells)), math.ceil(max(width, height) / _LARGEST_CELLS))
    rows, columns = -(-height // cell), -(-width // cell)
    frame = (cell, rows, columns, box[0], box[1])
    starts = np.zeros(rows * columns + 1, np.int32)
    x, y, z = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    kept = int(_pack(xyz, classification, chosen, box, frame, starts, x, y, z))
    return CellIndex(x=x[:kept], y=y[:kept], z=z[:kept], starts=starts, frame=frame)


def highest_per_pixel(
    xyz: Points,
    classification: Classes,
    codes: tuple[int, ...],
    pixels: tuple[int, int, int],
    shape: tuple[int, int],
) -> NDArray[np.int64]:
    """Row of ``xyz`` of the highest point in each pixel, -1 in an empty one; shape (rows, columns).

    ``pixels``: centre of the first pixel (easting, northing) and pixel size, tenths of a millimetre. A pixel holds
    its west and its north edge.
    """
    best = np.full(shape, -1, np.int64)
    _highest(xyz, classification, _chosen(codes), pixels, best)
    return best
