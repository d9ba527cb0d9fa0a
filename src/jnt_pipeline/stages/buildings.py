"""Buildings of a kilometre cell: which footprints it owns, and the points and terrain around them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.transform import from_origin

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.parquet import read_layer_parquet
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.runner import Planned
from jnt_pipeline.stages.identify import ids_of_buildings
from jnt_pipeline.stages.kilometres import owning_cells, widened
from jnt_pipeline.stages.tiles import Cell, PointFile, gather_points
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.buildings import BuildingParameters, derive_buildings
from jnt_pipeline.territory.model import RasterWindow, StoredRaster
from jnt_pipeline.territory.roofs.layer import derive_roofs
from jnt_pipeline.twin import LayerEntry, TwinIndex, read_origin, write_layer

__all__ = ["BuildingsWork", "dated_buildings", "plan_buildings"]

VERSION = 4


def plan_buildings(
    config: TwinConfig,
    workspace: Workspace,
    index: TwinIndex,
    partition: tuple[Cell, ...],
    files: tuple[PointFile, ...],
    terrain: Mapping[str, Record],
    identity_links: pd.DataFrame,
) -> list[Planned]:
    """One unit by cell that owns footprints: those whose representative point it holds, with their whole envelope."""
    if "footprints" not in index.layers:
        return []
    parts = tuple(workspace.root / part for part in index.layers["footprints"].parts)
    frames = [read_layer_parquet(part).assign(part=number) for number, part in enumerate(parts)]
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    footprints = gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=config.reference.horizontal)
    footprints = ids_of_buildings(footprints, identity_links, config.identity)
    owner = owning_cells(footprints)
    # The ring of ground around a footprint, and a pixel for the edges of the raster window.
    margin = config.buildings.reach_m(config.terrain.resolution_m) + config.terrain.resolution_m
    planned = []
    for cell in sorted(set(owner)) or [""]:
        owned = footprints[owner == cell]
        envelope = widened(tuple(owned.total_bounds.tolist()), margin) if cell else index.bbox
        near = tuple(file for file in files if cell and file.meets(envelope))
        rasters = {one.name: terrain[one.name] for one in partition if cell and _overlap(one.grid.bounds, envelope)}
        own_parts = [parts[number] for number in sorted(set(owned["part"]))] or list(parts)
        provenance = _origin(index, own_parts, near)
        unit = Unit(
            stage="buildings",
            name=cell or "none",
            version=VERSION,
            parameters={
                "buildings": config.buildings.model_dump(mode="json"),
                "reference": str(config.reference),
                "provenance": provenance.model_dump(mode="json"),
            },
            inputs={
                "footprints": _digest(owned.drop(columns="part")),
                **{f"points/{file.sha256}": file.sha256 for file in near},
                **{f"dtm/{name}": record.outputs["dtm.tif"] for name, record in rasters.items()},
            },
        )
        work = BuildingsWork(
            footprints=tuple(own_parts),
            owned=dict(zip(owned["footprint_id"].astype(str), owned["building_id"].astype(str), strict=True)),
            envelope=envelope,
            points=near,
            dtm=tuple(workspace.root / record.path("dtm.tif") for record in rasters.values()),
            resolution_m=config.terrain.resolution_m,
            parameters=config.buildings,
            reference=config.reference,
            provenance=provenance,
        )
        planned.append(Planned(unit=unit, work=work))
    return planned


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingsWork:
    """The buildings of one cell."""

    footprints: tuple[Path, ...]
    owned: Mapping[str, str]
    """Id of the building by that of its footprint."""
    envelope: Bounds
    points: tuple[PointFile, ...]
    dtm: tuple[Path, ...]
    resolution_m: float
    parameters: BuildingParameters
    reference: Reference
    provenance: Provenance

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layers ``buildings``, one record for each footprint, and ``roof_faces``."""
        parts = pd.concat([gpd.read_parquet(part) for part in self.footprints], ignore_index=True)
        frame = gpd.GeoDataFrame(parts[parts["footprint_id"].isin(list(self.owned))], crs=self.reference.horizontal)
        frame = frame.sort_values("footprint_id", ignore_index=True)
        frame["building_id"] = frame["footprint_id"].map(self.owned).astype("str")
        points = gather_points(self.points, self.envelope, self.reference)
        buildings = derive_buildings(frame, points, self._terrain(), self.parameters)
        buildings, faces = derive_roofs(buildings, points, self.parameters.roof_classes, self.parameters.roofs)
        for name, table, n_read in (("buildings", buildings, len(frame)), ("roof_faces", faces, len(faces))):
            layer = Layer(
                name=name,
                frame=table,
                reference=self.reference,
                provenance=self.provenance,
                counts=Counts(read=n_read, kept=len(table)),
            )
            write_layer(layer, folder)
        return {
            "n_buildings": len(buildings),
            "n_solids": int((buildings["lod"] == "1").sum()),
            "n_detailed_roofs": int((buildings["roof_lod"] == "2.2").sum()),
        }

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


def dated_buildings(layers: Mapping[str, LayerEntry], made: Mapping[str, LayerEntry]) -> dict[str, LayerEntry]:
    """The layer ``buildings`` with the editions of what it is made of."""
    sources = [layers[name].provenance for name in ("footprints", "point_clouds") if name in layers]
    vintage = reduce(or_, sources).vintage if sources else ""
    return {
        name: entry.model_copy(update={"provenance": entry.provenance.model_copy(update={"vintage": vintage})})
        for name, entry in made.items()
    }


def _overlap(a: Bounds, b: Bounds) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _origin(index: TwinIndex, parts: list[Path], near: tuple[PointFile, ...]) -> Provenance:
    """Origin of the buildings of a unit: the deliveries of its footprints, the LiDAR files around them, no others."""
    origin = reduce(or_, (read_origin(part).provenance for part in parts))
    if not near:
        return origin
    stems = {Path(file.name).stem for file in near}
    clouds = index.layers["point_clouds"].provenance
    files = tuple(f for f in clouds.files if Path(f.name).stem in stems)
    return origin | clouds.model_copy(update={"files": files, "vintage": ""})


def _digest(frame: gpd.GeoDataFrame) -> str:
    """Checksum of the records of a frame."""
    digest = hashlib.sha256()
    for wkb in shapely.to_wkb(np.asarray(frame.geometry)):
        digest.update(wkb)
    digest.update(frame.drop(columns=frame.geometry.name).to_csv(index=False).encode())
    return digest.hexdigest()
