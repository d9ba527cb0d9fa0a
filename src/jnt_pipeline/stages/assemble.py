"""Assemble: derive terrain and buildings by LiDAR tile, and link the things of the twin to one another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import shapely

from jnt_pipeline.config import TwinConfig
from jnt_pipeline.runner import NOTHING_DONE, Planned, Runner, StageReport, make_units
from jnt_pipeline.stages.assembly_work import LINKED_LAYERS, BuildingsWork, LinksWork, TerrainWork
from jnt_pipeline.stages.tiles import PointTile, owners, point_tiles
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.twin import ASSEMBLED, INGESTED, RasterEntry, TwinIndex, layer_entries

__all__ = ["assemble"]

TERRAIN_VERSION = 1
BUILDINGS_VERSION = 1
LINKS_VERSION = 1

NO_LIDAR = "no-lidar"
"""Unit of the footprints that no LiDAR tile covers."""


def assemble(config: TwinConfig, workspace: Workspace, runner: Runner) -> StageReport:
    """Make the rasters, buildings and links of the twin from its base layers.

    Raises ``WorkspaceError`` before ``ingest``, ``AssemblyError`` when a layer cannot be derived.
    """
    base = TwinIndex.read(workspace, INGESTED)
    tiles = point_tiles(workspace, base, config.terrain)
    terrain, done = make_units(workspace, runner, _plan_terrain(config, tiles)) if tiles else ({}, NOTHING_DONE)
    report = done
    index = base.model_copy(update={"rasters": _rasters(config, base, tiles, terrain)})
    buildings, done = make_units(workspace, runner, _plan_buildings(config, workspace, index, tiles, terrain))
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
    return report


def _plan_terrain(config: TwinConfig, tiles: tuple[PointTile, ...]) -> list[Planned]:
    """One unit by tile, which reads a buffer from the neighbours."""
    planned = []
    for tile in tiles:
        around = shapely.box(*tile.grid.bounds).buffer(config.terrain.buffer_m, join_style="mitre").bounds
        near = [other for other in tiles if other.meets(around)]
        unit = Unit(
            stage="terrain",
            name=tile.tile_id,
            version=TERRAIN_VERSION,
            parameters={"terrain": config.terrain.model_dump(mode="json"), "grid": tile.grid.bounds},
            inputs={other.tile_id: other.sha256 for other in near},
        )
        work = TerrainWork(
            grid=tile.grid, around=around, files=tuple(near), parameters=config.terrain, reference=config.reference
        )
        planned.append(Planned(unit=unit, work=work))
    return planned


def _rasters(
    config: TwinConfig, base: TwinIndex, tiles: tuple[PointTile, ...], terrain: Mapping[str, Record]
) -> dict[str, RasterEntry]:
    if not terrain:
        return {}
    origin = base.layers["point_clouds"].provenance
    return {
        name: RasterEntry(
            tiles={
                terrain[tile.tile_id].path(f"{name}.tif"): terrain[tile.tile_id].outputs[f"{name}.tif"]
                for tile in tiles
            },
            reference=config.reference,
            resolution_m=config.terrain.resolution_m,
            provenance=origin,
        )
        for name in ("dtm", "dsm", "dhm")
    }


def _plan_buildings(
    config: TwinConfig,
    workspace: Workspace,
    index: TwinIndex,
    tiles: tuple[PointTile, ...],
    terrain: Mapping[str, Record],
) -> list[Planned]:
    """One unit by tile: the buildings whose representative point it holds, with their whole envelope."""
    if "footprints" not in index.layers:
        return []
    entry = index.layers["footprints"]
    footprints = index.territory(workspace).layer("footprints").to_geopandas()
    owner = owners(footprints, tiles)
    # The ring of ground around a footprint, and a pixel for the edges of the raster window.
    margin = config.buildings.reach_m(config.terrain.resolution_m) + config.terrain.resolution_m
    planned = []
    for number in sorted({*range(len(tiles)), *np.unique(owner).tolist()}):
        owned = footprints[owner == number]
        envelope = shapely.box(*owned.total_bounds).buffer(margin, join_style="mitre").bounds
        near = [tile for tile in tiles if len(owned) and number >= 0 and tile.meets(envelope)]
        rasters = {tile.tile_id: terrain[tile.tile_id] for tile in near}
        unit = Unit(
            stage="buildings",
            name=tiles[number].tile_id if number >= 0 else NO_LIDAR,
            version=BUILDINGS_VERSION,
            parameters={"buildings": config.buildings.model_dump(mode="json"), "covered": number >= 0},
            inputs={
                "footprints": _digest(owned),
                **{f"points/{tile.tile_id}": tile.sha256 for tile in near},
                **{f"dtm/{name}": record.outputs["dtm.tif"] for name, record in rasters.items()},
            },
        )
        work = BuildingsWork(
            footprints=tuple(workspace.root / part for part in entry.parts),
            owned=tuple(owned["footprint_id"]),
            envelope=envelope,
            points=tuple(near),
            dtm=tuple(workspace.root / record.path("dtm.tif") for record in rasters.values()),
            resolution_m=config.terrain.resolution_m,
            parameters=config.buildings,
            reference=config.reference,
            provenance=entry.provenance | index.layers["point_clouds"].provenance
            if "point_clouds" in index.layers
            else entry.provenance,
        )
        planned.append(Planned(unit=unit, work=work))
    return planned


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
