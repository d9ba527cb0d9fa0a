"""One edition (*millésime*) of a layer as it is compared: sorted by key, flat outlines, the same for any row order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.outlines import Geometries, surfaces

__all__ = ["Edition", "Index", "Masks", "Vectors", "check_one_crs"]

Index = NDArray[np.intp]
Masks = NDArray[np.bool_]
Vectors = NDArray[np.float64]

_GROUPS = ("section_id", "insee_code")
# What moves as one when a plan is reworked: the finest of these columns that the layer has.


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """The n records of one edition, in the order of their keys."""

    keys: NDArray[np.object_]
    """Shape (n,): text, unique."""
    shapes: Geometries
    """Shape (n,): valid and two-dimensional, twin's CRS, metres."""
    groups: NDArray[np.object_]
    """Shape (n,): section, else commune, else empty: what may have moved as a whole."""
    frame: pd.DataFrame
    """The attributes, numbered from 0."""
    rows: Index
    """Shape (n,): position of each record in the frame that was given."""

    @classmethod
    def of(cls, frame: gpd.GeoDataFrame, schema: LayerSchema) -> Self:
        """Sort and flatten; raises ``AssemblyError`` where a key is missing or said twice, or a geometry missing."""
        if not schema.key or schema.shape == "none":
            raise AssemblyError(
                "editions of this layer cannot be compared",
                where=schema.name,
                found="no key" if not schema.key else "no geometry",
                expected="a layer of features with a key",
            )
        keys = frame[schema.key].astype("str")
        wrong = frame[schema.key].isna() | keys.duplicated(keep=False)
        if wrong.any():
            raise AssemblyError(
                "keys that are missing, or that several records have",
                where=f"{schema.name}.{schema.key}",
                found=", ".join(sorted(set(keys[wrong].fillna("none").astype(str)))[:5]),
                expected="one record for each key",
                remedy="normalise the layer: it sets such records aside",
            )
        shapes = shapely.force_2d(np.asarray(frame.geometry, dtype=object))
        areal = shapely.get_dimensions(shapes) == 2
        shapes[areal] = surfaces(shapes[areal])
        nothing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
        if nothing.any():
            raise AssemblyError(
                "records without a geometry, or areas without a surface",
                where=schema.name,
                found=", ".join(keys.to_numpy(dtype=object)[nothing][:5]),
                expected="a geometry for each record",
                remedy="normalise the layer: it sets such records aside",
            )
        order = np.argsort(keys.to_numpy(dtype=object).astype("U"), kind="stable")
        group = next((name for name in _GROUPS if name in frame.columns and name != schema.key), None)
        groups = frame[group].astype("object").fillna("").astype(str) if group else pd.Series("", index=frame.index)
        return cls(
            keys=keys.to_numpy(dtype=object)[order],
            shapes=shapes[order],
            groups=groups.to_numpy(dtype=object)[order],
            frame=pd.DataFrame(frame.drop(columns=frame.geometry.name)).iloc[order].reset_index(drop=True),
            rows=order,
        )

    def __len__(self) -> int:
        """Number of records."""
        return len(self.keys)


def check_one_crs(layer: str, old: gpd.GeoDataFrame, new: gpd.GeoDataFrame) -> None:
    """Refuse editions in two references; raises ``AssemblyError``."""
    if old.crs is None or old.crs != new.crs:
        raise AssemblyError(
            "the two editions are not in one horizontal CRS",
            where=layer,
            found=", ".join("none" if one.crs is None else one.crs.to_string() for one in (old, new)),
            expected="the twin's CRS for both",
            remedy="make the earlier edition again in the twin's reference, or start a new baseline",
        )
