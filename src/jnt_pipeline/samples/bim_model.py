"""BimModel: where the building with a BIM model stands, and what its file says of itself, for the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from jnt_pipeline.crs import transform
from jnt_pipeline.samples.ifc_draft import Placing
from jnt_pipeline.samples.town import SampleTown

__all__ = ["BimModel", "place_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BimModel:
    """What the BIM model says of itself."""

    placing: Placing
    building_global_id: str
    products: dict[str, int]
    """Number of instances by IFC class."""
    base_elevation_m: float
    """Underside of the ground slab, metres in the heights of the site."""
    top_elevation_m: float
    """Highest point of the roof."""


def place_model(town: SampleTown, eave_m: float) -> Placing:
    """Where the local origin (outer south-west corner, finished ground floor) of the model lies.

    ``eave_m``: true height of the eaves above the finished floor.
    """
    building, horizontal, grid_scale = town.modelled, town.site.horizontal, town.site.grid_scale
    corner = building.to_world(np.array([(-building.half_length_m, -building.half_width_m)]))
    lonlat, _ = transform(corner, horizontal, "EPSG:4326")
    north, _ = transform(lonlat + np.array([(0.0, 0.01)]), "EPSG:4326", horizontal)
    angle = building.frame.angle_deg + building.turn_deg
    toward = math.atan2(north[0, 1] - corner[0, 1], north[0, 0] - corner[0, 0]) - math.radians(angle)
    return Placing(
        eastings_m=round(float(corner[0, 0]), 3),
        northings_m=round(float(corner[0, 1]), 3),
        height_m=round(building.eave_elevation_m - eave_m * grid_scale, 3),
        angle_deg=round(angle, 6),
        scale=0.001 * grid_scale,
        longitude=float(lonlat[0, 0]),
        latitude=float(lonlat[0, 1]),
        true_north=(round(math.cos(toward), 9), round(math.sin(toward), 9)),
    )
