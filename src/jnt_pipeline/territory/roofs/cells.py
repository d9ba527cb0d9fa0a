"""Cells of a footprint: the pieces into which lines cut it, on a grid of 1 mm, with shared nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.territory.outlines import OUTLINE_GRID_M

__all__ = ["Cells", "cells_of_points", "cut_into_cells"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A partition of a footprint; its edges, seen from the cell on their left, and their other side."""

    nodes: Floats
    """Shape (n, 2), metres from the building's origin."""
    edges: Integers
    """Shape (m, 3): first node, second node, cell on the left."""
    twins: Integers
    """Shape (m,): the edge on the other side; -1 on the outline."""
    places: Floats
    """Shape (k, 2): a position inside each cell."""
    areas: Floats
    """Shape (k,), m²."""
    shapes: NDArray[np.object_]
    """Shape (k,): their polygons."""


def cut_into_cells(outline: Polygon, lines: Floats) -> Cells:
    """Cut an outline (metres from its origin, on the grid) by lines (m, 3) as nx, ny, d that run right through it.

    Source of the noding: Hobby, "Practical segment intersection with finite precision output", 1999 (snap rounding, in
    GEOS): no two nodes nearer than the grid, no cell without area.
    """
    if not len(lines):
        whole = np.array([outline], dtype=object)
        return _of(whole, shapely.get_coordinates(shapely.point_on_surface(whole)))
    west, south, east, north = outline.bounds
    middle, reach = np.array([(west + east) / 2, (south + north) / 2]), np.hypot(east - west, north - south)
    normal = lines[:, :2]
    foot = middle + (lines[:, 2] - normal @ middle)[:, None] * normal
    along = np.column_stack([-normal[:, 1], normal[:, 0]]) * reach
    segments = np.asarray(shapely.linestrings(np.stack([foot - along, foot + along], axis=1)))
    noded = shapely.union_all(np.array([*segments.tolist(), outline.boundary]), grid_size=OUTLINE_GRID_M)
    shapes = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    shapes = shapely.orient_polygons(shapely.normalize(shapes), exterior_cw=False)
    places = shapely.get_coordinates(shapely.point_on_surface(shapes))
    shapely.prepare(outline)
    inside = shapely.contains_xy(outline, places[:, 0], places[:, 1])
    return _of(shapes[inside], places[inside])


def _of(shapes: NDArray[np.object_], places: Floats) -> Cells:
    rings, owner = shapely.get_rings(shapes, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    grid = np.rint(xy / OUTLINE_GRID_M).astype(np.int64)
    _, firsts, number = np.unique((grid[:, 0] << 32) + grid[:, 1], return_index=True, return_inverse=True)
    goes_on = ring[:-1] == ring[1:]
    edges = np.column_stack([number[:-1][goes_on], number[1:][goes_on], owner[ring[:-1][goes_on]]]).astype(np.int64)
    n = len(firsts)
    keys, wanted = edges[:, 0] * n + edges[:, 1], edges[:, 1] * n + edges[:, 0]
    order = np.argsort(keys, kind="stable")
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    twins = np.where(keys[order][at] == wanted, order[at], -1)
    return Cells(
        nodes=np.asarray(grid[firsts] * OUTLINE_GRID_M, dtype=np.float64),
        edges=edges,
        twins=twins,
        places=places,
        areas=shapely.area(shapes),
        shapes=shapes,
    )


def cells_of_points(cells: Cells, lines: Floats, xy: Floats) -> Integers:
    """The cell (n,) of each position (n, 2), metres from the building's origin; -1 for none.

    A cell lies on one side of each line; pieces of an outline that no line parts are told apart by their polygons.
    """
    sides, wanted = np.empty(len(cells.places), dtype=np.int64), np.empty(len(xy), dtype=np.int64)
    _sides(np.ascontiguousarray(cells.places), lines, sides)
    _sides(np.ascontiguousarray(xy), lines, wanted)
    order = np.argsort(sides, kind="stable")
    ranked = sides[order]
    at = np.minimum(np.searchsorted(ranked, wanted), len(ranked) - 1)
    found = np.where(ranked[at] == wanted, order[at], -1)
    for twice in np.unique(ranked[1:][ranked[1:] == ranked[:-1]]):
        asked = np.flatnonzero(wanted == twice)
        found[asked] = -1
        for c in np.flatnonzero(sides == twice):
            inside = shapely.intersects_xy(cells.shapes[c], xy[asked, 0], xy[asked, 1])
            found[asked[inside & (found[asked] < 0)]] = c
    return found


@compiled
def _sides(xy: Floats, lines: Floats, sides: Integers) -> None:
    for k in range(len(xy)):
        word = 0
        for m in range(len(lines)):
            word = 2 * word + (1 if lines[m, 0] * xy[k, 0] + lines[m, 1] * xy[k, 1] > lines[m, 2] else 0)
        sides[k] = word
