"""Repair of invalid polygons on request (*réparation tracée*): never by itself, and every change on record."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from jnt_pipeline.base_layers.layers import Layer

__all__ = ["REPAIR_COLUMNS", "repaired"]

_DTYPES = {
    "record": "str",
    "reason": "str",
    "area_before_m2": "float64",
    "area_after_m2": "float64",
    "is_repaired": "bool",
}
REPAIR_COLUMNS = tuple(_DTYPES)
"""``record`` is the key; ``reason`` what GEOS finds; areas in the square of the layer's unit, the one before as its
rings enclose it."""


def repaired(layer: Layer, *, max_area_change_pct: float = 1.0) -> tuple[Layer, pd.DataFrame]:
    """The native layer with its invalid polygons made valid, and the table of what was done.

    Call it before ``normalise``, which sets the remaining ones aside. Each polygon is rebuilt from its rings
    (structure: outer rings are united, holes cut out); lines and points that fall off are dropped. One whose area
    changes by more than ``max_area_change_pct``, or that comes to nothing, stays as it was: such a drawing has more
    than one meaning, and somebody must choose. Nothing else of the layer is touched.
    """
    frame = layer.frame
    if not isinstance(frame, gpd.GeoDataFrame):
        return layer, pd.DataFrame(columns=list(REPAIR_COLUMNS)).astype(_DTYPES)
    shapes = np.asarray(frame.geometry).copy()
    polygonal = np.isin(shapely.get_type_id(shapes), [3, 6])
    rows = np.flatnonzero(polygonal & ~shapely.is_valid(shapes))
    before = shapes[rows]
    after = _polygons(shapely.make_valid(before, method="structure", keep_collapsed=False))
    area_before, area_after = np.abs(shapely.area(before)), shapely.area(after)
    change = np.abs(area_after - area_before)
    is_repaired = (area_after > 0) & (change <= max_area_change_pct / 100 * area_before)
    shapes[rows[is_repaired]] = after[is_repaired]
    key = layer.schema.key
    names = frame[key].astype("object").fillna("").astype(str).to_numpy(dtype=object) if key else None
    records = [str(names[row]) if names is not None and names[row] else f"record {frame.index[row]}" for row in rows]
    table = pd.DataFrame(
        {
            "record": records,
            "reason": shapely.is_valid_reason(before),
            "area_before_m2": np.round(area_before, 3),
            "area_after_m2": np.round(np.where(is_repaired, area_after, area_before), 3),
            "is_repaired": is_repaired,
        }
    ).astype(_DTYPES)
    if not is_repaired.any():
        return layer, table
    note = (
        f"{layer.name}: {int(is_repaired.sum())} invalid polygons repaired on request, {int((~is_repaired).sum())} left"
    )
    provenance = layer.provenance.model_copy(update={"notes": (*layer.provenance.notes, note)})
    return replace(
        layer, frame=frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs)), provenance=provenance
    ), table


def _polygons(shapes: np.ndarray) -> np.ndarray:
    """The polygonal part of each shape; empty where there is none."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    inner, again = shapely.get_parts(parts, return_index=True)
    owner = owner[again]
    flat = shapely.get_dimensions(inner) == 2
    found = np.full(len(shapes), shapely.Polygon(), dtype=object)
    for row in np.unique(owner[flat]):
        mine = inner[flat & (owner == row)]
        found[row] = mine[0] if len(mine) == 1 else shapely.multipolygons(mine)
    return found
