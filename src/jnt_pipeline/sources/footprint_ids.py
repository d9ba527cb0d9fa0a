"""Ids of cadastral buildings and places, which have none: made from the commune and the place, nothing else.

The id does not depend on the order of the file, on its vintage, on its reference or on the other buildings. The Etalab
files hold no identifier, and the object number of EDIGÉO changes at each export.

**What an id withstands.** An id is one of many values, so somewhere between two places it must change: no rule on the
place alone is stable everywhere. A plan, however, is written with so many digits: its vertices lie on a grid, EDIGÉO's
on centimetres, Etalab's on 1e-7°. Vertices are put back on their grid first, so that what moved them by less (saving in
another reference and back, a format with fewer or more digits, another edition of PROJ) is gone before the place is
taken: the id is the same, always, not mostly. EDIGÉO is read as Etalab writes it, so that both name a building alike.

- A plan of 1e-7°: each vertex within 3 mm of where it was written, in any reference.
- A plan of centimetres in its own projection: within 2 mm. Kept in another projection: as in the next line.
- A plan without such a grid: a building changes its id where a vertex crosses the middle between two steps and the
  centroid an edge: at most a few in a thousand for 0.1 mm, some sixteen for 1 mm (``docs/identity.md``).
- A building redrawn: nothing here. Within a territory, ``territory.changes`` carries the id of the edition before over,
  and so it does for ids that an earlier release of the toolkit made from vertices as they were.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.refusals import refused_records
from jnt_pipeline.crs.systems import system
from jnt_pipeline.crs.transform import transform_geometries, transformation

__all__ = ["footprint_ids", "shared_ids", "told_apart"]

_DIGITS = np.array(list("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))  # Crockford's base 32: no I, L, O, U
_STEPS_PER_DEGREE = 1_000_000  # 0.11 m in latitude, 0.08 m in longitude at 46° N
_LONGITUDES = 360 * _STEPS_PER_DEGREE + 1
_WRITTEN_DEG = 1e7  # Etalab writes 7 decimals: 11 mm in latitude, 8 mm in longitude at 46° N
_WRITTEN_M = 100.0  # EDIGÉO writes centimetres
_OFF_GRID_M = 0.002  # written on that whole centimetre; by chance, eight numbers are so near once in 1500 times
_LENGTH = 12  # 32**12 > (180 e6 + 1) * (360 e6 + 1)
_LONLAT = Reference(horizontal="EPSG:4326")


def footprint_ids(
    insee_codes: NDArray[np.object_],
    geometries: NDArray[np.object_],
    *,
    letter: str = "B",
    reference: Reference = _LONLAT,
) -> NDArray[np.object_]:
    """Ids ``<insee>-B-<12 characters>`` of footprints, from the centroid rounded to a millionth of a degree.

    The centroid of the outline as it was written: vertices lie on their grid (see above).

    Parameters: ``insee_codes`` (n,) text or None; ``geometries`` (n,) in ``reference``, none missing; ``letter``
    stands for the kind of thing: B building (*bâtiment*), L named place (*lieu-dit*).
    Returns (n,): None where the commune is unknown or the geometry is empty.

    Footprints of one commune whose centroids fall in the same cell of about 0.1 m: identical ones get the same id (the
    normaliser then sets the second aside as ``duplicate_id``); different ones, such as a building in the court of a
    concentric one, are told apart by ``-2``, ``-3``… in order of decreasing area, then of their bytes.

    A footprint that lies outside the area of its reference gets an id from its numbers as they are: the normaliser says
    what is wrong with it.

    >>> footprint_ids(np.array(["38001"]), np.array([shapely.box(5, 45, 5.0001, 45.0002)]))[0]
    '38001-B-1B59F6YESE4P'
    """
    return told_apart(shared_ids(insee_codes, geometries, letter=letter, reference=reference), geometries)


def shared_ids(
    insee_codes: NDArray[np.object_], geometries: NDArray[np.object_], *, letter: str, reference: Reference
) -> NDArray[np.object_]:
    """The ids before those of one cell are told apart; parameters and result as ``footprint_ids``."""
    placed, refused = _in_degrees(_as_written(geometries, reference), reference)
    placed = shapely.transform(placed, lambda lonlat: np.rint(lonlat * _WRITTEN_DEG) / _WRITTEN_DEG)
    centroids = shapely.centroid(placed)
    known = ~(shapely.is_empty(centroids) | shapely.is_missing(centroids))
    east, north = (np.full(len(centroids), np.nan) for _ in "xy")
    east[known], north[known] = shapely.get_x(centroids[known]), shapely.get_y(centroids[known])
    known = np.isfinite(east) & np.isfinite(north) & ~pd.isna(insee_codes)
    steps_east = np.rint((np.where(known, east, 0.0) + 180.0) * _STEPS_PER_DEGREE).astype(np.int64)
    steps_north = np.rint((np.where(known, north, 0.0) + 90.0) * _STEPS_PER_DEGREE).astype(np.int64)
    cells = steps_north * _LONGITUDES + steps_east
    letters = np.stack([_DIGITS[(cells >> 5 * place) & 31] for place in range(_LENGTH - 1, -1, -1)], axis=1)
    places = ["".join(row) for row in letters]
    ids = np.array(
        [f"{code}-{letter}-{place}" if k else None for code, place, k in zip(insee_codes, places, known, strict=True)],
        dtype=object,
    )
    for i in refused:
        x, y = shapely.get_coordinates(geometries[i])[0].tolist()
        ids[i] = None if pd.isna(insee_codes[i]) else f"{insee_codes[i]}-{letter}-({x!r},{y!r})"
    return ids


def told_apart(ids: NDArray[np.object_], geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """The ids (n,) with ``-2``, ``-3``… on those that different geometries share; see ``footprint_ids``."""
    table = pd.DataFrame({"id": ids})
    shared = np.flatnonzero(table["id"].duplicated(keep=False) & table["id"].notna())
    if not shared.size:
        return ids
    shapes = shapely.to_wkb(shapely.normalize(geometries[shared]))
    rivals = pd.DataFrame({"id": ids[shared], "area": -shapely.area(geometries[shared]), "shape": shapes})
    ranks = rivals.drop_duplicates(["id", "shape"]).sort_values(["id", "area", "shape"])
    ranks = ranks.assign(rank=ranks.groupby("id").cumcount() + 1)
    rank = rivals.merge(ranks[["id", "shape", "rank"]], on=["id", "shape"], how="left")["rank"].to_numpy()
    result = ids.copy()
    for position, number in zip(shared, rank, strict=True):
        if number > 1:
            result[position] = f"{ids[position]}-{number}"
    return result


def _as_written(geometries: NDArray[np.object_], reference: Reference) -> NDArray[np.object_]:
    """The geometries whose vertices all lie near whole centimetres of a projection, on them; the others as they are."""
    if system(reference).is_degrees:
        return geometries
    xy, owner = shapely.get_coordinates(geometries, return_index=True)
    on_grid = np.rint(xy * _WRITTEN_M) / _WRITTEN_M
    off = np.zeros(len(geometries), dtype=np.bool_)
    # Written so that numbers that are none count as off.
    off[owner[~(np.abs(xy - on_grid) <= _OFF_GRID_M).all(axis=1)]] = True
    moved = np.where(off[owner, None], xy, on_grid)
    return np.asarray(shapely.set_coordinates(shapely.force_2d(geometries), moved), dtype=object)


def _in_degrees(geometries: NDArray[np.object_], reference: Reference) -> tuple[NDArray[np.object_], NDArray[np.intp]]:
    """The geometries in longitude, latitude (None where the transformation refuses), and which are refused."""
    if reference.flat() == _LONLAT:
        return geometries, np.zeros(0, dtype=np.intp)
    change = transformation(reference.flat(), _LONLAT)
    coordinates, owner = shapely.get_coordinates(geometries, return_index=True)
    refused = np.array(sorted(refused_records(change, coordinates, np.asarray(owner, dtype=np.int64))), dtype=np.intp)
    kept = geometries.copy()
    kept[refused] = None
    return transform_geometries(shapely.force_2d(kept), change), refused
