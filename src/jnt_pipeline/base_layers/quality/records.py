"""Rules about single records: those set aside, duplicates, the grammar of ids, dates."""

from __future__ import annotations

import re
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.quality.rules import Context, Found, Rule, count, found_in
from jnt_pipeline.base_layers.schema import SCHEMAS

__all__ = ["RECORD_RULES", "iso_dates", "key_of"]

_INSEE = r"(?:\d{2}|2[AB])\d{3}"
_SECTION = _INSEE + r"\d{3}[0-9A-Z]{2}"

ID_PATTERNS: dict[str, str] = {
    "communes": _INSEE,
    "former_communes": _INSEE + r"\d{3}",
    "sections": _SECTION,
    "sheets": _SECTION + r"\d{2}",
    "parcels": _SECTION + r"\d{4}",
    "tax_subdivisions": _SECTION + r"\d{4}-\S+",
    "topo_buildings": r"[A-Z]{8}\d{16}",
    "rnb_buildings": r"[1-9A-HJ-KM-NP-TV-Z]{12}",
}
"""What the id of a record looks like, by layer."""

_PREFIXES = {"sections": "insee_code", "sheets": "section_id", "parcels": "section_id", "tax_subdivisions": "parcel_id"}
"""Column that the id of a record begins with."""

_YEAR_IN_FRONT = re.compile(r"(?:19|20)\d{2}(" + _INSEE + r"\w*|\d{6}\w*)")
_DATED = ("communes", "sections", "sheets", "parcels", "footprints", "localities", "tax_subdivisions", "topo_buildings")
_SHAPES = ("parcels", "footprints", "sheets", "sections", "tax_subdivisions", "topo_buildings", "rnb_buildings")
_NO_FAULT = ("repeated_record", "left_out_", "outside_area")
# What is kept elsewhere, or was never meant to be kept, speaks against nobody.
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


def key_of(frame: pd.DataFrame, layer: str) -> str:
    """Column that identifies a record of a layer: that of its schema, else the first column."""
    schema = SCHEMAS.get(layer)
    return schema.key if schema is not None and schema.key else str(frame.columns[0])


def iso_dates(text: str) -> list[str]:
    """The dates YYYY-MM-DD that a vintage states, in their order."""
    return sorted(set(_ISO.findall(text)))


def _set_aside(context: Context, layer: str) -> Found | None:
    origin = context.origins.get(layer)
    if origin is None:
        return None
    reasons = {reason: n for reason, n in sorted(origin.counts.rejected.items()) if not reason.startswith(_NO_FAULT)}
    n = sum(reasons.values())
    told = ", ".join(f"{reason} {number:,}" for reason, number in reasons.items())
    message = f"{n:,} of {count(origin.counts.read, 'record')} set aside" + (f": {told}" if n else "")
    return Found(n_judged=origin.counts.read, n_found=n, message=message, values={"reasons": reasons})


def _same_id(context: Context, layer: str) -> Found | None:
    frame = context.layers[layer]
    if layer not in SCHEMAS or not SCHEMAS[layer].key:
        return None
    key = key_of(frame, layer)
    twice = frame[key].duplicated(keep=False).to_numpy(dtype=bool)
    n_ids = int(frame.loc[twice, key].nunique())
    message = f"{count(n_ids, 'id')} on {count(int(twice.sum()), 'record')}" if n_ids else "every id once"
    return found_in(frame, key, twice, message, {"n_ids": n_ids})


def _same_shape(context: Context, layer: str) -> Found | None:
    frame = context.layers[layer]
    known = frame.geometry.notna().to_numpy(dtype=bool)
    wkb = pd.Series(shapely.to_wkb(shapely.normalize(np.asarray(frame.geometry))), dtype="object")
    twice = wkb.duplicated(keep=False).to_numpy(dtype=bool) & known
    n_shapes = int(wkb[twice].nunique())
    message = f"{count(int(twice.sum()), 'record')} share {count(n_shapes, 'outline')} with another"
    return found_in(frame, key_of(frame, layer), twice, message if n_shapes else "every outline once")


def _grammar(context: Context, layer: str) -> Found | None:
    frame = context.layers[layer]
    key = key_of(frame, layer)
    ids = frame[key].astype("object").fillna("").astype(str)
    odd = (~ids.str.fullmatch(ID_PATTERNS[layer])).to_numpy(dtype=bool)
    parent = _PREFIXES.get(layer)
    torn = np.zeros(len(frame), dtype=bool)
    if parent is not None and parent in frame:
        heads = frame[parent].astype("object").fillna("").astype(str)
        lengths = heads.str.len()
        for length in sorted(set(lengths.tolist())):
            torn |= (lengths.eq(length) & ids.str[:length].ne(heads)).to_numpy(dtype=bool)
        torn &= ~odd
    years = int(ids[odd].str.fullmatch(_YEAR_IN_FRONT).sum())
    nulls = int(ids[odd].str.contains("null|none|nan", case=False).sum())
    n = int((odd | torn).sum())
    parts = [f"{count(n, 'id')} not of the form of the layer" if n else "every id of the form of the layer"]
    parts += [f"{years:,} with a year in front"] if years else []
    parts += [f"{nulls:,} made from a missing value (null)"] if nulls else []
    parts += [f"{int(torn.sum()):,} do not begin with their {parent}"] if torn.any() else []
    values = {"n_year_in_front": years, "n_null": nulls, "n_not_of_parent": int(torn.sum())}
    return found_in(frame, key, odd | torn, ", ".join(parts), values)


