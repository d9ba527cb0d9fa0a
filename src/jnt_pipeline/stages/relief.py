"""What is derived from the terrain of a cell, with the pixels next to it: slope, shaded relief, contour lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.runner import Planned
from jnt_pipeline.stages.kilometres import meet, widened
from jnt_pipeline.stages.rasters import write_codes, write_raster
from jnt_pipeline.stages.terrain_bands import placed, widened_grid
from jnt_pipeline.stages.tiles import Cell
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.model import StoredRaster
from jnt_pipeline.territory.relief import COLUMNS, contour_lines, hillshade, slope_deg
from jnt_pipeline.territory.terrain_parameters import TerrainParameters
from jnt_pipeline.twin import RasterEntry, TwinIndex, write_layer

__all__ = ["plan_relief", "relief_entries"]

VERSION = 1
_LAYER = "contour_lines"


def plan_relief(
    config: TwinConfig, workspace: Workspace, index: TwinIndex, partition: tuple[Cell, ...]
) -> list[Planned]:
    """One unit by cell, which reads the terrain of the cells that touch it; none where nothing is asked for."""
    if not config.terrain.derived or "dtm" not in index.rasters:
        return []
    tiles = dict(zip((cell.name for cell in partition), index.rasters["dtm"].tiles.items(), strict=True))
    planned = []
    for cell in partition:
        around = widened(cell.grid.bounds, config.terrain.resolution_m)
        near = {one.name: tiles[one.name] for one in partition if meet(one.grid.bounds, around)}
        unit = Unit(
            stage="relief",
            name=cell.name,
            version=VERSION,
            parameters={
                "derived": sorted(config.terrain.derived),
                "contour_interval_m": config.terrain.contour_interval_m,
                "grid": cell.grid.bounds,
                "reference": str(config.reference),
            },
            inputs={f"dtm/{name}": sha256 for name, (_, sha256) in near.items()},
        )
        work = ReliefWork(
            grid=cell.grid,
            dtm=tuple(workspace.root / path for path, _ in near.values()),
            parameters=config.terrain,
            reference=config.reference,
            provenance=index.rasters["dtm"].provenance,
        )
        planned.append(Planned(unit=unit, work=work))
    return planned


def relief_entries(index: TwinIndex, relief: Mapping[str, Record]) -> dict[str, RasterEntry]:
    """The derived rasters of the twin; angles and grey count from no datum."""
    entries = {}
    for name in ("slope", "hillshade"):
        tiles = {r.path(f"{name}.tif"): r.outputs[f"{name}.tif"] for r in relief.values() if f"{name}.tif" in r.outputs}
        if tiles:
            dtm = index.rasters["dtm"]
            entries[name] = dtm.model_copy(update={"tiles": tiles, "reference": dtm.reference.flat()})
    return entries


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefWork:
    """The derived rasters and lines of one cell."""

    grid: Grid
    dtm: tuple[Path, ...]
    """Terrain of the cell and of those that touch it."""
    parameters: TerrainParameters
    reference: Reference
    provenance: Provenance

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write ``slope.tif``, ``hillshade.tif`` and the layer ``contour_lines``, as asked for."""
        values, size = self._widened(), self.parameters.resolution_m
        facts: dict[str, Any] = {}
        if "slope" in self.parameters.derived:
            write_raster(slope_deg(values, size), self.grid, self.reference, folder / "slope.tif")
        if "hillshade" in self.parameters.derived:
            write_codes(hillshade(values, size), self.grid, self.reference, folder / "hillshade.tif")
        if _LAYER in self.parameters.derived:
            facts["n_contour_lines"] = self._write_lines(values, folder)
        return facts

    def _widened(self) -> NDArray[np.float32]:
        """The terrain with one pixel more on each side, NaN beyond the twin."""
        wide = widened_grid(self.grid, 1)
        stored = StoredRaster(
            name="dtm",
            tiles=self.dtm,
            reference=self.reference,
            resolution_m=self.grid.resolution_m,
            provenance=self.provenance,
        )
        window = stored.read(bbox=wide.bounds)
        n_rows, n_columns = window.values.shape
        transform = window.transform
        part = Grid(
            west=transform.c,
            north=transform.f,
            resolution_m=self.grid.resolution_m,
            n_rows=n_rows,
            n_columns=n_columns,
        )
        return placed(window.values, part, wide, np.nan)

    def _write_lines(self, values: NDArray[np.float32], folder: Path) -> int:
        """Lines of the squares whose north-west pixel is the cell's: each square of the twin is drawn once."""
        east_and_south = Grid(
            west=self.grid.west,
            north=self.grid.north,
            resolution_m=self.grid.resolution_m,
            n_rows=self.grid.n_rows + 1,
            n_columns=self.grid.n_columns + 1,
        )
        lines = contour_lines(values[1:, 1:], east_and_south, self.parameters.contour_interval_m)
        names = [column.name for column in COLUMNS]
        frame = gpd.GeoDataFrame(
            {name: [line[name] for line in lines] for name in names},
            geometry=[line["geometry"] for line in lines],
            crs=self.reference.horizontal,
        )
        kinds = {"contour_id": "str", "elevation_m": "float64", "is_index": "bool", "is_closed": "bool"}
        layer = Layer(
            name=_LAYER,
            frame=frame.astype(kinds),
            reference=self.reference,
            provenance=self.provenance,
            counts=Counts(read=len(frame), kept=len(frame)),
        )
        write_layer(layer, folder)
        return len(frame)
