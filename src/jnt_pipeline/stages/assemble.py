"""Assemble: editions compared, terrain and buildings by kilometre cell, water levels, links, and the layers judged."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from jnt_pipeline.config import TwinConfig
from jnt_pipeline.errors import WorkspaceError
from jnt_pipeline.runner import Planned, Runner, StageReport, make_units
from jnt_pipeline.stages.bridges import plan_bridges
from jnt_pipeline.stages.building_changes import plan_building_changes
from jnt_pipeline.stages.buildings import dated_buildings, plan_buildings
from jnt_pipeline.stages.editions import follow_editions
from jnt_pipeline.stages.identify import identity_links, plan_identity
from jnt_pipeline.stages.links import plan_links
from jnt_pipeline.stages.quality import plan_quality
from jnt_pipeline.stages.raster_files import raster_files
from jnt_pipeline.stages.relief import plan_relief, relief_entries
from jnt_pipeline.stages.terrain import plan_terrain, raster_entries
from jnt_pipeline.stages.tiles import cells, point_files
from jnt_pipeline.stages.vegetation import plan_vegetation
from jnt_pipeline.stages.water import plan_flat_terrain, plan_water
from jnt_pipeline.store import Record, Workspace
from jnt_pipeline.twin import ASSEMBLED, INGESTED, TWIN, TwinIndex, layer_entries

__all__ = ["assemble"]

STEPS = (
    *("terrain", "water", "flat_terrain", "relief", "bridges", "vegetation"),
    *("identity", "buildings", "building_changes", "links", "quality"),
)

logger = logging.getLogger(__name__)


def assemble(config: TwinConfig, workspace: Workspace, runner: Runner) -> StageReport:
    """Make the rasters, buildings and links of the twin from its base layers.

    Raises ``WorkspaceError`` before ``ingest``, ``AssemblyError`` when a layer cannot be derived.
    """
    base, edited = follow_editions(
        config, workspace, runner, TwinIndex.read(workspace, INGESTED), _published(workspace)
    )
    steps = _Steps(workspace, runner, edited)
    files, rasters = point_files(workspace, base), raster_files(config, workspace, base)
    partition = cells(files, config.terrain.resolution_m, rasters)
    terrain = steps.make(plan_terrain(config, partition, files, rasters))
    water = steps.make(plan_water(config, workspace, base, partition, terrain))
    flat = steps.make(plan_flat_terrain(config, workspace, partition, terrain, water))
    index = base.model_copy(update={"rasters": raster_entries(config, base, terrain, flat, files, rasters)})
    relief = steps.make(plan_relief(config, workspace, index, partition))
    bridges = steps.make(plan_bridges(config, workspace, base, partition, terrain))
    index = index.model_copy(update={"rasters": index.rasters | relief_entries(index, relief)})
    trees = steps.make(plan_vegetation(config, workspace, index, partition, files, terrain))
    for made in (water, bridges, relief, trees):
        index = index.with_layers(layer_entries(workspace, made))
    identity = steps.make(plan_identity(config, workspace, index))
    same = identity_links(workspace, identity)
    buildings = steps.make(plan_buildings(config, workspace, index, partition, files, {**terrain, **flat}, same))
    index = index.with_layers(dated_buildings(index.layers, layer_entries(workspace, buildings)))
    changes = steps.make(plan_building_changes(config, workspace, index, partition, terrain, buildings))
    index = index.with_layers(layer_entries(workspace, changes))
    links = steps.make([plan_links(config, workspace, index, identity)])
    quality = steps.make(plan_quality(config, workspace, base, identity))
    index = index.with_layers(layer_entries(workspace, links) | layer_entries(workspace, quality))
    units = (*index.units, *((record.stage, record.name, record.key) for record in steps.records))
    index.model_copy(update={"units": units}).write(workspace, ASSEMBLED)
    workspace.forget_planned(*STEPS)
    return steps.report


class _Steps:
    """Makes the units of one step after the other, and remembers them all."""

    def __init__(self, workspace: Workspace, runner: Runner, report: StageReport) -> None:
        self._workspace, self._runner = workspace, runner
        self.report = report
        self.records: list[Record] = []

    def make(self, planned: list[Planned]) -> Mapping[str, Record]:
        """The units of a step by name, made where they were not there."""
        made, done = make_units(self._workspace, self._runner, planned)
        self.report += done
        self.records += made.values()
        return made


def _published(workspace: Workspace) -> TwinIndex | None:
    """The twin as last published; None before the first time, and where its index is damaged."""
    if workspace.read_document(TWIN) is None:
        return None
    try:
        return TwinIndex.read(workspace, TWIN)
    except WorkspaceError as error:
        logger.warning("%s; its editions cannot be compared with: the present ones are the first", error)
        return None
