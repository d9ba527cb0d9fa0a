"""Intake reports of records: cadastral GeoJSON, sensor tables in CSV, SensorThings documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pydantic import JsonValue

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.base_layers.streams import LayerStream, collected
from jnt_pipeline.crs.france.departements import departement_of
from jnt_pipeline.crs.guessing.hints import Hints
from jnt_pipeline.crs.identify import reference_of
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import system
from jnt_pipeline.errors import (
    EmptySourceError,
    JntError,
    MissingHeightReferenceError,
    UnsupportedError,
)
from jnt_pipeline.provenance import Provenance
from jnt_pipeline.sources.cadastre import CadastreSource, read_cadastre
from jnt_pipeline.sources.check_layers import Examined, extent, refused, schema_findings, set_aside_findings
from jnt_pipeline.sources.geojson import geometries_of, parse_json, stated_crs_name
from jnt_pipeline.sources.intake import Finding, IntakeReport
from jnt_pipeline.sources.network import COLUMNS, RawNetwork, RawTable, judged_layers, judged_observations
from jnt_pipeline.sources.observed import Observed
from jnt_pipeline.sources.sensors import read_csv_table
from jnt_pipeline.sources.sensorthings import sensorthings_network

__all__ = ["examine_cadastre", "examine_csv", "examine_sensorthings"]

_FEWEST_AREAS = 3  # parcels: below, one typing error would tell a unit
DEGREES = "EPSG:4326"  # what cadastre and sensors are read in, longitude first
_NOBODY = Provenance(producer="not stated", licence="not stated")  # a check writes no layer


def examine_cadastre(path: Path) -> Examined:
    """Report on a GeoJSON feature collection: records of which layer, ids, extent, and every record at fault."""
    source = CadastreSource(path=path, producer=_NOBODY.producer, licence=_NOBODY.licence)
    try:
        found = read_cadastre((path,), source)
        layers = [collected(one) if isinstance(one, LayerStream) else one for one in found]
    except UnsupportedError as error:
        return refused(path, "geojson", error), _of_another_crs(path)  # or of something else than the cadastre
    except JntError as error:
        return refused(path, "cadastre", error), None
    layer = max(layers, key=lambda one: one.counts.read)
    if layer.counts.read == 0:
        empty = EmptySourceError("no parcel found: the collection is empty", where=path.name)
        return refused(path, "cadastre", empty), None
    faults = [*set_aside_findings(layer.rejected), *schema_findings(layer)]
    key = SCHEMAS[layer.name].key
    facts: dict[str, JsonValue] = {
        "layer": layer.name,
        "n_records": layer.counts.read,
        "n_readable": layer.counts.kept,
        "ids": [str(value) for value in layer.frame[key].dropna().head(20)],
        "communes": [*sorted({str(code) for code in layer.frame["insee_code"].dropna()})],
        "reference": layer.reference.code if layer.reference else None,
        "extent": extent(layer.frame),
    }
    notes = [Finding(severity="info", code="note", message=note) for note in layer.provenance.notes]
    return IntakeReport.judged(path, "cadastre", facts, [*faults, *notes]), _of_cadastre(path, layer)


def examine_sensorthings(path: Path, document: Any, vertical: str | None) -> Examined:
    """Report on a SensorThings document: stations, datastreams, observations, and every record at fault."""
    try:
        network = sensorthings_network(document, path.name)
    except JntError as error:
        return refused(path, "sensors", error), None
    facts: dict[str, JsonValue] = {"format": "SensorThings 1.1"}
    if isinstance(document, dict) and isinstance(document.get("requests"), list):
        facts["n_requests"] = len(document["requests"])
    facts |= {f"n_{name}": raw.table.num_rows for name, raw in network.tables.items()}
    facts["observed_properties"] = _distinct(network.tables["datastreams"], "observed_property")
    facts["observations_per_datastream"] = _per_datastream(network.tables["observations"])
    notes = [
        Finding(severity="warning" if "further pages" in note else "info", code="note", message=note)
        for note in network.notes
    ]
    try:
        layers = judged_layers(network, vertical=vertical, provenance=_NOBODY, where=path.name)
    except MissingHeightReferenceError as error:
        report = IntakeReport.refused(path, "sensors", error, "unknown_vertical", facts=facts, findings=notes)
        return report, _of_stations(path, network.tables["stations"], None)
    facts |= {"vertical_crs": vertical, "extent": extent(layers[0].frame), "period": _period(layers[2].frame)}
    faults = [f for layer in layers for f in (*set_aside_findings(layer.rejected), *schema_findings(layer))]
    report = IntakeReport.judged(path, "sensors", facts, [*faults, *notes])
    return report, _of_stations(path, network.tables["stations"], vertical)


def examine_csv(path: Path, name: str, vertical: str | None) -> Examined:
    """Report on one of the three CSV tables; ids that it refers to are in the other two, and are not judged here."""
    try:
        raw = read_csv_table(path, name)
    except JntError as error:
        return refused(path, "sensors", error), None
    facts: dict[str, JsonValue] = {"format": "CSV", "layer": name, "n_records": raw.table.num_rows + len(raw.broken)}
    notes = [Finding(severity="info", code="note", message=note) for note in raw.notes]
    empty = {other: _empty(other) for other in COLUMNS if other != name}
    tables = {**empty, name: raw}
    if name == "observations":
        layer = judged_observations(raw, None, _NOBODY)
        facts |= {"observations_per_datastream": _per_datastream(raw), "period": _period(layer.frame)}
    elif name == "datastreams":
        facts["observed_properties"] = _distinct(raw, "observed_property")
        return IntakeReport.judged(path, "sensors", facts, notes), None
    else:
        try:
            layer = judged_layers(RawNetwork(tables=tables), vertical=vertical, provenance=_NOBODY, where=path.name)[0]
        except MissingHeightReferenceError as error:
            report = IntakeReport.refused(path, "sensors", error, "unknown_vertical", facts=facts, findings=notes)
            return report, _of_stations(path, raw, None)
        facts |= {"vertical_crs": vertical, "extent": extent(layer.frame)}
    faults = [*set_aside_findings(layer.rejected), *schema_findings(layer)]
    report = IntakeReport.judged(path, "sensors", facts, [*faults, *notes])
    return report, _of_stations(path, raw, vertical) if name == "stations" else None


def _of_stations(path: Path, raw: RawTable, vertical: str | None) -> Observed:
    """The positions as written, those that are no degrees included."""
    table = pd.DataFrame({name: raw.table[name].to_pandas() for name in ("longitude", "latitude", "elevation_m")})
    numbers = table.apply(pd.to_numeric, errors="coerce").to_numpy(dtype="float64")
    return Observed(
        name=path.name,
        points=numbers[np.isfinite(numbers[:, :2]).all(axis=1)][:, :2],
        reference=Reference(horizontal=DEGREES, vertical=vertical),
        read_in=DEGREES,
        transform_options=" --columns longitude,latitude" if path.suffix.lower() == ".csv" else None,
        spots=numbers[np.isfinite(numbers).all(axis=1)],
    )


def _of_cadastre(path: Path, layer: Layer) -> Observed:
    """One point of each record, and the département that its commune is in."""
    frame = layer.frame
    shapes = np.asarray(frame.geometry, dtype=object)
    placed = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    points, owners = shapely.get_coordinates(shapes[placed], return_index=True)
    first = np.unique(owners, return_index=True)[1]
    codes = frame["insee_code"].to_numpy(dtype=object)[placed]
    departements = [None if code is None or pd.isna(code) else departement_of(str(code)) for code in codes]
    return Observed(
        name=path.name,
        points=points[first],
        reference=layer.reference,
        read_in=DEGREES,
        transform_options=None if path.suffix.lower() == ".gz" else "",
        hints=Hints(
            departements=np.array(departements, dtype=object),
            footprint_size=_footprint_size(layer.name, shapes[placed]),
            drawn_area=_drawn_area(frame[placed], shapes[placed]),
        ),
    )


def _of_another_crs(path: Path) -> Observed | None:
    """One point of each feature of a GeoJSON that names a CRS which is not read: it may be none of these numbers."""
    document = parse_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("features"), list) or not document.get("crs"):
        return None
    try:
        reference = reference_of(stated_crs_name(document, path), where=path.name).flat()
    except JntError:
        return None
    if system(reference).is_degrees or system(reference).is_geocentric:
        return None
    features = [one for one in document["features"] if isinstance(one, dict)]
    shapes = geometries_of(features).values
    known = [i for i, one in enumerate(shapes) if one is not None and not one.is_empty]
    properties = [features[i].get("properties") for i in known]
    codes = [one.get("commune") if isinstance(one, dict) else None for one in properties]
    return Observed(
        name=path.name,
        points=np.array([shapely.get_coordinates(shapes[i])[0] for i in known]).reshape(-1, 2),
        reference=reference,
        read_in=DEGREES,
        transform_options=None if path.suffix.lower() == ".gz" else "",
        hints=Hints(
            departements=np.array([departement_of(str(code)) if code else None for code in codes], dtype=object)
        ),
    )


def _footprint_size(layer: str, shapes: np.ndarray[Any, Any]) -> float | None:
    """Median side of the buildings, in units of the file."""
    return float(np.median(np.sqrt(shapely.area(shapes)))) if layer == "footprints" and len(shapes) else None


def _drawn_area(frame: pd.DataFrame, shapes: np.ndarray[Any, Any]) -> float | None:
    """Median of drawn by registered area over the parcels that have both; None for fewer than ``_FEWEST_AREAS``."""
    if "registered_area_m2" not in frame:
        return None
    registered = frame["registered_area_m2"].to_numpy(dtype="float64", na_value=np.nan)
    drawn = shapely.area(shapes)
    known = (registered > 0) & (drawn > 0)
    return float(np.median(drawn[known] / registered[known])) if known.sum() >= _FEWEST_AREAS else None


def _period(frame: pd.DataFrame) -> JsonValue:
    if frame.empty:
        return None
    first, last = frame["phenomenon_at"].min(), frame["phenomenon_at"].max()
    return [f"{first:%Y-%m-%dT%H:%M:%SZ}", f"{last:%Y-%m-%dT%H:%M:%SZ}"]


def _distinct(raw: RawTable, column: str) -> list[JsonValue]:
    return [value for value in raw.table[column].unique().to_pylist() if value]


def _per_datastream(raw: RawTable) -> dict[str, JsonValue]:
    counts = raw.table.group_by("datastream_id", use_threads=False).aggregate([("datastream_id", "count")])
    return dict(zip(counts["datastream_id"].to_pylist(), counts["datastream_id_count"].to_pylist(), strict=True))


def _empty(name: str) -> RawTable:
    table = pa.table({column: pa.array([], type=pa.string()) for column in COLUMNS[name]})
    return RawTable(table=table, label=lambda i: f"row {i + 2}")
