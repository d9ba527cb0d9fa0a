"""Change sets: what differs between two editions of a layer, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.affinity import rotate, translate
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry
from tests.territory.edited_towns import edited_town, frame_of, rewritten

from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.base_layers.parquet import read_layer_parquet, write_layer_parquet
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.changes import (
    CHANGES,
    DERIVED_KEY_LAYERS,
    ChangeParameters,
    changes_between,
    vintage_day,
)

PARCELS = SCHEMAS["parcels"]
ADDRESSES = SCHEMAS["addresses"]
DEFAULTS = ChangeParameters()


def parcels(shapes: dict[str, BaseGeometry], section: str = "38001000AB", **columns: list[Any]) -> gpd.GeoDataFrame:
    table = {"parcel_id": pd.Series(list(shapes), dtype="str"), "section_id": [section] * len(shapes), **columns}
    return gpd.GeoDataFrame(table, geometry=list(shapes.values()), crs="EPSG:2154")


def changed(
    old: gpd.GeoDataFrame, new: gpd.GeoDataFrame, schema: LayerSchema = PARCELS, parameters: ChangeParameters = DEFAULTS
) -> list[dict[str, Any]]:
    """The changes with their JSON read."""
    table = changes_between(
        old, new, schema=schema, parameters=parameters, old_vintage="2025-04-01", new_vintage="2026-03-01"
    )
    rows = table.to_dict("records")
    for row in rows:
        row |= {name: json.loads(row[name]) for name in ("old_ids", "new_ids", "what", "evidence")}
    return rows


def kinds(rows: list[dict[str, Any]]) -> list[tuple[str, list[str], list[str]]]:
    return [(row["change_type"], row["old_ids"], row["new_ids"]) for row in rows]


def grid(n: int, size: float = 20.0, west: float = 900_000.0, first: int = 0) -> dict[str, BaseGeometry]:
    """n x n parcels that touch, of unequal sizes, ids P000…"""
    edges = np.concatenate([[0.0], np.cumsum(size + 2.0 * np.sin(np.arange(1, n + 1)))])
    return {
        f"P{first + i * n + j:03d}": box(
            west + edges[i], 6_500_000 + edges[j], west + edges[i + 1], 6_500_000 + edges[j + 1]
        )
        for i in range(n)
        for j in range(n)
    }


def test_the_same_edition_again_has_no_change() -> None:
    land = parcels(grid(5))

    assert changed(land, land.sample(frac=1, random_state=3)) == []


@pytest.mark.parametrize("seed", range(3))
def test_another_way_to_write_the_same_outlines_is_no_change(seed: int) -> None:
    rng = np.random.default_rng(seed)
    land = grid(5)
    courtyard = Polygon(box(0, 0, 20, 20).exterior.coords, [box(5, 5, 9, 9).exterior.coords])
    other = shapely.reverse(Polygon(courtyard.exterior.coords, [np.roll(box(5, 5, 9, 9).exterior.coords[:-1], 2, 0)]))

    written = {one: rewritten(shape, rng) for one, shape in land.items()}

    assert changed(parcels({**land, "C": courtyard}), parcels({**written, "C": other})) == []


def test_six_centimetres_are_a_change_and_four_are_none() -> None:
    old = {"A": box(0, 0, 10, 10), "B": box(50, 0, 60, 10)}
    new = {"A": box(0, 0, 10.04, 10), "B": box(50, 0, 60.06, 10)}

    (row,) = changed(parcels(old), parcels(new))

    assert (row["change_type"], row["old_ids"], row["new_ids"]) == ("modified", ["B"], ["B"])
    assert row["what"] == {"geometry": True, "attributes": {}}
    assert row["evidence"]["old_area_m2"] == 100.0
    assert row["evidence"]["new_area_m2"] == pytest.approx(100.6)
    assert row["evidence"]["iou"] == pytest.approx(100 / 100.6, abs=1e-4)
    assert row["evidence"]["moved_m"] == pytest.approx(0.03)


def test_a_hole_that_appears_is_a_change() -> None:
    holed = Polygon(box(0, 0, 10, 10).exterior.coords, [box(4, 4, 5, 5).exterior.coords])

    (row,) = changed(parcels({"A": box(0, 0, 10, 10)}), parcels({"A": holed}))

    assert row["change_type"] == "modified"
    assert row["evidence"]["overlaps"] == [{"old": "A", "new": "A", "area_m2": 99.0, "of_old": 0.99, "of_new": 1.0}]


def test_a_split_a_merger_a_creation_and_a_removal_are_told_with_their_shares() -> None:
    old = {
        "A": box(0, 0, 10, 10),
        "B": box(10, 0, 20, 10),
        "C": box(20, 0, 30, 10),
        "D": box(30, 0, 40, 10),
        "F": box(0, 50, 9, 59),
    }
    new = {
        "A": box(0, 0, 10, 10),
        "B1": box(10, 0, 13, 10),
        "B2": box(13, 0, 20, 10),
        "CD": box(20, 0, 40, 10),
        "E": box(80, 0, 90, 8),
    }

    rows = {row["change_type"]: row for row in changed(parcels(old), parcels(new))}

    assert {kind: (row["old_ids"], row["new_ids"]) for kind, row in rows.items()} == {
        "split": (["B"], ["B1", "B2"]),
        "merged": (["C", "D"], ["CD"]),
        "created": ([], ["E"]),
        "removed": (["F"], []),
    }
    assert rows["split"]["evidence"]["overlaps"] == [
        {"old": "B", "new": "B1", "area_m2": 30.0, "of_old": 0.3, "of_new": 1.0},
        {"old": "B", "new": "B2", "area_m2": 70.0, "of_old": 0.7, "of_new": 1.0},
    ]
    assert rows["split"]["geometry"].within(box(13, 0, 20, 10))
    assert rows["merged"]["geometry"].within(box(20, 0, 40, 10))
    assert rows["created"]["evidence"] == {"new_area_m2": 80.0}
    assert (rows["created"]["what"], rows["removed"]["what"]) == ({}, {})
    assert rows["removed"]["geometry"].within(box(0, 50, 9, 59))


def test_a_strip_given_to_the_neighbour_modifies_both_and_half_of_the_land_reshapes_them() -> None:
    old = parcels({"A": box(0, 0, 40, 10), "B": box(40, 0, 80, 10)})

    strip = changed(old, parcels({"A": box(0, 0, 36, 10), "B": box(36, 0, 80, 10)}))
    half = changed(old, parcels({"A": box(0, 0, 20, 10), "B": box(20, 0, 80, 10)}))

    assert kinds(strip) == [("modified", ["A"], ["A"]), ("modified", ["B"], ["B"])]
    assert kinds(half) == [("reshaped", ["A", "B"], ["A", "B"])]


def test_ids_that_change_places_are_two_new_names() -> None:
    old = parcels({"A": box(0, 0, 10, 10), "B": box(10, 0, 20, 10)})
    new = parcels({"B": box(0, 0, 10, 10), "A": box(10, 0, 20, 10)})

    rows = changed(old, new)

    assert kinds(rows) == [("renamed", ["A"], ["B"]), ("renamed", ["B"], ["A"])]
    assert rows[0]["what"] == {"geometry": False, "attributes": {}}


def test_the_same_key_at_another_place_is_the_same_thing_and_the_evidence_says_how_far() -> None:
    (row,) = changed(parcels({"A": box(0, 0, 10, 10)}), parcels({"A": box(300, 400, 310, 410)}))

    assert (row["change_type"], row["evidence"]["moved_m"], row["evidence"]["iou"]) == ("modified", 500.0, 0.0)


def test_a_smaller_thing_in_the_place_of_another_is_no_redrawing_of_it() -> None:
    """20 of 100 m²: one was removed, another created, and both rows name the overlap."""
    rows = changed(parcels({"A": box(0, 0, 10, 10)}), parcels({"B": box(0, 0, 2, 10)}))

    assert kinds(rows) == [("removed", ["A"], []), ("created", [], ["B"])]
    assert [row["evidence"]["overlaps"][0]["of_old"] for row in rows] == [0.2, 0.2]


def test_attributes_are_told_old_and_new_and_the_dates_alone_are_no_change() -> None:
    shapes = {"A": box(0, 0, 10, 10), "B": box(20, 0, 30, 10), "C": box(40, 0, 50, 10)}
    old = parcels(
        shapes,
        registered_area_m2=pd.Series([100, None, 7], dtype="Int64"),
        is_surveyed=pd.Series([None, True, None], dtype="boolean"),
        updated_on=["2020-01-01", "2020-01-01", "2020-01-01"],
    )
    new = parcels(
        shapes,
        registered_area_m2=pd.Series([101, 102, 7], dtype="Int64"),
        is_surveyed=pd.Series([None, False, None], dtype="boolean"),
        updated_on=["2026-01-01", "2020-01-01", "2026-01-01"],
    )

    first, second = changed(old, new)

    assert first["what"] == {"geometry": False, "attributes": {"registered_area_m2": [100, 101]}}
    assert first["evidence"]["dates"] == {"updated_on": ["2020-01-01", "2026-01-01"]}
    assert "moved_m" not in first["evidence"]
    assert second["what"]["attributes"] == {"registered_area_m2": [None, 102], "is_surveyed": [True, False]}
    assert "dates" not in second["evidence"]


def test_other_columns_of_the_producer_are_compared_where_both_editions_have_them() -> None:
    schema = LayerSchema(
        name="trees", title="Trees", key="tree_id", shape="polygon", keeps_other_columns=True,
        columns=(Column("tree_id", "text", "Id.", required=True), Column("height_m", "number", "Height, metres.")),
    )  # fmt: skip
    shape = [box(0, 0, 1, 1)]
    old = gpd.GeoDataFrame(
        {"tree_id": ["t"], "height_m": [4.0], "lists": [[1, 2]], "gone": [1]}, geometry=shape, crs=2154
    )
    new = gpd.GeoDataFrame(
        {"tree_id": ["t"], "height_m": [4.0005], "lists": [[1, 3]], "come": [1]}, geometry=shape, crs=2154
    )

    (row,) = changed(old, new, schema)

    assert row["what"]["attributes"] == {"lists": [[1, 2], [1, 3]]}


def points(places: dict[str, tuple[float, float]], **columns: list[Any]) -> gpd.GeoDataFrame:
    table = {"address_id": pd.Series(list(places), dtype="str"), **columns}
    return gpd.GeoDataFrame(table, geometry=[Point(xy) for xy in places.values()], crs="EPSG:2154")


def test_an_address_that_moved_was_renamed_came_or_went_is_told() -> None:
    old = points({"1": (0, 0), "2": (10, 0), "3": (20, 0), "4": (30, 0)}, street_name=["Rue"] * 4)
    new = points({"1": (0, 3), "2b": (10, 0), "4": (30, 0.04), "5": (0, 0)}, street_name=["Rue"] * 4)

    rows = changed(old, new, ADDRESSES)

    assert kinds(rows) == [
        ("modified", ["1"], ["1"]),
        ("renamed", ["2"], ["2b"]),
        ("removed", ["3"], []),
        ("created", [], ["5"]),  # though it lies where 1 was: the key says that 1 moved
    ]
    assert rows[0]["evidence"] == {"moved_m": 3.0}
    assert rows[0]["geometry"] == Point(0, 3)


def test_lines_keep_their_key_and_a_point_that_became_an_outline_is_modified() -> None:
    lines = LayerSchema(
        name="roads", title="Roads", key="road_id", shape="any", columns=(Column("road_id", "text", "Id."),)
    )
    old = gpd.GeoDataFrame(
        {"road_id": ["a", "b", "c"]},
        geometry=[LineString([(0, 0), (9, 0)]), LineString([(0, 5), (9, 5)]), Point(50, 50)],
        crs=2154,
    )
    new = gpd.GeoDataFrame(
        {"road_id": ["a", "b", "c"]},
        geometry=[LineString([(9, 0), (4, 0.01), (0, 0)]), LineString([(0, 5), (9, 7)]), box(49, 49, 51, 51)],
        crs=2154,
    )

    rows = changed(old, new, lines)

    assert kinds(rows) == [("modified", ["b"], ["b"]), ("modified", ["c"], ["c"])]
    assert rows[1]["evidence"] == {"new_area_m2": 4.0, "moved_m": 0.0}


def test_a_sheet_that_moved_as_a_whole_is_told_once_and_what_changed_in_it_besides_is_still_found() -> None:
    """Section AB moves by (2.4, -1.7) m, AC stays; in AB a parcel is divided, one is renumbered, one re-registered."""
    west, east = grid(5), grid(5, west=900_150.0, first=100)
    old = pd.concat([parcels(west), parcels(east, "38001000AC")], ignore_index=True)
    old["registered_area_m2"] = pd.Series([400] * len(old), dtype="Int64")
    moved = {one: translate(shape, 2.4, -1.7) for one, shape in west.items()}
    x_min, y_min, x_max, y_max = moved.pop("P012").bounds
    moved |= {"P012a": box(x_min, y_min, x_min + 7, y_max), "P012b": box(x_min + 7, y_min, x_max, y_max)}
    moved["Q007"] = moved.pop("P007")
    new = pd.concat([parcels(moved), parcels(east, "38001000AC")], ignore_index=True)
    new["registered_area_m2"] = pd.Series([401 if one == "P003" else 400 for one in new["parcel_id"]], dtype="Int64")

    rows = {row["change_type"]: row for row in changed(old, new)}

    assert {kind: (row["old_ids"], row["new_ids"]) for kind, row in rows.items() if kind != "shifted"} == {
        "split": (["P012"], ["P012a", "P012b"]),
        "modified": (["P003"], ["P003"]),
        "renamed": (["P007"], ["Q007"]),
    }
    assert rows["shifted"]["old_ids"] == rows["shifted"]["new_ids"] == sorted(set(west) - {"P003", "P007", "P012"})
    assert rows["shifted"]["evidence"] == {
        "shift_m": [2.4, -1.7],
        "moved_m": pytest.approx(2.941),
        "group": "38001000AB",
    }
    assert rows["split"]["evidence"]["iou"] == 1.0  # the old outline has followed its sheet
    assert rows["modified"]["evidence"]["shift_m"] == [2.4, -1.7]
    assert rows["modified"]["what"] == {"geometry": True, "attributes": {"registered_area_m2": [400, 401]}}


def test_a_few_things_that_moved_alike_are_no_shift() -> None:
    land = {f"P{i}": box(100 * i, 0, 100 * i + 20, 20) for i in range(4)}

    rows = changed(parcels(land), parcels({one: translate(shape, 1, 0) for one, shape in land.items()}))

    assert [row["change_type"] for row in rows] == ["modified"] * 4


@pytest.mark.parametrize("seed", range(4))
def test_random_edits_are_found_exactly(seed: int) -> None:
    town = edited_town(150, seed)
    rng = np.random.default_rng(seed + 100)

    rows = changed(frame_of(town.old, "parcel_id", rng), frame_of(town.new, "parcel_id", rng), keeping_types())

    assert {(row["change_type"], tuple(row["old_ids"]), tuple(row["new_ids"])) for row in rows} == {
        (kind, tuple(sorted(old)), tuple(sorted(new))) for kind, old, new in town.truth
    }
    assert len(rows) == len(town.truth)
    assert len({kind for kind, _, _ in town.truth}) == 7  # every kind but a shift is in it


def test_random_edits_on_a_sheet_that_moved_are_found_exactly_beside_the_shift() -> None:
    town = edited_town(100, 21)
    old, new = frame_of(town.old, "parcel_id"), frame_of(town.new, "parcel_id")
    moved = new.set_geometry([translate(shape, 1.3, -2.1) for shape in new.geometry], crs="EPSG:2154")

    rows = changed(old, moved, keeping_types())

    found = {(row["change_type"], tuple(row["old_ids"]), tuple(row["new_ids"])) for row in rows}
    (shift,) = (row for row in rows if row["change_type"] == "shifted")
    assert shift["evidence"]["shift_m"] == [1.3, -2.1]
    assert len(found) == len(rows) == len(town.truth) + 1
    assert found >= {(kind, tuple(sorted(olds)), tuple(sorted(news))) for kind, olds, news in town.truth}


def keeping_types() -> LayerSchema:
    columns = tuple(Column(name, "text", name) for name in ("parcel_id", "section_id", "insee_code", "building_type"))
    return LayerSchema(name="parcels", title="", key="parcel_id", shape="polygon", columns=columns)


def test_the_order_of_the_records_changes_no_byte(tmp_path: Path) -> None:
    town = edited_town(60, 7)
    written = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        table = changes_between(
            frame_of(town.old, "parcel_id", rng), frame_of(town.new, "parcel_id", rng), schema=keeping_types(),
            parameters=DEFAULTS, old_vintage="2025", new_vintage="2026",
        )  # fmt: skip
        write_layer_parquet(table, tmp_path / f"{seed}.parquet")
        written.append((tmp_path / f"{seed}.parquet").read_bytes())

    assert written[0] == written[1]
    again = read_layer_parquet(tmp_path / "1.parquet")
    assert list(again.columns) == [*CHANGES.column_names, "geometry"]
    assert again["change_id"].is_unique


def test_the_digest_names_the_change_between_two_editions() -> None:
    old, new = parcels({"A": box(0, 0, 10, 10)}), parcels({"A": box(0, 0, 12, 10)})

    first, again = changed(old, new)[0], changed(old, new)[0]
    back = changed(new, old)[0]

    assert first["change_id"] == again["change_id"]
    assert len(first["change_id"]) == 32
    assert first["edition"] == 2
    other = changes_between(old, new, schema=PARCELS, parameters=DEFAULTS, old_vintage="2025-04-01", new_vintage="x")
    assert len({first["change_id"], back["change_id"], other["change_id"].iloc[0]}) >= 2


def test_editions_without_records_are_all_created_or_all_removed() -> None:
    land = parcels(grid(2))

    assert {row["change_type"] for row in changed(land.iloc[:0], land)} == {"created"}
    assert {row["change_type"] for row in changed(land, land.iloc[:0])} == {"removed"}
    nothing = changes_between(
        land.iloc[:0], land.iloc[:0], schema=PARCELS, parameters=DEFAULTS, old_vintage="", new_vintage=""
    )
    assert len(nothing) == 0
    assert nothing.crs == land.crs
    assert list(nothing.columns) == [*CHANGES.column_names, "geometry"]


def test_an_outline_that_crosses_itself_is_compared_by_the_surface_it_encloses() -> None:
    knot = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])

    (row,) = changed(parcels({"A": box(0, 0, 10, 10)}), parcels({"A": knot}))

    assert row["evidence"]["new_area_m2"] == 50.0


SQUARE = parcels({"A": box(0, 0, 1, 1)})


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param(SQUARE, SQUARE.set_crs(2975, allow_override=True), "EPSG:2975", id="two references"),
        pytest.param(SQUARE, pd.concat([SQUARE, SQUARE]), "A", id="a key said twice"),
        pytest.param(SQUARE, parcels({"B": Polygon()}), "B", id="no geometry"),
        pytest.param(SQUARE, parcels({"B": Polygon([(0, 0), (1, 0), (2, 0)])}), "B", id="no surface"),
        pytest.param(SQUARE.assign(parcel_id=[None]), SQUARE, "none", id="no key"),
    ],
)
def test_editions_that_cannot_be_compared_are_refused_by_name(
    old: gpd.GeoDataFrame, new: gpd.GeoDataFrame, told: str
) -> None:
    with pytest.raises(AssemblyError) as caught:
        changed(old, new)

    assert told in caught.value.found


def test_a_table_without_geometry_is_refused() -> None:
    with pytest.raises(AssemblyError, match="observations"):
        changed(parcels({}), parcels({}), SCHEMAS["observations"])


def test_every_layer_with_a_derived_key_is_one_of_the_schemas() -> None:
    assert set(SCHEMAS) >= DERIVED_KEY_LAYERS


def test_real_buildings_written_again_have_no_change_and_one_that_is_turned_has(shared: Path) -> None:
    """The buildings of BD TOPO in commune 12174, cut to whole centimetres with their rings turned."""
    real = gpd.read_file(shared / "data" / "base_layers" / "bdtopo_v3_12174" / "BATIMENT.shp")
    real = real.rename(columns={"ID": "topo_building_id"})[["topo_building_id", "geometry"]].set_crs(
        2154, allow_override=True
    )
    flat = shapely.force_2d(real.geometry.to_numpy())
    again = real.set_geometry(shapely.reverse(shapely.transform(flat, lambda xy: xy.round(2))), crs=2154)
    turned = again.set_geometry([rotate(again.geometry.iloc[0], 90), *again.geometry.iloc[1:]], crs=2154)
    schema = SCHEMAS["topo_buildings"]

    assert len(real) > 20
    assert changed(real, again, schema) == []
    assert kinds(changed(real, again.iloc[1:], schema)) == [("removed", [real["topo_building_id"].iloc[0]], [])]
    assert [row["change_type"] for row in changed(real, turned, schema)] == ["modified"]


@pytest.mark.parametrize(
    ("vintage", "day"),
    [
        ("2026-03-01", "2026-03-01"),
        ("20260301", "2026-03-01"),
        ("2026-03", "2026-03-01"),
        ("03/2026", "2026-03-01"),
        ("15/03/2026", "2026-03-15"),
        ("2025-T3", "2025-07-01"),
        ("T4 2025", "2025-10-01"),
        ("2025", "2025-01-01"),
        ("2022-03-04/2022-03-05", "2022-03-05"),
        ("2025-04-01; 2026-03-01; 2025", "2026-03-01"),
        ("latest; 2024", "2024-01-01"),
        ("", "None"),
        ("latest", "None"),
        ("2026-13-01", "None"),
        ("V3", "None"),
    ],
)
def test_the_day_of_a_vintage_is_read_as_producers_write_it(vintage: str, day: str) -> None:
    assert str(vintage_day(vintage)) == day
