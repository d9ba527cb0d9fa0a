"""Small files of features in any format of GDAL, with a known answer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

LAMBERT_93 = "EPSG:2154"


def squares(n: int, *, west: float = 650_000.0, south: float = 6_860_000.0, side: float = 10.0) -> list[Any]:
    """n squares in a row, each twice its side from the next."""
    return [shapely.box(west + 2 * side * i, south, west + 2 * side * i + side, south + side) for i in range(n)]


def write_features(
    path: Path,
    geometries: Sequence[Any],
    columns: Mapping[str, Sequence[Any]],
    *,
    crs: str | None = LAMBERT_93,
    layer: str | None = None,
    **options: Any,
) -> Path:
    """Write a file in the format of its suffix; several layers go to a GeoPackage one after the other."""
    frame = gpd.GeoDataFrame(dict(columns), geometry=list(geometries), crs=crs)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="'crs' was not provided")
            frame.to_file(path, layer=layer, **options)
    return path
