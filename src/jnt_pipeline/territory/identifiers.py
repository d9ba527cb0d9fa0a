"""Identifiers of buildings (*identifiants*): stable, readable, unique; the same in every publication."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from jnt_pipeline.errors import AssemblyError

__all__ = ["building_ids"]

_PREFERRED = ("rnb_id", "cleabs")
# In the order of design §7: national register of buildings (RNB), then BD TOPO.


def building_ids(footprints: gpd.GeoDataFrame) -> pd.Series:
    """One id (``str``) per footprint, in the same order and with the same index.

    The RNB id where the column ``rnb_id`` has one, else the BD TOPO ``cleabs``, else the ``footprint_id``, which
    derives from commune and position and survives a new run. An RNB id or cleabs that several footprints share
    names none of them alone: they fall back to the next kind. Raises ``AssemblyError`` when a ``footprint_id`` is
    missing or occurs twice.
    """
    own = footprints["footprint_id"].astype("str")
    _check_unique(own)
    ids = own.copy()
    for name in reversed(_PREFERRED):
        if name in footprints.columns:
            better = footprints[name].astype("str").str.strip()
            usable = better.notna() & (better != "") & ~better.duplicated(keep=False)
            ids = better.where(usable, ids)
    _check_unique(ids)
    named: pd.Series = ids.rename("building_id")
    return named


def _check_unique(ids: pd.Series) -> None:
    missing = ids.isna() | (ids == "")
    if missing.any():
        raise AssemblyError(
            "a footprint has no id",
            where="footprint_id",
            found=f"{int(missing.sum())} of {len(ids)} without",
            expected="an id for each footprint",
            remedy="normalise the layer: it sets records without an id aside",
        )
    repeated = sorted(set(ids[ids.duplicated(keep=False)]))
    if repeated:
        raise AssemblyError(
            "ids of buildings are not unique",
            where=", ".join(repeated[:5]),
            found=f"{len(repeated)} ids used more than once",
            expected="one footprint for each id",
            remedy="normalise the layer: it sets duplicates aside",
        )
