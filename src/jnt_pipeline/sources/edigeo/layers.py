"""The native layers of one sheet, every object kept or set aside with its reason, and the links that the plan tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.base_layers.layers import Layer, rejections
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.sources.edigeo.attributes import CLASSES, Commune, FaultyRecordError, row_of
from jnt_pipeline.sources.edigeo.content import LABELS, Content, Feature, Key
from jnt_pipeline.sources.edigeo.outlines import BrokenOutlineError, geometry_of
from jnt_pipeline.sources.footprint_ids import footprint_ids, shared_ids, told_apart

__all__ = ["LAYER_NAMES", "RELATIONS", "sheet_layers"]

RELATIONS = LayerSchema(
    name="cadastral_relations",
    title="Links that the cadastral plan states",
    key="relation_id",
    shape="none",
    is_shared=True,
    columns=(
        Column("relation_id", "text", "Id of the thing and of the parcel, joined with >.", required=True),
        Column("insee_code", "text", "INSEE code of the commune."),
        Column("relation_class", "text", "Relation of the plan: BATIMENT_PARCELLE, NUMVOIE_PARCELLE, …", required=True),
        Column("layer_name", "text", "Layer of the thing: footprints, tax_subdivisions, cadastral_points, …"),
        Column("source_id", "text", "Id of the thing in that layer.", required=True),
        Column("parcel_id", "text", "Parcel that the plan relates it to, 14 characters.", required=True),
    ),
)
"""n-to-n rows: the relations ``…_PARCELLE`` of the sheets, as the producer states them."""

LAYER_NAMES = (
    *CLASSES.values(),
    "cadastral_surfaces",
    "cadastral_lines",
    "cadastral_points",
    RELATIONS.name,
)
"""The layers that a sheet may hold, in the order in which they are yielded."""

_DERIVED = {"footprints": ("footprint_id", "B"), "localities": ("locality_id", "L")}
_DTYPES = {"text": "str", "integer": "Int64", "number": "float64", "boolean": "boolean"}


@dataclass(slots=True)
class _Table:
    """Rows of one layer while it is filled."""

    keys: list[Key] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    geometries: list[Any] = field(default_factory=list)
    rejected: list[tuple[str, str, str]] = field(default_factory=list)


def sheet_layers(content: Content, insee_code: str, provenance: Provenance) -> tuple[Layer, ...]:
    """Layers of a sheet; those of which it has no object are left out.

    Set aside: ``broken_ring`` (primitives missing, ambiguous, or not closed), ``duplicate_object``, ``bad_section_id``,
    ``bad_sheet_id``, ``bad_parcel_id``, ``other_commune``, ``bad_registered_area``, ``bad_survey_flag``,
    ``missing_parcel_id`` and ``ambiguous_parcel_id`` (a tax subdivision of no parcel, or of several),
    ``missing_geometry`` where the id comes from the place; of relations, ``missing_thing``: an end is not in the sheet.

    Raises ``CrsError`` when the ids of buildings need a grid that is not on this machine.
    """
    commune = Commune(insee_code)
    hung = _parcels_of(content)
    tables = {name: _Table() for name in LAYER_NAMES}
    for feature in content.features.values():
        if feature.name != LABELS:
            _fill(tables[_layer_name(feature, content)], feature, content, commune, hung)
    for feature in content.repeated:
        if feature.name != LABELS:
            detail = "the identifier was met before in its subset; the first stays"
            tables[_layer_name(feature, content)].rejected.append((_record(feature), "duplicate_object", detail))
    ids: dict[Key, tuple[str, str]] = {}
    layers = [
        _layer(name, table, content.reference, provenance, ids)
        for name, table in tables.items()
        if table.rows or table.rejected
    ]
    relations = _relations(content, ids, insee_code, provenance)
    return (*layers, relations) if relations.counts.read else tuple(layers)


def _layer_name(feature: Feature, content: Content) -> str:
    return CLASSES.get(feature.name) or f"cadastral_{content.kinds.get(feature.name) or 'surface'}s"


def _record(feature: Feature) -> str:
    named = feature.attributes.get("IDU")
    return f"{named} ({feature.where})" if named else f"{feature.name} {feature.key[1]} ({feature.where})"


def _fill(
    table: _Table, feature: Feature, content: Content, commune: Commune, hung: Mapping[Key, tuple[str, ...]]
) -> None:
    name = _layer_name(feature, content)
    try:
        row = row_of(feature, content, commune)
        geometry = geometry_of(feature, content)
        if geometry is None and (name in _DERIVED or name.startswith("cadastral_")):
            raise FaultyRecordError("missing_geometry", "without geometry it has no place to name it by")
        if name == "tax_subdivisions" or name.startswith("cadastral_"):
            row |= _on_parcel(name, row, [commune.insee_code + idu[3:] for idu in hung.get(feature.key, ())])
    except FaultyRecordError as fault:
        table.rejected.append((_record(feature), fault.reason, fault.detail))
    except BrokenOutlineError as fault:
        table.rejected.append((_record(feature), "broken_ring", str(fault)))
    else:
        table.keys.append(feature.key)
        table.rows.append(row)
        table.geometries.append(geometry)


def _on_parcel(name: str, row: dict[str, Any], parcels: list[str]) -> dict[str, Any]:
    if name != "tax_subdivisions":
        return {"parcel_id": parcels[0] if len(parcels) == 1 else None}  # several: in the relations
    if len(parcels) != 1:
        reason = "ambiguous_parcel_id" if parcels else "missing_parcel_id"
        raise FaultyRecordError(reason, f"the plan relates it to {' and '.join(parcels) or 'no parcel'}")
    return {"parcel_id": parcels[0], "tax_subdivision_id": f"{parcels[0]}-{row['letter'] or ''}"}


def _parcels_of(content: Content) -> dict[Key, tuple[str, ...]]:
    """Object → IDU of the parcels that a relation ``…_PARCELLE`` names with it; which end comes first differs."""
    found: dict[Key, tuple[str, ...]] = {}
    for relation in content.relations:
        for thing, parcel in _pairs(relation.name, relation.ends, content):
            idu = content.features[parcel].attributes.get("IDU") if parcel in content.features else None
            if idu and idu not in found.get(thing, ()):
                found[thing] = (*found.get(thing, ()), idu)
    return found


def _pairs(name: str, ends: tuple[Key, ...], content: Content) -> list[tuple[Key, Key]]:
    """(thing, parcel) of a relation with parcels; an end that is not described counts as what it should be."""
    if not name.endswith("_PARCELLE"):
        return []
    kinds = [content.features[end].name if end in content.features else "" for end in ends]
    parcels = [end for end, kind in zip(ends, kinds, strict=True) if kind == "PARCELLE"]
    things = [end for end, kind in zip(ends, kinds, strict=True) if kind != "PARCELLE"]
    if not parcels and len(things) > 1:
        parcels = things[1:]
        things = things[:1]
    return [(thing, parcel) for thing in things for parcel in parcels]


def _layer(
    name: str, table: _Table, reference: Reference, provenance: Provenance, ids: dict[Key, tuple[str, str]]
) -> Layer:
    schema = SCHEMAS[name]
    frame = pd.DataFrame(table.rows, columns=list(schema.column_names))
    frame = frame.astype({column.name: _DTYPES[column.kind] for column in schema.columns})
    geometries = np.empty(len(table.rows), dtype=object)
    geometries[:] = table.geometries
    located = gpd.GeoDataFrame(frame, geometry=geometries, crs=reference.horizontal)
    if len(located):
        codes = located["insee_code"].to_numpy(dtype=object)
        if name in _DERIVED:
            column, letter = _DERIVED[name]
            located[column] = _text(footprint_ids(codes, geometries, letter=letter, reference=reference), located)
        elif name.startswith("cadastral_"):
            kinds = located["detail_class"].to_numpy(dtype=object)
            places = shared_ids(codes, geometries, letter="", reference=reference)
            named = [one and one.replace("--", f"-{kind}-", 1) for one, kind in zip(places, kinds, strict=True)]
            found = told_apart(np.array(named, dtype=object), geometries)
            located["detail_id"] = _text(found, located)
        ids |= {
            key: (name, str(one)) for key, one in zip(table.keys, located[schema.key], strict=True) if not pd.isna(one)
        }
    reasons = Counter(reason for _, reason, _ in table.rejected)
    return Layer(
        name=name,
        frame=located,
        reference=reference,
        provenance=provenance,
        counts=Counts(
            read=len(located) + len(table.rejected), kept=len(located), rejected=dict(sorted(reasons.items()))
        ),
        rejected=rejections(table.rejected),
    )


def _text(values: Any, frame: pd.DataFrame) -> pd.Series[Any]:
    return pd.Series(values, index=frame.index, dtype="str")


def _relations(content: Content, ids: Mapping[Key, tuple[str, str]], insee_code: str, provenance: Provenance) -> Layer:
    rows: list[dict[str, str]] = []
    rejected: list[tuple[str, str, str]] = []
    for relation in content.relations:
        for thing, parcel in _pairs(relation.name, relation.ends, content):
            if thing not in ids or parcel not in ids:
                told = " and ".join(key[1] for key in (thing, parcel) if key not in ids)
                rejected.append((f"{relation.name} {thing[1]} {parcel[1]}", "missing_thing", f"not kept: {told}"))
                continue
            (layer, source_id), (_, parcel_id) = ids[thing], ids[parcel]
            rows.append(
                {
                    "relation_id": f"{source_id}>{parcel_id}",
                    "insee_code": insee_code,
                    "relation_class": relation.name,
                    "layer_name": layer,
                    "source_id": source_id,
                    "parcel_id": parcel_id,
                }
            )
    frame = pd.DataFrame(rows, columns=list(RELATIONS.column_names)).astype("str")
    reasons = Counter(reason for _, reason, _ in rejected)
    return Layer(
        name=RELATIONS.name,
        frame=frame,
        reference=None,
        provenance=provenance,
        counts=Counts(read=len(rows) + len(rejected), kept=len(rows), rejected=dict(sorted(reasons.items()))),
        rejected=rejections(rejected),
        own_schema=RELATIONS,
    )
