"""What both writers of layers put into a GeoParquet file: row groups, the covering box, the metadata ``geo``.

Source: GeoParquet 1.1.0, https://geoparquet.org/releases/v1.1.0/.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jnt_pipeline.errors import SchemaError

__all__ = ["COVERING", "ROW_GROUP_SIZE", "SIDES", "geo_metadata", "no_covering_column"]

ROW_GROUP_SIZE = 10_000
"""Records per row group: what a reader with a bounding box can skip at once."""

COVERING = "bbox"
"""Name of the column with the box of each geometry."""

SIDES = ("xmin", "ymin", "xmax", "ymax")
"""Members of ``COVERING``."""


def geo_metadata(
    name: str, crs: dict[str, Any], geometry_types: Sequence[str], bounds: Sequence[float] | None
) -> dict[str, Any]:
    """The value of the key ``geo`` for one geometry column in WKB.

    Parameters: ``crs`` as PROJJSON; ``geometry_types`` sorted; ``bounds`` of all records, None where none has a place.
    """
    column: dict[str, Any] = {
        "encoding": "WKB",
        "crs": crs,
        "geometry_types": list(geometry_types),
        "covering": {COVERING: {side: [COVERING, side] for side in SIDES}},
    }
    if bounds is not None:
        column["bbox"] = list(bounds)
    return {"version": "1.1.0", "primary_column": name, "columns": {name: column}}


def no_covering_column(names: Iterable[str], path: Path) -> None:
    """Raise ``SchemaError`` when an attribute has the name of the covering box."""
    if COVERING in set(names):
        raise SchemaError(
            "the column name is taken by the covering of GeoParquet",
            where=f"{path.name}, column {COVERING}",
            remedy="rename the column",
        )
