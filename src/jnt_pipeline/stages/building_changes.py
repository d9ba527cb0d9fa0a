"""Differences between the roofs that LiDAR saw and the footprints of the cadastre, by kilometre cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.parquet import read_layer_parquet
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.runner import Planned
from jnt_pipeline.stages.kilometres import cell_bounds, meet, near, parts_near, widened
from jnt_pipeline.stages.terrain import ROOFS_FILE
from jnt_pipeline.stages.tiles import Cell
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.building_changes import (
    COLUMNS,
    BuildingChangeParameters,
    footprints_without_roof,
    roofs_without_footprint,
)
from jnt_pipeline.territory.model import RasterWindow, StoredRaster
from jnt_pipeline.twin import TwinIndex, write_layer

__all__ = ["BuildingChangesWork", "plan_building_changes"]

VERSION = 2


def plan_building_changes(
    config: TwinConfig,
    workspace: Workspace,
    index: TwinIndex,
    partition: tuple[Cell, ...],
    terrain: Mapping[str, Record],
    buildings: Mapping[str, Record],
) -> list[Planned]:
    """One unit by cell with points; none without footprints: then every roof would be a candidate."""
    if "footprints" not in index.layers or not index.layers["footprints"].counts.kept:
        return []
    seen = {cell.name: cell for cell in partition if ROOFS_FILE in terrain[cell.name].outputs}
    flights = _flights(workspace, index)
    footprints = index.layers["footprints"]
    planned = []
    for name in seen:
        around = widened(cell_bounds(name), config.building_changes.reach_m)
        rasters = {one: terrain[one] for one, cell in seen.items() if meet(cell.grid.bounds, around)}
        parts = parts_near(workspace, footprints, around)
        own = buildings.get(name)
        days = tuple((box, text) for box, text in flights if meet(box, around))
        unit = Unit(
            stage="building_changes",
            name=name,
            version=VERSION,
            parameters={
                "building_changes": config.building_changes.model_dump(mode="json"),
                "reference": str(config.reference),
                "flights": days,
                "vintage": footprints.provenance.vintage,
            },
            inputs={
                **{f"roofs/{one}": record.outputs[ROOFS_FILE] for one, record in rasters.items()},
                **({"canopy": terrain[name].outputs["chm.tif"]} if own else {}),
                **{f"footprints/{number:05d}": sha256 for number, sha256 in enumerate(parts.values())},
                **({"buildings": own.outputs["buildings.parquet"]} if own else {}),
            },
        )
        work = BuildingChangesWork(
            owned=cell_bounds(name),
            around=around,
            roofs=tuple(workspace.root / record.path(ROOFS_FILE) for record in rasters.values()),
            canopy=tuple(workspace.root / record.path("chm.tif") for record in rasters.values()),
            footprints=tuple(workspace.root / part for part in parts),
            buildings=workspace.root / own.path("buildings.parquet") if own else None,
            flights=days,
            resolution_m=config.terrain.resolution_m,
            parameters=config.building_changes,
            reference=config.reference.flat(),
            provenance=footprints.provenance | index.layers["point_clouds"].provenance,
            registered_on=footprints.provenance.vintage,
        )
        planned.append(Planned(unit=unit, work=work))
    return planned


def _flights(workspace: Workspace, index: TwinIndex) -> list[tuple[Bounds, str]]:
    """Box and days of flight of each LiDAR tile."""
    if "point_clouds" not in index.layers:
        return []
    frame = index.territory(workspace).layer("point_clouds").to_geopandas()
    boxes = [(float(b[0]), float(b[1]), float(b[2]), float(b[3])) for b in frame.geometry.bounds.to_numpy()]
    return sorted(
        (box, str(days))
        for box, days in zip(boxes, frame["acquired_on"], strict=True)
        if isinstance(days, str) and days
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingChangesWork:
    """The differences that one cell owns."""

    owned: Bounds
    around: Bounds
    roofs: tuple[Path, ...]
    canopy: tuple[Path, ...]
    footprints: tuple[Path, ...]
    buildings: Path | None
    """Those of the cell; None where it owns none."""
    flights: tuple[tuple[Bounds, str], ...]
    resolution_m: float
    parameters: BuildingChangeParameters
    reference: Reference
    provenance: Provenance
    registered_on: str

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layer ``building_changes``; the facts tell how many of each kind."""
        footprints = near(self.footprints, self.around, self.reference.horizontal)
        found = [roofs_without_footprint(self._read(self.roofs, self.around), footprints, self.owned, self.parameters)]
        if self.buildings is not None:
            buildings = gpd.GeoDataFrame(read_layer_parquet(self.buildings), crs=self.reference.horizontal)
            missing = buildings[buildings["reason"] == "no_roof_points"]
            if len(missing):
                envelope = widened(tuple(missing.total_bounds.tolist()), self.resolution_m)
                found.append(footprints_without_roof(missing, self._read(self.canopy, envelope), self.parameters))
        filled = [frame for frame in found if len(frame)] or found[:1]
        frame = gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=self.reference.horizontal)
        frame["flown_on"] = pd.Series([self._flown(shape.bounds) for shape in frame.geometry], dtype="str")
        frame["registered_on"] = pd.Series([self.registered_on or None] * len(frame), dtype="str")
        frame = frame[[*(column.name for column in COLUMNS), "geometry"]]
        layer = Layer(
            name="building_changes",
            frame=frame,
            reference=self.reference,
            provenance=self.provenance,
            counts=Counts(read=len(frame), kept=len(frame)),
        )
        write_layer(layer, folder)
        return {f"n_{kind}": int((frame["reason"] == kind).sum()) for kind in sorted(set(frame["reason"]))}

    def _flown(self, bounds: Bounds) -> str | None:
        days = sorted({day for box, text in self.flights if meet(box, bounds) for day in text.split("/")})
        return f"{days[0]}/{days[-1]}" if days else None

    def _read(self, tiles: tuple[Path, ...], bounds: Bounds) -> RasterWindow:
        raster = StoredRaster(
            name="heights",
            tiles=tiles,
            reference=self.reference,
            resolution_m=self.resolution_m,
            provenance=self.provenance,
        )
        return raster.read(bbox=bounds)
