"""The cyclone shelter of the coastal village as a BIM model, and the truth about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jnt_pipeline.samples.bim_model import BimModel, place_model
from jnt_pipeline.samples.ifc_draft import IfcDraft, Names
from jnt_pipeline.samples.lagon_town import SHELTER_EAVE_M, SHELTER_HALF_LENGTH_M, SHELTER_HALF_WIDTH_M
from jnt_pipeline.samples.town import SampleTown

__all__ = ["write_shelter"]

LENGTH, WIDTH = round(2000 * SHELTER_HALF_LENGTH_M), round(2000 * SHELTER_HALF_WIDTH_M)
EAVE = round(1000 * SHELTER_EAVE_M)
ROOF, WALL, CLEAR, COLUMN = 250, 250, 3100, 400
"""Thickness of the roof and of a wall, clear height of a storey, side of a column, millimetres."""
STOREYS = (("RDC", 0), ("Étage", 3400), ("Toiture-terrasse", EAVE - ROOF))
"""Name and floor level, millimetres above the ground floor."""
NAMES = Names(project="Abri cyclonique d'Anse-des-Filaos", site="Parcelle de l'abri", building="Abri cyclonique")


def write_shelter(town: SampleTown, path: Path) -> BimModel:
    """Write the model in IFC4, millimetres, georeferenced by IfcMapConversion; same town, same bytes."""
    placing = place_model(town, SHELTER_EAVE_M)
    draft = IfcDraft(key=f"lagon/{town.seed}/shelter", site=town.site, names=NAMES, placing=placing, storeys=STOREYS)
    draft.box("IfcSlab", "Radier", 0, (0, 0, -400), (LENGTH, WIDTH, 400), PredefinedType="BASESLAB")
    draft.box("IfcSlab", "Plancher", 1, (0, 0, 3100), (LENGTH, WIDTH, 300), PredefinedType="FLOOR")
    for storey in (0, 1):
        _walls(draft, storey)
    _hall(draft)
    draft.box("IfcSlab", "Toiture-terrasse", 2, (0, 0, EAVE - ROOF), (LENGTH, WIDTH, ROOF), PredefinedType="ROOF")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.write(path)
    return BimModel(
        placing=placing,
        building_global_id=draft.building_global_id,
        products=draft.products(),
        base_elevation_m=round(placing.height_m - 400 * placing.scale, 3),
        top_elevation_m=round(placing.height_m + EAVE * placing.scale, 3),
    )


def _walls(draft: IfcDraft, storey: int) -> None:
    name, level = STOREYS[storey]
    height = STOREYS[storey + 1][1] - level - (300 if storey == 0 else 0)
    for side, y in (("mer", 0), ("montagne", WIDTH - WALL)):
        wall = draft.box("IfcWall", f"Mur {side} {name}", storey, (0, y, level), (LENGTH, WALL, height), external=True)
        for label, x, sill, width, tall in _openings(side, storey):
            draft.opening(wall, label, storey, (x, y, level + sill), (width, WALL, tall))
    for side, x in (("gauche", 0), ("droite", LENGTH - WALL)):
        size = (WALL, WIDTH - 2 * WALL, height)
        draft.box("IfcWall", f"Pignon {side} {name}", storey, (x, WALL, level), size, external=True)


def _openings(side: str, storey: int) -> Iterator[tuple[str, int, int, int, int]]:
    """(label, x, sill, width, height) in millimetres: five bays; narrow windows that shutters close."""
    for bay in range(5):
        x = 1900 + 4700 * bay
        if storey == 0 and bay == 2:
            yield f"Porte {side}", x, 0, 1800, 2200
        else:
            yield f"Fenêtre {side} {STOREYS[storey][0]} {bay + 1}", x, 1200, 1000, 1200


def _hall(draft: IfcDraft) -> None:
    """The hall with its six columns on the ground floor, two rooms and a partition above."""
    for row, y in enumerate((4500, 9100)):
        for place, x in enumerate((5800, 11800, 17800)):
            name = f"Poteau {place + 1}{'AB'[row]}"
            draft.box("IfcColumn", name, 0, (x, y, 0), (COLUMN, COLUMN, CLEAR), PredefinedType="COLUMN")
    inner, height = WIDTH - 2 * WALL, EAVE - ROOF - 3400
    draft.box("IfcWall", "Cloison Étage", 1, (13800, WALL, 3400), (200, inner, height), external=False)
    draft.space("Salle d'hébergement", 0, (WALL, WALL, 0), (LENGTH - 2 * WALL, inner, CLEAR))
    draft.space("Dortoir", 1, (WALL, WALL, 3400), (13800 - WALL, inner, height))
    draft.space("Infirmerie", 1, (14000, WALL, 3400), (LENGTH - WALL - 14000, inner, height))
