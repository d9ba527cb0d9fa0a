"""Links: n-to-n rows between buildings, parcels, BIM models and stations."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.links import (
    LINK_COLUMNS,
    LinkParameters,
    join_links,
    link_bim_to_buildings,
    link_buildings_to_parcels,
    link_stations,
    unlinked,
)

ON = "2026-04-01"
DEFAULTS = LinkParameters()
Things = dict[str, BaseGeometry | None]


def layer(key: str, things: Things, **columns: list[float]) -> gpd.GeoDataFrame:
    ids = pd.Series(list(things), dtype="str")
    return gpd.GeoDataFrame({key: ids, **columns}, geometry=list(things.values()), crs="EPSG:2154")


def buildings(things: Things, **columns: list[float]) -> gpd.GeoDataFrame:
    return layer("building_id", things, **columns)


def parcels(things: Things) -> gpd.GeoDataFrame:
    return layer("parcel_id", things)


def stations(things: Things) -> gpd.GeoDataFrame:
    return layer("station_id", things)


def rows(links: pd.DataFrame) -> list[tuple[str, str, str, float]]:
    return list(links[["source_id", "target_id", "method", "score"]].itertuples(index=False, name=None))


def to_parcels(building: Things, parcel: Things, **parameters: float) -> list[tuple[str, str, str, float]]:
    links = link_buildings_to_parcels(buildings(building), parcels(parcel), LinkParameters(**parameters), linked_on=ON)
    return rows(links)


PLOTS: Things = {"P1": box(0, 0, 10, 20), "P2": box(10, 0, 40, 20)}


def test_a_building_across_two_parcels_has_two_links_with_its_shares() -> None:
    assert to_parcels({"B": box(3, 5, 13, 15)}, PLOTS) == [
        ("B", "P1", "footprint_overlap", 0.7),
        ("B", "P2", "footprint_overlap", 0.3),
    ]


def test_every_row_says_its_type_and_its_day() -> None:
    links = link_buildings_to_parcels(buildings({"B": box(3, 5, 13, 15)}), parcels(PLOTS), DEFAULTS, linked_on=ON)
    assert links.columns.tolist() == list(LINK_COLUMNS)
    assert set(links.link_type) == {"building-parcel"}
    assert set(links.linked_on) == {ON}


def test_evidence_says_what_a_score_rests_on() -> None:
    on_parcels = link_buildings_to_parcels(buildings({"B": box(3, 5, 13, 15)}), parcels(PLOTS), DEFAULTS, linked_on=ON)
    # 70 m² of a plot of 200 m², 30 m² of one of 600 m².
    assert [json.loads(text) for text in on_parcels.evidence] == [
        {"common_m2": 70.0, "share_parcel": 0.35},
        {"common_m2": 30.0, "share_parcel": 0.05},
    ]
    model = to_buildings(bim({"M": box(0, 0, 10, 10)}, 28, 42))
    assert [json.loads(text) for text in model.evidence] == [
        {"common_m2": 100.0, "iou": 1.0, "height_agreement": 0.714}
    ]
    near = link_stations(
        stations({"S": Point(12, 4), "T": Point(1, 1)}), buildings({"B1": box(0, 0, 8, 8)}), parcels({}), DEFAULTS,
        linked_on=ON,
    )  # fmt: skip
    assert near.evidence.tolist() == ['{"distance_m":4.0}', ""]


def test_a_building_up_to_the_boundary_is_on_one_parcel() -> None:
    assert to_parcels({"B": box(5, 5, 10, 15)}, PLOTS) == [("B", "P1", "footprint_overlap", 1.0)]


def test_a_sliver_over_the_boundary_is_no_link() -> None:
    # 0.2 m of 10.2 m: 2 % of the building, 0.3 % of the parcel.
    assert to_parcels({"B": box(0, 5, 10.2, 15)}, PLOTS) == [("B", "P1", "footprint_overlap", 0.9804)]


def test_a_small_overlap_of_a_small_building_is_no_link() -> None:
    # A shed of 1.5 m²: 0.3 m² beyond the boundary are a fifth of it, and still the accuracy of a plan.
    assert to_parcels({"B": box(8.8, 5, 10.3, 6)}, PLOTS) == [("B", "P1", "footprint_overlap", 0.8)]


def test_the_best_parcel_is_kept_however_thin() -> None:
    assert to_parcels({"B": box(-30, 5, 0.1, 15)}, PLOTS) == [("B", "P1", "footprint_overlap", 0.0033)]


def test_a_parcel_that_a_large_building_covers_is_linked_however_small_its_share() -> None:
    grid: Things = {f"P{i:02d}": box(10 * i, 0, 10 * i + 10, 10) for i in range(40)}
    links = to_parcels({"mall": box(0, 0, 400, 10)}, grid)
    assert [target for _, target, _, _ in links] == sorted(grid)
    assert {score for *_, score in links} == {0.025}


def test_of_two_equal_parcels_below_the_threshold_the_smaller_id_is_the_best() -> None:
    links = to_parcels({"B": box(5, 5, 15, 15)}, dict(reversed(PLOTS.items())), min_overlap_m2=60.0)
    assert links == [("B", "P1", "footprint_overlap", 0.5)]


def test_a_building_outside_every_parcel_or_touching_one_has_no_link() -> None:
    outside: Things = {"far": box(100, 100, 110, 110), "touching": box(-10, 0, 0, 20), "corner": box(-5, -5, 0, 0)}
    links = link_buildings_to_parcels(buildings(outside), parcels(PLOTS), DEFAULTS, linked_on=ON)
    assert rows(links) == []
    assert unlinked(links, "building-parcel", outside) == ("corner", "far", "touching")


def test_courtyards_parts_and_invalid_outlines_are_measured() -> None:
    ring = Polygon(box(0, 0, 20, 20).exterior, [box(10, 0.5, 19, 19).exterior])
    things: Things = {
        "bow-tie": Polygon([(5, 5), (15, 15), (15, 5), (5, 15)]),
        "empty": Polygon(),
        "none": None,
        "parts": MultiPolygon([box(1, 1, 4, 2), box(31, 1, 34, 4)]),
        "ring": ring,
    }
    links = to_parcels(things, {**PLOTS, "invalid": Polygon([(30, 0), (40, 10), (40, 0), (30, 10)])})
    in_courtyard = 400 - 9 * 18.5
    assert links == [
        ("bow-tie", "P1", "footprint_overlap", 0.5),
        ("bow-tie", "P2", "footprint_overlap", 0.5),
        # West of x = 35 the invalid parcel is the triangle (30, 0), (35, 5), (30, 10): its lower side runs from corner
        # (31, 1) to corner (34, 4) of the part, and leaves it the half of 3 x 3 m.
        ("parts", "P1", "footprint_overlap", 0.25),
        ("parts", "P2", "footprint_overlap", 0.75),
        ("parts", "invalid", "footprint_overlap", 4.5 / 12),
        ("ring", "P1", "footprint_overlap", pytest.approx(200 / in_courtyard, abs=1e-4)),
        ("ring", "P2", "footprint_overlap", pytest.approx((200 - 9 * 18.5) / in_courtyard, abs=1e-4)),
    ]


FOOTPRINTS = {"B1": box(0, 0, 10, 10), "B2": box(10, 0, 20, 10), "B3": box(100, 0, 110, 10)}


def bim(things: Things, base: float = np.nan, top: float = np.nan) -> gpd.GeoDataFrame:
    n = len(things)
    return layer("bim_building_id", things, base_elevation_m=[base] * n, top_elevation_m=[top] * n)


def to_buildings(models: gpd.GeoDataFrame, ground: float = 30.0, roof: float = 40.0) -> pd.DataFrame:
    n = len(FOOTPRINTS)
    frame = buildings(FOOTPRINTS, ground_elevation_m=[ground] * n, roof_elevation_m=[roof] * n)
    return link_bim_to_buildings(models, frame, DEFAULTS, linked_on=ON)


def test_a_model_on_its_building_with_the_same_elevations_scores_one() -> None:
    assert rows(to_buildings(bim({"M": box(0, 0, 10, 10)}, 30, 40))) == [("M", "B1", "outline_overlap", 1.0)]


def test_a_model_over_two_buildings_is_linked_to_both() -> None:
    # B1 whole: 100 m² of 150; half of B2: 50 m² of 200.
    assert rows(to_buildings(bim({"M": box(0, 0, 15, 10)}))) == [
        ("M", "B1", "outline_overlap", 0.6667),
        ("M", "B2", "outline_overlap", 0.25),
    ]


def test_a_model_that_only_grazes_the_neighbour_is_not_linked_to_it() -> None:
    links = to_buildings(bim({"M": box(0.5, 0, 10.5, 10)}))
    assert links.target_id.tolist() == ["B1"]
    assert links.score.tolist() == [pytest.approx(95 / 105, abs=1e-4)]


def test_heights_that_agree_in_part_lower_the_score() -> None:
    # 28 to 42 m holds 30 to 40 m: 10 of 14 m.
    assert to_buildings(bim({"M": box(0, 0, 10, 10)}, 28, 42)).score.tolist() == [0.7143]


def test_a_model_on_another_datum_keeps_its_link_with_score_zero() -> None:
    assert rows(to_buildings(bim({"M": box(0, 0, 10, 10)}, 80, 90))) == [("M", "B1", "outline_overlap", 0.0)]


def test_without_a_roof_the_plan_alone_decides() -> None:
    links = to_buildings(bim({"M": box(0, 0, 10, 10)}, 30, 40), roof=np.nan)
    assert links.score.tolist() == [1.0]


def test_a_model_without_building_has_no_link_and_is_counted() -> None:
    models = bim({"far": box(50, 50, 60, 60), "here": box(0, 0, 10, 10)})
    assert unlinked(to_buildings(models), "bim-building", models.bim_building_id) == ("far",)


def to_stations(station: Things, building: Things, parcel: Things) -> list[tuple[str, str, str, float]]:
    return rows(link_stations(stations(station), buildings(building), parcels(parcel), DEFAULTS, linked_on=ON))


def test_a_station_inside_a_building_on_a_parcel_has_both_links() -> None:
    assert to_stations({"S": Point(5, 5)}, {"B": box(0, 0, 8, 8)}, PLOTS) == [
        ("S", "B", "inside", 1.0),
        ("S", "P1", "inside", 1.0),
    ]


def test_a_station_in_the_street_belongs_to_the_nearest_building_the_less_the_farther() -> None:
    near: Things = {"B1": box(0, 0, 8, 8), "B2": box(30, 0, 38, 8)}
    assert to_stations({"S": Point(12, 4)}, near, {}) == [("S", "B1", "nearest", 0.6)]
    assert to_stations({"S": Point(18, 4)}, near, {}) == [("S", "B1", "nearest", 0.0)]
    assert to_stations({"S": Point(18.01, 4)}, near, {}) == []


def test_a_station_on_a_common_wall_is_inside_both_buildings() -> None:
    pair: Things = {"B1": box(0, 0, 8, 8), "B2": box(8, 0, 16, 8)}
    assert to_stations({"S": Point(8, 4)}, pair, {}) == [("S", "B1", "inside", 1.0), ("S", "B2", "inside", 1.0)]


def test_between_two_buildings_equally_near_the_smaller_id_is_taken() -> None:
    pair: Things = {"B2": box(0, 0, 8, 8), "B1": box(12, 0, 20, 8)}
    assert to_stations({"S": Point(10, 4)}, pair, {}) == [("S", "B1", "nearest", 0.8)]


def test_a_station_in_a_courtyard_is_outside_the_building() -> None:
    ring = Polygon(box(0, 0, 20, 20).exterior, [box(5, 5, 15, 15).exterior])
    assert to_stations({"S": Point(8, 10)}, {"B": ring}, {}) == [("S", "B", "nearest", 0.7)]


def test_a_station_without_a_place_has_no_link() -> None:
    assert to_stations({"S": None, "T": Point()}, FOOTPRINTS, PLOTS) == []


def test_without_a_distance_only_stations_inside_are_linked() -> None:
    links = link_stations(
        stations({"S": Point(9, 4), "T": Point(4, 4)}),
        buildings({"B": box(0, 0, 8, 8)}),
        parcels({}),
        LinkParameters(max_station_distance_m=0),
        linked_on=ON,
    )
    assert rows(links) == [("T", "B", "inside", 1.0)]


def test_empty_layers_give_an_empty_table_of_the_same_types() -> None:
    no_bim = bim({})
    no_buildings = buildings({}, ground_elevation_m=[], roof_elevation_m=[])
    for links in (
        link_buildings_to_parcels(buildings({}), parcels({}), DEFAULTS, linked_on=ON),
        link_bim_to_buildings(no_bim, no_buildings, DEFAULTS, linked_on=ON),
        link_stations(stations({}), buildings({}), parcels({}), DEFAULTS, linked_on=ON),
        link_stations(stations({"S": Point(1, 1)}), buildings({}), parcels({}), DEFAULTS, linked_on=ON),
        link_buildings_to_parcels(buildings({"B": box(0, 0, 1, 1)}), parcels({}), DEFAULTS, linked_on=ON),
        join_links([]),
    ):
        assert len(links) == 0
        assert {name: str(dtype) for name, dtype in links.dtypes.items()} == {
            name: "float64" if name == "score" else "str" for name in LINK_COLUMNS
        }


def test_layers_in_different_references_are_refused() -> None:
    moved = parcels(PLOTS).to_crs("EPSG:3945")
    with pytest.raises(AssemblyError, match=r"not in one horizontal CRS(.|\n)*EPSG:3945"):
        link_buildings_to_parcels(buildings(FOOTPRINTS), moved, DEFAULTS, linked_on=ON)


def test_joined_tables_are_sorted_and_a_link_said_twice_keeps_its_best_score() -> None:
    one = link_buildings_to_parcels(buildings({"B": box(3, 5, 13, 15)}), parcels(PLOTS), DEFAULTS, linked_on=ON)
    joined = join_links([one.assign(score=0.1), one, to_buildings(bim({"M": box(0, 0, 10, 10)}))])
    assert joined.link_type.tolist() == ["bim-building", "building-parcel", "building-parcel"]
    assert joined.score.tolist() == [1.0, 0.7, 0.3]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_order_of_the_layers_changes_nothing_and_shares_add_up(seed: int) -> None:
    chance = np.random.default_rng(seed)
    plots: Things = {f"P{i}{j}": box(10 * i, 10 * j, 10 * i + 10, 10 * j + 10) for i in range(4) for j in range(4)}
    corners = chance.uniform(0, 30, (12, 2))
    sizes = chance.uniform(1, 10, (12, 2))
    built: Things = {f"B{i:02d}": box(*c, *(c + s)) for i, (c, s) in enumerate(zip(corners, sizes, strict=True))}
    all_of_them = LinkParameters(min_overlap_m2=0, min_parcel_share=0)
    straight = link_buildings_to_parcels(buildings(built), parcels(plots), all_of_them, linked_on=ON)
    mixed = link_buildings_to_parcels(
        buildings(built).sample(frac=1, random_state=seed % 1000),
        parcels(plots).sample(frac=1, random_state=seed % 999),
        all_of_them,
        linked_on=ON,
    )
    pd.testing.assert_frame_equal(straight, mixed, check_exact=True)
    # Every building stands on the plots whole; each of at most four scores is rounded to four decimals.
    np.testing.assert_allclose(straight.groupby("source_id").score.sum(), 1.0, atol=4 * 5e-5 + 1e-9)
