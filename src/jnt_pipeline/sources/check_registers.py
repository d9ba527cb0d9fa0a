"""Intake reports of addresses, buildings of the RNB, planning documents, street base maps, and tables of the BDNB."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pydantic import JsonValue

from jnt_pipeline.base_layers.streams import collected
from jnt_pipeline.crs.france.departements import departement_of
from jnt_pipeline.crs.guessing.hints import Hints
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import JntError, MixedReferencesError
from jnt_pipeline.sources.address_layouts import holds_addresses
from jnt_pipeline.sources.address_places import legal_projection
from jnt_pipeline.sources.addresses import AddressesSource, read_addresses
from jnt_pipeline.sources.check_layers import Examined, examine_layers, refused
from jnt_pipeline.sources.findings import records_warning
from jnt_pipeline.sources.intake import Finding, IntakeReport
from jnt_pipeline.sources.observed import Observed
from jnt_pipeline.sources.planning import PlanningSource, holds_planning, read_planning
from jnt_pipeline.sources.rnb import RnbSource, read_rnb
from jnt_pipeline.sources.street_map import PcrsSource, holds_street_map, read_street_map
from jnt_pipeline.sources.text_tables import read_text_table

__all__ = ["examine_features", "examine_rnb", "examine_table", "holds_bdnb"]

_NOBODY = {"producer": "not stated", "licence": "not stated"}  # a check writes no layer
_BDNB_IDS = {"cle_interop_adr", "batiment_groupe_id", "batiment_construction_id"}
_BDNB_SHAPES = ("WKT", "geom", "geom_batiment_construction")
_DEGREES = "EPSG:4326"


def examine_table(path: Path, names: Sequence[str]) -> Examined | None:
    """Report on a CSV file with these columns; None where it is of none of these families."""
    if "rnb_id" in names:
        return examine_rnb(path)
    if holds_bdnb(names):
        return _examine_bdnb(path)
    if holds_addresses(names) or _lacks_streets(names):
        return _examine_addresses(path)
    return None


def examine_rnb(path: Path) -> Examined:
    """Report on buildings of the RNB, in a table or in JSON."""

    def read() -> Any:
        stream = read_rnb(path, RnbSource(path=path, **_NOBODY))
        layer = collected(stream)
        statuses = layer.frame["status"].value_counts().to_dict()
        facts: dict[str, JsonValue] = {
            "statuses": {str(name): int(n) for name, n in sorted(statuses.items())},
            "n_inactive": int((~layer.frame["is_active"].astype("boolean").fillna(value=True)).sum()),
        }
        notes = [Finding(severity="info", code="note", message=note) for note in stream.provenance.notes]
        return (layer,), notes, facts

    return examine_layers(path, "rnb", read)


def examine_features(path: Path, vertical: str | None) -> Examined | None:
    """Report on a file that GDAL reads; None where it holds neither planning nor a street base map.

    Raises ``UnreadableError`` when GDAL cannot open it.
    """
    if holds_street_map(path):

        def read() -> Any:
            found = read_street_map(path, PcrsSource(path=path, vertical=vertical, **_NOBODY))
            return found.layers, found.findings, {"vertical_crs": vertical}

        return examine_layers(path, "pcrs", read)
    if holds_planning(path):

        def read_document() -> Any:
            source = PlanningSource(path=path, **_NOBODY)
            found = read_planning(source.units(None)[0].files, source)
            return found.layers, found.findings, {}

        return examine_layers(path, "urban_planning", read_document)
    return None


def holds_bdnb(names: Sequence[str]) -> bool:
    """Whether the columns of a table are those of the BDNB: an id of it, and a geometry as text."""
    return bool(_BDNB_IDS & set(names)) and any(name in names for name in _BDNB_SHAPES)


def _lacks_streets(names: Sequence[str]) -> bool:
    """Whether these are addresses but for the street: a missing column is then named."""
    return {"cle_interop", "numero"} <= {name.lower() for name in names}


def _examine_addresses(path: Path) -> Examined:
    def read() -> Any:
        found = read_addresses(path, AddressesSource(path=path, **_NOBODY))
        communes = sorted({str(code) for code in found.layer.frame["insee_code"].dropna()})
        note = Finding(severity="info", code="coordinates", message=found.layer.provenance.notes[0])
        return (found.layer,), (*found.findings, note), {"layout": found.layout, "communes": communes}

    return examine_layers(path, "addresses", read)


def _examine_bdnb(path: Path) -> Examined:
    """Whether a table of the BDNB is in degrees or in metres: its editions differ, and none states it."""
    try:
        table = read_text_table(path)
        column = next(name for name in _BDNB_SHAPES if name in table.table.column_names)
        texts = table.table[column].to_pylist()
        shapes = np.asarray(shapely.from_wkt(np.asarray(texts, dtype=object), on_invalid="ignore"), dtype=object)
        unread = [str(row) for row, text, one in zip(table.rows, texts, shapes, strict=True) if text and one is None]
        bounds = shapely.bounds(shapes)
        placed = np.isfinite(bounds).all(axis=1)
        in_degrees = (np.abs(bounds[placed]) <= (180, 90, 180, 90)).all(axis=1)
        if in_degrees.any() and not in_degrees.all():
            raise MixedReferencesError(
                "some geometries are in degrees and some in metres",
                where=path.name,
                found=f"{int(in_degrees.sum())} of {int(placed.sum())} in degrees",
                expected="one unit for the whole table",
                remedy="ask the producer for one edition",
            )
    except JntError as error:
        return refused(path, "bdnb", error), None
    codes = [name for name in ("code_commune_insee", "cle_interop_adr") if name in table.table.column_names]
    told = table.table[codes[0]].to_pylist() if codes else [None] * len(shapes)
    departements = np.array([departement_of(str(code).strip("{")) if code else None for code in told], dtype=object)
    is_degrees = bool(in_degrees.all()) and bool(placed.any())
    likely = _DEGREES if is_degrees else legal_projection({code for code in departements if code})
    unit = "degrees" if is_degrees else "metres" if placed.any() else None
    facts: dict[str, JsonValue] = {
        "n_records": len(texts) + len(table.broken),
        "geometry_column": column,
        "unit": unit,
        "reference": likely,
        "extent": [round(float(one), 7) for one in shapely.total_bounds(shapes[placed])] if placed.any() else None,
    }
    findings = [
        Finding(
            severity="info",
            code="bdnb_unit",
            message=f"coordinates are in {unit or 'no unit'}; the table states no reference"
            + (f", {likely} fits its communes" if likely else ""),
            remedy="ids of the BDNB come with the buildings of the RNB: declare `kind: rnb`",
        )
    ]
    if unread:
        findings.append(
            records_warning("bad_coordinates", "rows whose geometry cannot be read", unread, "ask the producer")
        )
    observed = None
    if likely and placed.any():
        observed = Observed(
            name=path.name,
            points=bounds[placed][:, :2],
            reference=Reference(horizontal=likely),
            hints=Hints(departements=departements[placed]),
        )
    return IntakeReport.judged(path, "bdnb", facts, findings), observed
