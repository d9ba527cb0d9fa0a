"""The green inventory of the village in one GeoPackage in CC46, with the mistakes of a table kept by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry import Point, Polygon

from jnt_pipeline.crs import transform
from jnt_pipeline.samples.bourg_sheets import CC46
from jnt_pipeline.samples.chance import stream
from jnt_pipeline.samples.layout import Rectangle
from jnt_pipeline.samples.scenery import Scenery
from jnt_pipeline.samples.town import SampleTown

__all__ = ["INVENTORY_FILE", "write_inventory"]

INVENTORY_FILE = "espaces_verts.gpkg"
_WRITTEN_AT = "2026-02-20T00:00:00Z"
_SPECIES = ("Tilleul", "Pommier", "Noyer", "Cerisier", "Érable")


def write_inventory(town: SampleTown, scenery: Scenery, path: Path) -> dict[str, dict[str, Any]]:
    """Write the layers ``arbres`` (points) and ``pelouses`` (polygons); returns how many records are kept, and not.

    Diameters are in centimetres. Wrong on purpose: a number twice, one that is none, a tree without a place, a height
    that is no number, a lawn that crosses itself, a lawn without a name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    trees, rejected = _trees(town, scenery)
    lawns = _lawns(town)
    with _written_at(_WRITTEN_AT):
        _write_layer(path, "arbres", *trees, is_first=True)
        _write_layer(path, "pelouses", *lawns, is_first=False)
    n_trees, n_lawns = len(trees[1]), len(lawns[1])
    return {
        "trees": {"read": n_trees, "kept": n_trees - sum(rejected.values()), "rejected": rejected},
        "lawns": {"read": n_lawns, "kept": n_lawns - 2, "rejected": {"invalid_geometry": 1, "missing_lawn_id": 1}},
    }


def _trees(town: SampleTown, scenery: Scenery) -> tuple[tuple[dict[str, Sequence[Any]], list[Any]], dict[str, int]]:
    """Trees of the square, the school and the gardens that the commune looks after."""
    u, v = town.layout.frame.to_town(scenery.trees.x, scenery.trees.y)
    kept = np.flatnonzero((np.abs(u) < 130.0) & (v > -45.0) & (v < 70.0))
    xy = np.column_stack([scenery.trees.x, scenery.trees.y])[kept]
    places, _ = transform(xy, town.site.horizontal, CC46)
    shapes: list[Any] = [Point(round(float(x), 2), round(float(y), 2)) for x, y in places]
    draw = stream(town.seed, "inventory").random((2, len(kept)))
    numbers = [f"A-{k + 1:04d}" for k in range(len(kept))]
    heights = [f"{scenery.trees.height_m[i]:.1f}" for i in kept]
    numbers[4], numbers[9], shapes[13], heights[17] = numbers[3], "A-10bis", None, "haut"
    columns: dict[str, Sequence[Any]] = {
        "N_ARBRE": numbers,
        "ESSENCE": [_SPECIES[int(x * len(_SPECIES))] for x in draw[0]],
        "HAUTEUR": heights,
        "DIAM_CM": [round(15 + 40 * float(x)) for x in draw[1]],
        "RELEVE": ["12/06/2025"] * len(kept),
    }
    return (columns, shapes), {"bad_height_m": 1, "bad_tree_id": 1, "duplicate_id": 1, "missing_geometry": 1}


def _lawns(town: SampleTown) -> tuple[dict[str, Sequence[Any]], list[Any]]:
    plots = {
        "P-01": Rectangle(-34.0, -28.0, -34.0, 6.0),
        "P-02": Rectangle(50.0, 60.0, 22.0, 60.0),
        "P-03": Rectangle(-10.0, -2.0, -34.0, -24.0),
        "P-04": Rectangle(100.0, 118.0, 50.0, 62.0),
    }
    shapes: list[Any] = []
    for name, plot in plots.items():
        corners = plot.corners[[0, 2, 1, 3]] if name == "P-03" else plot.corners
        places, _ = transform(town.layout.frame.to_world(corners), town.site.horizontal, CC46)
        shapes.append(Polygon(np.round(places, 2)))
    keys: list[Any] = [*plots]
    keys[3] = None
    return {"CODE": keys, "NOM": ["Square", "École", "Parvis", "Préau"], "SURF_A": [2.4, 3.8, 0.8, 2.16]}, shapes


def _write_layer(
    path: Path, layer: str, columns: dict[str, Sequence[Any]], shapes: Sequence[Any], *, is_first: bool
) -> None:
    import geopandas as gpd
    import pyogrio

    if is_first:
        path.unlink(missing_ok=True)
    frame = gpd.GeoDataFrame(columns, geometry=list(shapes), crs=CC46)
    kind = "Point" if layer == "arbres" else "Polygon"
    pyogrio.write_dataframe(frame, path, layer=layer, driver="GPKG", geometry_type=kind, append=not is_first)


@contextmanager
def _written_at(instant: str) -> Iterator[None]:
    """GDAL writes this instant into GeoPackages instead of its own."""
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": instant})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
