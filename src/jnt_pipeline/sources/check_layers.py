"""Intake reports of layers: what is in them, the records at fault, and where they lie; for any source of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pydantic import JsonValue

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.crs.france.departements import departement_of
from jnt_pipeline.crs.guessing.hints import Hints
from jnt_pipeline.errors import (
    CrsError,
    EmptySourceError,
    JntError,
    MissingCrsError,
    MixedReferencesError,
    UnsupportedError,
)
from jnt_pipeline.sources.findings import counted, records_warning
from jnt_pipeline.sources.intake import Finding, IntakeReport
from jnt_pipeline.sources.observed import Observed

__all__ = [
    "Examined",
    "examine_layers",
    "extent",
    "observed_layers",
    "refused",
    "schema_findings",
    "set_aside_findings",
]

_MOST_IDS = 20  # named in the facts
_MOST_POINTS = 5000  # of a file, from which its place is judged

_MOST_NAMED = 5  # records in a finding
_POSITIONS = "further_positions"

Examined = tuple[IntakeReport, Observed | None]
"""The report on a file, and what it shows of its place."""

Read = Callable[[], tuple[Sequence[Layer], Iterable[Finding], dict[str, JsonValue]]]
"""Reads a file: its layers, what its reader found, and facts beside those that every layer has."""


def examine_layers(path: Path, kind: str, read: Read) -> Examined:
    """Report on a file of layers, one fact of each kind per layer; an error of the reader is the verdict."""
    try:
        layers, findings, facts = read()
    except JntError as error:
        return refused(path, kind, error), None
    held = [layer for layer in layers if layer.counts.read]
    facts = {
        **facts,
        "layers": {layer.name: layer.counts.read for layer in layers},
        "n_records": sum(layer.counts.read for layer in layers),
        "n_readable": sum(layer.counts.kept for layer in layers),
        "references": [*sorted({layer.reference.code for layer in layers if layer.reference is not None})],
        "extents": {layer.name: extent(layer.frame) for layer in held if extent(layer.frame) is not None},
        "ids": {
            layer.name: [str(value) for value in layer.frame[key].dropna().head(_MOST_IDS)]
            for layer in held
            if (key := layer.schema.key)
        },
    }
    faults = [f for layer in layers for f in (*set_aside_findings(layer.rejected), *schema_findings(layer))]
    return IntakeReport.judged(path, kind, facts, [*faults, *findings]), observed_layers(path, layers)


def observed_layers(path: Path, layers: Sequence[Layer]) -> Observed | None:
    """One point of each record, and the département that its commune is in; of the layer with most records."""
    placed = [layer for layer in layers if isinstance(layer.frame, gpd.GeoDataFrame) and layer.reference is not None]
    if not placed:
        return None
    layer = max(placed, key=lambda one: one.counts.kept)
    shapes = np.asarray(layer.frame.geometry, dtype=object)
    points, owners = shapely.get_coordinates(shapes, return_index=True)
    owners, first = np.unique(owners, return_index=True)
    step = max(1, len(owners) // _MOST_POINTS)
    owners, first = owners[::step], first[::step]
    codes: NDArray[np.object_] = np.full(len(layer.frame), None, dtype=object)
    if "insee_code" in layer.frame:
        codes = layer.frame["insee_code"].to_numpy(dtype=object)
    known = [None if code is None or pd.isna(code) else departement_of(str(code)) for code in codes[owners]]
    return Observed(
        name=path.name,
        points=points[first],
        reference=layer.reference,
        hints=Hints(departements=np.array(known, dtype=object)),
    )


def refused(path: Path, kind: str, error: JntError) -> IntakeReport:
    """The report on a file that its reader refuses."""
    if isinstance(error, EmptySourceError):
        # readable, and nothing in it: neither a crash nor a success
        finding = Finding.of_error(error, "empty").model_copy(
            update={"severity": "warning", "remedy": error.remedy or "check what was asked of the producer"}
        )
        return IntakeReport.judged(path, kind, {"n_records": 0}, [finding])
    if isinstance(error, UnsupportedError):
        return IntakeReport.refused(path, kind, error, "not_read")
    if isinstance(error, MixedReferencesError):
        return IntakeReport.refused(path, kind, error, "mixed_references")
    if isinstance(error, MissingCrsError):
        return IntakeReport.refused(path, kind, error, "missing_crs")
    if isinstance(error, CrsError):
        return IntakeReport.refused(path, kind, error, "contradictory_reference")
    return IntakeReport.refused(path, kind, error, "damaged" if error.exit_code == 3 else "unusable")


def set_aside_findings(rejected: pd.DataFrame) -> list[Finding]:
    """One finding per reason among the records that a reader set aside."""
    return [
        _warning(str(reason), [f"{r} ({d})" for r, d in zip(group["record"], group["detail"], strict=True)])
        for reason, group in rejected.groupby("reason", sort=True)
    ]


def schema_findings(layer: Layer) -> list[Finding]:
    """Records that the normaliser will set aside whatever the territory is: same codes as there, one for each record.

    A further position of an address, for which a BAL has a row of its own, is no fault.
    """
    schema, frame = layer.schema, layer.frame
    faults: list[tuple[str, NDArray[np.bool_]]] = []
    for column in schema.columns:
        if column.required:
            faults.append((f"missing_{column.name}", frame[column.name].isna().to_numpy()))
        if column.pattern:
            values = frame[column.name].astype("str")
            strange = values.notna() & ~values.str.fullmatch(column.pattern).fillna(False).astype(bool)
            faults.append((f"bad_{column.name}", strange.to_numpy(dtype=bool)))
    if schema.key:
        again = (frame[schema.key].duplicated() & frame[schema.key].notna()).to_numpy()
        harmless = again & _further_positions(frame) if layer.name == "addresses" else np.zeros_like(again)
        faults += [(_POSITIONS, harmless), ("duplicate_id", again & ~harmless)]
    if isinstance(frame, gpd.GeoDataFrame):
        shapes = np.asarray(frame.geometry, dtype=object)
        faults.append(("missing_geometry", shapely.is_missing(shapes)))
        faults.append(("invalid_geometry", ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)))
    found, told = [], np.zeros(len(frame), dtype=bool)
    for code, mask in faults:
        names = [_name(frame, schema.key, int(i)) for i in np.flatnonzero(mask & ~told)]
        told |= mask
        if names:
            found.append(_told_positions(names) if code == _POSITIONS else _warning(code, names))
    return found


def _further_positions(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Which addresses are the same as the first of their key, but for their place and what it marks; shape (n,)."""
    table = pd.DataFrame(frame.drop(columns=["geometry", "position_type"]))
    whole = table.groupby(list(table.columns), sort=False, dropna=False).ngroup()
    return (whole == whole.groupby(table["address_id"]).transform("first")).to_numpy(dtype=bool)


def _told_positions(names: Sequence[str]) -> Finding:
    named, more = dict.fromkeys(names[:_MOST_NAMED]), ", and more" if len(names) > _MOST_NAMED else ""
    message = f"{counted(len(names), 'positions of addresses beside the best one, which stays')}: {', '.join(named)}"
    return Finding(severity="info", code=_POSITIONS, message=message + more)


def extent(frame: pd.DataFrame) -> JsonValue:
    """Bounds of a layer; None for one without geometry."""
    if not isinstance(frame, gpd.GeoDataFrame) or frame.geometry.isna().all():
        return None
    return [round(float(value), 7) for value in frame.total_bounds]


def _name(frame: pd.DataFrame, key: str, position: int) -> str:
    value = frame[key].iloc[position] if key else None
    return f"record {position}" if value is None or pd.isna(value) else str(value)


def _warning(code: str, records: Sequence[str]) -> Finding:
    return records_warning(code, "records set aside", records, "report them to the producer; nothing is repaired here")
