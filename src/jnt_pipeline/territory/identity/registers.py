"""A register (*référentiel*) as arrays: ids, shapes, and the ids of other registers that it states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.outlines import Geometries, surfaces

__all__ = ["Register", "Stated", "Statements", "objects", "statements"]

Index = NDArray[np.intp]
Flags = NDArray[np.bool_]
Ids = NDArray[np.object_]
Texts = NDArray[np.object_]

_SMALLEST_M2 = 1e-6  # what has less is a line or a point


def objects(values: Sequence[object]) -> NDArray[np.object_]:
    """Values as an array of objects, shape (n,), lists among them untouched."""
    array: NDArray[np.object_] = np.fromiter(values, dtype=np.dtype(object), count=len(values))
    return array


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """The placed things of one layer, all arrays of one length, in order of their ids."""

    ids: Ids
    shapes: Geometries
    """Valid flat surfaces; the representative point where a thing has no surface."""
    is_point: Flags
    frame: pd.DataFrame
    """The rows of the layer, without geometry."""

    def __len__(self) -> int:
        return len(self.ids)

    @staticmethod
    def of(layer: gpd.GeoDataFrame, key: str) -> Register:
        """The things of a layer; what has no place, or is out of force (``is_active`` false), is left out."""
        rows = layer.sort_values(key, ignore_index=True) if len(layer) else layer
        placed = ~(rows.geometry.is_empty | rows.geometry.isna()).to_numpy(dtype=bool)
        if "is_active" in rows.columns:
            placed &= rows["is_active"].astype("boolean").fillna(True).to_numpy(dtype=bool)
        rows = rows[placed]
        flat = np.asarray(shapely.force_2d(rows.geometry.to_numpy()), dtype=object)
        shapes = surfaces(flat)
        is_point = shapely.area(shapes) < _SMALLEST_M2
        shapes[is_point] = shapely.point_on_surface(flat[is_point])
        ids = rows[key].astype("str").to_numpy(dtype=object)
        frame = pd.DataFrame(rows.drop(columns=rows.geometry.name)).reset_index(drop=True)
        return Register(ids=ids, shapes=shapes, is_point=is_point, frame=frame)

    def texts(self, column: str) -> Texts:
        """A column of texts, empty where the layer says nothing."""
        if column not in self.frame.columns:
            return np.full(len(self), "", dtype=object)
        values = self.frame[column].astype("object")
        texts: Texts = values.where(values.notna(), "").astype("str").to_numpy(dtype=object)
        return texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """The links that a register states: rows of ``owner`` and the ids that it names, joined with |."""

    texts: Texts
    owner: Index
    target: Index
    """Position of the named thing in the other register; only ids that it holds."""

    @staticmethod
    def of(texts: Texts, target_ids: Ids) -> Statements:
        """Read the texts of one register against the ids of the other."""
        named = pd.Series(texts, dtype="object").str.split("|").explode()
        owners = pd.DataFrame({"owner": named.index, "id": named.fillna("").astype("str").str.strip()})
        held = pd.DataFrame({"id": pd.Series(target_ids, dtype="str"), "target": np.arange(len(target_ids))})
        both = owners.merge(held[held["id"] != ""], on="id").drop_duplicates(["owner", "target"])
        both = both.sort_values(["owner", "target"])
        return Statements(
            texts=texts, owner=both["owner"].to_numpy(dtype=np.intp), target=both["target"].to_numpy(dtype=np.intp)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What both registers state of pairs, arrays of one length."""

    by_left: Flags
    by_right: Flags
    elsewhere_left: Flags
    """The left register states links of this thing, and this is none of them."""
    elsewhere_right: Flags

    @property
    def by_any(self) -> Flags:
        """Whether one of the two states the pair."""
        return self.by_left | self.by_right


def statements(left: Statements, right: Statements, i: Index, j: Index) -> Stated:
    """What the registers state of the pairs ``(i, j)``: ``left`` names right things, ``right`` left ones."""
    n = len(right.texts) + 1
    code = i * n + j
    by_left = np.isin(code, left.owner * n + left.target)
    by_right = np.isin(code, right.target * n + right.owner)
    speaks_left, speaks_right = (np.array([text != "" for text in side.texts], dtype=bool) for side in (left, right))
    return Stated(
        by_left=by_left,
        by_right=by_right,
        elsewhere_left=(speaks_left[i] if len(i) else np.zeros(0, bool)) & ~by_left,
        elsewhere_right=(speaks_right[j] if len(j) else np.zeros(0, bool)) & ~by_right,
    )
