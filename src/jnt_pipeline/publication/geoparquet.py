"""GeoParquet: every layer of the twin as one file, rows along a space-filling curve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pydantic import Field

from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.crs.systems import has_heights
from jnt_pipeline.errors import ExportError
from jnt_pipeline.publication.origin import layer_origin, require_count
from jnt_pipeline.publication.protocol import ExporterDeclaration, Publication, PublishedFile
from jnt_pipeline.territory.model import StoredLayer, Territory

__all__ = ["GeoParquetExporter", "in_spatial_order", "write_geoparquet"]

PARQUET = "application/vnd.apache.parquet"

_HILBERT_LEVEL = 16
# 65,536 cells a side: below 1 m on a département, so that neighbours share a row group.


class GeoParquetExporter(ExporterDeclaration):
    """Every layer as GeoParquet 1.1 (tables without geometry as Parquet), records set aside beside them."""

    kind: Literal["geoparquet"] = Field(default="geoparquet", description="Name of the exporter.")

    @property
    def version(self) -> int:
        """Version of the output."""
        return 3

    @property
    def describes_publications(self) -> bool:
        """It reads the twin alone."""
        return False

    def reads(self, layer_names: tuple[str, ...], raster_names: tuple[str, ...]) -> tuple[str, ...]:
        """All layers, no raster."""
        return layer_names

    def write(self, territory: Territory, folder: Path) -> Publication:
        """Write one file per layer; see ``write_geoparquet``."""
        return write_geoparquet(territory, folder)


def write_geoparquet(territory: Territory, folder: Path) -> Publication:
    """Write ``<layer>.parquet`` for each layer, and ``rejected/<layer>.parquet`` where records were set aside.

    CRS and covering boxes stand in the GeoParquet metadata: the horizontal CRS, or the compound one where the
    geometries have heights (Z). Under the file's key ``jnt``, as JSON: vertical reference, declared undulation,
    provenance with its coordinate operations, accuracy, counts, and the vertical CRS of each column of elevations.
    Raises ``ExportError`` when a layer's files hold another number of records than its counts, or when geometries have
    heights without a vertical reference.
    """
    files: list[PublishedFile] = []
    n_in: dict[str, int] = {}
    n_out: dict[str, int] = {}
    for name in sorted(territory.layers):
        layer = territory.layers[name]
        title = layer.title
        key = layer.schema.key if layer.schema else ""
        frame = in_spatial_order(_with_stated_heights(layer.to_pandas(), layer), key)
        origin = {**layer_origin(territory, layer), "elevation_columns": _elevation_columns(frame, layer)}
        metadata = {"jnt": json.dumps(origin, ensure_ascii=False, sort_keys=True)}
        require_count(layer, "records", len(frame))
        write_layer_parquet(frame, folder / f"{name}.parquet", metadata=metadata)
        files.append(PublishedFile(path=f"{name}.parquet", media_type=PARQUET, title=title, layer=name))
        n_in[name], n_out[name] = layer.counts.kept, len(frame)
        n_rejected = sum(layer.counts.rejected.values())
        if n_rejected == 0:
            continue
        rejected = layer.rejected().sort_values(["record", "reason", "detail"], kind="stable", ignore_index=True)
        require_count(layer, "records set aside", len(rejected))
        (folder / "rejected").mkdir(exist_ok=True)
        path = f"rejected/{name}.parquet"
        write_layer_parquet(rejected, folder / path, metadata=metadata)
        files.append(
            PublishedFile(
                path=path, media_type=PARQUET, title=f"{title}: records set aside", role="metadata", layer=name
            )
        )
        n_in[f"rejected/{name}"], n_out[f"rejected/{name}"] = n_rejected, len(rejected)
    return Publication(files=tuple(files), records_in=n_in, records_out=n_out, left_out={})


def _with_stated_heights(frame: pd.DataFrame, layer: StoredLayer) -> pd.DataFrame:
    """The frame in the compound CRS where its geometries have Z."""
    if not isinstance(frame, gpd.GeoDataFrame) or not shapely.has_z(frame.geometry.array).any():
        return frame
    if layer.reference is None or not has_heights(layer.reference):
        raise ExportError(
            "geometries with heights, and no vertical reference for them",
            where=layer.name,
            found=str(layer.reference),
            expected="a vertical reference, such as EPSG:5720",
            remedy="state the vertical reference of the source",
        )
    stated: pd.DataFrame = frame.set_crs(layer.reference.code, allow_override=True)
    return stated


def _elevation_columns(frame: pd.DataFrame, layer: StoredLayer) -> dict[str, str]:
    """Vertical CRS of each column that holds elevations (*altitudes*)."""
    if layer.reference is None or layer.reference.vertical is None:
        return {}
    return {name: layer.reference.vertical for name in frame.columns if str(name).endswith("elevation_m")}


def in_spatial_order(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """The same records along a Hilbert curve over the layer's extent, then by ``key``; tables by it alone.

    Without a key: by all ids, types and instants.

    Row-group pruning by bounding box needs it: neighbours on the ground become neighbours in the file.
    """
    keys = [key] if key else [name for name in frame.columns if name.endswith(("_id", "_type", "_at"))]
    order = frame[keys].copy()
    if isinstance(frame, gpd.GeoDataFrame) and len(frame):
        distance = np.zeros(len(frame), dtype=np.int64)
        there = ~(shapely.is_empty(frame.geometry.array) | shapely.is_missing(frame.geometry.array))
        if there.any():
            distance[there] = frame.geometry[there].hilbert_distance(level=_HILBERT_LEVEL).to_numpy()
        order.insert(0, "__hilbert", distance)
    if order.columns.empty:
        return frame.reset_index(drop=True)
    rows = order.reset_index(drop=True).sort_values(list(order.columns), kind="stable").index
    return frame.iloc[rows].reset_index(drop=True)
