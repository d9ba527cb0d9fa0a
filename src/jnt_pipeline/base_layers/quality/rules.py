"""What a quality rule is: an object that judges one layer and speaks (*règle de contrôle*)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.quality.parameters import QualityParameters
from jnt_pipeline.provenance import Counts, Provenance

__all__ = ["Context", "Found", "LayerOrigin", "Rule", "Severity", "count", "found_in"]

Severity = Literal["info", "warning", "error"]

Floats = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerOrigin:
    """Where the records of a layer come from, and how many were set aside on the way."""

    provenance: Provenance
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything that rules may look at: the base layers of a twin, in its reference."""

    layers: Mapping[str, gpd.GeoDataFrame]
    origins: Mapping[str, LayerOrigin]
    parameters: QualityParameters
    shared: dict[str, Any] = field(default_factory=dict)
    """What one rule computed and another may use: the neighbours of parcels."""

    def once(self, compute: Callable[[Context], T]) -> T:
        """What a function makes of this context, computed the first time it is asked for."""
        name = compute.__name__
        if name not in self.shared:
            self.shared[name] = compute(self)
        value: T = self.shared[name]
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule found in one layer; nothing, where ``n_found`` is 0: the layer passes."""

    n_judged: int
    """Records, or pairs, or sheets, that were looked at."""
    n_found: int
    message: str
    """One sentence with numbers."""
    record_ids: tuple[str, ...] = ()
    """Keys of the records found, worst or first by key."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Its numbers, with their units in their names (JSON values)."""
    point: tuple[float, float] | None = None
    """Where the first of them lies, in the twin's horizontal CRS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; its texts are what docs and reports show."""

    code: str
    """Stable word, snake_case."""
    layers: tuple[str, ...]
    """Layers that it judges; empty: every layer."""
    severity: Severity
    """info: worth knowing; warning: use with care; error: the layer breaks its promise."""
    title: str
    meaning: str
    """What it means for who uses the layer, and what to do."""
    source: str
    """Where rule and threshold come from."""
    judge: Callable[[Context, str], Found | None]
    """(context, layer) to what was found; None where the layer cannot be judged: something it needs is absent."""


def count(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    >>> count(1, "parcel"), count(12345, "parcel")
    ('1 parcel', '12,345 parcels')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def found_in(
    frame: gpd.GeoDataFrame,
    key: str,
    mask: NDArray[np.bool_],
    message: str,
    values: Mapping[str, Any] | None = None,
    *,
    order: Sequence[float] | Floats | None = None,
) -> Found:
    """The records of ``mask`` (n,), worst first where ``order`` (n,) says how bad each is, else by key."""
    rows = np.flatnonzero(mask)
    keys = frame[key].astype("object").fillna("").astype(str).to_numpy(dtype=object)
    badness = np.zeros(len(frame)) if order is None else np.asarray(order, dtype=np.float64)
    rows = rows[np.lexsort((keys[rows].astype(str), -badness[rows]))] if len(rows) else rows
    point = None
    if len(rows) and isinstance(frame, gpd.GeoDataFrame):
        first = shapely.point_on_surface(frame.geometry.iloc[int(rows[0])])
        point = None if first is None or first.is_empty else (round(first.x, 3), round(first.y, 3))
    return Found(
        n_judged=len(frame),
        n_found=len(rows),
        message=message,
        record_ids=tuple(keys[rows[:20]].tolist()),
        values=values or {},
        point=point,
    )
