"""The work of assembling: read inputs and buffers, call the pure functions of ``territory``, write the results."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.transform import from_origin

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.sources.lidar import read_points
from jnt_pipeline.stages.raster_files import RasterFile, values_from_files
from jnt_pipeline.stages.rasters import write_raster
from jnt_pipeline.stages.tiles import PointFile
from jnt_pipeline.store import Workspace
from jnt_pipeline.territory.buildings import BuildingParameters, derive_buildings
from jnt_pipeline.territory.grid import Grid, pixel_quanta
from jnt_pipeline.territory.links import (
    LinkParameters,
    join_links,
    link_bim_to_buildings,
    link_buildings_to_parcels,
    link_stations,
)
from jnt_pipeline.territory.model import RasterWindow, StoredRaster, Territory
from jnt_pipeline.territory.terrain import TerrainParameters, derive_dhm, derive_dsm, derive_dtm
from jnt_pipeline.territory.terrain_from_rasters import filled_from
from jnt_pipeline.twin import TwinIndex, write_layer

__all__ = ["LINKED_LAYERS", "BuildingsWork", "LinksWork", "TerrainWork"]

LINKED_LAYERS = ("buildings", "parcels", "bim_buildings", "stations")
"""Layers between whose things links are drawn."""

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def gather_points(files: tuple[PointFile, ...], bounds: Bounds, reference: Reference) -> PointBlock:
    """Points of all classes inside ``bounds``, from every file that may hold some."""
    blocks = []
    for tile in files:
        tile.verify()
        blocks.append(read_points(tile.path, reference=reference, bounds=bounds))
    return PointBlock.joined(blocks) if blocks else _no_points(reference)


def _no_points(reference: Reference) -> PointBlock:
    return PointBlock(xyz=np.empty((0, 3)), classification=np.empty(0, dtype=np.uint8), reference=reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class TerrainWork:
    """DTM, DSM and DHM of one cell, with the points around it; elevation rasters fill what the points leave void."""

    grid: Grid
    around: Bounds
    files: tuple[PointFile, ...]
    parameters: TerrainParameters
    reference: Reference
    rasters: tuple[RasterFile, ...] = ()
    undulation: DeclaredUndulation | None = None

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write ``dtm.tif``, ``dsm.tif``, ``dhm.tif``; the facts tell the share of each source."""
        points = gather_points(self.files, self.around, self.reference)
        dtm, dsm = (_within(self._reached(), self.grid, points, self.parameters, by) for by in (derive_dtm, derive_dsm))
        facts: dict[str, Any] = {"n_points_read": len(points)}
        if self.rasters:
            by_points = _known_pct(dtm)
            dtm, dtm_grids = self._filled(dtm, "dtm")
            dsm, dsm_grids = self._filled(dsm, "dsm")
            dhm, _ = self._filled(derive_dhm(dsm, dtm), "dhm")
            facts |= {
                "dtm_from_points_pct": by_points,
                "dtm_from_rasters_pct": round(_known_pct(dtm) - by_points, 3),
                "rasters": [raster.tile_id for raster in self.rasters],
                "grids": dtm_grids | dsm_grids,
            }
        else:
            dhm = derive_dhm(dsm, dtm)
        for name, values in (("dtm", dtm), ("dsm", dsm), ("dhm", dhm)):
            write_raster(values, self.grid, self.reference, folder / f"{name}.tif")
        return {**facts, "dtm_known_pct": _known_pct(dtm)}

    def _reached(self) -> Grid | None:
        """The pixels that points can give a value to: all, unless rasters make the cell reach beyond their box."""
        if not self.rasters:
            return self.grid
        if not self.files:
            return None
        boxes, (west, south, east, north) = np.asarray([file.bounds for file in self.files]), self.grid.bounds
        size = self.parameters.resolution_m
        low, high = boxes[:, :2].min(axis=0) - size, boxes[:, 2:].max(axis=0) + size
        west, south, east, north = max(west, low[0]), max(south, low[1]), min(east, high[0]), min(north, high[1])
        if east - west < size or north - south < size:
            return None
        return Grid.covering((float(west), float(south), float(east), float(north)), size)

    def _filled(self, values: NDArray[np.float32], surface: str) -> tuple[NDArray[np.float32], dict[str, str]]:
        """``values`` with their voids taken from the rasters of one surface, and the grids that were used."""
        if not np.isnan(values).any():
            return values, {}
        found = values_from_files(self.rasters, surface, self.grid, self.reference, self.undulation)
        grids = {grid.name: grid.sha256 for one in found.transformations for grid in one.operation.grids}
        return filled_from(values, found.values), grids


