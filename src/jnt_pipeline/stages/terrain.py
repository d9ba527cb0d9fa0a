"""Terrain of a kilometre cell: the points in and around it, the elevation rasters that fill voids, the rasters made."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.disk import Spool
from jnt_pipeline.provenance import Provenance
from jnt_pipeline.runner import Planned
from jnt_pipeline.stages.kilometres import widened
from jnt_pipeline.stages.raster_files import RasterFile, values_from_files
from jnt_pipeline.stages.rasters import write_raster
from jnt_pipeline.stages.terrain_bands import TerrainBands, placed, widened_grid
from jnt_pipeline.stages.tiles import Cell, PointFile, stream_files
from jnt_pipeline.store import Record, Unit
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain import (
    TerrainParameters,
    TerrainPoints,
    derive_dhm,
    derive_surfaces,
    derive_tops,
)
from jnt_pipeline.territory.terrain_confidence import slope_rim
from jnt_pipeline.territory.terrain_from_rasters import filled_from
from jnt_pipeline.territory.terrain_returns import ReturnMarks
from jnt_pipeline.twin import RasterEntry, TwinIndex

__all__ = ["ROOFS_FILE", "TerrainWork", "plan_terrain", "raster_entries"]

logger = logging.getLogger(__name__)

VERSION = 4

ROOFS_FILE = "roofs.tif"
"""Height of the highest return of roof classes above the terrain: not a raster of the twin, later steps read it."""

Values = NDArray[np.float32]


def plan_terrain(
    config: TwinConfig, partition: tuple[Cell, ...], files: tuple[PointFile, ...], rasters: tuple[RasterFile, ...]
) -> list[Planned]:
    """One unit by cell, which reads a buffer around it; without elevation rasters its key knows nothing of them."""
    planned = []
    for cell in partition:
        around = widened(cell.grid.bounds, config.terrain.buffer_m)
        near = tuple(file for file in files if file.meets(around))
        fillers = tuple(raster for raster in rasters if raster.meets(cell.grid.bounds))
        unit = Unit(
            stage="terrain",
            name=cell.name,
            version=VERSION,
            parameters={
                "terrain": config.terrain.of_points(),
                "roof_classes": config.buildings.roof_classes,
                "grid": cell.grid.bounds,
                "reference": str(config.reference),
                **_fillers(config, fillers),
            },
            inputs={
                **{f"points/{file.sha256}": file.sha256 for file in near},
                **{f"rasters/{raster.tile_id}": raster.sha256 for raster in fillers},
            },
        )
        work = TerrainWork(
            grid=cell.grid,
            around=around,
            files=near,
            parameters=config.terrain,
            roof_classes=config.buildings.roof_classes,
            reference=config.reference,
            rasters=fillers,
            undulation=config.undulation,
        )
        planned.append(Planned(unit=unit, work=work))
    return planned


def _fillers(config: TwinConfig, rasters: tuple[RasterFile, ...]) -> dict[str, Any]:
    """What the values of a cell further depend on where rasters take part."""
    if not rasters:
        return {}
    return {
        "rasters": {raster.tile_id: [raster.surface, raster.reference.code, raster.void_value] for raster in rasters},
        "undulation": config.undulation.model_dump(mode="json") if config.undulation else None,
    }


def raster_entries(
    config: TwinConfig,
    base: TwinIndex,
    terrain: Mapping[str, Record],
    flat: Mapping[str, Record],
    files: tuple[PointFile, ...],
    rasters: tuple[RasterFile, ...],
) -> dict[str, RasterEntry]:
    """The rasters of the twin: those that points, or rasters of their kind, can say something of.

    ``flat``: cells whose water was made flat, in the rasters that they wrote again.
    """
    surfaces = {raster.surface for raster in rasters}
    made_of = {"dtm": {"dtm"}, "dsm": {"dsm"}, "dhm": {"dtm", "dsm"}, "chm": {"vegetation points"}}
    if files:  # of rasters alone nobody knows how they came about
        made_of |= {"dtm_confidence": {"dtm"}, "dtm_origin": {"dtm"}}
    return {
        name: RasterEntry(
            tiles=_tiles(f"{name}.tif", terrain, flat),
            # Heights above the ground count from no datum: whoever moves them must not add an undulation.
            reference=config.reference if name in {"dtm", "dsm"} else config.reference.flat(),
            resolution_m=config.terrain.resolution_m,
            provenance=_raster_origin(base, files, [one for one in rasters if one.surface in {name, *made_of[name]}]),
        )
        for name in made_of
        if terrain and (files or name in surfaces or made_of[name] <= surfaces)
    }


def _tiles(file: str, terrain: Mapping[str, Record], flat: Mapping[str, Record]) -> dict[str, str]:
    """Checksum of one raster of each cell by its path, as it was written last."""
    makers = [flat[cell] if cell in flat and file in flat[cell].outputs else made for cell, made in terrain.items()]
    return {maker.path(file): maker.outputs[file] for maker in makers if file in maker.outputs}


def _raster_origin(base: TwinIndex, files: tuple[PointFile, ...], rasters: Sequence[RasterFile]) -> Provenance:
    """Origin of the points, and of the elevation rasters of its kind."""
    origins = [base.layers["point_clouds"].provenance] if files else []
    if rasters:
        origin, used = base.layers["elevation_tiles"].provenance, {raster.sha256 for raster in rasters}
        origins.append(origin.model_copy(update={"files": tuple(f for f in origin.files if f.sha256 in used)}))
    return reduce(or_, origins)


@dataclass(frozen=True, slots=True, kw_only=True)
class TerrainWork:
    """DTM, DSM, DHM and CHM of one cell, with the points around it; elevation rasters fill what they leave void."""

    grid: Grid
    around: Bounds
    files: tuple[PointFile, ...]
    parameters: TerrainParameters
    roof_classes: tuple[int, ...]
    reference: Reference
    rasters: tuple[RasterFile, ...] = ()
    undulation: DeclaredUndulation | None = None

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the rasters and the bands, ``chm.tif`` and ``roofs.tif`` of points; facts tell the sources' shares."""
        facts, found, bands = self._from_points(folder)
        dtm, dsm = found.pop("dtm"), found.pop("dsm")
        if facts["n_points_read"] and np.isnan(dtm).all():
            facts["reason"] = "no_ground_points"
            logger.warning(
                "no terrain from %d points: none, or fewer than three, of classes %s; classify the ground of these "
                "tiles first (SMRF or cloth simulation: PDAL, CloudCompare), or name its classes in ground_classes",
                facts["n_points_read"],
                self.parameters.ground_classes,
            )
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
        for name, values in {"dtm": dtm, "dsm": dsm, "dhm": dhm, **found}.items():
            write_raster(values, self.grid, self.reference, folder / f"{name}.tif")
        facts |= bands.filled_by(dtm).write(self.grid, self.reference, folder)
        return {**facts, "dtm_known_pct": _known_pct(dtm)}

    def _from_points(self, scratch: Path) -> tuple[dict[str, Any], dict[str, Values], TerrainBands]:
        """Facts on the points that could matter, their rasters by name (NaN: no point gives a value), and the bands."""
        part = self._reached()
        if part is None:
            nothing = np.full(self.grid.shape, np.nan, np.float32)
            return {"n_points_read": 0}, {"dtm": nothing, "dsm": nothing}, TerrainBands.nothing(self.grid)
        kinds, rim = (self.parameters.vegetation_classes, self.roof_classes), slope_rim(self.parameters)
        with Spool(scratch) as spool:
            points = TerrainPoints(widened_grid(part, rim), self.parameters, kinds=kinds, spool=spool)
            marks = ReturnMarks(part, self.parameters)
            for chunk in stream_files(self.files, self.around):
                points.add(chunk)
                marks.add(chunk)
            dtm, dsm = derive_surfaces(points)
        bands = TerrainBands.of(marks, dtm, self.parameters, self.grid)
        made = {"dtm": dtm, "dsm": dsm}
        if self.files:
            made |= {"chm": derive_tops(points, 0, dtm), Path(ROOFS_FILE).stem: derive_tops(points, 1, dtm)}
        spikes = points.spikes - rim
        n_spikes = int(((spikes >= 0) & (spikes < part.shape)).all(axis=1).sum())
        inner = {name: placed(values[rim:-rim, rim:-rim], part, self.grid, np.nan) for name, values in made.items()}
        return {"n_points_read": points.n_points, "n_spikes": n_spikes}, inner, bands

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


def _known_pct(values: NDArray[np.float32]) -> float:
    return round(100 * float(np.isfinite(values).mean()), 3)
