"""Kilometre cells (*dalles kilométriques*): the partition of everything that is assembled, whatever the files are.

A thing belongs to the cell of its representative point; a unit reads what lies in and around its cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.parquet import layer_bounds, read_layer_parquet
from jnt_pipeline.store import Workspace
from jnt_pipeline.twin import LayerEntry

__all__ = ["cell_bounds", "cell_of", "meet", "near", "owning_cells", "parts_near", "widened"]

_KM = 1000.0


def cell_of(x: float, y: float) -> str:
    """Name of the cell that holds a point of the twin's CRS: km of its north-west corner, xxxx_yyyy (IGN's names)."""
    return f"{math.floor(x / _KM):04d}_{math.floor(y / _KM) + 1:04d}"


def cell_bounds(name: str) -> Bounds:
    """The square of a cell, metres.

    >>> cell_bounds(cell_of(619500.0, 6754000.0))
    (619000.0, 6754000.0, 620000.0, 6755000.0)
    """
    column, row = (int(number) for number in name.split("_"))
    return (column * _KM, (row - 1) * _KM, (column + 1) * _KM, row * _KM)


def owning_cells(features: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Name of the cell of each feature's representative point, shape (n,)."""
    points = shapely.point_on_surface(np.asarray(features.geometry))
    pairs = zip(shapely.get_x(points).tolist(), shapely.get_y(points).tolist(), strict=True)
    return np.array([cell_of(x, y) for x, y in pairs], dtype=object)


def widened(bounds: Bounds, margin_m: float) -> Bounds:
    """The box, larger on each side."""
    west, south, east, north = bounds
    return (west - margin_m, south - margin_m, east + margin_m, north + margin_m)


def meet(a: Bounds, b: Bounds) -> bool:
    """Whether two boxes share a point."""
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def parts_near(workspace: Workspace, entry: LayerEntry, bounds: Bounds) -> dict[str, str]:
    """SHA-256 of the parts of a layer whose box meets ``bounds``, by path relative to the workspace."""
    found = {}
    for part, sha256 in entry.parts.items():
        box = layer_bounds(workspace.root / part)
        if box is not None and meet(box, bounds):
            found[part] = sha256
    return found


def near(parts: Iterable[Path], bounds: Bounds, crs: str) -> gpd.GeoDataFrame:
    """The features of some parts whose box meets ``bounds``, parts in order; without columns where there is no part."""
    frames = [read_layer_parquet(part, bbox=bounds) for part in parts]
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    if not filled:
        return gpd.GeoDataFrame(geometry=[], crs=crs)
    return gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=crs)