def _within(
    part: Grid | None,
    grid: Grid,
    points: PointBlock,
    parameters: TerrainParameters,
    derive: Callable[[PointBlock, Grid, TerrainParameters], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Values of a part of ``grid``, NaN elsewhere: a pixel depends on the points alone, not on the extent."""
    if part == grid:
        return derive(points, grid, parameters)
    values = np.full(grid.shape, np.nan, np.float32)
    if part is not None:
        size = pixel_quanta(grid.resolution_m)
        row = (grid.first_centre[1] - part.first_centre[1]) // size
        column = (part.first_centre[0] - grid.first_centre[0]) // size
        values[row : row + part.n_rows, column : column + part.n_columns] = derive(points, part, parameters)
    return values


def _known_pct(values: NDArray[np.float32]) -> float:
    return round(100 * float(np.isfinite(values).mean()), 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingsWork:
    """The buildings of one cell."""

    footprints: tuple[Path, ...]
    owned: tuple[str, ...]
    envelope: Bounds
    points: tuple[PointFile, ...]
    dtm: tuple[Path, ...]
    resolution_m: float
    parameters: BuildingParameters
    reference: Reference
    provenance: Provenance

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layer ``buildings``: one record for each footprint."""
        parts = pd.concat([gpd.read_parquet(part) for part in self.footprints], ignore_index=True)
        frame = gpd.GeoDataFrame(parts[parts["footprint_id"].isin(self.owned)], crs=self.reference.horizontal)
        frame = frame.sort_values("footprint_id", ignore_index=True)
        points = gather_points(self.points, self.envelope, self.reference)
        buildings = derive_buildings(frame, points, self._terrain(), self.parameters)
        n = len(buildings)
        layer = Layer(
            name="buildings",
            frame=buildings,
            reference=self.reference,
            provenance=self.provenance,
            counts=Counts(read=len(frame), kept=n),
        )
        write_layer(layer, folder)
        return {"n_buildings": n, "n_solids": int((buildings["lod"] == "1").sum())}

    def _terrain(self) -> RasterWindow:
        """Terrain under and around the owned footprints."""
        if not self.dtm:
            nothing = np.full((1, 1), np.nan, dtype=np.float32)
            return RasterWindow(values=nothing, transform=from_origin(0, 0, 1, 1), reference=self.reference)
        return StoredRaster(
            name="dtm",
            tiles=self.dtm,
            reference=self.reference,
            resolution_m=self.resolution_m,
            provenance=self.provenance,
        ).read(bbox=self.envelope)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksWork:
    """The links between buildings, parcels, BIM models and stations."""

    index: TwinIndex
    root: Path
    parameters: LinkParameters

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layer ``links``."""
        twin = self.index.territory(Workspace(self.root))
        linked_on = newest_date(twin)
        layers = {name: _features(twin, name) for name in LINKED_LAYERS if name in twin.layers}
        buildings, parcels = layers.get("buildings"), layers.get("parcels")
        models, stations = layers.get("bim_buildings"), layers.get("stations")
        found = []
        if buildings is not None and parcels is not None:
            found.append(link_buildings_to_parcels(buildings, parcels, self.parameters, linked_on=linked_on))
        if models is not None and buildings is not None:
            found.append(link_bim_to_buildings(models, buildings, self.parameters, linked_on=linked_on))
        if stations is not None and buildings is not None and parcels is not None:
            found.append(link_stations(stations, buildings, parcels, self.parameters, linked_on=linked_on))
        links = join_links(found)
        provenance = reduce(or_, (twin.layers[name].provenance for name in (layers or twin.layers)))
        layer = Layer(
            name="links",
            frame=links,
            reference=None,
            provenance=provenance,
            counts=Counts(read=len(links), kept=len(links)),
        )
        write_layer(layer, folder)
        return {"n_links": {kind: int(n) for kind, n in links["link_type"].value_counts().sort_index().items()}}


def _features(twin: Territory, name: str) -> gpd.GeoDataFrame:
    return twin.layer(name).to_geopandas()


def newest_date(twin: Territory) -> str:
    """Newest vintage of the twin's layers, YYYY-MM-DD: the date as of which its links hold; empty: none stated."""
    texts = [layer.provenance.vintage for layer in twin.layers.values()]
    return max((date for text in texts for date in _ISO_DATE.findall(text)), default="")
