"""The domain of a transformation as small cells: a point in a cell wholly inside needs no exact test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.areas import Domain
from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError

__all__ = ["Cells", "cells_of", "common_bounds"]

_PER_SIDE = 1024
_STEPS = 8  # along an edge, in a cell
_ROOM = 0.125  # around a step, of a cell: more than half a step, so that no touched cell is missed
_RAD = 0.017453292519943296


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A lattice over the domain."""

    values: NDArray[np.uint8]
    """(rows, columns), the southernmost row first: 0 where the whole cell lies inside, 1 elsewhere."""
    bounds: Bounds
    """West, south, east, north, degrees."""

    @property
    def parameters(self) -> tuple[float, ...]:
        """West and south in radians, cells per radian, columns and rows: what the kernel reads."""
        west, south, east, north = self.bounds
        rows, columns = self.values.shape
        return (
            west * _RAD,
            south * _RAD,
            columns / ((east - west) * _RAD),
            rows / ((north - south) * _RAD),
            float(columns),
            float(rows),
        )


def common_bounds(domains: Sequence[Domain]) -> Bounds:
    """The rectangle that all domains share, degrees.

    Raises
    ------
    NotCompiledError
        There is no domain, they share nothing, or one crosses the antimeridian.
    """
    if not domains:
        raise NotCompiledError("no area of use, hence no extent for polynomials")
    west = max(domain.bounds[0] for domain in domains)
    south = max(domain.bounds[1] for domain in domains)
    east = min(domain.bounds[2] for domain in domains)
    north = min(domain.bounds[3] for domain in domains)
    if any(d.bounds[0] > d.bounds[2] for d in domains) or west < -180 or east > 180:
        raise NotCompiledError("an area of use across the antimeridian")
    if not (west < east and south < north):
        raise NotCompiledError("areas of use that share nothing")
    if south < -89 or north > 89:
        raise NotCompiledError("an area of use that holds a pole")
    return west, south, east, north


def cells_of(domains: Sequence[Domain]) -> Cells:
    """Mark the cells that lie wholly inside every domain.

    A cell that an edge touches, or passes by at a sixteenth of a cell, is not: rounding is far smaller.

    Raises
    ------
    NotCompiledError
        As :func:`common_bounds`.
    """
    bounds = common_bounds(domains)
    west, south, east, north = bounds
    step = np.array([(east - west) / _PER_SIDE, (north - south) / _PER_SIDE])
    outside = np.zeros((_PER_SIDE, _PER_SIDE), dtype=bool)
    outside[[0, -1], :] = outside[:, [0, -1]] = True
    for domain in domains:
        outside |= ~_within(domain.bounds, bounds, step)
        if domain.outline is not None:
            edges = _edges(domain.outline)
            outside |= ~_filled(edges, bounds, step) | _touched(edges, bounds, step)
    return Cells(values=outside.astype(np.uint8), bounds=bounds)


def _within(rectangle: Bounds, bounds: Bounds, step: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Cells that lie inside a rectangle, with an eighth of a cell around them."""
    low, high = (
        [side + step[axis] * (np.arange(_PER_SIDE) + end) for axis, side in enumerate(bounds[:2])]
        for end in (-_ROOM, 1 + _ROOM)
    )
    columns, rows = ((low[axis] >= rectangle[axis]) & (high[axis] <= rectangle[axis + 2]) for axis in range(2))
    inside: NDArray[np.bool_] = rows[:, np.newaxis] & columns
    return inside


def _edges(shape: shapely.Geometry) -> NDArray[np.float64]:
    """(n, 2, 2): both ends of all edges of all rings."""
    rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(shape))]
    return np.concatenate([np.stack((ring[:-1], ring[1:]), axis=1) for ring in rings])


def _filled(edges: NDArray[np.float64], bounds: Bounds, step: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which centres of cells lie inside: an odd number of edges crossed on the way from the west."""
    west, south, _, _ = bounds
    y = south + step[1] * (np.arange(_PER_SIDE) + 0.5)
    (x0, y0), (x1, y1) = edges[:, 0].T, edges[:, 1].T
    crossed = (y0[:, np.newaxis] <= y) != (y1[:, np.newaxis] <= y)
    edge, row = np.nonzero(crossed)
    x = x0[edge] + (y[row] - y0[edge]) / (y1[edge] - y0[edge]) * (x1[edge] - x0[edge])
    column = np.ceil((x - west) / step[0] - 0.5).clip(0, _PER_SIDE).astype(np.int64)
    toggles = np.zeros((_PER_SIDE, _PER_SIDE + 1), dtype=bool)
    np.logical_xor.at(toggles, (row, column), True)
    inside: NDArray[np.bool_] = np.logical_xor.accumulate(toggles, axis=1)[:, :-1]
    return inside


def _touched(edges: NDArray[np.float64], bounds: Bounds, step: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Cells that an edge touches or nearly: those under a small square that follows it in steps."""
    start = (edges[:, 0] - bounds[:2]) / step
    end = (edges[:, 1] - bounds[:2]) / step
    counts = np.ceil(_STEPS * np.abs(end - start).max(axis=1)).astype(np.int64) + 1
    edge = np.repeat(np.arange(len(edges)), counts)
    along = np.concatenate([np.linspace(0.0, 1.0, n) for n in counts])[:, np.newaxis]
    place = start[edge] + along * (end[edge] - start[edge])
    place = place[((place > -1) & (place < _PER_SIDE + 1)).all(axis=1)]
    marks = np.zeros((_PER_SIDE + 4, _PER_SIDE + 4), dtype=bool)
    for x in (-_ROOM, _ROOM):
        for y in (-_ROOM, _ROOM):
            column, row = np.floor(place + np.array([x, y])).astype(np.int64).T
            marks[row + 2, column + 2] = True
    return marks[2:-2, 2:-2]
