"""Roofs without a footprint and footprints without a roof, on rasters drawn by hand."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from rasterio.transform import from_origin
from shapely.geometry import Polygon, box

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.territory.building_changes import (
    COLUMNS,
    BuildingChangeParameters,
    footprints_without_roof,
    roofs_without_footprint,
)
from jnt_pipeline.territory.model import RasterWindow

FLAT = Reference(horizontal="EPSG:2154")
WEST, NORTH, PIXEL = 650_000.0, 6_860_100.0, 0.5
OWNED: Bounds = (WEST, NORTH - 100, WEST + 100, NORTH)
DEFAULT = BuildingChangeParameters()


def window(values: np.ndarray, west: float = WEST, north: float = NORTH) -> RasterWindow:
    return RasterWindow(
        values=values.astype(np.float32), transform=from_origin(west, north, PIXEL, PIXEL), reference=FLAT
    )


def roofs(*boxes: tuple[float, float, float, float, float]) -> np.ndarray:
    """Heights over 100 by 100 m, with roofs (west, south, east, north, height) metres from the south-west corner."""
    heights = np.zeros((200, 200))
    for west, south, east, north, height in boxes:
        heights[int((100 - north) * 2) : int((100 - south) * 2), int(west * 2) : int(east * 2)] = height
    return heights


def footprints(*shapes: Polygon) -> gpd.GeoDataFrame:
    moved = [Polygon([(WEST + x, NORTH - 100 + y) for x, y in shape.exterior.coords]) for shape in shapes]
    return gpd.GeoDataFrame(geometry=moved, crs=2154)


def test_a_roof_without_footprint_is_told_with_its_outline_and_height():
    heights = roofs((20, 30, 34, 40, 6.0))
    heights[130, 50] = 9.0
    found = roofs_without_footprint(window(heights), footprints(), OWNED, DEFAULT)
    assert list(found.columns) == [c.name for c in COLUMNS if c.name not in {"flown_on", "registered_on"}] + [
        "geometry"
    ]
    (row,) = found.to_dict("records")
    assert row["geometry"].equals(box(WEST + 20, NORTH - 70, WEST + 34, NORTH - 60))
    assert (row["change_kind"], row["reason"]) == ("roof_without_footprint", "candidate_building")
    assert (row["area_m2"], row["height_m"], row["max_height_m"], row["n_pixels"]) == (140.0, 6.0, 9.0, 560)


def test_a_registered_roof_with_eaves_is_no_candidate():
    found = roofs_without_footprint(
        window(roofs((19, 29, 35, 41, 6.0))), footprints(box(20, 30, 34, 40)), OWNED, DEFAULT
    )
    assert found.empty


def test_an_extension_is_told_without_the_house_it_leans_on():
    found = roofs_without_footprint(
        window(roofs((20, 30, 34, 40, 6.0), (34, 30, 42, 40, 3.0))), footprints(box(20, 30, 34, 40)), OWNED, DEFAULT
    )
    assert found.geometry.iloc[0].bounds == (WEST + 35.5, NORTH - 70, WEST + 42, NORTH - 60)  # beyond its overhang
    assert found["height_m"].tolist() == [3.0]


@pytest.mark.parametrize(
    "roof",
    [
        pytest.param((20, 30, 23, 33, 6.0), id="nine square metres"),
        pytest.param((20, 30, 70, 31.5, 6.0), id="a strip of 1.5 m"),
        pytest.param((20, 30, 34, 40, 1.5), id="a terrace"),
    ],
)
def test_what_is_small_narrow_or_low_is_no_candidate(roof: tuple[float, float, float, float, float]):
    assert roofs_without_footprint(window(roofs(roof)), footprints(), OWNED, DEFAULT).empty


def test_pixels_that_no_return_met_are_closed_and_voids_of_the_terrain_are_no_roof():
    heights = roofs((20, 30, 34, 40, 6.0))
    heights[125::5, 45:60:4] = 0.0
    heights[:20, :20] = np.nan
    found = roofs_without_footprint(window(heights), footprints(), OWNED, DEFAULT)
    assert found["area_m2"].tolist() == [140.0]
    assert found["n_pixels"].iloc[0] < 560


def test_each_candidate_is_told_once_and_alike_whatever_the_partition():
    rng = np.random.default_rng(5)
    boxes = [
        (x, y, x + w, y + h, 5.0)
        for x, y, w, h in np.round(rng.uniform((2, 2, 5, 5), (80, 80, 17, 17), (12, 4)) * 2) / 2
    ]
    heights = roofs(*boxes)
    whole = roofs_without_footprint(window(heights), footprints(), OWNED, DEFAULT)
    assert len(whole) > 4
    parts = []
    for west, north in ((0, 0), (0, 100), (100, 0), (100, 100)):  # quarters of 50 m, with 40 m around them
        rows, columns = slice(max(0, north - 80), north + 180), slice(max(0, west - 80), west + 180)
        corner = WEST + columns.start * PIXEL, NORTH - rows.start * PIXEL
        owned = (WEST + west / 2, NORTH - north / 2 - 50, WEST + west / 2 + 50, NORTH - north / 2)
        part = roofs_without_footprint(window(heights[rows, columns], *corner), footprints(), owned, DEFAULT)
        parts += part.to_dict("records")
    by_id = {row["building_change_id"]: row for row in parts}
    assert len(by_id) == len(parts)
    for row in whole.to_dict("records"):
        other = by_id.pop(row["building_change_id"])
        assert other["geometry"].equals_exact(row["geometry"], 0)
        assert (other["height_m"], other["n_pixels"], other["reason"]) == (
            row["height_m"],
            row["n_pixels"],
            row["reason"],
        )
    assert not by_id


def test_a_roof_on_the_edge_of_what_is_known_is_told_as_cut():
    found = roofs_without_footprint(window(roofs((0, 30, 14, 40, 6.0))), footprints(), OWNED, DEFAULT)
    assert found["reason"].tolist() == ["cut_candidate"]


def test_two_corners_that_touch_make_one_candidate():
    found = roofs_without_footprint(
        window(roofs((20, 30, 30, 40, 6.0), (30, 40, 40, 50, 6.0))), footprints(), OWNED, DEFAULT
    )
    assert len(found) == 1
    assert found.geometry.is_valid.all()
    assert found["area_m2"].iloc[0] == pytest.approx(200, abs=6)


def buildings() -> gpd.GeoDataFrame:
    frame = footprints(box(20, 30, 30, 40), box(50, 30, 60, 40), box(70, 30, 80, 40), box(70.3, 50.3, 70.45, 50.45))
    frame["building_id"] = ["open", "wooded", "roofed", "tiny"]
    frame["reason"] = ["no_roof_points", "no_roof_points", "", "no_roof_points"]
    return frame


def test_a_footprint_without_roof_is_told_and_trees_over_it_too():
    canopy = roofs((50, 30, 60, 38, 8.0), (20, 30, 21, 40, 8.0))
    found = footprints_without_roof(buildings(), window(canopy), DEFAULT).set_index("building_id")
    assert found["reason"].to_dict() == {"open": "not_seen", "wooded": "under_trees", "tiny": "cover_unknown"}
    assert found.loc[["open", "wooded"], "canopy_share"].tolist() == [0.1, 0.8]
    assert np.isnan(found.loc["tiny", "canopy_share"])  # it holds no pixel's centre
    assert found.loc["open", "building_change_id"] == "footprint_without_roof/open"


def test_where_the_terrain_is_unknown_so_is_what_covers_a_footprint():
    canopy = roofs((50, 30, 60, 38, 8.0))
    canopy[:, 100:104] = np.nan  # a fifth of the wooded one
    canopy[:, 40:60] = np.nan  # all of the open one
    found = footprints_without_roof(buildings(), window(canopy), DEFAULT).set_index("building_id")
    assert found["reason"].to_dict() == {"open": "cover_unknown", "wooded": "under_trees", "tiny": "cover_unknown"}
    assert found.loc["wooded", "canopy_share"] == 0.8


def test_nothing_different_gives_an_empty_layer_of_the_same_columns():
    none = footprints_without_roof(buildings().assign(reason=""), window(roofs()), DEFAULT)
    empty = roofs_without_footprint(window(roofs()), footprints(), OWNED, DEFAULT)
    assert none.empty
    assert empty.empty
    assert list(none.columns) == list(empty.columns)
    assert none.dtypes.equals(empty.dtypes)
