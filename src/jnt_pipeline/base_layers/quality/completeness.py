"""Rules about what should be there and where: sheets, sections, communes, and buildings on parcels."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from jnt_pipeline.base_layers.quality.rules import Context, Found, Rule, count, found_in

__all__ = ["COMPLETENESS_RULES"]


def _without(frame: gpd.GeoDataFrame, key: str, used: set[str], noun: str, lacking: str) -> Found:
    """Records of ``frame`` whose key nothing uses."""
    lonely = ~frame[key].astype(str).isin(used).to_numpy(dtype=bool)
    return found_in(frame, key, lonely, f"{count(int(lonely.sum()), noun)} of {len(frame):,} without {lacking}")


def _values(frame: gpd.GeoDataFrame, column: str) -> set[str]:
    return set(frame[column].dropna().astype(str))


def _sections_of_parcels(parcels: gpd.GeoDataFrame) -> set[str]:
    return _values(parcels, "section_id") | set(parcels["parcel_id"].astype(str).str[:10])


def _sections_without_parcels(context: Context, layer: str) -> Found | None:
    parcels = context.layers.get("parcels")
    if parcels is None:
        return None
    used = _sections_of_parcels(parcels)
    return _without(context.layers[layer], "section_id", used, "section", "a parcel")


def _sheets_without_parcels(context: Context, layer: str) -> Found | None:
    parcels, sheets = context.layers.get("parcels"), context.layers[layer]
    if parcels is None:
        return None
    used = _sections_of_parcels(parcels)
    lonely = ~sheets["sheet_id"].astype(str).str[:10].isin(used).to_numpy(dtype=bool)
    message = f"{count(int(lonely.sum()), 'sheet')} of {len(sheets):,} whose section has no parcel"
    return found_in(sheets, "sheet_id", lonely, message)


def _communes_without_parcels(context: Context, layer: str) -> Found | None:
    parcels = context.layers.get("parcels")
    if parcels is None:
        return None
    return _without(context.layers[layer], "insee_code", _values(parcels, "insee_code"), "commune", "a parcel")


def _parcels_without_section(context: Context, layer: str) -> Found | None:
    sections, parcels = context.layers.get("sections"), context.layers[layer]
    if sections is None:
        return None
    known = _values(sections, "section_id")
    lonely = ~parcels["parcel_id"].astype(str).str[:10].isin(known).to_numpy(dtype=bool)
    message = f"{count(int(lonely.sum()), 'parcel')} of {len(parcels):,} whose section is not in the layer of sections"
    return found_in(parcels, "parcel_id", lonely, message)


def _expected_sheets(context: Context, layer: str) -> Found | None:
    expected = sorted(set(context.parameters.expected_sheets))
    if not expected:
        return None
    there = _values(context.layers[layer], "sheet_id")
    missing = [sheet for sheet in expected if sheet not in there]
    message = f"{count(len(missing), 'sheet')} of {len(expected):,} expected ones missing"
    return Found(
        n_judged=len(expected),
        n_found=len(missing),
        message=message + (f": {', '.join(missing[:5])}" if missing else ""),
        record_ids=tuple(missing),
        values={"n_not_expected": len(there - set(expected))},
    )


def _outside_commune(context: Context, layer: str) -> Found | None:
    """Parcels whose representative point lies farther outside their commune than borders are uncertain."""
    communes, parcels = context.layers.get("communes"), context.layers[layer]
    if communes is None or not len(communes):
        return None
    shapes = dict(zip(communes["insee_code"].astype(str), communes.geometry, strict=True))
    codes = parcels["insee_code"].astype(str).to_numpy(dtype=object)
    points = shapely.point_on_surface(np.asarray(parcels.geometry))
    distance = np.zeros(len(parcels))
    for code in sorted(set(codes.tolist()) & set(shapes)):
        rows = np.flatnonzero(codes == code)
        shapely.prepare(shapes[code])
        outside = rows[~shapely.contains_properly(shapes[code], points[rows])]
        distance[outside] = shapely.distance(shapes[code], points[outside])
    away = distance > context.parameters.commune_tolerance_m
    unknown = int((~np.isin(codes.astype(str), sorted(shapes))).sum())
    message = (
        f"{count(int(away.sum()), 'parcel')} more than {context.parameters.commune_tolerance_m:g} m outside its commune"
    )
    message += f"; {unknown:,} of a commune that the layer of communes does not hold" if unknown else ""
    values = {"max_distance_m": round(float(distance.max(initial=0.0)), 2), "n_unknown_commune": unknown}
    return found_in(parcels, "parcel_id", away, message, values, order=distance)


def _outside_parcels(context: Context, layer: str) -> Found | None:
    """Footprints that meet no parcel at all."""
    parcels, footprints = context.layers.get("parcels"), context.layers[layer]
    if parcels is None or not len(parcels):
        return None
    shapes = np.asarray(footprints.geometry)
    met, _ = shapely.STRtree(np.asarray(parcels.geometry)).query(shapes, predicate="intersects")
    lonely = np.ones(len(shapes), dtype=bool)
    lonely[met] = False
    area = shapely.area(shapes)
    message = f"{count(int(lonely.sum()), 'building')} of {len(shapes):,} on no parcel"
    values = {"area_m2": round(float(area[lonely].sum()), 2)}
    return found_in(footprints, "footprint_id", lonely, message, values, order=area)


COMPLETENESS_RULES: tuple[Rule, ...] = (
    Rule(
        code="sections_without_parcels",
        layers=("sections",),
        severity="warning",
        title="Sections without a parcel",
        meaning="The section is drawn and its parcels did not arrive: a sheet is missing, or its file was cut.",
        source="sections and parcels of one delivery",
        judge=_sections_without_parcels,
    ),
    Rule(
        code="sheets_without_parcels",
        layers=("sheets",),
        severity="warning",
        title="Sheets whose section has no parcel",
        meaning="The index of sheets announces more than the parcels hold.",
        source="index of sheets (feuilles) against parcels; datagouv/cadastre issue 54",
        judge=_sheets_without_parcels,
    ),
    Rule(
        code="communes_without_parcels",
        layers=("communes",),
        severity="warning",
        title="Communes without a parcel",
        meaning="The commune is drawn and its parcels are not in the twin: files are missing, or lie outside the area.",
        source="communes and parcels of one delivery",
        judge=_communes_without_parcels,
    ),
    Rule(
        code="parcels_without_section",
        layers=("parcels",),
        severity="warning",
        title="Parcels whose section is absent",
        meaning="Sections and parcels come from different editions, or a sheet was left out of one of them.",
        source="sections and parcels of one delivery",
        judge=_parcels_without_section,
    ),
    Rule(
        code="expected_sheets",
        layers=("sheets",),
        severity="error",
        title="Sheets that were expected",
        meaning="The list of sheets in the configuration, or of the producer's index, is not delivered whole.",
        source="parameter expected_sheets",
        judge=_expected_sheets,
    ),
    Rule(
        code="parcels_outside_commune",
        layers=("parcels",),
        severity="warning",
        title="Parcels outside their commune",
        meaning="A sheet lies in the wrong place, or the parcel bears the code of another commune.",
        source="representative points; borders differ by 20 to 40 m in places (datagouv/cadastre issue 116)",
        judge=_outside_commune,
    ),
    Rule(
        code="buildings_outside_parcels",
        layers=("footprints",),
        severity="info",
        title="Buildings on no parcel",
        meaning="Buildings of the public domain, on a gap between sheets, or of a sheet whose parcels are missing. "
        "They have no link to a parcel.",
        source="cadastral buildings and parcels of one delivery",
        judge=_outside_parcels,
    ),
)
