"""What every publication says of where it comes from: references, undulation, provenance, counts, dates."""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from jnt_pipeline.crs.france.territories import compound_of, french_name
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ExportError
from jnt_pipeline.provenance import Operation, Provenance
from jnt_pipeline.territory.model import StoredLayer, Territory

__all__ = [
    "coordinate_origin",
    "crs_url",
    "interval_of_vintages",
    "joined_provenance",
    "layer_origin",
    "require_count",
    "sha256_of",
    "single_code",
    "territory_origin",
    "with_operations",
    "write_json",
]

_VINTAGE = re.compile(r"(?<!\d)((?:19|20)\d{2})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?(?!\d)")


def single_code(reference: Reference) -> str | None:
    """The one EPSG code of a reference: ``EPSG:5698`` for 2154+5720; None where EPSG registered no compound."""
    if reference.vertical is None:
        return reference.horizontal
    return compound_of(reference.horizontal, reference.vertical)


def crs_url(reference: Reference) -> str | None:
    """OGC name of the reference, ``https://www.opengis.net/def/crs/EPSG/0/5698``; None without a single code."""
    code = single_code(reference)
    return None if code is None else f"https://www.opengis.net/def/crs/EPSG/0/{code[5:]}"


def territory_origin(territory: Territory) -> dict[str, Any]:
    """Name, both references with their French name, and the declared undulation, as JSON values."""
    undulation = territory.undulation
    return {
        "territory": territory.name,
        "title": territory.title,
        "horizontal_crs": territory.reference.horizontal,
        "vertical_crs": territory.reference.vertical,
        "reference_name": french_name(territory.reference.code),
        "declared_undulation": None if undulation is None else undulation.model_dump(mode="json"),
    }


def layer_origin(territory: Territory, layer: StoredLayer, *published_by: Operation) -> dict[str, Any]:
    """The territory's origin with one layer's own references, provenance and counts, as JSON values.

    ``published_by``: the operations that brought the coordinates out of the twin's reference, in order.
    """
    reference = layer.reference
    return {
        **territory_origin(territory),
        "layer": layer.name,
        "horizontal_crs": None if reference is None else reference.horizontal,
        "vertical_crs": None if reference is None else reference.vertical,
        "reference_name": None if reference is None else french_name(reference.code),
        **coordinate_origin(layer.provenance, *published_by),
        "counts": layer.counts.model_dump(mode="json"),
    }


def coordinate_origin(provenance: Provenance, *published_by: Operation) -> dict[str, Any]:
    """Where data come from and how well their coordinates are known, as JSON values.

    ``provenance``: the record, its ``operations`` in order: those that brought the records into the twin, then those of
    ``published_by``. ``accuracy_m``: the stated accuracy of that whole chain, metres; null = not stated (see
    ``provenance.whole_accuracy_m``). ``attribution``: wording to show, that of the grids which were used included.
    """
    whole = with_operations(provenance, *published_by)
    return {
        "provenance": whole.model_dump(mode="json"),
        "accuracy_m": whole.accuracy_m,
        "attribution": whole.full_attribution,
    }


def with_operations(provenance: Provenance, *published_by: Operation) -> Provenance:
    """The record with the operations that brought the coordinates out of the twin, after those that brought them in."""
    for operation in published_by:
        provenance = provenance.with_operation(operation)
    return provenance


def require_count(layer: StoredLayer, what: Literal["records", "records set aside"], found: int) -> None:
    """Raise ``ExportError`` when the layer's files hold another number of records than its counts state."""
    expected = layer.counts.kept if what == "records" else sum(layer.counts.rejected.values())
    if found != expected:
        raise ExportError(
            f"the layer's files do not hold the {what} that its counts state",
            where=layer.name,
            found=str(found),
            expected=str(expected),
            remedy="run the pipeline again: the workspace was changed by hand",
        )


def joined_provenance(provenances: Iterable[Provenance]) -> Provenance | None:
    """One record for a publication made of several layers; None when there is no layer."""
    joined: Provenance | None = None
    for provenance in provenances:
        joined = provenance if joined is None else joined | provenance
    return joined


def interval_of_vintages(vintages: Iterable[str]) -> tuple[dt.datetime, dt.datetime] | None:
    """First and last instant (UTC) that the vintages (*millésimes*) speak of; None when they give no date.

    A year or a month stands for the whole of it: ``2024-06`` is 2024-06-01T00:00:00Z to 2024-06-30T23:59:59Z.
    """
    starts: list[dt.datetime] = []
    ends: list[dt.datetime] = []
    for vintage in vintages:
        for year, month, day in _VINTAGE.findall(vintage):
            y, first_month, last_month = int(year), int(month or 1), int(month or 12)
            last = calendar.monthrange(y, last_month)[1]
            if day and int(day) > last:
                continue
            starts.append(dt.datetime(y, first_month, int(day or 1), tzinfo=dt.UTC))
            ends.append(dt.datetime(y, last_month, int(day or last), 23, 59, 59, tzinfo=dt.UTC))
    return (min(starts), max(ends)) if starts else None


def write_json(path: Path, document: object, *, indent: int | None = 2) -> None:
    """Write a JSON document, keys in their order; raises ``ExportError`` for a number JSON cannot carry."""
    try:
        separators = (",", ":") if indent is None else None
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    except ValueError as error:
        raise ExportError(
            "a value cannot be written as JSON",
            where=path.name,
            found=str(error),
            expected="finite numbers",
            remedy="look for a missing value in the layer",
        ) from error
    path.write_text(text + "\n", encoding="utf-8")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
