"""What LiDAR and cadastre say differently of buildings: roofs without a footprint, and footprints without a roof."""

from __future__ import annotations

import math
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.schema import Column
from jnt_pipeline.territory.model import RasterWindow

__all__ = [
    "COLUMNS",
    "REASONS",
    "BuildingChangeParameters",
    "footprints_without_roof",
    "roofs_without_footprint",
]

COLUMNS: tuple[Column, ...] = (
    Column("building_change_id", "text", "Kind and place; of a footprint its building's id.", required=True),
    Column("change_kind", "text", "roof_without_footprint or footprint_without_roof.", required=True),
    Column("building_id", "text", "The building whose footprint has no roof; empty for a candidate."),
    Column("area_m2", "number", "Area of the geometry, m²."),
    Column("height_m", "number", "Median height above ground of its pixels with a roof return, m; absent without."),
    Column("max_height_m", "number", "Highest of them, m."),
    Column("n_pixels", "integer", "Pixels with a roof return."),
    Column("canopy_share", "number", "Share of the footprint under vegetation higher than min_height_m, 0 to 1."),
    Column("reason", "text", "What speaks for it: a key of REASONS.", required=True),
    Column("flown_on", "text", "Days of the flights that saw the place, YYYY-MM-DD/YYYY-MM-DD, where known."),
    Column("registered_on", "text", "Edition of the footprints (millésime), where known."),
)  # fmt: skip
"""Columns of the layer ``building_changes``; the geometry comes after them."""

REASONS: dict[str, str] = {
    "candidate_building": "roof returns and no footprint: built before the flight and not yet registered, or a shed",
    "cut_candidate": "the same, cut at the edge of the survey, or at reach_m beyond the kilometre",
    "under_trees": "no roof return in a footprint that vegetation covers by half and more",
    "cover_unknown": "no roof return in a footprint over which the height of vegetation is not known",
    "not_seen": "no roof return in an open footprint: built after the flight, or demolished before it",
}


