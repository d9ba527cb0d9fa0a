"""Map preview (*aperçu cartographique*): parcels, buildings and relief of the twin as one bounded inline SVG."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import rasterio
import shapely
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.territory.model import StoredLayer, StoredPublication, StoredRaster, Territory

__all__ = ["MOST_SHAPES", "WIDTH", "MapPreview", "Relief", "Shapes", "map_preview"]

WIDTH = 8000
"""Width of the drawing, tenths of a nominal pixel; coordinates are whole numbers."""
MOST_SHAPES = 1500
"""Most parcels, and most buildings, that are drawn: the page stays under a few hundred kB for any territory."""
_SIMPLIFY = 5.0  # tenths of a pixel: half a pixel cannot be seen
_SCALES_M = (1, 2, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """The polygons of one layer as one path."""

    layer: str
    path: str
    """SVG path data."""
    n_drawn: int
    n_total: int

    @property
    def is_complete(self) -> bool:
        """Whether every record of the layer is drawn."""
        return self.n_drawn == self.n_total


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """A shaded picture of the terrain, placed."""

    kind: str
    path: str
    """Publication and path of the picture."""
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPreview:
    """What the template draws, in a box of ``WIDTH`` by ``height``."""

    height: int
    bounds: Bounds
    """Extent of the box, twin's horizontal CRS."""
    relief: Relief | None
    parcels: Shapes | None
    buildings: Shapes | None
    scale_m: int
    """Length of the scale bar, metres."""

    @property
    def scale_length(self) -> int:
        """Length of the scale bar in the drawing."""
        return round(self.scale_m * _per_metre(self.bounds))

    def place(self, easting_m: float, northing_m: float) -> tuple[int, int] | None:
        """Where a point falls in the drawing; None outside."""
        west, south, east, north = self.bounds
        if not (west <= easting_m <= east and south <= northing_m <= north):
            return None
        per_metre = _per_metre(self.bounds)
        return round((easting_m - west) * per_metre), round((north - northing_m) * per_metre)


def map_preview(territory: Territory) -> MapPreview:
    """Draw the twin over its extent, west to the left, north up.

    Of more than ``MOST_SHAPES`` polygons the largest are drawn. Files are read part by part, so that memory
    depends on the largest part and not on the territory. Raises ``OSError`` when a file of the twin is gone.
    """
    west, south, east, north = territory.bbox
    margin = 0.02 * max(east - west, north - south)
    bounds = (west - margin, south - margin, east + margin, north + margin)
    per_metre = _per_metre(bounds)
    buildings = "footprints" if "footprints" in territory.layers else "buildings"
    return MapPreview(
        height=math.ceil((bounds[3] - bounds[1]) * per_metre),
        bounds=bounds,
        relief=_relief(territory, bounds),
        parcels=_shapes(territory, "parcels", bounds),
        buildings=_shapes(territory, buildings, bounds),
        scale_m=_scale_m((bounds[2] - bounds[0]) / 4),
    )


def _per_metre(bounds: Bounds) -> float:
    return WIDTH / (bounds[2] - bounds[0])


def _scale_m(most_m: float) -> int:
    """The longest of 1, 2, 5, 10, 20, 50… metres that is not longer than ``most_m`` (at least 1)."""
    ten = int(10 ** math.floor(math.log10(max(most_m, 1))))
    return max(step * ten for step in _SCALES_M if step * ten <= max(most_m, 1))


def _shapes(territory: Territory, name: str, bounds: Bounds) -> Shapes | None:
    if name not in territory.layers or not territory.layers[name].counts.kept:
        return None
    layer = territory.layers[name]
    drawn = _largest(layer)
    per_metre = _per_metre(bounds)
    simple = shapely.simplify(drawn, _SIMPLIFY / per_metre, preserve_topology=False)
    rings = (
        ring
        for whole, simpler in zip(drawn, simple, strict=True)
        for ring in _rings(whole if simpler is None or simpler.is_empty else simpler)
    )
    west, _, _, north = bounds
    parts = []
    for ring in rings:
        x = np.rint((ring[:-1, 0] - west) * per_metre).astype(int)
        y = np.rint((north - ring[:-1, 1]) * per_metre).astype(int)
        parts.append("M" + "L".join(f"{a} {b}" for a, b in zip(x.tolist(), y.tolist(), strict=True)) + "Z")
    return Shapes(layer=name, path="".join(parts), n_drawn=len(drawn), n_total=layer.counts.kept)


def _largest(layer: StoredLayer) -> NDArray[np.object_]:
    """The largest polygons of a layer, largest first; equal areas in the order of the layer."""
    kept: gpd.GeoDataFrame | None = None
    for part in layer.parts:
        columns = [name for name in ("area_m2",) if name in pq.read_schema(part).names]
        frame = gpd.read_parquet(part, columns=[*columns, "geometry"])
        if "area_m2" not in frame:
            frame["area_m2"] = frame.geometry.area
        kept = frame if kept is None else pd.concat([kept, frame], ignore_index=True)
        order = np.argsort(-kept["area_m2"].to_numpy(dtype=float, na_value=0.0), kind="stable")[:MOST_SHAPES]
        kept = kept.iloc[order].reset_index(drop=True)
    return np.array([] if kept is None else kept.geometry.to_numpy(), dtype=object)


def _rings(shape: shapely.Geometry) -> Iterator[NDArray[np.float64]]:
    for polygon in shapely.get_parts(shape):
        for ring in shapely.get_rings(polygon):
            yield shapely.get_coordinates(ring)


def _relief(territory: Territory, bounds: Bounds) -> Relief | None:
    raster = territory.rasters.get("dtm")
    found = _terrain_picture(territory.publications.get("cog"))
    if raster is None or found is None:
        return None
    publication, path = found
    west, south, east, north = _extent(raster)
    n_columns, n_rows = _png_size(publication.folder / path)
    stretch = (n_columns / n_rows) / ((east - west) / (north - south))
    if abs(stretch - 1) > 2 * max(1 / n_columns, 1 / n_rows):  # more than rounding: a picture of another extent
        return None
    per_metre = _per_metre(bounds)
    return Relief(
        kind=publication.kind,
        path=path,
        x=round((west - bounds[0]) * per_metre),
        y=round((bounds[3] - north) * per_metre),
        width=round((east - west) * per_metre),
        height=round((north - south) * per_metre),
    )


def _terrain_picture(publication: StoredPublication | None) -> tuple[StoredPublication, str] | None:
    if publication is None:
        return None
    for file in publication.files:
        if file.layer == "dtm" and file.role in ("overview", "thumbnail") and file.media_type == "image/png":
            return publication, file.path
    return None


def _png_size(path: Path) -> tuple[int, int]:
    """Columns and rows of a PNG, from its header (ISO/IEC 15948 §11.2.2)."""
    with path.open("rb") as stream:
        columns, rows = struct.unpack(">II", stream.read(24)[16:])
    return columns, rows


def _extent(raster: StoredRaster) -> Bounds:
    boxes = []
    for tile in raster.tiles:
        with rasterio.open(tile) as dataset:
            boxes.append(dataset.bounds)
    return (
        min(box.left for box in boxes),
        min(box.bottom for box in boxes),
        max(box.right for box in boxes),
        max(box.top for box in boxes),
    )
