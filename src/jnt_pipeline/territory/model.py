"""Territory (*territoire*): the assembled twin as users and exporters see it, read lazily from files on disk.

``jnt.open(workspace)`` gives one; exporters receive one. It knows nothing of the workspace it was made from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from rasterio.merge import merge
from rasterio.transform import Affine

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.provenance import Counts, Operation, Provenance

__all__ = ["PublishedFile", "RasterWindow", "StoredLayer", "StoredPublication", "StoredRaster", "Territory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLayer:
    """One layer of the twin on disk: one Parquet file per unit of work."""

    name: str
    parts: tuple[Path, ...]
    """(Geo)Parquet files in the order of their unit names."""
    rejected_parts: tuple[Path, ...] = ()
    """Parquet files with the records set aside."""
    reference: Reference | None
    provenance: Provenance
    counts: Counts
    schema: LayerSchema | None = None
    """What its records promise; None for a derived layer, which is described where it is derived."""

    @property
    def title(self) -> str:
        """What people read."""
        return self.schema.title if self.schema else self.name.replace("_", " ").capitalize()

    def to_pandas(self) -> pd.DataFrame:
        """The records, parts in order; a ``GeoDataFrame`` where they have a geometry."""
        if self.reference is not None:
            features: pd.DataFrame = self.to_geopandas()
            return features
        frames = [pd.read_parquet(part) for part in self.parts]
        joined: pd.DataFrame = pd.concat(frames, ignore_index=True)
        return joined

    def to_geopandas(self) -> gpd.GeoDataFrame:
        """The features, in the horizontal CRS of ``reference``."""
        if self.reference is None:
            raise AssemblyError("this layer has no geometry", where=self.name, remedy="use to_pandas()")
        frames = [gpd.read_parquet(part) for part in self.parts]
        filled = [frame for frame in frames if len(frame)] or frames[:1]
        return gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=self.reference.horizontal)

    def rejected(self) -> pd.DataFrame:
        """The records set aside: ``record``, ``reason``, ``detail``."""
        frames = [pd.read_parquet(part) for part in self.rejected_parts]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["record", "reason", "detail"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterWindow:
    """Values read from a raster of the twin."""

    values: NDArray[np.float32]
    """Shape (n_rows, n_columns), north up, metres; NaN where nothing is known. Rasters of codes: bytes, 0 = unknown."""
    transform: Affine
    """Pixel corner to horizontal CRS."""
    reference: Reference

    def __iter__(self):  # type: ignore[no-untyped-def]
        """Unpack as ``values, transform, reference``."""
        return iter((self.values, self.transform, self.reference))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRaster:
    """One raster of the twin on disk, by tile."""

    name: str
    tiles: tuple[Path, ...]
    """GeoTIFF files, one per LiDAR tile, sharing one grid."""
    reference: Reference
    resolution_m: float
    provenance: Provenance

    def read(self, bbox: Bounds | None = None) -> RasterWindow:
        """Whole pixels that cover ``bbox`` (twin's horizontal CRS, metres; None = everything), never resampled.

        Raises ``AssemblyError`` when the box does not meet the raster.
        """
        opened = [rasterio.open(tile) for tile in self.tiles]
        try:
            bounds = None if bbox is None else _whole_pixels(bbox, opened[0].transform)
            # Codes are bytes: their files say that 0 is unknown.
            nodata = float("nan") if opened[0].dtypes[0] == "float32" else None
            values, transform = merge(opened, bounds=bounds, nodata=nodata)
        except (rasterio.errors.RasterioError, ValueError) as error:
            raise AssemblyError(
                "the box does not meet the raster", where=self.name, found=str(bbox), remedy="ask inside the territory"
            ) from error
        finally:
            for dataset in opened:
                dataset.close()
        return RasterWindow(values=values[0], transform=transform, reference=self.reference)


def _whole_pixels(bbox: Bounds, transform: Affine) -> Bounds:
    """The box grown to pixel edges: rasterio would otherwise move the pixels to the box."""
    # A millionth of a pixel absorbs rounding of coordinates in the millions of metres.
    lower, upper = 1e-6, -1e-6
    left = transform.c + math.floor((bbox[0] - transform.c) / transform.a + lower) * transform.a
    right = transform.c + math.ceil((bbox[2] - transform.c) / transform.a + upper) * transform.a
    top = transform.f + math.floor((bbox[3] - transform.f) / transform.e + lower) * transform.e
    bottom = transform.f + math.ceil((bbox[1] - transform.f) / transform.e + upper) * transform.e
    return left, bottom, right, top


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """One file of a publication."""

    path: str
    """Relative to the exporter's folder, with forward slashes."""
    media_type: str
    title: str
    """One line for the catalogue and the page."""
    role: str = "data"
    """STAC role: data, metadata, thumbnail, overview."""
    layer: str = ""
    """Layer or raster of the twin it carries; empty for a composite (tileset, city model)."""
    crs: str = ""
    """CRS of its coordinates, e.g. ``EPSG:4978``, where it is not the twin's own; empty: the twin's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPublication:
    """What one exporter wrote, on disk."""

    kind: str
    """Name of the exporter, e.g. ``cityjson``."""
    folder: Path
    files: tuple[PublishedFile, ...]
    """Paths are relative to ``folder``."""
    operations: tuple[Operation, ...] = ()
    """Coordinate operations that brought the content out of the twin's reference, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Territory:
    """The twin: layers, rasters and the links between them, in one horizontal *and* vertical reference."""

    name: str
    title: str
    reference: Reference
    """Horizontal and vertical reference of every layer and raster."""
    undulation: DeclaredUndulation | None
    """Declared undulation, where no grid is used; None: grids."""
    bbox: Bounds
    """Extent, twin's horizontal CRS."""
    layers: Mapping[str, StoredLayer]
    rasters: Mapping[str, StoredRaster]
    publications: Mapping[str, StoredPublication] = field(default_factory=dict)
    """What has been published, by exporter; empty while the first exporters run."""

    def layer(self, name: str) -> StoredLayer:
        """One layer; raises ``AssemblyError`` naming those that exist."""
        if name not in self.layers:
            raise AssemblyError("no such layer in the twin", where=name, expected=", ".join(sorted(self.layers)))
        return self.layers[name]

    def raster(self, name: str) -> StoredRaster:
        """One raster (``dtm``, ``dsm``, ``dhm``); raises ``AssemblyError`` naming those that exist."""
        if name not in self.rasters:
            raise AssemblyError("no such raster in the twin", where=name, expected=", ".join(sorted(self.rasters)))
        return self.rasters[name]

    @property
    def buildings(self) -> gpd.GeoDataFrame:
        """The buildings: footprint, elevations, solid and verdict (see ``territory.buildings.COLUMNS``)."""
        return self.layer("buildings").to_geopandas()

    @property
    def links(self) -> pd.DataFrame:
        """The links between things: n-to-n rows with method, score and date."""
        return self.layer("links").to_pandas()
