"""The only place that transforms coordinates, heights included (*systèmes de coordonnées*)."""

from __future__ import annotations

from jnt_pipeline.crs.explain import Explanation, explain
from jnt_pipeline.crs.grids import (
    KNOWN_GRIDS,
    InstalledGrid,
    KnownGrid,
    SyncReport,
    installed_grids,
    sync_grids,
    use_grid_folders,
    user_grid_folder,
)
from jnt_pipeline.crs.identify import reference_of
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.systems import canonical, has_heights
from jnt_pipeline.crs.transform import Transformation, transform, transform_geometries, transformation

__all__ = [
    "KNOWN_GRIDS",
    "DeclaredUndulation",
    "Explanation",
    "InstalledGrid",
    "KnownGrid",
    "Reference",
    "SyncReport",
    "Transformation",
    "canonical",
    "explain",
    "has_heights",
    "installed_grids",
    "reference_of",
    "sync_grids",
    "transform",
    "transform_geometries",
    "transformation",
    "use_grid_folders",
    "user_grid_folder",
]
