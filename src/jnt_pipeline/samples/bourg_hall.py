"""The town hall of the village as a BIM model: coordinates of CC46 in a file that declares Lambert-93."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from jnt_pipeline.crs import transform
from jnt_pipeline.samples.bim_model import BimModel, place_model
from jnt_pipeline.samples.bourg_sheets import CC46
from jnt_pipeline.samples.bourg_town import HALL_EAVE_M, HALL_HALF_LENGTH_M, HALL_HALF_WIDTH_M, HALL_SLOPE
from jnt_pipeline.samples.ifc_draft import IfcDraft, Names, Placing
from jnt_pipeline.samples.town import SampleTown

__all__ = ["MODEL_FILE", "write_hall"]

MODEL_FILE = "mairie.ifc"
LENGTH, WIDTH = round(2000 * HALL_HALF_LENGTH_M), round(2000 * HALL_HALF_WIDTH_M)
EAVE, RIDGE = round(1000 * HALL_EAVE_M), round(1000 * (HALL_EAVE_M + HALL_SLOPE * HALL_HALF_WIDTH_M))
WALL, ROOF = 300, 250
"""Thickness of a wall and of the roof, millimetres."""
STOREYS = (("RDC", 0), ("Étage", 3200), ("Combles", 6100))
"""Name and floor level, millimetres above the ground floor."""
NAMES = Names(project="Mairie de Bourg-aux-Vignes", site="Place de l'Église", building="Mairie")


def write_hall(town: SampleTown, path: Path) -> BimModel:
    """Write the model in IFC4, millimetres; its map conversion is right in CC46, its TargetCRS says EPSG:2154."""
    placing = _in_cc46(town)
    draft = IfcDraft(key=f"bourg/{town.seed}/hall", site=town.site, names=NAMES, placing=placing, storeys=STOREYS)
    draft.box("IfcSlab", "Dallage", 0, (0, 0, -300), (LENGTH, WIDTH, 300), PredefinedType="BASESLAB")
    draft.box("IfcSlab", "Plancher", 1, (0, 0, 2900), (LENGTH, WIDTH, 300), PredefinedType="FLOOR")
    draft.box("IfcSlab", "Plancher des combles", 2, (0, 0, 5800), (LENGTH, WIDTH, 300), PredefinedType="FLOOR")
    for storey, (name, level) in enumerate(STOREYS[:2]):
        height = 2900 if storey == 0 else 2600
        for side, y in (("place", 0), ("jardin", WIDTH - WALL)):
            wall = draft.box(
                "IfcWall", f"Mur {side} {name}", storey, (0, y, level), (LENGTH, WALL, height), external=True
            )
            for bay in range(4):
                x, is_door = 1500 + 3700 * bay, storey == 0 and bay == 1
                label = f"Porte {side}" if is_door else f"Fenêtre {side} {name} {bay + 1}"
                sill, tall = (0, 2400) if is_door else (900, 1500)
                draft.opening(wall, label, storey, (x, y, level + sill), (1200, WALL, tall))
        for side, x in (("gauche", 0), ("droite", LENGTH - WALL)):
            size = (WALL, WIDTH - 2 * WALL, height)
            draft.box("IfcWall", f"Pignon {side} {name}", storey, (x, WALL, level), size, external=True)
    draft.space("Salle du conseil", 0, (WALL, WALL, 0), (LENGTH - 2 * WALL, WIDTH - 2 * WALL, 2900))
    half = WIDTH / 2
    profile = ((0, EAVE), (half, RIDGE), (WIDTH, EAVE), (WIDTH, EAVE - ROOF), (half, RIDGE - ROOF), (0, EAVE - ROOF))
    draft.across("IfcSlab", "Toiture", 2, profile, 0, LENGTH, PredefinedType="ROOF")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.write(path)
    return BimModel(
        placing=placing,
        building_global_id=draft.building_global_id,
        products=draft.products(),
        base_elevation_m=round(placing.height_m - 300 * placing.scale, 3),
        top_elevation_m=round(placing.height_m + RIDGE * placing.scale, 3),
    )


def _in_cc46(town: SampleTown) -> Placing:
    """The placing in Lambert-93, brought to CC46: the corner, the turn and the scale there."""
    there = place_model(town, HALL_EAVE_M)
    hall = town.modelled
    ends = hall.to_world(np.array([(side * hall.half_length_m, -hall.half_width_m) for side in (-1, 1)]))
    (a, b), _ = transform(ends, town.site.horizontal, CC46)
    dx, dy = float(b[0] - a[0]), float(b[1] - a[1])
    angle = math.degrees(math.atan2(dy, dx))
    return Placing(
        eastings_m=round(float(a[0]), 3),
        northings_m=round(float(a[1]), 3),
        height_m=there.height_m,
        angle_deg=round(angle, 6),
        scale=round(0.001 * math.hypot(dx, dy) / (2 * HALL_HALF_LENGTH_M), 9),
        longitude=there.longitude,
        latitude=there.latitude,
        true_north=there.true_north,
    )