class BuildingChangeParameters(BaseModel):
    """When a difference between roofs and footprints is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_height_m: float = Field(
        default=2.0, ge=0.5, le=20, description="Roof returns lower than this above the ground are none, metres."
    )
    min_area_m2: float = Field(
        # The cadastre holds garden sheds from about 10 m² on; below, LiDAR has some thirty returns.
        default=12.0, ge=1, le=10_000, description="Candidates smaller than this are left out, m².",
    )  # fmt: skip
    overhang_m: float = Field(
        # Eaves reach 0.5 m beyond the walls, and a cadastre lies a metre beside the LiDAR here and there.
        default=1.5, ge=0, le=10, description="Roofs within this distance of a footprint are its own, metres.",
    )  # fmt: skip
    min_width_m: float = Field(
        default=2.0, ge=0, le=20, description="Strips narrower than this are edges of other roofs, metres."
    )
    reach_m: float = Field(
        default=150.0, ge=10, le=500, description="How far beyond its kilometre a candidate is followed, metres."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pixels:
    """A window of square pixels, north up."""

    west: float
    north: float
    size: float

    @classmethod
    def of(cls, window: RasterWindow) -> _Pixels:
        t = window.transform
        return cls(west=round(t.c, 4), north=round(t.f, 4), size=round(t.a, 6))


def roofs_without_footprint(
    roofs: RasterWindow, footprints: gpd.GeoDataFrame, owned: Bounds, parameters: BuildingChangeParameters
) -> gpd.GeoDataFrame:
    """Candidate buildings (*bâtiments présumés*): clusters of roof returns that no footprint holds, as polygons.

    Parameters
    ----------
    roofs
        Height of the highest roof return of each pixel above the ground, metres; 0 without one; over ``owned`` and
        ``reach_m`` around it, as far as there is any.
    footprints
        Every footprint that meets the window, in its CRS.
    owned
        West, south, east, north: a cluster belongs to the square that holds its first pixel from the north, then west
        (west and north edges included), so that each is told once, whatever the partition.

    Returns columns of ``COLUMNS`` but those of dates; the outline follows the pixels within half a pixel's diagonal.
    """
    from rasterio.features import rasterize
    from scipy import ndimage

    pixels, heights = _Pixels.of(roofs), np.nan_to_num(roofs.values, nan=0.0)
    is_roof = heights >= parameters.min_height_m
    around = [shape.buffer(parameters.overhang_m, quad_segs=4) for shape in footprints.geometry if shape is not None]
    if around:
        held = rasterize(around, out_shape=is_roof.shape, transform=roofs.transform, all_touched=False, dtype="uint8")
        is_roof &= held == 0
    cross = ndimage.generate_binary_structure(2, 1)
    closed = ndimage.binary_closing(np.pad(is_roof, 1), cross)[1:-1, 1:-1]  # a pixel that no return met
    radius = int(parameters.min_width_m / 2 / pixels.size)
    mask = closed
    if radius:  # wide enough somewhere; the corners that the opening took come back
        wide = ndimage.binary_opening(closed, _disk(radius))
        mask = ndimage.binary_dilation(wide, _disk(radius)) & closed
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    rows: list[dict[str, object]] = []
    shapes: list[BaseGeometry] = []
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        inside = labels[place] == number
        first_row = int(np.flatnonzero(inside.any(axis=1))[0])
        first = place[0].start + first_row, place[1].start + int(np.flatnonzero(inside[first_row])[0])
        x, y = pixels.west + (first[1] + 0.5) * pixels.size, pixels.north - (first[0] + 0.5) * pixels.size
        if not (owned[0] <= x < owned[2] and owned[1] < y <= owned[3]):
            continue
        if inside.sum() * pixels.size**2 < parameters.min_area_m2:
            continue
        shape = _outline(inside, place, pixels)
        found = heights[place][inside & (heights[place] >= parameters.min_height_m)]
        is_cut = _touches_edge(place, labels.shape)
        rows.append(
            {
                "building_change_id": f"roof_without_footprint/{round(x * 10)}_{round(y * 10)}",
                "change_kind": "roof_without_footprint",
                "building_id": None,
                "area_m2": round(shape.area, 2),
                "height_m": round(float(np.median(found)), 3),
                "max_height_m": round(float(found.max()), 3),
                "n_pixels": len(found),
                "canopy_share": np.nan,
                "reason": "cut_candidate" if is_cut else "candidate_building",
            }
        )
        shapes.append(shape)
    return _frame(rows, shapes, footprints.crs)


def footprints_without_roof(
    buildings: gpd.GeoDataFrame, canopy: RasterWindow, parameters: BuildingChangeParameters
) -> gpd.GeoDataFrame:
    """The buildings in whose footprint LiDAR saw no roof (reason ``no_roof_points``), and whether trees hide it.

    ``buildings``: the layer of that name. ``canopy``: height of vegetation above the ground over their envelope.
    Columns as ``roofs_without_footprint``.
    """
    missing = buildings[buildings["reason"] == "no_roof_points"].sort_values("building_id")
    rows: list[dict[str, object]] = []
    for building_id, shape in zip(missing["building_id"], missing.geometry, strict=True):
        share = _share_above(parameters.min_height_m, shape, canopy)
        rows.append(
            {
                "building_change_id": f"footprint_without_roof/{building_id}",
                "change_kind": "footprint_without_roof",
                "building_id": str(building_id),
                "area_m2": round(shape.area, 2),
                "height_m": np.nan,
                "max_height_m": np.nan,
                "n_pixels": 0,
                "canopy_share": round(share, 3),
                "reason": "cover_unknown" if np.isnan(share) else "under_trees" if share >= 0.5 else "not_seen",
            }
        )
    return _frame(rows, list(missing.geometry), buildings.crs)


def _frame(rows: list[dict[str, object]], shapes: list[BaseGeometry], crs: object) -> gpd.GeoDataFrame:
    names = [column.name for column in COLUMNS if column.name not in {"flown_on", "registered_on"}]
    table = pd.DataFrame(rows, columns=names)
    kinds = {column.name: column.kind for column in COLUMNS}
    dtypes = {"text": "str", "number": "float64", "integer": "int64"}
    table = table.astype({name: dtypes[kinds[name]] for name in names})
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(shapes, crs=crs), crs=crs)


def _outline(inside: NDArray[np.bool_], place: tuple[slice, ...], pixels: _Pixels) -> BaseGeometry:
    """The pixels of a cluster as a polygon without stairs, vertices to the centimetre."""
    from rasterio.features import shapes
    from rasterio.transform import from_origin

    corner = pixels.west + place[1].start * pixels.size, pixels.north - place[0].start * pixels.size
    found = shapes(
        inside.astype(np.uint8), mask=inside, connectivity=8, transform=from_origin(*corner, pixels.size, pixels.size)
    )
    whole = shapely.make_valid(shapely.union_all([shapely.geometry.shape(shape) for shape, _ in found]))
    simple = shapely.simplify(whole, pixels.size * 0.75)
    return shapely.normalize(shapely.set_precision(simple if simple.is_valid and simple.area > 0 else whole, 0.01))


def _share_above(height_m: float, shape: BaseGeometry, canopy: RasterWindow) -> float:
    """Share of the known pixels whose centre lies in a shape that are higher; NaN where there is none."""
    pixels, (west, south, east, north) = _Pixels.of(canopy), shape.bounds
    rows = np.arange(*_range(pixels.north - north, pixels.north - south, pixels.size, canopy.values.shape[0]))
    columns = np.arange(*_range(west - pixels.west, east - pixels.west, pixels.size, canopy.values.shape[1]))
    x, y = pixels.west + (columns + 0.5) * pixels.size, pixels.north - (rows + 0.5) * pixels.size
    inside = shapely.contains_xy(shape, x[None, :], y[:, None])
    values = canopy.values[np.ix_(rows, columns)][inside]
    values = values[~np.isnan(values)]
    return float((values >= height_m).mean()) if values.size else np.nan


def _range(low: float, high: float, size: float, n: int) -> tuple[int, int]:
    return max(0, math.floor(low / size)), min(n, math.ceil(high / size))


def _touches_edge(place: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    return any(part.start == 0 or part.stop == size for part, size in zip(place, shape, strict=True))


def _disk(radius: int) -> NDArray[np.bool_]:
    offsets = np.arange(-radius, radius + 1)
    return np.asarray(offsets[:, None] ** 2 + offsets**2 <= radius**2)
