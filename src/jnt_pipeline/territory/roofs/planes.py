"""Roof planes (*pans*): region growing over the points of one roof, seeded where they lie flattest.

After Rabbani, van den Heuvel & Vosselman, "Segmentation of point clouds using smoothness constraint", 2006: regions
grow over neighbours with like normals; here the plane of the whole region judges too, so that none creeps round a
ridge. No chance is involved: seeds come in the order of their roughness, then of their position.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.roofs.parameters import RoofParameters

__all__ = ["find_planes"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_MAX_PLANES = 30
# The largest are kept: labels of more have no part in a roof that people would draw.
_NEIGHBOURS = 10
# Points in the circle about each, on average: a plane from as many is known to a few degrees at 3 cm of noise.
_NARROW = 2e-4
# A strip seventy times as long as it is wide is still a plane: a bay of a sawtooth roof.
_LIKE_NORMALS = math.cos(math.radians(25.0))


def find_planes(xyz: Floats, density_m2: float, parameters: RoofParameters) -> tuple[Floats, Integers, float]:
    """Planes of a roof, and the plane of each of its points.

    ``xyz`` (n, 3): easting and northing from the building's origin, elevation, metres, in canonical order.
    Returns planes (k, 3) as a, b, c of ``elevation = a·x + b·y + c``, largest first; the plane (n,) of each point,
    -1 for none; and the radius of the neighbourhoods, metres.
    """
    n = len(xyz)
    radius = min(max(math.sqrt(_NEIGHBOURS / (math.pi * density_m2)), 0.5), 2.5)
    min_points = max(8, round(parameters.min_plane_area_m2 * density_m2))
    if n < min_points:
        return np.empty((0, 3)), np.full(n, -1, dtype=np.int64), radius
    # Column by column: numpy takes ten times as long for both at once.
    low = np.array([xyz[:, 0].min(), xyz[:, 1].min()])
    high = np.array([xyz[:, 0].max(), xyz[:, 1].max()])
    columns, rows = (int(side / radius) + 1 for side in (high - low).tolist())
    grid = np.array([low[0], low[1], radius])
    first, members = np.zeros(columns * rows + 1, dtype=np.int64), np.empty(n, dtype=np.int64)
    _sort_into_cells(xyz, grid, columns, rows, first, members)
    # In the order of their cells, neighbours lie next to each other in memory.
    placed, label = np.ascontiguousarray(xyz[members]), np.full(n, -1, dtype=np.int64)
    centred, local = np.empty((n, 4)), np.empty((n, 4))
    _fit_neighbourhoods(placed, grid, columns, rows, first, np.zeros(10), centred)
    _choose_neighbourhoods(placed, grid, columns, rows, first, centred, parameters.seed_rmse_m, local)
    order = np.argsort(np.floor(local[:, 3] * 1000.0), kind="stable")
    sums = np.zeros((n // min_points + 1, 10))
    limits = np.array(
        [parameters.plane_distance_m, parameters.seed_rmse_m, _LIKE_NORMALS, min_points, parameters.max_slope]
    )
    s, plane = np.zeros(10), np.zeros(3)
    n_found = _grow(
        placed, grid, columns, rows, first, local, order, limits, np.empty(n, dtype=np.int64), label, sums, s, plane
    )
    planes, n_planes = np.empty((max(n_found, 1), 3)), np.zeros(1, dtype=np.int64)
    rank = np.empty(max(n_found, 1), dtype=np.int64)
    into, rmse = np.empty_like(rank), np.empty(len(rank))
    _join(sums[:n_found], parameters.coplanar_m, _MAX_PLANES, into, rmse, s, plane, rank, planes, n_planes)
    label = np.where(label >= 0, rank[np.maximum(label, 0)], -1)
    planes = planes[: n_planes[0]]
    for _ in range(2):
        before = label.copy()
        _claim(placed, grid, columns, rows, first, planes, parameters.plane_distance_m, before, label)
    _refit(placed, label, parameters.plane_distance_m, planes, np.zeros((len(planes), 10)))
    of_point = np.empty(n, dtype=np.int64)
    of_point[members] = label
    return planes, of_point, radius


@compiled
def _sort_into_cells(
    xyz: Floats, grid: Floats, columns: int, rows: int, first: Integers, members: Integers
) -> None:  # fmt: skip
    """Members of each cell, in the order of the points; ``first`` comes in as zeros."""
    for k in range(len(xyz)):
        column = min(max(int((xyz[k, 0] - grid[0]) / grid[2]), 0), columns - 1)
        row = min(max(int((xyz[k, 1] - grid[1]) / grid[2]), 0), rows - 1)
        first[row * columns + column + 1] += 1
    for c in range(columns * rows):
        first[c + 1] += first[c]
    for k in range(len(xyz) - 1, -1, -1):
        column = min(max(int((xyz[k, 0] - grid[0]) / grid[2]), 0), columns - 1)
        row = min(max(int((xyz[k, 1] - grid[1]) / grid[2]), 0), rows - 1)
        c = row * columns + column
        # Ends are used up from behind and become the firsts of the cells.
        first[c + 1] -= 1
        members[first[c + 1]] = k
    for c in range(columns * rows):
        first[c] = first[c + 1]
    first[columns * rows] = len(xyz)


@compiled
def _plane_of(s: Floats, plane: Floats, narrow: float) -> float:
    """Fill the least-squares plane of sums (n, x, y, z, xx, xy, yy, xz, yz, zz); its RMSE across it, or infinity.

    Points nearly in a line carry no plane: ``narrow`` is the least square of breadth to length.
    """
    n = s[0]
    if n < 4.0:
        return np.inf
    mx, my, mz = s[1] / n, s[2] / n, s[3] / n
    xx, xy, yy = s[4] - n * mx * mx, s[5] - n * mx * my, s[6] - n * my * my
    xz, yz, zz = s[7] - n * mx * mz, s[8] - n * my * mz, s[9] - n * mz * mz
    determinant = xx * yy - xy * xy
    if determinant <= narrow * (xx + yy) * (xx + yy):
        return np.inf
    a = (xz * yy - yz * xy) / determinant
    b = (yz * xx - xz * xy) / determinant
    plane[0], plane[1], plane[2] = a, b, mz - a * mx - b * my
    error = max(zz - a * xz - b * yz, 0.0) / n
    rmse: float = np.sqrt(error / (1.0 + a * a + b * b))
    return rmse


@compiled
def _clear(values: Floats) -> None:
    for t in range(len(values)):
        values[t] = 0.0


@compiled
def _add(s: Floats, x: float, y: float, z: float) -> None:
    s[0] += 1.0
    s[1] += x
    s[2] += y
    s[3] += z
    s[4] += x * x
    s[5] += x * y
    s[6] += y * y
    s[7] += x * z
    s[8] += y * z
    s[9] += z * z


@compiled
def _fit_neighbourhoods(
    xyz: Floats, grid: Floats, columns: int, rows: int, first: Integers, s: Floats, local: Floats
) -> None:  # fmt: skip
    """Fill a, b, c (about each point itself) and RMSE of the plane through its neighbours."""
    radius2 = grid[2] * grid[2]
    for k in range(len(xyz)):
        column = min(max(int((xyz[k, 0] - grid[0]) / grid[2]), 0), columns - 1)
        row = min(max(int((xyz[k, 1] - grid[1]) / grid[2]), 0), rows - 1)
        _clear(s)
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for i in range(
                first[r * columns + max(column - 1, 0)], first[r * columns + min(column + 1, columns - 1) + 1]
            ):
                x, y = xyz[i, 0] - xyz[k, 0], xyz[i, 1] - xyz[k, 1]
                if x * x + y * y <= radius2:
                    _add(s, x, y, xyz[i, 2] - xyz[k, 2])
        local[k, 3] = min(_plane_of(s, local[k], 1e-2), 1000.0)


@compiled
def _choose_neighbourhoods(
    xyz: Floats, grid: Floats, columns: int, rows: int, first: Integers, centred: Floats,
    reach: float, local: Floats,
) -> None:  # fmt: skip
    """Fill for each point the flattest plane, among those about its neighbours, on which it lies itself.

    So planes stay sharp up to their edges (Kuwahara et al., "Processing of RI-angiocardiographic images", 1976).
    """
    radius2 = grid[2] * grid[2]
    for k in range(len(xyz)):
        column = min(max(int((xyz[k, 0] - grid[0]) / grid[2]), 0), columns - 1)
        row = min(max(int((xyz[k, 1] - grid[1]) / grid[2]), 0), rows - 1)
        for t in range(4):
            local[k, t] = centred[k, t]
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            start = first[r * columns + max(column - 1, 0)]
            for i in range(start, first[r * columns + min(column + 1, columns - 1) + 1]):
                if centred[i, 3] >= local[k, 3]:
                    continue
                x, y = xyz[k, 0] - xyz[i, 0], xyz[k, 1] - xyz[i, 1]
                if x * x + y * y > radius2:
                    continue
                a, b = centred[i, 0], centred[i, 1]
                off = xyz[k, 2] - xyz[i, 2] - a * x - b * y - centred[i, 2]
                if off * off <= reach * reach * (1.0 + a * a + b * b):
                    local[k, 0], local[k, 1], local[k, 3] = a, b, centred[i, 3]
                    local[k, 2] = a * x + b * y + centred[i, 2] + xyz[i, 2] - xyz[k, 2]


@compiled
def _claim(
    xyz: Floats, grid: Floats, columns: int, rows: int, first: Integers, planes: Floats,
    distance: float, before: Integers, label: Integers,
) -> None:  # fmt: skip
    """Give points without plane to the nearest plane of their neighbours, where they lie on it."""
    for k in range(len(xyz)):
        if before[k] >= 0:
            continue
        column = min(max(int((xyz[k, 0] - grid[0]) / grid[2]), 0), columns - 1)
        row = min(max(int((xyz[k, 1] - grid[1]) / grid[2]), 0), rows - 1)
        nearest = distance
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            start = first[r * columns + max(column - 1, 0)]
            for m in range(start, first[r * columns + min(column + 1, columns - 1) + 1]):
                i = before[m]
                if i < 0:
                    continue
                a, b = planes[i, 0], planes[i, 1]
                off = abs(xyz[k, 2] - a * xyz[k, 0] - b * xyz[k, 1] - planes[i, 2]) / np.sqrt(1.0 + a * a + b * b)
                if off < nearest or (off == nearest and i < label[k]):
                    nearest, label[k] = off, i


@compiled
def _grow(
    xyz: Floats, grid: Floats, columns: int, rows: int, first: Integers, local: Floats,
    order: Integers, limits: Floats, queue: Integers, label: Integers, sums: Floats, s: Floats, plane: Floats,
) -> int:  # fmt: skip
    """Grow regions from the flattest places; fill label and sums of each; their number.

    ``limits``: distance, RMSE of a seed, cosine of like normals, least number of points, steepest slope.
    """
    distance, seed_rmse, like, min_points = limits[0], limits[1], limits[2], int(limits[3])
    steepest2 = limits[4] * limits[4]
    radius2, n_found = grid[2] * grid[2], 0
    for o in range(len(order)):
        seed = order[o]
        if local[seed, 3] > seed_rmse:
            break
        a, b = local[seed, 0], local[seed, 1]
        if label[seed] != -1 or a * a + b * b > steepest2 or n_found == len(sums):
            continue
        plane[0], plane[1] = a, b
        plane[2] = xyz[seed, 2] + local[seed, 2] - a * xyz[seed, 0] - b * xyz[seed, 1]
        _clear(s)
        queue[0], head, tail, next_fit = seed, 0, 1, 12
        label[seed] = n_found
        _add(s, xyz[seed, 0], xyz[seed, 1], xyz[seed, 2])
        while head < tail:
            k = queue[head]
            head += 1
            if local[k, 3] > seed_rmse:
                # The rim: on the plane, but its neighbours are of another one.
                continue
            column = min(max(int((xyz[k, 0] - grid[0]) / grid[2]), 0), columns - 1)
            row = min(max(int((xyz[k, 1] - grid[1]) / grid[2]), 0), rows - 1)
            for r in range(max(row - 1, 0), min(row + 2, rows)):
                start = first[r * columns + max(column - 1, 0)]
                for i in range(start, first[r * columns + min(column + 1, columns - 1) + 1]):
                    if label[i] != -1:
                        continue
                    x, y = xyz[i, 0] - xyz[k, 0], xyz[i, 1] - xyz[k, 1]
                    if x * x + y * y > radius2:
                        continue
                    a, b = plane[0], plane[1]
                    length = np.sqrt(1.0 + a * a + b * b)
                    if abs(xyz[i, 2] - a * xyz[i, 0] - b * xyz[i, 1] - plane[2]) > distance * length:
                        continue
                    if local[i, 3] <= seed_rmse:
                        u, v = local[i, 0], local[i, 1]
                        if 1.0 + a * u + b * v < like * length * np.sqrt(1.0 + u * u + v * v):
                            continue
                    label[i] = n_found
                    queue[tail] = i
                    tail += 1
                    _add(s, xyz[i, 0], xyz[i, 1], xyz[i, 2])
            if tail >= next_fit:
                _plane_of(s, plane, _NARROW)
                next_fit = tail + tail // 2
        if tail < min_points:
            # Too little for a plane of its own: its points may still join another one.
            for q in range(tail):
                label[queue[q]] = -1
            continue
        if _plane_of(s, plane, _NARROW) > distance or plane[0] * plane[0] + plane[1] * plane[1] > steepest2:
            # A wall, or what crept away from its plane: not tried again.
            for q in range(tail):
                label[queue[q]] = -2
            continue
        for t in range(10):
            sums[n_found, t] = s[t]
        n_found += 1
    return n_found


@compiled
def _join(
    sums: Floats, coplanar: float, most: int, into: Integers, rmse: Floats, both: Floats, plane: Floats,
    rank: Integers, planes: Floats, n_planes: Integers,
) -> None:  # fmt: skip
    """Join planes that one replaces, least loss first; number them by size in ``rank``; fill the planes."""
    n = len(sums)
    for i in range(n):
        into[i] = i
        rmse[i] = _plane_of(sums[i], plane, _NARROW)
    while True:
        best, best_i, best_j = coplanar * coplanar, -1, -1
        for i in range(n):
            if into[i] != i:
                continue
            for j in range(i + 1, n):
                if into[j] != j:
                    continue
                for t in range(10):
                    both[t] = sums[i, t] + sums[j, t]
                error = _plane_of(both, plane, _NARROW)
                own = (sums[i, 0] * rmse[i] * rmse[i] + sums[j, 0] * rmse[j] * rmse[j]) / both[0]
                # Against the smaller one: a small plane does not vanish in a large one because that has many points.
                loss = (error * error - own) * both[0] / (2.0 * min(sums[i, 0], sums[j, 0]))
                if loss < best:
                    best, best_i, best_j = loss, i, j
        if best_i < 0:
            break
        for t in range(10):
            sums[best_i, t] += sums[best_j, t]
        rmse[best_i] = _plane_of(sums[best_i], plane, _NARROW)
        for i in range(n):
            if into[i] == best_j:
                into[i] = best_i
    count = 0
    for i in range(n):
        rank[i] = -1
    while count < most:
        largest = -1
        for i in range(n):
            if into[i] == i and rank[i] < 0 and (largest < 0 or sums[i, 0] > sums[largest, 0]):
                largest = i
        if largest < 0:
            break
        rank[largest] = count
        _plane_of(sums[largest], planes[count], _NARROW)
        count += 1
    for i in range(n):
        rank[i] = rank[into[i]]
    n_planes[0] = count


@compiled
def _refit(xyz: Floats, label: Integers, distance: float, planes: Floats, sums: Floats) -> None:
    """Fit each plane again without the points that lie far from it: strays, furniture, a rim round the ridge."""
    for turn in range(3):
        reach = distance / (1.0 + turn)
        for i in range(len(planes)):
            for t in range(10):
                sums[i, t] = 0.0
        for k in range(len(xyz)):
            i = label[k]
            if i < 0:
                continue
            a, b = planes[i, 0], planes[i, 1]
            off = abs(xyz[k, 2] - a * xyz[k, 0] - b * xyz[k, 1] - planes[i, 2])
            if off <= reach * np.sqrt(1.0 + a * a + b * b):
                _add(sums[i], xyz[k, 0], xyz[k, 1], xyz[k, 2])
        for i in range(len(planes)):
            _plane_of(sums[i], planes[i], _NARROW)
