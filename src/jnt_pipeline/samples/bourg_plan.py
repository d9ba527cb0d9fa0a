"""Two editions (*millésimes*) of the cadastral plan of the village, and what changed between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry import Polygon

from jnt_pipeline.samples.bourg_town import Village
from jnt_pipeline.samples.cadastre import Parcel
from jnt_pipeline.samples.layout import Rectangle
from jnt_pipeline.samples.roofs import SampleBuilding

__all__ = [
    "AFTER",
    "BEFORE",
    "SECTIONS",
    "SHIFT_M",
    "DrawnBuilding",
    "PlanEdition",
    "both_editions",
    "drawn_as_one",
    "outline_of",
]

BEFORE, AFTER = "2025-09", "2026-03"
"""Vintages (*millésimes*), and the folders of the sheets."""
SECTIONS = {"AB": "LE BOURG", "AC": "LES VIGNES", "ZA": "LES PRÉS DU MOULIN"}
SHIFT_M = (-1.2, 0.7)
"""How far east and north section AC was drawn from where it lies, before it was surveyed again (*remaniement*)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBuilding:
    """One building of the plan: what it is made of in truth, and its outline."""

    parts: tuple[str, ...]
    """Buildings of the truth, the main one first."""
    section: str
    polygon: Polygon
    """In Lambert-93, as the plan draws it."""
    is_light: bool
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEdition:
    """One edition of the plan, in Lambert-93."""

    vintage: str
    sections: dict[str, Polygon]
    parcels: tuple[Parcel, ...]
    buildings: tuple[DrawnBuilding, ...]
    made_on: dict[str, str]
    """Section → date of its sheet."""
    changed_on: dict[str, str]
    """Parcel, or main part of a building → date of its last change, where it changed."""


def both_editions(village: Village) -> tuple[PlanEdition, PlanEdition, list[dict[str, Any]]]:
    """The edition before and the present one, true to what is drawn in each, and the changes between them."""
    town = village.town
    parcels = _numbered(village)
    lot, limit = village.divided
    r = town.lots[lot].rectangle
    one, other = (parcels[i] for i in village.merged)
    to_world = town.layout.frame.to_world
    last = max(parcel.number for parcel in parcels if parcel.section == "AB")
    halves = [
        _parcel(village, "AB", last + 1 + k, Polygon(to_world(Rectangle(r.u0, r.u1, *vv).corners)))
        for k, vv in enumerate(((r.v0, limit), (limit, r.v1)))
    ]
    union = Polygon(to_world(_joined(town.lots[village.merged[0]].rectangle, town.lots[village.merged[1]].rectangle)))
    merged = _parcel(village, "AB", last + 3, union)
    gone_ids = {parcels[lot].parcel_id, one.parcel_id, other.parcel_id}
    now_parcels = [parcel for parcel in parcels if parcel.parcel_id not in gone_ids] + [*halves, merged]
    standing = {building.building_id: building for building in town.buildings}
    now = [_drawn(village, parts, standing) for parts in drawn_as_one(village, standing)]
    house, added = village.extension
    former = {**standing, village.gone.building_id: village.gone}
    del former[added], former[village.built]
    before = [_drawn(village, parts, former) for parts in drawn_as_one(village, former)]
    sections = _sections(village)
    old = PlanEdition(
        vintage=BEFORE, sections=sections, made_on=dict.fromkeys(SECTIONS, "2025-09-01"), changed_on={},
        parcels=tuple(_shifted_parcel(parcel) for parcel in parcels),
        buildings=tuple(_shifted_building(building) for building in before),
    )  # fmt: skip
    changed = {
        **{parcel.parcel_id: "2025-11-18" for parcel in halves}, merged.parcel_id: "2026-01-09",
        house: "2026-02-03", village.built: "2026-02-03",
    }  # fmt: skip
    new = PlanEdition(
        vintage=AFTER, sections=sections, parcels=tuple(now_parcels), buildings=tuple(now), changed_on=changed,
        made_on={"AB": "2026-03-01", "AC": "2026-03-01", "ZA": "2025-09-01"},
    )  # fmt: skip
    n_shifted = (
        sum(1 for parcel in new.parcels if parcel.section == "AC"),
        sum(1 for building in new.buildings if building.section == "AC"),
    )
    story: list[dict[str, Any]] = [
        {
            "layer": "parcels", "kind": "divided", "before": [parcels[lot].parcel_id],
            "after": [parcel.parcel_id for parcel in halves],
        },
        {"layer": "parcels", "kind": "merged", "before": [one.parcel_id, other.parcel_id], "after": [merged.parcel_id]},
        {"layer": "footprints", "kind": "extended", "building_id": house, "part_added": added},
        {"layer": "footprints", "kind": "built", "building_id": village.built},
        {"layer": "footprints", "kind": "torn down", "building_id": village.gone.building_id, "at": _at(village)},
        {
            "layer": "parcels and footprints", "kind": "section surveyed again", "section": "AC",
            "moved_by_m": [-SHIFT_M[0], -SHIFT_M[1]], "n_parcels": n_shifted[0], "n_footprints": n_shifted[1],
        },
        {"layer": "all", "kind": "untouched", "section": "ZA"},
    ]  # fmt: skip
    return old, new, story


