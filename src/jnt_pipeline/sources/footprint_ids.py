"""Ids of cadastral buildings, which have none: made from the commune and the place, nothing else.

The id does not depend on the order of the file, on its vintage or on the other buildings. The Etalab files hold no
identifier, and the object number of EDIGÉO changes at each export.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

__all__ = ["footprint_ids"]

_DIGITS = np.array(list("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))  # Crockford's base 32: no I, L, O, U
_STEPS_PER_DEGREE = 1_000_000  # 0.11 m in latitude, 0.08 m in longitude at 46° N
_LONGITUDES = 360 * _STEPS_PER_DEGREE + 1
_LENGTH = 12  # 32**12 > (180 e6 + 1) * (360 e6 + 1)


def footprint_ids(insee_codes: NDArray[np.object_], geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Ids ``<insee>-B-<12 characters>`` of footprints, from the centroid rounded to a millionth of a degree.

    Parameters: ``insee_codes`` (n,) text or None; ``geometries`` (n,) in longitude, latitude, none missing.
    Returns (n,): None where the commune is unknown or the geometry is empty.

    Footprints of one commune whose centroids fall in the same cell of about 0.1 m: identical ones get the same id (the
    normaliser then sets the second aside as ``duplicate_id``); different ones, such as a building in the court of a
    concentric one, are told apart by ``-2``, ``-3``… in order of decreasing area, then of their bytes.

    >>> footprint_ids(np.array(["38001"]), np.array([shapely.box(5, 45, 5.0001, 45.0002)]))[0]
    '38001-B-1B59F6YESE4P'
    """
    centroids = shapely.centroid(geometries)
    placed = ~shapely.is_empty(centroids)
    east, north = (np.full(len(centroids), np.nan) for _ in "xy")
    east[placed], north[placed] = shapely.get_x(centroids[placed]), shapely.get_y(centroids[placed])
    known = np.isfinite(east) & np.isfinite(north) & ~pd.isna(insee_codes)
    steps_east = np.rint((np.where(known, east, 0.0) + 180.0) * _STEPS_PER_DEGREE).astype(np.int64)
    steps_north = np.rint((np.where(known, north, 0.0) + 90.0) * _STEPS_PER_DEGREE).astype(np.int64)
    cells = steps_north * _LONGITUDES + steps_east
    letters = np.stack([_DIGITS[(cells >> 5 * place) & 31] for place in range(_LENGTH - 1, -1, -1)], axis=1)
    places = ["".join(row) for row in letters]
    ids = np.array(
        [f"{code}-B-{place}" if k else None for code, place, k in zip(insee_codes, places, known, strict=True)],
        dtype=object,
    )
    return _told_apart(ids, geometries)


def _told_apart(ids: NDArray[np.object_], geometries: NDArray[np.object_]) -> NDArray[np.object_]:
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
