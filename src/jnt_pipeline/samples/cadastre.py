"""The cadastre of the sample, in the files of cadastre.data.gouv.fr (Etalab GeoJSON of one commune)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry import Polygon, box
from shapely.geometry.polygon import orient

from jnt_pipeline.crs import transform
from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.layout import Lot
from jnt_pipeline.samples.town import SampleTown

__all__ = ["COMMUNE", "COMMUNE_NAME", "Parcel", "Plan", "draw_plan", "write_cadastre"]

COMMUNE, COMMUNE_NAME = "45999", "RIVE-SUR-LOIRE"
"""Fictional: no commune has this INSEE code."""
SHIFT_M = (1.2, 0.9)
"""How far the cadastre draws two houses from where they stand: 1.5 m."""
BEYOND_M = 60.0
"""The commune reaches beyond the sample, metres."""
ROWS_PER_SECTION = 6
NORTH_CODES = ("C", *(f"{a}{b}" for a in "DE" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
SOUTH_CODES = ("B", *(f"{a}{b}" for a in "FG" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One parcel as it truly is."""

    parcel_id: str
    section: str
    """Two characters, padded with 0."""
    number: int
    polygon: Polygon
    """EPSG:2154."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The cadastral plan before it is drawn with its mistakes."""

    sections: dict[str, Polygon]
    """By two-character code, EPSG:2154."""
    parcels: tuple[Parcel, ...]
    broken: str
    """Id of the parcel whose ring crosses itself in the file."""
    doubled: str
    """Id of the parcel that stands twice in the file."""


