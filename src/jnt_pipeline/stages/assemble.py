"""Assemble: editions compared, terrain and buildings by kilometre cell, links of the things, and the layers judged."""

from __future__ import annotations

import logging

from jnt_pipeline.config import TwinConfig
from jnt_pipeline.errors import WorkspaceError
from jnt_pipeline.runner import Runner, StageReport, make_units
from jnt_pipeline.stages.buildings import dated_buildings, plan_buildings
from jnt_pipeline.stages.editions import follow_editions
from jnt_pipeline.stages.identify import identity_links, plan_identity
from jnt_pipeline.stages.links import plan_links
from jnt_pipeline.stages.quality import plan_quality
from jnt_pipeline.stages.raster_files import raster_files
from jnt_pipeline.stages.terrain import plan_terrain, raster_entries
from jnt_pipeline.stages.tiles import cells, point_files
from jnt_pipeline.stages.vegetation import plan_vegetation
from jnt_pipeline.store import Workspace
from jnt_pipeline.twin import ASSEMBLED, INGESTED, TWIN, TwinIndex, layer_entries

__all__ = ["assemble"]

logger = logging.getLogger(__name__)


def assemble(config: TwinConfig, workspace: Workspace, runner: Runner) -> StageReport:
    """Make the rasters, buildings and links of the twin from its base layers.

    Raises ``WorkspaceError`` before ``ingest``, ``AssemblyError`` when a layer cannot be derived.
    """
    base, edited = follow_editions(
        config, workspace, runner, TwinIndex.read(workspace, INGESTED), _published(workspace)
    )
    files = point_files(workspace, base)
    rasters = raster_files(config, workspace, base)
    partition = cells(files, config.terrain.resolution_m, rasters)
    terrain, done = make_units(workspace, runner, plan_terrain(config, partition, files, rasters))
    report = edited + done
    index = base.model_copy(update={"rasters": raster_entries(config, base, terrain, files, rasters)})
    planned = plan_vegetation(config, workspace, base, partition, files, terrain)
    vegetation, done = make_units(workspace, runner, planned)
    report += done
    identity, done = make_units(workspace, runner, plan_identity(config, workspace, index))
    report += done
    same = identity_links(workspace, identity)
    planned = plan_buildings(config, workspace, index, partition, files, terrain, same)
    buildings, done = make_units(workspace, runner, planned)
    report += done
    index = index.model_copy(
        update={"layers": index.layers | dated_buildings(index.layers, layer_entries(workspace, buildings))}
    )
    index = index.model_copy(update={"layers": index.layers | layer_entries(workspace, vegetation)})
    links, done = make_units(workspace, runner, [plan_links(config, workspace, index, identity)])
    report += done
    quality, done = make_units(workspace, runner, plan_quality(config, workspace, base, identity))
    report += done
    records = [
        *terrain.values(),
        *vegetation.values(),
        *identity.values(),
        *buildings.values(),
        *links.values(),
        *quality.values(),
    ]
    index = index.model_copy(
        update={
            "layers": index.layers | layer_entries(workspace, links) | layer_entries(workspace, quality),
            "units": (*index.units, *((r.stage, r.name, r.key) for r in records)),
        }
    )
    index.write(workspace, ASSEMBLED)
    workspace.forget_planned("terrain", "vegetation", "identity", "buildings", "links", "quality")
    return report


def _published(workspace: Workspace) -> TwinIndex | None:
    """The twin as last published; None before the first time, and where its index is damaged."""
    if workspace.read_document(TWIN) is None:
        return None
    try:
        return TwinIndex.read(workspace, TWIN)
    except WorkspaceError as error:
        logger.warning("%s; its editions cannot be compared with: the present ones are the first", error)
        return None
