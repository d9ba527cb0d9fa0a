"""Ground returns that stand out of all their neighbours (*points aberrants*), which the terrain does not follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.grid import quanta
from jnt_pipeline.territory.terrain_cells import CellIndex
from jnt_pipeline.territory.terrain_parameters import SPIKE_REACH_M

__all__ = ["are_spikes", "without_spikes"]

_FEWEST_NEIGHBOURS = 4
"""With fewer of them a point is the only witness of its place, and stays."""

Integers = NDArray[np.int32]


def are_spikes(index: CellIndex, spike_m: float) -> NDArray[np.bool_]:
    """Which points stand out of all their neighbours, above or below.

    A point is a spike where it has at least four neighbours within ``SPIKE_REACH_M``, and lies above each of them, or
    below each of them, by more than ``spike_m``: a bird, a lamp, an echo from under the ground. A wall, a quay, an
    embankment or a slope is none, since some neighbour stands on the same level, or less than ``spike_m`` from it.

    Parameters: ``index`` ground points sorted by cell; ``spike_m`` metres. Returns bool, shape (n,), in the order of
    the index; it depends on the points within ``SPIKE_REACH_M`` alone: nearer to an edge of the index it is not told.
    """
    found = np.zeros(len(index), np.bool_)
    cell, n_rows, n_columns = index.frame[:3]
    frame = (cell, n_rows, n_columns)
    _find(index.x, index.y, index.z, index.starts, frame, quanta(SPIKE_REACH_M), quanta(spike_m), found)
    return found


def without_spikes(index: CellIndex, found: NDArray[np.bool_]) -> CellIndex:
    """The index without the spikes found, shape (n,), the order of the others kept; itself where there is none."""
    if not found.any():
        return index
    dropped = np.concatenate([np.zeros(1, np.int64), np.cumsum(found)])
    starts = (index.starts - dropped[index.starts]).astype(np.int32)
    kept = ~found
    return CellIndex(x=index.x[kept], y=index.y[kept], z=index.z[kept], starts=starts, frame=index.frame)


@compiled
def _find(
    x: Integers,
    y: Integers,
    z: Integers,
    starts: Integers,
    frame: tuple[int, int, int],
    reach: int,
    bound: int,
    found: NDArray[np.bool_],
) -> None:
    n_rows, n_columns = frame[1], frame[2]
    for row in range(n_rows):
        for column in range(n_columns):
            for i in range(starts[row * n_columns + column], starts[row * n_columns + column + 1]):
                # The point before it lies in its cell or the next one, and nearly always speaks for it.
                dx, dy = np.int64(x[i]) - x[i - 1], np.int64(y[i]) - y[i - 1]
                is_vouched = i > 0 and dx * dx + dy * dy <= reach * reach and abs(np.int64(z[i]) - z[i - 1]) <= bound
                found[i] = not is_vouched and _stands_out(x, y, z, starts, frame, i, reach, bound)


@compiled
def _stands_out(
    x: Integers,
    y: Integers,
    z: Integers,
    starts: Integers,
    frame: tuple[int, int, int],
    i: int,
    reach: int,
    bound: int,
) -> bool:
    """Looks at the nearest cells first, and ends at the first neighbour that speaks for the point."""
    cell, n_rows, n_columns = frame
    row, column = y[i] // cell, x[i] // cell
    n, side = 0, 0
    for ring in range(reach // cell + 2):
        for k in range(max(0, row - ring), min(n_rows - 1, row + ring) + 1):
            is_edge = abs(k - row) == ring
            step = 1 if is_edge or ring == 0 else 2 * ring
            for m in range(column - ring, column + ring + 1, step):
                if m < 0 or m >= n_columns:
                    continue
                for j in range(starts[k * n_columns + m], starts[k * n_columns + m + 1]):
                    dx, dy = np.int64(x[j]) - x[i], np.int64(y[j]) - y[i]
                    if j == i or dx * dx + dy * dy > reach * reach:
                        continue
                    rise = np.int64(z[i]) - z[j]
                    if abs(rise) <= bound:
                        return False
                    if side == 0:
                        side = 1 if rise > 0 else -1
                    elif (rise > 0) != (side > 0):
                        return False
                    n += 1
    return bool(n >= _FEWEST_NEIGHBOURS)
