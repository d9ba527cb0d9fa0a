"""Which plane covers which cell: as few faces and as short borders as the points allow.

The energy is of area: roof that its faces do not explain, plus a price for each face and for each metre between faces
(minimum description length: Leclerc, "Constructing simple stable descriptions for image partitioning", 1989). It
is brought down from the finest labelling, face by face, the best saving first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.roofs.cells import Cells
from jnt_pipeline.territory.roofs.parameters import RoofParameters

__all__ = ["faces_of", "settle"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_FORBIDDEN_M2 = 1e6
# The price of a cell under a plane that leaves the building's range of elevations there.
_LEVEL_M = 0.05
# Faces nearer than this at both ends of their border meet there.


def settle(
    cells: Cells,
    cell_of: Integers,
    xyz: Floats,
    planes: Floats,
    density_m2: float,
    reach_m: Floats,
    parameters: RoofParameters,
) -> tuple[Integers, Integers]:
    """Plane (k,) and face (k,) of each cell: a face is what hangs together under one plane.

    ``cell_of`` (n,): cell of each point, -1 none. ``reach_m`` (p, 2): between which elevations each plane is of use.
    """
    k = len(cells.areas)
    cost = np.zeros((k, len(planes)))
    _explain(cell_of, xyz, planes, parameters.explained_m, 1.0 / density_m2, cost)
    heights = cells.nodes @ planes[:, :2].T + planes[:, 2]
    off = (heights < reach_m[:, 0]) | (heights > reach_m[:, 1])
    for first in (0, 1):
        np.add.at(cost, cells.edges[:, 2], off[cells.edges[:, first]] * _FORBIDDEN_M2)
    seen = np.zeros(k, dtype=np.bool_)
    seen[cell_of[cell_of >= 0]] = True
    borders = _borders(cells)
    ends = cells.nodes[borders[:, 0]] - cells.nodes[borders[:, 1]]
    lengths = np.hypot(ends[:, 0], ends[:, 1])
    label, face = np.full(k, -1, dtype=np.int64), np.zeros(k, dtype=np.int64)
    prices = np.array([parameters.face_cost_m2, parameters.step_cost_m, parameters.ridge_cost_m])
    n_planes = len(planes)
    _settle(
        cost, seen, borders, lengths, heights, prices, label, face,
        np.empty((k, n_planes)), np.empty((k, n_planes)), np.empty((k, n_planes), dtype=np.int64),
        np.empty(k, dtype=np.int64),
    )  # fmt: skip
    return label, face


def faces_of(cells: Cells, label: Integers) -> Integers:
    """Face (k,) of each cell: the lowest cell of those that hang together under one plane."""
    face = np.zeros(len(label), dtype=np.int64)
    _number_faces(label, _borders(cells), face)
    return face


def _borders(cells: Cells) -> Integers:
    """Edges between cells, each once: its nodes, its cells."""
    once = np.flatnonzero(cells.twins > np.arange(len(cells.twins)))
    return np.column_stack([cells.edges[once], cells.edges[cells.twins[once], 2]])


@compiled
def _explain(
    cell_of: Integers, xyz: Floats, planes: Floats, explained: float, point_area: float, cost: Floats
) -> None:  # fmt: skip
    """Roof (m²) of each cell that each plane leaves unexplained: the square of the distance, one at most."""
    for k in range(len(xyz)):
        c = cell_of[k]
        if c < 0:
            continue
        for i in range(len(planes)):
            a, b = planes[i, 0], planes[i, 1]
            off = xyz[k, 2] - a * xyz[k, 0] - b * xyz[k, 1] - planes[i, 2]
            share = off * off / ((1.0 + a * a + b * b) * explained * explained)
            cost[c, i] += min(share, 1.0) * point_area


@compiled
def _border_price(heights: Floats, borders: Integers, e: int, i: int, j: int, length: float, prices: Floats) -> float:
    """Price of a border between planes i and j."""
    if i == j:
        return 0.0
    u, v = borders[e, 0], borders[e, 1]
    step = max(abs(heights[u, i] - heights[u, j]), abs(heights[v, i] - heights[v, j]))
    price: float = length * (prices[2] if step <= _LEVEL_M else prices[1])
    return price


@compiled
def _number_faces(label: Integers, borders: Integers, face: Integers) -> None:
    """The lowest cell of each face, for each cell."""
    for c in range(len(label)):
        face[c] = c
    for e in range(len(borders)):
        c, d = borders[e, 2], borders[e, 3]
        if label[c] == label[d]:
            while face[c] != c:
                c = face[c]
            while face[d] != d:
                d = face[d]
            face[max(c, d)] = min(c, d)
    for c in range(len(label)):
        while face[c] != face[face[c]]:
            face[c] = face[face[c]]


@compiled
def _start(cost: Floats, seen: NDArray[np.bool_], borders: Integers, lengths: Floats, label: Integers) -> None:
    """The best plane of each cell with points; that of the neighbour with the longest border for the others."""
    k, n = cost.shape
    left = 0
    for c in range(k):
        if not seen[c]:
            left += 1
            continue
        best = 0
        for i in range(1, n):
            if cost[c, i] < cost[c, best]:
                best = i
        label[c] = best
    while left > 0:
        longest, cell, plane = -1.0, -1, 0
        for e in range(len(borders)):
            for side in range(2):
                c, d = borders[e, 2 + side], borders[e, 3 - side]
                if label[c] < 0 and label[d] >= 0 and lengths[e] > longest:
                    longest, cell, plane = lengths[e], c, label[d]
        if cell < 0:
            for c in range(k):
                label[c] = max(label[c], 0)
            break
        label[cell] = plane
        left -= 1


@compiled
def _settle(
    cost: Floats, seen: NDArray[np.bool_], borders: Integers, lengths: Floats, heights: Floats, prices: Floats,
    label: Integers, face: Integers, face_cost: Floats, saving: Floats, touched: Integers, own: Integers,
) -> None:  # fmt: skip
    """Fill label and face of each cell."""
    k, n = cost.shape
    _start(cost, seen, borders, lengths, label)
    for _ in range(3 * k + 20):
        # Whole faces: to the plane of a neighbour.
        _number_faces(label, borders, face)
        for c in range(k):
            for i in range(n):
                face_cost[c, i], saving[c, i], touched[c, i] = 0.0, 0.0, -1
        for c in range(k):
            for i in range(n):
                face_cost[face[c], i] += cost[c, i]
        for e in range(len(borders)):
            for side in range(2):
                f, g = face[borders[e, 2 + side]], face[borders[e, 3 - side]]
                if f == g:
                    continue
                i, j = label[f], label[g]
                now = _border_price(heights, borders, e, i, j, lengths[e], prices)
                for other in range(n):
                    saving[f, other] += now - _border_price(heights, borders, e, other, j, lengths[e], prices)
                if touched[f, j] != g:
                    # A face may touch another along several borders; a few counted twice only order the work.
                    if touched[f, j] < 0:
                        saving[f, j] += prices[0]
                    touched[f, j] = g
        best, best_f, best_i = 1e-9, -1, -1
        for f in range(k):
            if face[f] != f:
                continue
            for i in range(n):
                if touched[f, i] < 0 or i == label[f]:
                    continue
                gain = saving[f, i] + face_cost[f, label[f]] - face_cost[f, i]
                if gain > best:
                    best, best_f, best_i = gain, f, i
        if best_f >= 0:
            for c in range(k):
                if face[c] == best_f:
                    own[c] = 1
                else:
                    own[c] = 0
            for c in range(k):
                if own[c] == 1:
                    label[c] = best_i
            continue
        # Single cells, where it moves a border and makes no face.
        moved = False
        for c in range(k):
            for i in range(n):
                saving[c, i], touched[c, i] = 0.0, -1
        for e in range(len(borders)):
            for side in range(2):
                c, d = borders[e, 2 + side], borders[e, 3 - side]
                now = _border_price(heights, borders, e, label[c], label[d], lengths[e], prices)
                for other in range(n):
                    saving[c, other] += now - _border_price(heights, borders, e, other, label[d], lengths[e], prices)
                touched[c, label[d]] = d
        best, best_f, best_i = 1e-9, -1, -1
        for c in range(k):
            for i in range(n):
                if i != label[c] and touched[c, i] >= 0:
                    gain = saving[c, i] + cost[c, label[c]] - cost[c, i]
                    if gain > best:
                        before = label[c]
                        n_before = _count_faces(label, borders, own)
                        label[c] = i
                        n_after = _count_faces(label, borders, own)
                        label[c] = before
                        gain -= prices[0] * (n_after - n_before)
                        if gain > best:
                            best, best_f, best_i = gain, c, i
        if best_f >= 0:
            label[best_f] = best_i
            moved = True
        if not moved:
            break
    _number_faces(label, borders, face)


@compiled
def _count_faces(label: Integers, borders: Integers, face: Integers) -> int:
    _number_faces(label, borders, face)
    n = 0
    for c in range(len(label)):
        if face[c] == c:
            n += 1
    return n
