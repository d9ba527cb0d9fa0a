"""Writes an edition of the village's cadastral plan as EDIGÉO sheets in CC46, with true topology."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import LineString, Point, Polygon

from jnt_pipeline.crs import transform
from jnt_pipeline.samples.bourg_hill import BROOK_HALF_M
from jnt_pipeline.samples.bourg_layout import BROOK_V
from jnt_pipeline.samples.bourg_plan import SECTIONS, PlanEdition
from jnt_pipeline.samples.bourg_town import Village
from jnt_pipeline.samples.cadastre import Parcel
from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.edigeo import PlanObject, PlanSheet, write_sheet
from jnt_pipeline.samples.layout import Rectangle

__all__ = ["CC46", "sheet_file", "write_sheets"]

CC46, SYSTEM = "EPSG:3946", "RGF93CC46"
"""The projection of the sheets, and its code in them."""
_TOUCH_M = 1e-4


def sheet_file(insee: str, section: str) -> str:
    """Name of the archive of a section's only sheet."""
    return f"edigeo-{insee}000{section}01.tar.bz2"


def write_sheets(village: Village, edition: PlanEdition, folder: Path) -> None:
    """Write the three sheets of an edition into ``folder``, one archive each."""
    folder.mkdir(parents=True, exist_ok=True)
    for section, outline in edition.sections.items():
        objects = tuple(_objects(village, edition, section, outline))
        sheet_id = f"{village.town.site.insee}000{section}01"
        write_sheet(
            folder, PlanSheet(sheet_id=sheet_id, system=SYSTEM, objects=objects, made_on=edition.made_on[section])
        )


def _objects(village: Village, edition: PlanEdition, section: str, outline: Polygon) -> Iterator[PlanObject]:
    parcels = [parcel for parcel in edition.parcels if parcel.section == section]
    yield from _frame(village, section, outline)
    yield from _drawn_parcels(village, edition, parcels)
    yield from _drawn_buildings(village, edition, parcels, section)
    if section == "ZA":
        to_world = village.town.layout.frame.to_world
        bed = Rectangle(-210.0, 210.0, BROOK_V - BROOK_HALF_M, BROOK_V + BROOK_HALF_M)
        brook = Polygon(to_world(bed.corners)).intersection(outline)
        yield _old("TRONFLUV", _cc46(brook), TEX="Ruisseau du Moulin")
    for parcel in (one for one in parcels if one.number % 6 == 1):
        corner = Point(parcel.polygon.exterior.coords[0])
        yield PlanObject(name="BORNE", geometry=_cc46(corner), parcels=(_idu(parcel),))


def _old(name: str, geometry: Any, **attributes: str) -> PlanObject:
    """An object that is as it was long ago."""
    return PlanObject(
        name=name, geometry=geometry, attributes=attributes, created_on="1987-06-01", updated_on="2019-04-02"
    )


def _idu(parcel: Parcel) -> str:
    """The 12 characters of a parcel inside a sheet: without its département."""
    return parcel.parcel_id[2:]


def _frame(village: Village, section: str, outline: Polygon) -> Iterator[PlanObject]:
    """Commune, section, sheet and named place."""
    town, drawn = village.town, _cc46(outline)
    commune = town.site.insee[2:]
    yield _old("COMMUNE", _cc46(town.zoning.commune), IDU=commune, TEX2=town.site.commune)
    yield _old("SECTION", drawn, IDU=f"{commune}000{section}", TEX=section)
    yield _old("SUBDSECT", drawn, IDU=f"{commune}000{section}01", QUPL="01", COPL="05", EOR="1000", INP="01")
    yield _old("LIEUDIT", drawn, TEX=SECTIONS[section])


def _drawn_parcels(village: Village, edition: PlanEdition, parcels: list[Parcel]) -> Iterator[PlanObject]:
    noded = _noded([parcel.polygon for parcel in parcels])
    for parcel, polygon in zip(parcels, noded, strict=True):
        # The draws of a parcel are its own: those of the others stay when it is divided.
        off, surveyed, year = stream(village.town.seed, "parcel", parcel.parcel_id).random(3).tolist()
        area = float(round(parcel.polygon.area * (0.985 + 0.03 * off)))
        attributes: dict[str, str | float] = {"IDU": _idu(parcel), "INDP": "01", "SUPF": area}
        attributes |= {"TEX": str(parcel.number)} | ({"COAR": "A"} if surveyed < 0.15 else {})
        middle = _cc46(parcel.polygon.representative_point())
        changed = edition.changed_on.get(parcel.parcel_id)
        yield PlanObject(
            name="PARCELLE", geometry=_cc46(polygon), attributes=attributes, label_at=(middle.x, middle.y),
            created_on=changed or f"{1987 + int(30 * year)}-05-12", updated_on=changed or "2019-04-02",
        )  # fmt: skip


def _drawn_buildings(
    village: Village, edition: PlanEdition, parcels: list[Parcel], section: str
) -> Iterator[PlanObject]:
    for building in (one for one in edition.buildings if one.section == section):
        stands_on = [parcel for parcel in parcels if parcel.polygon.intersection(building.polygon).area > 0.5]
        changed = edition.changed_on.get(building.parts[0])
        is_new = building.parts[0] == village.built
        yield PlanObject(
            name="BATIMENT", geometry=_cc46(building.polygon), parcels=tuple(_idu(parcel) for parcel in stands_on),
            attributes={"DUR": "02" if building.is_light else "01"} | ({"TEX": building.name} if building.name else {}),
            created_on=changed or "" if is_new else "2001-03-20", updated_on=changed or "2019-04-02",
        )  # fmt: skip


def _noded(polygons: list[Polygon]) -> list[Polygon]:
    """The polygons with the corners of their neighbours on their own borders: one vertex, in both or in none."""
    corners = np.unique(np.concatenate([np.asarray(one.exterior.coords)[:-1] for one in polygons]), axis=0)
    tree = shapely.STRtree([Point(corner) for corner in corners])
    found = []
    for polygon in polygons:
        ring = np.asarray(polygon.exterior.coords)
        places = []
        for a, b in pairwise(ring):
            near = corners[tree.query(LineString([a, b]), predicate="dwithin", distance=_TOUCH_M)]
            along = (near - a) @ (b - a) / float((b - a) @ (b - a))
            inside = (along > 1e-6) & (along < 1 - 1e-6)
            places += [a, *near[inside][np.argsort(along[inside], kind="stable")]]
        found.append(Polygon(places))
    return found


def _cc46(shape: Any) -> Any:
    coordinates, _ = transform(shapely.get_coordinates(shape), "EPSG:2154", CC46)
    return shapely.set_coordinates(shape, coordinates)
