"""Trees of a kilometre cell: the canopy raster and the terrain in it and around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.runner import Planned
from jnt_pipeline.stages.kilometres import meet, widened
from jnt_pipeline.stages.tiles import Cell, PointFile
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.model import StoredRaster
from jnt_pipeline.territory.vegetation.parameters import VegetationParameters
from jnt_pipeline.territory.vegetation.surface import filled_canopy, without_lone_returns
from jnt_pipeline.territory.vegetation.trees import crowns_of, derive_trees
from jnt_pipeline.twin import TwinIndex, write_layer

__all__ = ["VegetationWork", "plan_vegetation"]

VERSION = 1
CANOPY_FILE = "chm.tif"


def plan_vegetation(
    config: TwinConfig,
    workspace: Workspace,
    index: TwinIndex,
    partition: tuple[Cell, ...],
    files: tuple[PointFile, ...],
    terrain: Mapping[str, Record],
) -> list[Planned]:
    """One unit by cell that points reach into, with what lies around it as far as a crown may reach."""
    planned = []
    reach = config.vegetation.reach_m(config.terrain.resolution_m)
    green = [cell for cell in partition if CANOPY_FILE in terrain[cell.name].outputs]
    densities = _densities(workspace, index)
    for cell in green:
        around = widened(cell.grid.bounds, reach)
        near = tuple(file for file in files if file.meets(around))
        rasters = {one.name: terrain[one.name] for one in green if meet(one.grid.bounds, around)}
        provenance = _origin(index, near)
        density = min((densities[file.sha256] for file in near if file.sha256 in densities), default=0.0)
        unit = Unit(
            stage="vegetation",
            name=cell.name,
            version=VERSION,
            parameters={
                "vegetation": config.vegetation.model_dump(mode="json"),
                "grid": cell.grid.bounds,
                "resolution_m": config.terrain.resolution_m,
                "reference": str(config.reference),
                "density_m2": density,
                "provenance": provenance.model_dump(mode="json"),
            },
            inputs={
                f"{file}/{name}": record.outputs[file]
                for name, record in rasters.items()
                for file in (CANOPY_FILE, "dtm.tif")
            },
        )
        work = VegetationWork(
            owned=cell.grid.bounds,
            grid=Grid.covering(around, config.terrain.resolution_m),
            folders=tuple(workspace.root / record.folder for record in rasters.values()),
            density_m2=density,
            parameters=config.vegetation,
            reference=config.reference,
            provenance=provenance,
        )
        planned.append(Planned(unit=unit, work=work))
    return planned


@dataclass(frozen=True, slots=True, kw_only=True)
class VegetationWork:
    """The trees of one cell."""

    owned: Bounds
    """The cell: a tree belongs to that of its highest return."""
    grid: Grid
    """Pixels of the cell and around it."""
    folders: tuple[Path, ...]
    """Where the terrain units of the cells wrote their rasters."""
    density_m2: float
    """Of the thinnest LiDAR tile around."""
    parameters: VegetationParameters
    reference: Reference
    provenance: Provenance

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layer ``lidar_trees``; facts count pixels with a lone return, or say that points are too few."""
        dtm, canopy = self._read("dtm.tif"), self._read(CANOPY_FILE)
        facts: dict[str, Any] = {}
        if self.density_m2 < self.parameters.min_density_m2:
            # A crown of scattered returns falls into scraps that look like trees.
            canopy, facts["reason"] = np.zeros_like(canopy), "too_few_points"
        lowest = self.parameters.tree_min_height_m
        canopy, is_lone = without_lone_returns(filled_canopy(np.maximum(canopy, 0), lowest), lowest)
        crowns = crowns_of(canopy, self.grid.resolution_m, self.parameters)
        trees = derive_trees(crowns, dtm, self.grid, self.owned, self.reference.horizontal)
        layer = Layer(
            name="lidar_trees",
            frame=trees,
            reference=self.reference,
            provenance=self.provenance,
            counts=Counts(read=len(trees), kept=len(trees)),
        )
        write_layer(layer, folder)
        return {"n_trees": len(trees), "n_lone_pixels": int(is_lone.sum()), **facts}

    def _read(self, name: str) -> NDArray[np.float32]:
        """A raster on the grid; NaN where no tile reaches."""
        window = StoredRaster(
            name=Path(name).stem,
            tiles=tuple(one / name for one in self.folders),
            reference=self.reference,
            resolution_m=self.grid.resolution_m,
            provenance=self.provenance,
        ).read(bbox=self.grid.bounds)
        return np.ascontiguousarray(window.values, dtype=np.float32)


def _densities(workspace: Workspace, index: TwinIndex) -> dict[str, float]:
    """Points per square metre of each LiDAR tile, by the checksum of its file; those that state none are left out."""
    if "point_clouds" not in index.layers:
        return {}
    frame = index.territory(workspace).layer("point_clouds").to_geopandas().dropna(subset=["density_m2"])
    return dict(zip(frame["sha256"].astype(str), frame["density_m2"].astype(float), strict=True))


def _origin(index: TwinIndex, near: tuple[PointFile, ...]) -> Provenance:
    """Origin of the trees of a unit: the LiDAR files around them."""
    stems = {Path(file.name).stem for file in near}
    clouds = index.layers["point_clouds"].provenance
    return clouds.model_copy(update={"files": tuple(f for f in clouds.files if Path(f.name).stem in stems)})