def _at(village: Village) -> list[float]:
    middle = village.gone.footprint.centroid
    return [round(middle.x, 2), round(middle.y, 2)]


def _numbered(village: Village) -> list[Parcel]:
    """One parcel a lot, numbered from 1 in each section."""
    numbers: dict[str, int] = {}
    parcels = []
    for lot in village.town.lots:
        code = village.town.zoning.section_of(lot.block.row)
        numbers[code] = numbers.get(code, 0) + 1
        polygon = Polygon(village.town.layout.frame.to_world(lot.rectangle.corners))
        parcels.append(_parcel(village, code, numbers[code], polygon))
    return parcels


def _parcel(village: Village, section: str, number: int, polygon: Polygon) -> Parcel:
    parcel_id = f"{village.town.site.insee}000{section}{number:04d}"
    return Parcel(parcel_id=parcel_id, section=section, number=number, polygon=polygon)


def _joined(left: Rectangle, right: Rectangle) -> NDArray[np.float64]:
    if left.u1 != right.u0 or (left.v0, left.v1) != (right.v0, right.v1):
        raise ValueError(f"the lots {left} and {right} are no neighbours")
    return Rectangle(left.u0, right.u1, left.v0, left.v1).corners


def drawn_as_one(village: Village, standing: Mapping[str, SampleBuilding]) -> Iterator[tuple[str, ...]]:
    """What the plan draws as one building."""
    joined = {first: (first, second) for first, second in (village.church, village.extension)}
    seconds = {second for _, second in joined.values()}
    for name in standing:
        if name not in seconds:
            yield tuple(part for part in joined.get(name, (name,)) if part in standing)


def _drawn(village: Village, parts: tuple[str, ...], standing: Mapping[str, SampleBuilding]) -> DrawnBuilding:
    first = standing[parts[0]]
    row = village.town.lots[village.lot_of[parts[0]]].block.row
    outline = outline_of([standing[part] for part in parts])
    return DrawnBuilding(
        parts=parts, section=village.town.zoning.section_of(row), polygon=outline, is_light=first.is_light,
        name=first.name,
    )  # fmt: skip


def outline_of(buildings: Sequence[SampleBuilding]) -> Polygon:
    """The outline around buildings that stand wall to wall, in Lambert-93."""
    outline = shapely.union_all([one.footprint for one in buildings], grid_size=0.001)
    if not isinstance(outline, Polygon):
        raise TypeError(f"{' and '.join(one.building_id for one in buildings)} do not touch")
    return outline


def _shifted_parcel(parcel: Parcel) -> Parcel:
    return parcel if parcel.section != "AC" else replace(parcel, polygon=affinity.translate(parcel.polygon, *SHIFT_M))


def _shifted_building(one: DrawnBuilding) -> DrawnBuilding:
    return one if one.section != "AC" else replace(one, polygon=affinity.translate(one.polygon, *SHIFT_M))


def _sections(village: Village) -> dict[str, Polygon]:
    """Bands of the commune that meet in the middle of the streets."""
    town = village.town
    found: dict[str, Polygon] = {}
    for code, (low, high) in {"ZA": (-1e4, -101.5), "AB": (-101.5, 14.5), "AC": (14.5, 1e4)}.items():
        band = Polygon(town.layout.frame.to_world(Rectangle(-1e4, 1e4, low, high).corners))
        part = band.intersection(town.zoning.commune)
        if not isinstance(part, Polygon):
            raise TypeError(f"section {code} is a {part.geom_type}")
        found[code] = part
    return found
