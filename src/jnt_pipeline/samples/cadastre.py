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
from shapely.geometry import Polygon
from shapely.geometry.polygon import orient

from jnt_pipeline.crs import transform
from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.layout import Lot
from jnt_pipeline.samples.sites import Site
from jnt_pipeline.samples.town import SampleTown

__all__ = ["BEYOND_M", "LAYERS", "SHIFT_M", "Parcel", "Plan", "draw_plan", "file_name", "write_cadastre"]

SHIFT_M = (1.2, 0.9)
"""How far the cadastre draws two houses from where they stand: 1.5 m."""
BEYOND_M = 60.0
"""The commune reaches beyond the sample, metres."""
LAYERS = ("batiments", "communes", "parcelles", "sections")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One parcel as it truly is."""

    parcel_id: str
    section: str
    """Two characters, padded with 0."""
    number: int
    polygon: Polygon
    """In the projection of the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The cadastral plan before it is drawn with its mistakes."""

    sections: dict[str, Polygon]
    """By two-character code, in the projection of the site."""
    parcels: tuple[Parcel, ...]
    broken: str
    """Id of the parcel whose ring crosses itself in the file."""
    doubled: str
    """Id of the parcel that stands twice in the file."""


def draw_plan(town: SampleTown) -> Plan:
    """Number the lots and cut the commune into sections."""
    parcels = _numbered(town)
    rng = stream(town.seed, "plan")
    gardens = [parcel.parcel_id for parcel, lot in zip(parcels, town.lots, strict=True) if lot.block.kind == "houses"]
    broken, doubled = (
        gardens[int(x * len(gardens) / 2) + half * (len(gardens) // 2)] for half, x in enumerate(rng.random(2))
    )
    return Plan(
        sections=_cut(town),
        parcels=tuple(sorted(parcels, key=lambda parcel: parcel.parcel_id)),
        broken=broken,
        doubled=doubled,
    )


def _cut(town: SampleTown) -> dict[str, Polygon]:
    """The sections: bands of rows that meet in the middle of the streets."""
    layout, zoning = town.layout, town.zoning
    rows, first, waterside = layout.rows, zoning.row_zero, zoning.waterside_v
    cuts: dict[str, list[float]] = {}
    for i in range(len(rows)):
        low = rows[0][0] - 1e4 if i == 0 else (rows[i - 1][1] + rows[i][0]) / 2
        high = rows[-1][1] + 1e4 if i == len(rows) - 1 else (rows[i][1] + rows[i + 1][0]) / 2
        if waterside is not None:
            low, high = (waterside if i == first else low), (waterside if i == first - 1 else high)
        span = cuts.setdefault(zoning.section_of(i - first), [low, high])
        span[:] = [min(span[0], low), max(span[1], high)]
    sections = {}
    for code, (low, high) in sorted(cuts.items()):
        band = layout.frame.to_world(np.array([(-2e4, low), (2e4, low), (2e4, high), (-2e4, high)]))
        part = zoning.commune.intersection(Polygon(band))
        if isinstance(part, Polygon) and not part.is_empty:
            sections[code] = part
    return sections


def _numbered(town: SampleTown) -> list[Parcel]:
    numbers: dict[str, int] = {}
    parcels = []
    for lot in town.lots:
        code = town.zoning.section_of(lot.block.row)
        number = numbers[code] = numbers.get(code, 0) + 1
        parcels.append(
            Parcel(
                parcel_id=f"{town.site.insee}000{code}{number:04d}",
                section=code,
                number=number,
                polygon=_lot_polygon(town, lot),
            )
        )
    return parcels


def _lot_polygon(town: SampleTown, lot: Lot) -> Polygon:
    return Polygon(town.layout.frame.to_world(lot.rectangle.corners))


def file_name(site: Site, layer: str) -> str:
    """Name of a layer's file, as Etalab delivers it."""
    return f"cadastre-{site.insee}-{layer}.json.gz"


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
        path = folder / file_name(town.site, layer)
        with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write(text.encode("utf-8"))
    return {layer: len(records) for layer, records in features.items()}


def _geometries(town: SampleTown, polygons: Sequence[Polygon], *, multi: bool) -> list[Json]:
    """GeoJSON geometries in WGS 84, transformed together."""
    oriented = [orient(polygon) for polygon in polygons]
    coordinates, _ = transform(shapely.get_coordinates(oriented), town.site.horizontal, "EPSG:4326")
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
    insee = town.site.insee
    properties = {"id": insee, "nom": town.site.commune, "created": "2004-01-01", "updated": "2026-02-02"}
    geometry = _geometries(town, [town.zoning.commune], multi=True)[0]
    return [{"type": "Feature", "id": insee, "geometry": geometry, "properties": properties}]


def _sections(town: SampleTown, plan: Plan) -> list[Json]:
    rng = stream(town.seed, "section dates")
    records = []
    for (code, _), geometry in zip(
        plan.sections.items(), _geometries(town, list(plan.sections.values()), multi=True), strict=True
    ):
        section_id = f"{town.site.insee}000{code}"
        properties = {
            "id": section_id,
            "commune": town.site.insee,
            "prefixe": "000",
            "code": code.lstrip("0"),
            **_dates(rng),
        }
        records.append({"type": "Feature", "id": section_id, "geometry": geometry, "properties": properties})
    return records


def _parcels(town: SampleTown, plan: Plan) -> list[Json]:
    rng = stream(town.seed, "parcel attributes")
    records = []
    for parcel, geometry in zip(
        plan.parcels, _geometries(town, [p.polygon for p in plan.parcels], multi=False), strict=True
    ):
        off, surveyed, known = rng.random(3)
        if parcel.parcel_id == plan.broken:
            ring = geometry["coordinates"][0]
            # Two corners exchanged: the ring crosses itself in the middle.
            ring[1], ring[2] = ring[2], ring[1]
        properties = {
            "id": parcel.parcel_id,
            "commune": town.site.insee,
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
            "properties": {"type": kind, "nom": name or None, "commune": town.site.insee, **_dates(rng)},
        }
        for (_, kind, name), geometry in zip(drawn, _geometries(town, [d[0] for d in drawn], multi=True), strict=True)
    ]
