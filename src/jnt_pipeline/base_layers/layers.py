"""The values that travel between stages: a table or an array with its reference, provenance and counts.

Native layers (as a source read them) and base layers (*données socles*, normalised) are the same type: what
differs is the promise. A base layer is in the twin's reference and has the columns of its schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import pandas as pd

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import SchemaError
from jnt_pipeline.provenance import Counts, Provenance

__all__ = ["REJECTED_COLUMNS", "Layer", "empty_rejections", "rejections"]

REJECTED_COLUMNS = ("record", "reason", "detail")
"""Columns of the table of records set aside: where it stood in the source, reason code, and a sentence."""


def empty_rejections() -> pd.DataFrame:
    """No record set aside."""
    return pd.DataFrame({name: pd.Series(dtype="str") for name in REJECTED_COLUMNS})


def rejections(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    """Table of records set aside, from (record, reason, detail) rows."""
    if not rows:
        return empty_rejections()
    return pd.DataFrame(rows, columns=list(REJECTED_COLUMNS)).astype("str")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of records: features with a geometry, or a plain table (observations)."""

    name: str
    """Name in the twin, e.g. ``parcels`` (see ``base_layers.schema``)."""
    frame: pd.DataFrame
    """The records; a ``GeoDataFrame`` where they have a geometry, whose CRS is ``reference.horizontal``."""
    reference: Reference | None
    """Horizontal and vertical reference of geometry and elevations; None for a table without coordinates."""
    provenance: Provenance
    """Where the records come from."""
    counts: Counts
    """``read = kept + rejected``; ``kept`` is the length of ``frame``."""
    rejected: pd.DataFrame = field(default_factory=empty_rejections)
    """Records set aside: ``record``, ``reason``, ``detail``."""
    own_schema: LayerSchema | None = None
    """What the layer promises, where its name is not one of ``SCHEMAS``: a layer of a user's own file."""

    @property
    def schema(self) -> LayerSchema:
        """The columns, key and shape that the layer promises; raises ``SchemaError`` for a name unknown."""
        found = self.own_schema or SCHEMAS.get(self.name)
        if found is None:
            raise SchemaError(
                "a layer that no schema describes",
                where=self.name,
                expected="a layer of the schemas, or one that brings its own",
                remedy="give the layer its `own_schema`",
            )
        return found

    def __post_init__(self) -> None:
        """Refuse a layer whose parts contradict each other."""
        if self.counts.kept != len(self.frame):
            raise ValueError(f"layer {self.name}: counts say {self.counts.kept} kept, the frame has {len(self.frame)}")
        if sum(self.counts.rejected.values()) != len(self.rejected):
            raise ValueError(f"layer {self.name}: rejected rows and counts disagree")
        if isinstance(self.frame, gpd.GeoDataFrame) and self.reference is None:
            raise ValueError(f"layer {self.name}: features without a reference")
