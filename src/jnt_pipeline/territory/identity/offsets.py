"""Local offsets (*décalages*): how far one register lies beside another, found by the votes of similar buildings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.parameters import OFFSET_CELL_M, VOTER_EXTENT_M
from jnt_pipeline.territory.outlines import Geometries

__all__ = ["Offsets", "local_offsets", "moved"]

_BIN_M = 0.5
_NEAR_MODE_M = 0.75  # a bin and a half around the middle of the fullest one
_MIN_SIMILARITY = 0.8  # of areas, and of the outlines laid on each other
_MIN_VOTES = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """For each thing of the other register, how far it lies beside the reference, and how many votes say so."""

    xy: Floats
    """Shape (n, 2): metres east and north, rounded to 1 mm; 0 where too few buildings vote."""
    votes: NDArray[np.int64]
    """Shape (n,): buildings that agree; 0 where there are fewer than five."""


def local_offsets(reference: Geometries, other: Geometries, max_offset_m: float) -> Offsets:
    """Offsets of ``other`` against ``reference``, both (n,) surfaces or points in one projection, metres.

    Two outlines of up to 60 m, alike in size and form, whose centroids lie within ``max_offset_m`` in each axis, vote
    for the difference of their centroids. In each square of 100 m of a fixed lattice the votes of the nine squares
    around are counted in bins of 0.5 m; the offset is the median of the votes near the fullest group of bins, of
    groups equally full the smallest offset. Neighbours in a row of equal houses vote too, in as many directions as
    there are rows: the true offset is what all rows agree on.

    Depends on the things within 1.5 squares and their lengths alone, never on their order.
    """
    nothing = Offsets(xy=np.zeros((len(other), 2)), votes=np.zeros(len(other), np.int64))
    at, vote = _votes(reference, other, max_offset_m)
    if not len(vote) or max_offset_m <= 0:
        return nothing
    cell = np.floor(at / OFFSET_CELL_M).astype(np.int64)
    steps = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    around = (cell[:, None, :] + steps).reshape(-1, 2)
    votes = np.repeat(vote, 9, axis=0)
    cells, node = np.unique(around, axis=0, return_inverse=True)
    node = node.reshape(-1)
    mode = _modes(votes, node, len(cells), max_offset_m)
    close = np.abs(votes - mode[node]).max(axis=1) <= _NEAR_MODE_M
    table = pd.DataFrame({"node": node[close], "x": votes[close, 0], "y": votes[close, 1]})
    found = table.groupby("node").agg(x=("x", "median"), y=("y", "median"), n=("x", "size"))
    found = found[found["n"] >= _MIN_VOTES]
    places = _cells(cells[found.index])
    return _looked_up(other, places, found, nothing)


def moved(shapes: Geometries, xy: Floats) -> Geometries:
    """Shapes translated by the rows of ``xy``, metres."""
    repeats = shapely.get_num_coordinates(shapes)
    return np.asarray(
        shapely.set_coordinates(shapes.copy(), shapely.get_coordinates(shapes) + np.repeat(xy, repeats, axis=0)),
        dtype=object,
    )


def _cells(cells: NDArray[np.int64]) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([cells[:, 0], cells[:, 1]])


def _looked_up(other: Geometries, places: pd.MultiIndex, found: pd.DataFrame, nothing: Offsets) -> Offsets:
    middle = shapely.centroid(other)
    where = np.flatnonzero(~(shapely.is_missing(middle) | shapely.is_empty(middle)))
    cell = np.floor(shapely.get_coordinates(middle[where]) / OFFSET_CELL_M).astype(np.int64)
    row = places.get_indexer(_cells(cell)) if len(where) else np.empty(0, np.intp)
    known = row >= 0
    nothing.xy[where[known]] = np.round(found[["x", "y"]].to_numpy()[row[known]], 3)
    nothing.votes[where[known]] = found["n"].to_numpy()[row[known]]
    return nothing


def _votes(reference: Geometries, other: Geometries, max_offset_m: float) -> tuple[Floats, Floats]:
    """Places (n, 2) and differences of centroids (n, 2) of pairs that are alike."""
    r, o = _voters(reference), _voters(other)
    middle_r, middle_o = shapely.centroid(reference[r]), shapely.centroid(other[o])
    i, j = shapely.STRtree(middle_r).query(middle_o, predicate="dwithin", distance=2**0.5 * max_offset_m)
    place = shapely.get_coordinates(middle_r)[j]
    vote = shapely.get_coordinates(middle_o)[i] - place
    area_o, area_r = shapely.area(other[o[i]]), shapely.area(reference[r[j]])
    alike = (np.abs(vote).max(axis=1, initial=0) <= max_offset_m) & (
        np.minimum(area_o, area_r) >= _MIN_SIMILARITY * np.maximum(area_o, area_r)
    )
    i, j, place, vote = i[alike], j[alike], place[alike], vote[alike]
    common = shapely.area(shapely.intersection(moved(other[o[i]], -vote), reference[r[j]]))
    alike = common >= _MIN_SIMILARITY * (area_o[alike] + area_r[alike] - common)
    return place[alike], vote[alike]


def _voters(shapes: Geometries) -> NDArray[np.intp]:
    bounds = shapely.bounds(shapes)
    extent = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
    return np.flatnonzero((extent <= VOTER_EXTENT_M) & (shapely.area(shapes) > 0))


def _modes(votes: Floats, node: NDArray[np.intp], n_nodes: int, max_offset_m: float) -> Floats:
    """The middle of the fullest 3 x 3 bins of every node, shape (n_nodes, 2)."""
    half = int(np.ceil(max_offset_m / _BIN_M)) + 1
    side = 2 * half + 1
    bins = np.rint(votes / _BIN_M).astype(np.int64) + half
    flat = (node * side + bins[:, 0]) * side + bins[:, 1]
    counts = np.bincount(flat, minlength=n_nodes * side * side).reshape(n_nodes, side, side)
    padded = np.pad(counts, ((0, 0), (1, 1), (1, 1)))
    total = sum(padded[:, i : i + side, j : j + side] for i in range(3) for j in range(3))
    axis = np.arange(side) - half
    order = np.lexsort((axis[None, :].repeat(side, 0).ravel(), axis[:, None].repeat(side, 1).ravel(),
                        (axis[:, None] ** 2 + axis[None, :] ** 2).ravel()))  # fmt: skip
    best = order[np.argmax(np.asarray(total).reshape(n_nodes, -1)[:, order], axis=1)]
    return np.stack([axis[best // side], axis[best % side]], axis=1) * _BIN_M