def _section(row: int) -> str:
    """Section of a row of blocks: AB by the river, AC the centre, one-letter C and B beyond (padded with 0)."""
    if row == 0:
        return "AB"
    if row in {1, 2}:
        return "AC"
    codes, far = (NORTH_CODES, row - 3) if row > 0 else (SOUTH_CODES, -1 - row)
    return codes[far // ROWS_PER_SECTION].rjust(2, "0")


def draw_plan(town: SampleTown) -> Plan:
    """Number the lots and cut the commune into sections."""
    layout = town.layout
    first = next(i for i, (v0, _) in enumerate(layout.rows) if v0 > -100)
    cuts: dict[str, list[float]] = {}
    for i in range(len(layout.rows)):
        # Sections meet in the middle of the streets; the river belongs to the section south of it.
        low = layout.rows[0][0] - 1e4 if i == 0 else (layout.rows[i - 1][1] + layout.rows[i][0]) / 2
        high = (
            layout.rows[-1][1] + 1e4 if i == len(layout.rows) - 1 else (layout.rows[i][1] + layout.rows[i + 1][0]) / 2
        )
        low, high = (-78.0 if i == first else low), (-78.0 if i == first - 1 else high)
        span = cuts.setdefault(_section(i - first), [low, high])
        span[:] = [min(span[0], low), max(span[1], high)]
    whole = box(*town.extent.bounds).buffer(BEYOND_M, join_style="mitre")
    sections = {}
    for code, (low, high) in sorted(cuts.items()):
        band = layout.frame.to_world(np.array([(-2e4, low), (2e4, low), (2e4, high), (-2e4, high)]))
        part = whole.intersection(Polygon(band))
        if isinstance(part, Polygon) and not part.is_empty:
            sections[code] = part
    parcels = _numbered(town)
    rng = stream(town.seed, "plan")
    gardens = [parcel.parcel_id for parcel, lot in zip(parcels, town.lots, strict=True) if lot.block.kind == "houses"]
    broken, doubled = (
        gardens[int(x * len(gardens) / 2) + half * (len(gardens) // 2)] for half, x in enumerate(rng.random(2))
    )
    return Plan(
        sections=sections,
        parcels=tuple(sorted(parcels, key=lambda parcel: parcel.parcel_id)),
        broken=broken,
        doubled=doubled,
    )


def _numbered(town: SampleTown) -> list[Parcel]:
    numbers: dict[str, int] = {}
    parcels = []
    for lot in town.lots:
        code = _section(lot.block.row)
        number = numbers[code] = numbers.get(code, 0) + 1
        parcels.append(
            Parcel(
                parcel_id=f"{COMMUNE}000{code}{number:04d}",
                section=code,
                number=number,
                polygon=_lot_polygon(town, lot),
            )
        )
    return parcels


def _lot_polygon(town: SampleTown, lot: Lot) -> Polygon:
    return Polygon(town.layout.frame.to_world(lot.rectangle.corners))


def write_cadastre(town: SampleTown, plan: Plan, folder: Path) -> dict[str, int]:
    """Write the four layers; returns the number of features of each.

    Coordinates are WGS 84 longitude and latitude cut to 7 decimals, rings wound as in RFC 7946.
    """
    folder.mkdir(parents=True, exist_ok=True)
    features = {
        "communes": _communes(town),
        "sections": _sections(town, plan),
        "parcelles": _parcels(town, plan),
        "batiments": _buildings(town),
    }
    for layer, records in features.items():
        lines = ",\n".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
        text = f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'
        path = folder / f"cadastre-{COMMUNE}-{layer}.json.gz"
        with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write(text.encode("utf-8"))
    return {layer: len(records) for layer, records in features.items()}


def _geometries(polygons: Sequence[Polygon], *, multi: bool) -> list[Json]:
    """GeoJSON geometries in WGS 84, transformed together."""
    oriented = [orient(polygon) for polygon in polygons]
    coordinates, _ = transform(shapely.get_coordinates(oriented), "EPSG:2154", "EPSG:4326")
    moved = shapely.set_coordinates(np.array(oriented, dtype=object), np.round(coordinates, 7))
    written = []
    for polygon in moved:
        rings = [[list(point) for point in ring.coords] for ring in (polygon.exterior, *polygon.interiors)]
        kind = "MultiPolygon" if multi else "Polygon"
        written.append({"type": kind, "coordinates": [rings] if multi else rings})
    return written


def _dates(rng: np.random.Generator) -> Json:
    """``created`` and ``updated``; each may be missing, as in the real files."""
    year, month, day, later, chance = rng.random(5)
    created = f"{1996 + int(20 * year)}-{1 + int(12 * month):02d}-{1 + int(28 * day):02d}"
    updated = f"{2017 + int(9 * later)}-{1 + int(12 * day):02d}-{1 + int(28 * month):02d}"
    if chance < 0.03:
        return {"updated": updated}
    return {"created": created} if chance < 0.06 else {"created": created, "updated": updated}


def _communes(town: SampleTown) -> list[Json]:
    whole = box(*town.extent.bounds).buffer(BEYOND_M, join_style="mitre")
    properties = {"id": COMMUNE, "nom": COMMUNE_NAME, "created": "2004-01-01", "updated": "2026-02-02"}
    return [
        {"type": "Feature", "id": COMMUNE, "geometry": _geometries([whole], multi=True)[0], "properties": properties}
    ]


def _sections(town: SampleTown, plan: Plan) -> list[Json]:
    rng = stream(town.seed, "section dates")
    records = []
    for (code, _), geometry in zip(
        plan.sections.items(), _geometries(list(plan.sections.values()), multi=True), strict=True
    ):
        section_id = f"{COMMUNE}000{code}"
        properties = {"id": section_id, "commune": COMMUNE, "prefixe": "000", "code": code.lstrip("0"), **_dates(rng)}
        records.append({"type": "Feature", "id": section_id, "geometry": geometry, "properties": properties})
    return records


def _parcels(town: SampleTown, plan: Plan) -> list[Json]:
    rng = stream(town.seed, "parcel attributes")
    records = []
    for parcel, geometry in zip(plan.parcels, _geometries([p.polygon for p in plan.parcels], multi=False), strict=True):
        off, surveyed, known = rng.random(3)
        if parcel.parcel_id == plan.broken:
            ring = geometry["coordinates"][0]
            # Two corners exchanged: the ring crosses itself in the middle.
            ring[1], ring[2] = ring[2], ring[1]
        properties = {
            "id": parcel.parcel_id,
            "commune": COMMUNE,
            "prefixe": "000",
            "section": parcel.section.lstrip("0"),
            "numero": str(parcel.number),
            # The tax register and the drawing differ by a few per cent; some parcels have no registered area.
            "contenance": None if known < 0.02 else round(parcel.polygon.area * (0.975 + 0.05 * off)),
            "arpente": bool(surveyed < 0.15),
            **_dates(rng),
        }
        record = {"type": "Feature", "id": parcel.parcel_id, "geometry": geometry, "properties": properties}
        records.append(record)
        if parcel.parcel_id == plan.doubled:
            records.append({**record, "properties": {**properties, "updated": "2025-12-01"}})
    return records


def _buildings(town: SampleTown) -> list[Json]:
    rng = stream(town.seed, "building dates")
    drawn: list[tuple[Polygon, str, str]] = []
    for building in town.buildings:
        footprint = building.footprint
        if building.registration == "missing":
            continue
        if building.registration == "shifted":
            footprint = affinity.translate(footprint, *SHIFT_M)
        drawn.append((footprint, "02" if building.is_light else "01", building.name))
    drawn += [(ghost, "01", "") for ghost in town.ghosts]
    return [
        {
            "type": "Feature",
            "geometry": geometry,
            "properties": {"type": kind, "nom": name or None, "commune": COMMUNE, **_dates(rng)},
        }
        for (_, kind, name), geometry in zip(drawn, _geometries([d[0] for d in drawn], multi=True), strict=True)
    ]
