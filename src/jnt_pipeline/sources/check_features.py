"""Intake reports of files of features: cadastre, BD TOPO, and any vector file, whatever its format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.streams import LayerStream, collected
from jnt_pipeline.errors import UnreadableError
from jnt_pipeline.provenance import Provenance
from jnt_pipeline.sources.bdtopo import BdTopoSource, bdtopo_layer, read_bdtopo
from jnt_pipeline.sources.cadastre import CadastreSource, cadastral_dialect, read_cadastre
from jnt_pipeline.sources.check_layers import Examined, examine_layers
from jnt_pipeline.sources.delivered import parts_of, reference_for
from jnt_pipeline.sources.intake import Finding, IntakeReport
from jnt_pipeline.sources.mapping import Mapping
from jnt_pipeline.sources.planning_doubts import doubt_of_class
from jnt_pipeline.sources.vector_files import Features, layer_names, open_features, stream

__all__ = ["companion_report", "examine_feature_file"]

_NOBODY = {"producer": "not stated", "licence": "not stated"}  # a check writes no layer
_PARTS = (".cpg", ".dbf", ".prj", ".qix", ".sbn", ".sbx", ".shx")
_COLUMNS_TOLD = 60

Found = tuple[Sequence[Layer], list[Finding], dict[str, JsonValue]]


def companion_report(path: Path) -> IntakeReport | None:
    """The report on a file that belongs to a shapefile beside it, and is checked with that; None for any other."""
    if path.suffix.lower() not in _PARTS:
        return None
    owner = next((one for one in (path.with_suffix(".shp"), path.with_suffix(".SHP")) if one.is_file()), None)
    if owner is None:
        return None
    message = f"belongs to {owner.name}, and is checked with it"
    finding = Finding(severity="info", code="part_of_shapefile", message=message)
    return IntakeReport.judged(path, "shapefile", {"shapefile": owner.name}, [finding])


def examine_feature_file(path: Path, vertical: str | None) -> Examined:
    """Report on a file of features: layers, records, reference, extent, key figures, and every record at fault.

    Layers of the cadastre and of BD TOPO are told by their attributes and judged as their readers judge them; others
    are described as they are, for a mapping of one's own (``kind: vector``). Raises ``UnreadableError``.
    """
    every = [open_features(path, layer=name) for name in layer_names(path)]
    if not every:
        raise UnreadableError("the file holds no layer", where=path.name, expected="a layer of features")
    if any(cadastral_dialect(features) for features in every):
        return examine_layers(path, "cadastre", lambda: _cadastre(path))
    if any(bdtopo_layer(features) for features in every):
        return examine_layers(path, "bdtopo", lambda: _bdtopo(path, vertical))
    return examine_layers(path, "vector", lambda: _vector(every))


def _cadastre(path: Path) -> Found:
    found = read_cadastre(parts_of(path), CadastreSource(path=path, **_NOBODY))
    layers = _held(found)
    communes = sorted(
        {
            str(code)
            for layer in layers
            if "insee_code" in layer.frame
            for code in layer.frame["insee_code"].dropna().unique()
        }
    )
    return layers, _notes(layers), {"communes": [*communes]}


def _bdtopo(path: Path, vertical: str | None) -> Found:
    layers = _held(read_bdtopo(parts_of(path), BdTopoSource(path=path, vertical=vertical, **_NOBODY)))
    facts: dict[str, JsonValue] = {}
    for layer in layers:
        if layer.name == "topo_buildings":
            heights = layer.frame["height_m"].astype("float64")
            facts["heights"] = {
                "n_unknown": int(heights.isna().sum()),
                "n_zero": int((heights == 0).sum()),
                "median_m": None if heights.isna().all() else round(float(heights.median()), 3),
                "highest_m": None if heights.isna().all() else round(float(heights.max()), 3),
            }
    return layers, _notes(layers), facts


def _vector(every: Sequence[Features]) -> Found:
    layers, facts = [], {}
    for features in every:
        if not features.geometry_type:
            continue
        reference, _ = reference_for(features, None)
        schema = LayerSchema(name=features.layer, title=features.layer, key="", shape="any", columns=())
        mapping = Mapping(schema=schema, fields=())
        layers.append(collected(stream(features, schema, mapping, reference, Provenance(**_NOBODY))))
        facts[features.layer] = features.geometry_type
    columns: dict[str, JsonValue] = {one.layer: [*one.columns.names][:_COLUMNS_TOLD] for one in every}
    told = Finding(
        severity="info",
        code="mapping_needed",
        message="features of no register that is known here",
        remedy="declare `kind: vector` with a mapping of the columns that the twin shall have",
    )
    doubts = [doubt for one in every if (doubt := doubt_of_class(one.path, one.layer, one.columns.names)) is not None]
    tables = [one.layer for one in every if not one.geometry_type]
    more = [_note(f"tables without geometry: {', '.join(tables)}")] if tables else []
    return layers, [*doubts, told, *more, *_notes(layers)], {"geometry_types": {**facts}, "columns": columns}


def _held(found: Sequence[Layer | LayerStream]) -> list[Layer]:
    return [collected(one) if isinstance(one, LayerStream) else one for one in found]


def _notes(layers: Sequence[Layer]) -> list[Finding]:
    return [_note(note) for note in dict.fromkeys(note for layer in layers for note in layer.provenance.notes)]


def _note(text: str) -> Finding:
    if ".dbf) is missing" in text:
        return Finding(
            severity="warning",
            code="missing_attribute_table",
            message=text,
            remedy="put the .dbf of the delivery beside the .shp, or unpack the delivery again",
        )
    return Finding(severity="info", code="note", message=text)
