"""The school of the riverside town as a BIM model, and the truth about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jnt_pipeline.samples.bim_model import BimModel, place_model
from jnt_pipeline.samples.ifc_draft import IfcDraft, Names
from jnt_pipeline.samples.rive_town import (
    SCHOOL_EAVE_M,
    SCHOOL_HALF_LENGTH_M,
    SCHOOL_HALF_WIDTH_M,
    SCHOOL_OVERHANG_M,
    SCHOOL_SLOPE,
)
from jnt_pipeline.samples.town import SampleTown

__all__ = ["write_school"]

LENGTH, WIDTH = round(2000 * SCHOOL_HALF_LENGTH_M), round(2000 * SCHOOL_HALF_WIDTH_M)
EAVE, OVERHANG = round(1000 * SCHOOL_EAVE_M), round(1000 * SCHOOL_OVERHANG_M)
STOREYS = (("RDC", 0), ("R+1", 3300), ("Combles", 6600))
"""Name and floor level, millimetres above the ground floor."""
WALL, CLEAR, ROOF = 300, 3000, EAVE - 6600
"""Thickness of a wall, clear height of a storey, vertical thickness of the roof, millimetres."""


NAMES = Names(project="École élémentaire de Rive-sur-Loire", site="Îlot de l'école", building="École élémentaire")


def write_school(town: SampleTown, path: Path) -> BimModel:
    """Write the model in IFC4, millimetres, georeferenced by IfcMapConversion; same town, same bytes."""
    placing = place_model(town, SCHOOL_EAVE_M)
    draft = IfcDraft(key=f"rive/{town.seed}/school", site=town.site, names=NAMES, placing=placing, storeys=STOREYS)
    _slabs(draft)
    for storey in (0, 1):
        _walls(draft, storey)
    _gables_and_roof(draft)
    _rooms(draft)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.write(path)
    ridge = EAVE + SCHOOL_SLOPE * WIDTH / 2
    return BimModel(
        placing=placing,
        building_global_id=draft.building_global_id,
        products=draft.products(),
        base_elevation_m=round(placing.height_m - 300 * placing.scale, 3),
        top_elevation_m=round(placing.height_m + ridge * placing.scale, 3),
    )


def _slabs(draft: IfcDraft) -> None:
    for storey, (name, level) in enumerate(STOREYS):
        kind = "BASESLAB" if storey == 0 else "FLOOR"
        draft.box("IfcSlab", f"Dalle {name}", storey, (0, 0, level - 300), (LENGTH, WIDTH, 300), PredefinedType=kind)


def _walls(draft: IfcDraft, storey: int) -> None:
    name, level = STOREYS[storey]
    inner = WIDTH - 2 * WALL
    for side, y in (("sud", 0), ("nord", WIDTH - WALL)):
        wall = draft.box("IfcWall", f"Mur {side} {name}", storey, (0, y, level), (LENGTH, WALL, CLEAR), external=True)
        for label, x, sill, width, height in _openings(side, storey):
            draft.opening(wall, label, storey, (x, y, level + sill), (width, WALL, height))
    for side, x in (("ouest", 0), ("est", LENGTH - WALL)):
        draft.box("IfcWall", f"Mur {side} {name}", storey, (x, WALL, level), (WALL, inner, CLEAR), external=True)
    for x in (10000, 19800):
        draft.box(
            "IfcWall", f"Cloison {x // 1000} {name}", storey, (x, WALL, level), (200, inner, CLEAR), external=False
        )


def _openings(side: str, storey: int) -> Iterator[tuple[str, int, int, int, int]]:
    """(label, x, sill, width, height) in millimetres: six bays; the doors take the middle of the ground floor."""
    for bay in range(6):
        x = 1700 + 4900 * bay
        if storey == 0 and bay == (3 if side == "sud" else 2):
            yield f"Porte {side}", x, 0, 1600, 2200
        else:
            yield f"Fenêtre {side} {STOREYS[storey][0]} {bay + 1}", x, 900, 1500, 1400


def _gables_and_roof(draft: IfcDraft) -> None:
    middle, rise = WIDTH / 2, SCHOOL_SLOPE * WIDTH / 2
    triangle = [(0.0, 6600.0), (float(WIDTH), 6600.0), (middle, 6600.0 + rise)]
    for side, x in (("ouest", 0), ("est", LENGTH - WALL)):
        draft.across("IfcWall", f"Pignon {side}", 2, triangle, x, WALL, external=True)
    edge = EAVE - SCHOOL_SLOPE * OVERHANG
    top = EAVE + rise
    south = [(-OVERHANG, edge - ROOF), (middle, top - ROOF), (middle, top), (-OVERHANG, edge)]
    north = [(WIDTH - y, z) for y, z in reversed(south)]
    panes = [
        draft.across(
            "IfcSlab", f"Pan {side}", 2, pane, -OVERHANG, LENGTH + 2 * OVERHANG, PredefinedType="ROOF", loose=True
        )
        for side, pane in (("sud", south), ("nord", north))
    ]
    draft.aggregate("IfcRoof", "Toiture", 2, panes, PredefinedType="GABLE_ROOF")


def _rooms(draft: IfcDraft) -> None:
    inner = WIDTH - 2 * WALL
    spans = ((WALL, 10000), (10200, 19800), (20000, LENGTH - WALL))
    for storey, names in ((0, ("Salle 1", "Hall", "Salle 2")), (1, ("Salle 3", "Bibliothèque", "Salle 4"))):
        level = STOREYS[storey][1]
        for name, (x0, x1) in zip(names, spans, strict=True):
            draft.space(name, storey, (x0, WALL, level), (x1 - x0, inner, CLEAR))
