"""Assemble: derive terrain and buildings by kilometre cell, and link the things of the twin to one another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from jnt_pipeline.area import Bounds
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.provenance import Provenance
from jnt_pipeline.runner import Planned, Runner, StageReport, make_units
from jnt_pipeline.stages.assembly_work import LINKED_LAYERS, BuildingsWork, LinksWork, TerrainWork
from jnt_pipeline.stages.raster_files import RasterFile, raster_files
from jnt_pipeline.stages.tiles import Cell, PointFile, cells, owners, point_files
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.twin import ASSEMBLED, INGESTED, RasterEntry, TwinIndex, layer_entries

__all__ = ["assemble"]

TERRAIN_VERSION = 2
BUILDINGS_VERSION = 2
LINKS_VERSION = 3

NO_LIDAR = "no-lidar"
"""Unit of the footprints that no LiDAR file covers."""


def assemble(config: TwinConfig, workspace: Workspace, runner: Runner) -> StageReport:
    """Make the rasters, buildings and links of the twin from its base layers.

    Raises ``WorkspaceError`` before ``ingest``, ``AssemblyError`` when a layer cannot be derived.
    """
    base = TwinIndex.read(workspace, INGESTED)
    files = point_files(workspace, base)
    rasters = raster_files(config, workspace, base)
    partition = cells(files, config.terrain.resolution_m, rasters)
    terrain, report = make_units(workspace, runner, _plan_terrain(config, partition, files, rasters))
    index = base.model_copy(update={"rasters": _rasters(config, base, terrain, files, rasters)})
    planned = _plan_buildings(config, workspace, index, partition, files, terrain)
    buildings, done = make_units(workspace, runner, planned)
    report += done
    index = index.model_copy(update={"layers": {**index.layers, **layer_entries(workspace, buildings)}})
    links, done = make_units(workspace, runner, [_plan_links(config, workspace, index)])
    report += done
    records = [*terrain.values(), *buildings.values(), *links.values()]
    index = index.model_copy(
        update={
            "layers": {**index.layers, **layer_entries(workspace, links)},
            "units": (*index.units, *((r.stage, r.name, r.key) for r in records)),
        }
    )
    index.write(workspace, ASSEMBLED)
    workspace.forget_planned("terrain", "buildings", "links")
    return report


def _plan_terrain(
    config: TwinConfig, partition: tuple[Cell, ...], files: tuple[PointFile, ...], rasters: tuple[RasterFile, ...]
) -> list[Planned]:
    """One unit by cell, which reads a buffer around it; without elevation rasters its key knows nothing of them."""
    planned = []
    for cell in partition:
        around = _widened(cell.grid.bounds, config.terrain.buffer_m)
        near = tuple(file for file in files if file.meets(around))
        fillers = tuple(raster for raster in rasters if raster.meets(cell.grid.bounds))
        unit = Unit(
            stage="terrain",
            name=cell.name,
            version=TERRAIN_VERSION,
            parameters={
                "terrain": config.terrain.model_dump(mode="json"),
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
            reference=config.reference,
            rasters=fillers,
            undulation=config.undulation,
        )
        planned.append(Planned(unit=unit, work=work))
    return planned


def _widened(bounds: Bounds, margin_m: float) -> Bounds:
    west, south, east, north = bounds
    return (west - margin_m, south - margin_m, east + margin_m, north + margin_m)


def _fillers(config: TwinConfig, rasters: tuple[RasterFile, ...]) -> dict[str, Any]:
    """What the values of a cell further depend on where rasters take part."""
    if not rasters:
        return {}
    return {
        "rasters": {raster.tile_id: [raster.surface, raster.reference.code, raster.void_value] for raster in rasters},
        "undulation": config.undulation.model_dump(mode="json") if config.undulation else None,
    }


def _rasters(
    config: TwinConfig,
    base: TwinIndex,
    terrain: Mapping[str, Record],
    files: tuple[PointFile, ...],
    rasters: tuple[RasterFile, ...],
) -> dict[str, RasterEntry]:
    """The rasters of the twin: those that points, or rasters of their kind, can say something of."""
    surfaces = {raster.surface for raster in rasters}
    made_of = {"dtm": {"dtm"}, "dsm": {"dsm"}, "dhm": {"dtm", "dsm"}}
    return {
        name: RasterEntry(
            tiles={record.path(f"{name}.tif"): record.outputs[f"{name}.tif"] for record in terrain.values()},
            # Heights above the ground count from no datum: whoever moves them must not add an undulation.
            reference=config.reference.flat() if name == "dhm" else config.reference,
            resolution_m=config.terrain.resolution_m,
            provenance=_raster_origin(base, files, [one for one in rasters if one.surface in {name, *made_of[name]}]),
        )
        for name in ("dtm", "dsm", "dhm")
        if terrain and (files or name in surfaces or made_of[name] <= surfaces)
    }


def _raster_origin(base: TwinIndex, files: tuple[PointFile, ...], rasters: Sequence[RasterFile]) -> Provenance:
    """Origin of the points, and of the elevation rasters of its kind."""
    origins = [base.layers["point_clouds"].provenance] if files else []
    if rasters:
        origin, used = base.layers["elevation_tiles"].provenance, {raster.sha256 for raster in rasters}
        origins.append(origin.model_copy(update={"files": tuple(f for f in origin.files if f.sha256 in used)}))
    return reduce(or_, origins)


def _plan_buildings(
    config: TwinConfig,
    workspace: Workspace,
    index: TwinIndex,
    partition: tuple[Cell, ...],
    files: tuple[PointFile, ...],
    terrain: Mapping[str, Record],
) -> list[Planned]:
    """One unit by cell that owns buildings: those whose representative point it holds, with their whole envelope."""
    if "footprints" not in index.layers:
        return []
    entry = index.layers["footprints"]
    footprints = index.territory(workspace).layer("footprints").to_geopandas()
    owner = owners(footprints, partition)
    # The ring of ground around a footprint, and a pixel for the edges of the raster window.
    margin = config.buildings.reach_m(config.terrain.resolution_m) + config.terrain.resolution_m
    planned = []
    for number in sorted(set(owner.tolist())) or [-1]:
        owned = footprints[owner == number]
        covered = number >= 0
        envelope = _widened(tuple(owned.total_bounds.tolist()), margin) if covered else index.bbox
        near = tuple(file for file in files if covered and file.meets(envelope))
        rasters = {cell.name: terrain[cell.name] for cell in partition if covered and _meet(cell.grid.bounds, envelope)}
        provenance = _origin(index, near)
        unit = Unit(
            stage="buildings",
            name=partition[number].name if covered else NO_LIDAR,
            version=BUILDINGS_VERSION,
            parameters={
                "buildings": config.buildings.model_dump(mode="json"),
                "reference": str(config.reference),
                "provenance": provenance.model_dump(mode="json"),
            },
            inputs={
                "footprints": _digest(owned),
                **{f"points/{file.sha256}": file.sha256 for file in near},
                **{f"dtm/{name}": record.outputs["dtm.tif"] for name, record in rasters.items()},
            },
        )
        work = BuildingsWork(
            footprints=tuple(workspace.root / part for part in entry.parts),
            owned=tuple(owned["footprint_id"]),
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


def _meet(a: Bounds, b: Bounds) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _origin(index: TwinIndex, near: tuple[PointFile, ...]) -> Provenance:
    """Origin of the buildings of a unit: the footprints, and the LiDAR files around them but no others."""
    origin = index.layers["footprints"].provenance
    if not near:
        return origin
    stems = {Path(file.name).stem for file in near}
    clouds = index.layers["point_clouds"].provenance
    return origin | clouds.model_copy(update={"files": tuple(f for f in clouds.files if Path(f.name).stem in stems)})


def _plan_links(config: TwinConfig, workspace: Workspace, index: TwinIndex) -> Planned:
    unit = Unit(
        stage="links",
        name="links",
        version=LINKS_VERSION,
        parameters={"links": config.links.model_dump(mode="json"), "vintages": _vintages(index)},
        inputs=index.checksums(LINKED_LAYERS),
    )
    return Planned(unit=unit, work=LinksWork(index=index, root=workspace.root, parameters=config.links))


def _vintages(index: TwinIndex) -> dict[str, str]:
    return {name: entry.provenance.vintage for name, entry in sorted(index.layers.items())}


def _digest(frame: gpd.GeoDataFrame) -> str:
    """Checksum of the records of a frame."""
    digest = hashlib.sha256()
    for wkb in shapely.to_wkb(np.asarray(frame.geometry)):
        digest.update(wkb)
    digest.update(frame.drop(columns=frame.geometry.name).to_csv(index=False).encode())
    return digest.hexdigest()
