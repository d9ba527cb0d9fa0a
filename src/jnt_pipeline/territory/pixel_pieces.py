"""Pixels that hang together by their sides, across the edges of cells, and the elevations of each such body."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy.ndimage import label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.territory.grid import QUANTA_PER_M

__all__ = ["LevelCounts", "PixelPieces", "in_metres"]

Integers = NDArray[np.int64]

_BLOCK = 32  # pixels: a mean of some hundred returns, and hundreds of them along a river


class LevelCounts:
    """How many pixels have each elevation, in whole millimetres, and where, by number of the thing they belong to."""

    def __init__(self) -> None:
        self._found: dict[int, list[tuple[Integers, Integers]]] = defaultdict(list)
        self._blocks: dict[int, dict[tuple[int, int], tuple[int, int]]] = defaultdict(dict)

    def add(self, numbers: Integers, levels_mm: Integers, columns: Integers, rows: Integers) -> None:
        """Count pixels: the thing that each belongs to, its elevation, and its place in the lattice."""
        if not len(numbers):
            return
        order = np.argsort(numbers, kind="stable")
        things, starts = np.unique(numbers[order], return_index=True)
        for thing, part in zip(things.tolist(), np.split(order, starts[1:]), strict=True):
            levels = levels_mm[part]
            self._found[thing].append(np.unique(levels, return_counts=True))
            places = np.stack([columns[part] // _BLOCK, rows[part] // _BLOCK], axis=1)
            blocks, place = np.unique(places, axis=0, return_inverse=True)
            sums, counts = np.zeros(len(blocks), np.int64), np.bincount(place.ravel(), minlength=len(blocks))
            np.add.at(sums, place.ravel(), levels)
            own = self._blocks[thing]
            for (column, row), n, total in zip(blocks.tolist(), counts.tolist(), sums.tolist(), strict=True):
                before = own.get((column, row), (0, 0))
                own[column, row] = (before[0] + n, before[1] + total)

    def of(self, numbers: Iterable[int]) -> tuple[Integers, Integers]:
        """Elevations, rising, and counts of several things together."""
        found = [pair for number in numbers for pair in self._found.get(number, ())]
        nothing = np.empty(0, np.int64)
        levels, place = np.unique(np.concatenate([nothing, *(pair[0] for pair in found)]), return_inverse=True)
        counts = np.zeros(len(levels), np.int64)
        np.add.at(counts, place, np.concatenate([nothing, *(pair[1] for pair in found)]))
        return levels, counts

    def fall_m(self, numbers: Iterable[int]) -> float:
        """How far the plane through the elevations of several things together falls from end to end, metres.

        The plane is that of least squares through the means of squares of 32 pixels.
        """
        whole: dict[tuple[int, int], tuple[int, int]] = {}
        for number in numbers:
            for place, (n, total) in self._blocks.get(number, {}).items():
                before = whole.get(place, (0, 0))
                whole[place] = (before[0] + n, before[1] + total)
        if not whole:
            return 0.0
        rows = np.array([(*place, *whole[place]) for place in sorted(whole)], np.int64)
        means = rows[:, 3] / rows[:, 2]
        places = np.column_stack([rows[:, :2] - rows[0, :2], np.ones(len(rows))]).astype(np.float64)
        weights = np.sqrt(rows[:, 2])
        plane = np.linalg.lstsq(places * weights[:, np.newaxis], (means - means[0]) * weights, rcond=None)[0]
        return round(float(np.ptp(places @ plane)) / 1000, 3)


class PixelPieces:
    """Pixels of each cell that hang together, and which pieces meet across the edges of cells."""

    def __init__(self, n_fewest: int) -> None:
        self.levels = LevelCounts()
        self._n_fewest = n_fewest
        self._n = 0
        self._outlines: dict[int, BaseGeometry] = {}
        self._first: dict[int, tuple[int, int]] = {}  # row, column of the first pixel, counted over the whole lattice
        self._sizes: dict[int, int] = {}
        self._edges: list[Integers] = []  # (3, n): column, row, piece of the pixels on the edges of cells

    def add(self, chosen: NDArray[np.bool_], levels_mm: NDArray[np.float64], column: int, row: int) -> None:
        """Pixels of a cell whose north-west pixel has the given place in the lattice, rows counted southwards."""
        labels, n = label(chosen)
        sizes = np.bincount(labels.ravel(), minlength=n + 1)
        edge = np.zeros(chosen.shape, np.bool_)
        edge[[0, -1]] = edge[:, [0, -1]] = True
        rows, columns = np.nonzero(edge & chosen)
        kept = sizes >= self._n_fewest
        kept[labels[rows, columns]] = True  # it may go on in the next cell
        kept[0] = False
        self._edges.append(np.stack([columns + column, rows + row, labels[rows, columns] + self._n]).astype(np.int64))
        down, across = np.nonzero(kept[labels] & ~np.isnan(levels_mm))
        numbers = labels[down, across].astype(np.int64) + self._n
        self.levels.add(numbers, levels_mm[down, across].astype(np.int64), across + column, down + row)
        pieces, places = np.unique(labels, return_index=True)
        for piece, place in zip(pieces.tolist(), places.tolist(), strict=True):
            if kept[piece]:
                self._first[piece + self._n] = (place // chosen.shape[1] + row, place % chosen.shape[1] + column)
                self._sizes[piece + self._n] = int(sizes[piece])
        for polygon, piece in shapes(labels.astype(np.int32), mask=kept[labels], connectivity=4):
            corners = shapely.transform(shape(polygon), lambda places: places + np.array((column, row)))
            self._outlines[int(piece) + self._n] = corners if corners.is_valid else shapely.make_valid(corners)
        self._n += n + 1

    def joined(self) -> list[tuple[int, int, list[int], BaseGeometry]]:
        """Column and row of the first pixel, pieces, and outline in pixel corners, of each body large enough."""
        groups: dict[int, list[int]] = defaultdict(list)
        roots = self._roots()
        for piece in sorted(self._sizes):
            groups[int(roots[piece])].append(piece)
        found = []
        for members in groups.values():
            if sum(self._sizes[piece] for piece in members) >= self._n_fewest:
                row, column = min(self._first[piece] for piece in members)
                whole = shapely.union_all([self._outlines[piece] for piece in members])
                found.append((column, row, members, shapely.normalize(_without_seams(whole))))
        return found

    def _roots(self) -> NDArray[np.int32]:
        column, row, piece = np.concatenate([np.empty((3, 0), np.int64), *self._edges], axis=1)
        width = np.int64(1 << 32)
        keys = row * width + column
        order = np.argsort(keys)
        pairs = [np.empty((2, 0), np.int64)]
        for step in (np.int64(1), width):  # the pixel to the east, the pixel to the south
            place = np.minimum(np.searchsorted(keys[order], keys + step), max(len(keys) - 1, 0))
            meets = keys[order][place] == keys + step if len(keys) else np.empty(0, np.bool_)
            pairs.append(np.stack([piece[meets], piece[order][place[meets]]]))
        one, other = np.concatenate(pairs, axis=1)
        graph = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(self._n, self._n))
        return np.asarray(connected_components(graph, directed=False)[1], np.int32)


def in_metres(geometry: BaseGeometry, size: int) -> BaseGeometry:
    """An outline in pixel corners, rows counted southwards, as one in metres; ``size`` of a pixel, 0.1 mm."""
    return shapely.transform(geometry, lambda corners: (2 * corners - 1) * (size, -size) / (2 * QUANTA_PER_M))


def _without_seams(geometry: BaseGeometry) -> BaseGeometry:
    """The outline with its true corners alone: where pieces were joined there is one less in line."""
    polygons = []
    for polygon in shapely.get_parts(geometry):
        rings = [_corners(np.asarray(ring.coords)) for ring in (polygon.exterior, *polygon.interiors)]
        polygons.append(shapely.Polygon(rings[0], rings[1:]))
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def _corners(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    points: NDArray[np.float64] = ring[:-1]
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return np.ascontiguousarray(points[turns])
