"""Which records a transformation refuses, and why each of them (*points refusés*)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.possible import places_on_earth
from jnt_pipeline.crs.systems import system
from jnt_pipeline.crs.transform import Transformation
from jnt_pipeline.errors import CrsError, MissingHeightReferenceError

__all__ = ["records_outside", "refused_records"]

Array = NDArray[np.float64]


def records_outside(change: Transformation, coordinates: Array, record: NDArray[np.int64]) -> NDArray[np.int64]:
    """The records with a vertex that is no number, or lies outside an area of use: all of them at once, and no reason.

    Parameters are those of :func:`refused_records`, which finds further ones and says why.
    """
    return np.unique(record[_outside(change, coordinates)]) if len(coordinates) else np.zeros(0, dtype=np.int64)


def refused_records(change: Transformation, coordinates: Array, record: NDArray[np.int64]) -> dict[int, CrsError]:
    """The records that cannot be transformed truthfully, each with its own error.

    Parameters
    ----------
    coordinates : (n, 2) or (n, 3) float64
        Vertices of all records, units of the source, x or longitude first; NaN is allowed and refused.
    record : (n,) int64
        Record that each vertex belongs to, ascending.

    Raises
    ------
    MissingHeightReferenceError
        Heights are absent, or have no reference in the target: that concerns all records.
    """
    if not len(coordinates):
        return {}
    suspects = records_outside(change, coordinates, record)
    sound = ~np.isin(record, suspects)
    suspects = np.concatenate([suspects, _found_by_halves(change, coordinates[sound], record[sound])])
    refused: dict[int, CrsError] = {}
    for one in np.sort(suspects).tolist():
        error = _error(change, _of(coordinates, record, one))
        if error is not None:
            refused[one] = error
    return refused


def _outside(change: Transformation, coordinates: Array) -> NDArray[np.bool_]:
    """Vertices that are no numbers, or lie outside an area of use: all at once, as most mistakes are of this kind."""
    bad: NDArray[np.bool_] = np.asarray(~np.isfinite(coordinates).all(axis=1))
    fine = np.flatnonzero(~bad)
    if fine.size:
        lon, lat = places_on_earth(system(change.source), coordinates[fine])
        for domain in change._domains:
            bad[fine] |= ~domain.contains(lon, lat)
    return bad


def _found_by_halves(change: Transformation, coordinates: Array, record: NDArray[np.int64]) -> NDArray[np.int64]:
    """What only the operation itself finds out: a hole in a grid, a height that is none."""
    found: list[int] = []
    waiting = [np.unique(record)]
    while waiting:
        names = waiting.pop()
        if not names.size:
            continue
        first, last = np.searchsorted(record, names[0]), np.searchsorted(record, names[-1], side="right")
        if _error(change, coordinates[first:last]) is None:
            continue
        if names.size == 1:
            found.append(int(names[0]))
            continue
        waiting += [names[: names.size // 2], names[names.size // 2 :]]
    return np.array(found, dtype=np.int64)


def _of(coordinates: Array, record: NDArray[np.int64], one: int) -> Array:
    return coordinates[np.searchsorted(record, one) : np.searchsorted(record, one, side="right")]


def _error(change: Transformation, coordinates: Array) -> CrsError | None:
    try:
        change.apply(coordinates)
    except MissingHeightReferenceError:
        raise
    except CrsError as error:
        return error
    return None
