"""Trees of a kilometre cell: the points of vegetation and the terrain in it and around it."""

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
from jnt_pipeline.stages.tiles import Cell, PointFile, stream_files
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.model import StoredRaster
from jnt_pipeline.territory.vegetation.heights import canopy_heights
from jnt_pipeline.territory.vegetation.parameters import VegetationParameters
from jnt_pipeline.territory.vegetation.surface import filled_canopy, without_lone_returns
from jnt_pipeline.territory.vegetation.trees import crowns_of, derive_trees
from jnt_pipeline.twin import TwinIndex, write_layer

__all__ = ["VegetationWork", "plan_vegetation"]

VERSION = 1


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
    for cell in partition:
        around = widened(cell.grid.bounds, reach)
        near = tuple(file for file in files if file.meets(around))
        if not near:
            continue
        rasters = {one.name: terrain[one.name] for one in partition if meet(one.grid.bounds, around)}
        provenance = _origin(index, near)
        unit = Unit(
            stage="vegetation",
            name=cell.name,
            version=VERSION,
            parameters={
                "vegetation": config.vegetation.model_dump(mode="json"),
                "grid": cell.grid.bounds,
                "resolution_m": config.terrain.resolution_m,
                "reference": str(config.reference),
                "provenance": provenance.model_dump(mode="json"),
            },
            inputs={
                **{f"points/{file.sha256}": file.sha256 for file in near},
                **{f"dtm/{name}": record.outputs["dtm.tif"] for name, record in rasters.items()},
            },
        )
        work = VegetationWork(
            owned=cell.grid.bounds,
            grid=Grid.covering(around, config.terrain.resolution_m),
            points=near,
            dtm=tuple(workspace.root / record.path("dtm.tif") for record in rasters.values()),
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
    points: tuple[PointFile, ...]
    dtm: tuple[Path, ...]
    parameters: VegetationParameters
    reference: Reference
    provenance: Provenance

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layer ``lidar_trees``; the facts tell how many pixels with a lone return were left out."""
        dtm = self._terrain()
        chunks = stream_files(self.points, self.grid.bounds)
        heights = canopy_heights(chunks, dtm, self.grid, self.parameters.vegetation_classes)
        lowest = self.parameters.tree_min_height_m
        canopy, is_lone = without_lone_returns(filled_canopy(heights, lowest), lowest)
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
        return {"n_trees": len(trees), "n_lone_pixels": int(is_lone.sum())}

    def _terrain(self) -> NDArray[np.float32]:
        """Terrain on the grid; NaN where no tile reaches."""
        window = StoredRaster(
            name="dtm",
            tiles=self.dtm,
            reference=self.reference,
            resolution_m=self.grid.resolution_m,
            provenance=self.provenance,
        ).read(bbox=self.grid.bounds)
        return np.ascontiguousarray(window.values, dtype=np.float32)


def _origin(index: TwinIndex, near: tuple[PointFile, ...]) -> Provenance:
    """Origin of the trees of a unit: the LiDAR files around them."""
    stems = {Path(file.name).stem for file in near}
    clouds = index.layers["point_clouds"].provenance
    return clouds.model_copy(update={"files": tuple(f for f in clouds.files if Path(f.name).stem in stems)})