def _texts(frame: gpd.GeoDataFrame, column: str) -> pd.Series[Any]:
    texts: pd.Series[Any] = frame[column].astype("object").where(frame[column].notna(), "").astype(str)
    return texts


def _dates(frame: gpd.GeoDataFrame, column: str) -> pd.Series[Any]:
    return pd.to_datetime(_texts(frame, column), format="%Y-%m-%d", errors="coerce")


def _date_columns(frame: gpd.GeoDataFrame) -> list[str]:
    return [name for name in ("created_on", "updated_on") if name in frame]


def _impossible_dates(context: Context, layer: str) -> Found | None:
    frame = context.layers[layer]
    columns = _date_columns(frame)
    if not columns:
        return None
    wrong, absent, early = (np.zeros(len(frame), dtype=bool) for _ in range(3))
    for column in columns:
        texts, dates = _texts(frame, column), _dates(frame, column)
        absent |= texts.str.casefold().eq("absent").to_numpy(dtype=bool)
        wrong |= (texts.ne("") & dates.isna()).to_numpy(dtype=bool)
        early |= (dates.dt.year < context.parameters.earliest_year).fillna(False).to_numpy(dtype=bool)
    bad = wrong | early
    n = int(bad.sum())
    values = {"n_absent": int(absent.sum()), "n_too_early": int(early.sum())}
    message = f"{count(n, 'record')} with a date that is none" if n else "every date that is stated can be one"
    message += f", {values['n_absent']:,} of them the word Absent" if values["n_absent"] else ""
    return found_in(frame, key_of(frame, layer), bad, message, values)


def _future_dates(context: Context, layer: str) -> Found | None:
    frame, origin = context.layers[layer], context.origins.get(layer)
    columns = _date_columns(frame)
    editions = iso_dates(origin.provenance.vintage) if origin is not None else []
    if not columns or not editions:
        return None
    newest = pd.Timestamp(editions[-1])
    late: NDArray[np.bool_] = np.zeros(len(frame), dtype=bool)
    for column in columns:
        late |= (_dates(frame, column) > newest).to_numpy(dtype=bool)
    n = int(late.sum())
    message = f"{count(n, 'record')} dated after the edition of {editions[-1]}"
    return found_in(frame, key_of(frame, layer), late, message, {"edition": editions[-1]})


def _order_of_dates(context: Context, layer: str) -> Found | None:
    frame = context.layers[layer]
    if len(_date_columns(frame)) < 2:
        return None
    wrong = (_dates(frame, "created_on") > _dates(frame, "updated_on")).to_numpy(dtype=bool)
    return found_in(frame, key_of(frame, layer), wrong, f"{count(int(wrong.sum()), 'record')} changed before created")


RECORD_RULES: tuple[Rule, ...] = (
    Rule(
        code="records_set_aside",
        layers=(),
        severity="warning",
        title="Records set aside",
        meaning="Invalid outlines, missing or malformed ids, places outside the area: these records are not in the "
        "twin. Each is listed with its reason beside the layer. Nothing is repaired unless it is asked for.",
        source="read = kept + rejected, by reason code; datagouv/cadastre issues 19 and 99 (invalid parcels)",
        judge=_set_aside,
    ),
    Rule(
        code="duplicate_ids",
        layers=(),
        severity="error",
        title="Ids on several records",
        meaning="An id must name one thing. Two deliveries overlap, or the producer repeats records: links to the id "
        "are ambiguous.",
        source="datagouv/cadastre issue 20: 237 parcel ids twice",
        judge=_same_id,
    ),
    Rule(
        code="identical_outlines",
        layers=_SHAPES,
        severity="warning",
        title="Records with the very same outline",
        meaning="One thing under two ids, or a record delivered twice: areas and links count it twice.",
        source="outlines compared vertex by vertex after normalisation",
        judge=_same_shape,
    ),
    Rule(
        code="id_grammar",
        layers=tuple(ID_PATTERNS),
        severity="error",
        title="Ids of the form of their register",
        meaning="An id of another form joins with nothing: a year in front, zeros that were stripped, `null` in the "
        "place of the section, or another section than the record states.",
        source="structure of the IDU (DGFiP, IGN); datagouv/cadastre issue 20 (04null); cadastrapp issue 483 (years)",
        judge=_grammar,
    ),
    Rule(
        code="impossible_dates",
        layers=_DATED,
        severity="warning",
        title="Dates that are none",
        meaning="The record is sound; what it says of its age cannot be used.",
        source="QgisCadastrePlugin issue 116 (the word Absent); law of 15 September 1807",
        judge=_impossible_dates,
    ),
    Rule(
        code="dates_after_edition",
        layers=_DATED,
        severity="warning",
        title="Dates after the edition",
        meaning="Either the edition stated in the configuration is not that of the files, or the date is wrong.",
        source="vintage of the source, where it states a date",
        judge=_future_dates,
    ),
    Rule(
        code="created_after_updated",
        layers=_DATED,
        severity="warning",
        title="Changed before created",
        meaning="One of the two dates is wrong; the change between two editions may be missed.",
        source="INSPIRE beginLifespanVersion",
        judge=_order_of_dates,
    ),
)
