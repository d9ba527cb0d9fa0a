"""Where and when a layer is: its extent on the globe, and the dates it speaks of."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import rasterio

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.parquet import read_layer_metadata
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.transform import Transformation, transformation
from jnt_pipeline.publication.origin import interval_of_vintages
from jnt_pipeline.territory.model import StoredLayer, StoredRaster

__all__ = ["bounds_of_layer", "bounds_of_raster", "globe_bounds", "interval_of_layer", "to_globe"]

Interval = tuple[dt.datetime, dt.datetime]
"""First and last instant, UTC."""

_STEPS = 20
# Points per side: the side of a box in a conic projection is a curve on the globe; 20 chords of 5 km stay
# within 1 m of it.


def bounds_of_layer(layer: StoredLayer) -> Bounds | None:
    """Extent of the features, CRS of the layer, from the files' own metadata; None without features."""
    boxes = []
    for part in layer.parts:
        geo = json.loads(read_layer_metadata(part).get("geo", "{}"))
        box = geo.get("columns", {}).get(geo.get("primary_column"), {}).get("bbox")
        if box:
            boxes.append(box)
    return _union(boxes)


def bounds_of_raster(raster: StoredRaster) -> Bounds | None:
    """Extent of the tiles, CRS of the raster."""
    boxes = []
    for tile in raster.tiles:
        with rasterio.open(tile) as dataset:
            boxes.append(list(dataset.bounds))
    return _union(boxes)


def _union(boxes: list[list[float]]) -> Bounds | None:
    if not boxes:
        return None
    array = np.array(boxes)
    low, high = array[:, :2].min(axis=0), array[:, 2:].max(axis=0)
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def to_globe(reference: Reference) -> Transformation:
    """The operation that gives the extents on the globe: from the horizontal part of a reference to WGS 84, degrees."""
    return transformation(reference.flat(), "EPSG:4326")


def globe_bounds(bounds: Bounds, reference: Reference) -> Bounds:
    """West, south, east, north in degrees (WGS 84), rounded outwards to 1e-7 degrees (1 cm)."""
    west, south, east, north = bounds
    along = np.linspace(0.0, 1.0, _STEPS + 1)
    x, y = west + along * (east - west), south + along * (north - south)
    ring = np.concatenate(
        [
            np.column_stack([x, np.full_like(x, south)]),
            np.column_stack([x, np.full_like(x, north)]),
            np.column_stack([np.full_like(y, west), y]),
            np.column_stack([np.full_like(y, east), y]),
        ]
    )
    degrees = to_globe(reference).apply(ring)
    low, high = degrees.min(axis=0).tolist(), degrees.max(axis=0).tolist()

    def down(value: float) -> float:
        return math.floor(value * 1e7) / 1e7

    def up(value: float) -> float:
        return math.ceil(value * 1e7) / 1e7

    return (down(low[0]), down(low[1]), up(high[0]), up(high[1]))


def interval_of_layer(layer: StoredLayer) -> Interval | None:
    """The dates a layer speaks of: its vintage (*millésime*), else its own columns of dates and instants."""
    stated = interval_of_vintages([layer.provenance.vintage])
    return stated if stated is not None else _joined(_column_intervals(layer))


def _column_intervals(layer: StoredLayer) -> Iterator[Interval | None]:
    frame = layer.to_pandas()
    for name in frame.columns:
        column = frame[name].dropna()
        if name.endswith("_at") and isinstance(column.dtype, pd.DatetimeTZDtype) and len(column):
            yield column.min().to_pydatetime(), column.max().to_pydatetime()
        elif name.endswith("_on") and len(column):
            yield interval_of_vintages(str(value) for value in column.unique())


def _joined(intervals: Iterator[Interval | None]) -> Interval | None:
    known = [interval for interval in intervals if interval is not None]
    return (min(first for first, _ in known), max(last for _, last in known)) if known else None
