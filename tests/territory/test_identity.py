"""The identity graph: what is linked, by what evidence, and how well that agrees with a known truth."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.samples.identity_measures import Scored, counted, reliability, scored, united
from jnt_pipeline.samples.identity_page import by_seed
from jnt_pipeline.samples.identity_words import FOOT, HEAD, MIDDLE
from jnt_pipeline.samples.registers import LINK_TYPES, RegisterTown, register_town
from jnt_pipeline.territory.identity.linking import IDENTITY_LINK_TYPES, judge, link_identities
from jnt_pipeline.territory.identity.parameters import IdentityParameters, reach_m
from jnt_pipeline.territory.links import LINK_COLUMNS, unlinked

ON = "2026-04-01"
DEFAULTS = IdentityParameters()
Layers = dict[str, gpd.GeoDataFrame]

R = [f"{letter}" * 12 for letter in "123456789"]
T = [f"BATIMENT{number:016d}" for number in range(9)]


def layer(key: str, things: dict[str, BaseGeometry | None], **columns: list[object]) -> gpd.GeoDataFrame:
    ids = pd.Series(list(things), dtype="str")
    return gpd.GeoDataFrame({key: ids, **columns}, geometry=list(things.values()), crs="EPSG:2154")


def footprints(**things: BaseGeometry | None) -> gpd.GeoDataFrame:
    return layer("footprint_id", things)


def topo(things: dict[str, BaseGeometry | None], **columns: list[object]) -> gpd.GeoDataFrame:
    return layer("topo_building_id", things, **columns)


def rnb(things: dict[str, BaseGeometry | None], **columns: list[object]) -> gpd.GeoDataFrame:
    return layer("rnb_id", things, **columns)


def linked(layers: Layers, link_type: str) -> list[tuple[str, str, str]]:
    links = link_identities(layers, DEFAULTS, linked_on=ON)
    rows = links[links["link_type"] == link_type]
    return list(rows[["source_id", "target_id", "method"]].itertuples(index=False, name=None))


def evidence(layers: Layers, link_type: str) -> list[dict[str, object]]:
    links = link_identities(layers, DEFAULTS, linked_on=ON)
    return [json.loads(text) for text in links.loc[links["link_type"] == link_type, "evidence"]]


HOUSE = box(100, 100, 110, 109)


def test_the_same_outline_in_two_registers_is_one_surely_linked_building() -> None:
    links = link_identities({"footprints": footprints(F=HOUSE), "topo_buildings": topo({T[1]: HOUSE})}, DEFAULTS,
                            linked_on=ON)  # fmt: skip
    assert links.columns.tolist() == list(LINK_COLUMNS)
    row = links.iloc[0]
    assert (row["source_id"], row["target_id"], row["method"], row["linked_on"]) == ("F", T[1], "geometry", ON)
    assert row["score"] > 0.99
    said = json.loads(row["evidence"])
    assert (said["iou"], said["share_cadastre"], said["share_bdtopo"], said["common_m2"]) == (1, 1, 1, 90)


def test_a_building_that_bd_topo_splits_is_linked_to_both_parts_with_their_shares() -> None:
    layers = {"footprints": footprints(F=HOUSE),
              "topo_buildings": topo({T[1]: box(100, 100, 104, 109), T[2]: box(104, 100, 110, 109)})}  # fmt: skip
    assert linked(layers, "building-topo") == [("F", T[1], "geometry"), ("F", T[2], "geometry")]
    assert [row["share_cadastre"] for row in evidence(layers, "building-topo")] == [0.4, 0.6]


def test_a_building_that_bd_topo_merges_with_its_neighbour_is_linked_like_the_neighbour() -> None:
    layers = {"footprints": footprints(F=HOUSE, G=box(110, 100, 118, 109)),
              "topo_buildings": topo({T[1]: box(100, 100, 118, 109)})}  # fmt: skip
    assert linked(layers, "building-topo") == [("F", T[1], "geometry"), ("G", T[1], "geometry")]


def test_terraced_neighbours_are_not_linked_to_each_other_across_a_party_wall_drawn_half_a_metre_off() -> None:
    walls, drawn = (0.0, 6.0, 12.5, 18.0), (0.5, 6.5, 12.0, 18.5)
    layers = {
        "footprints": footprints(**{f"F{i}": box(walls[i], 0, walls[i + 1], 10) for i in range(3)}),
        "topo_buildings": topo({T[i]: box(drawn[i], 0, drawn[i + 1], 10) for i in range(3)}),
    }
    assert [(a, b) for a, b, _ in linked(layers, "building-topo")] == [(f"F{i}", T[i]) for i in range(3)]


def test_a_building_without_counterpart_is_not_linked_to_the_house_across_the_street() -> None:
    layers = {"footprints": footprints(F=HOUSE), "topo_buildings": topo({T[1]: box(113.5, 100, 124, 112)})}
    links = link_identities(layers, DEFAULTS, linked_on=ON)
    assert unlinked(links, "building-topo", ["F"]) == ("F",)


def test_a_statement_against_geometry_is_named_in_the_evidence_and_among_the_contradictions() -> None:
    # BD TOPO's building stands on R1 and states R2, ten metres away, which is another building of BD TOPO.
    other = box(120, 100, 130, 109)
    layers = {
        "topo_buildings": topo({T[1]: HOUSE, T[2]: other}, rnb_ids=[R[2], None]),
        "rnb_buildings": rnb({R[1]: HOUSE, R[2]: other}, topo_building_ids=[None, T[2]]),
    }
    assert linked(layers, "topo-rnb") == [(T[1], R[1], "geometry"), (T[2], R[2], "declared+geometry")]
    first, second = evidence(layers, "topo-rnb")
    assert first["stated_instead"] == R[2]
    assert second["stated_by"] == ["rnb"]
    against = judge(layers, DEFAULTS).contradictions(ON)
    assert against[["source_id", "target_id", "method"]].to_numpy().tolist() == [[T[1], R[2], "declared"]]
    assert json.loads(against["evidence"][0])["gap_m"] == 10
    assert against["score"][0] < 0.05


def test_a_statement_about_something_far_away_makes_no_link() -> None:
    far = box(900, 100, 910, 109)
    layers = {"topo_buildings": topo({T[1]: HOUSE}, rnb_ids=[R[2]]), "rnb_buildings": rnb({R[2]: far})}
    assert linked(layers, "topo-rnb") == []


def test_a_statement_about_something_far_away_or_unknown_is_a_contradiction_of_score_zero() -> None:
    far = box(900, 100, 910, 109)
    layers = {"topo_buildings": topo({T[1]: HOUSE}, rnb_ids=[f"{R[2]}|{R[8]}"]),
              "rnb_buildings": rnb({R[2]: far}, topo_building_ids=[T[7]])}  # fmt: skip
    judgement = judge(layers, DEFAULTS)
    against = judgement.contradictions(ON)
    assert against[["source_id", "target_id", "method", "score"]].to_numpy().tolist() == [
        [T[1], R[2], "declared", 0.0], [T[1], R[8], "declared", 0.0], [T[7], R[2], "declared", 0.0],
    ]  # fmt: skip
    assert json.loads(against["evidence"][0]) == {"stated_by": ["bdtopo"], "found_within_m": None,
                                                  "looked_within_m": 50}  # fmt: skip
    # The cell of the one who states it has the row.
    assert judgement.contradictions(ON, (0, 0, 500, 500))["target_id"].tolist() == [R[2], R[8]]


def test_a_point_of_the_rnb_is_linked_to_the_building_that_it_lies_in() -> None:
    layers = {"footprints": footprints(F=HOUSE, G=box(130, 100, 140, 109)),
              "rnb_buildings": rnb({R[1]: Point(104, 103)})}  # fmt: skip
    assert linked(layers, "building-rnb") == [("F", R[1], "inside")]


@pytest.mark.parametrize("in_force", [True, None])
def test_rnb_ids_out_of_force_are_linked_to_nothing(in_force: bool | None) -> None:
    register = rnb({R[1]: HOUSE, R[2]: HOUSE}, is_active=[False, in_force])
    layers = {"footprints": footprints(F=HOUSE), "rnb_buildings": register}
    assert linked(layers, "building-rnb") == [("F", R[2], "geometry")]


def test_invalid_flat_and_three_dimensional_outlines_are_compared_as_they_can_be() -> None:
    bow_tie = Polygon([(100, 100), (110, 109), (110, 100), (100, 109)])
    high = Polygon([(200, 200, 30), (210, 200, 30), (210, 209, 30), (200, 209, 30)])
    wall = LineString([(300, 300), (310, 300)])
    layers = {
        "footprints": footprints(bow_tie=bow_tie, high=high, wall=wall),
        "topo_buildings": topo({T[1]: HOUSE, T[2]: box(200, 200, 210, 209), T[3]: box(300, 295, 310, 305)}),
    }
    assert [(a, b) for a, b, _ in linked(layers, "building-topo")] == [("bow_tie", T[1]), ("high", T[2])]


def street() -> Layers:
    """Three houses of 8 m on plots of 8 m by 30 m; the street is the line y = 0."""
    plots = {f"99001000AA000{i}": box(8 * i, 0, 8 * i + 8, 30) for i in range(3)}
    return {
        "footprints": footprints(**{f"F{i}": box(8 * i, 2, 8 * i + 8, 12) for i in range(3)}),
        "parcels": layer("parcel_id", plots),
        "rnb_buildings": rnb({R[i]: box(8 * i, 2, 8 * i + 8, 12) for i in range(3)}, address_ids=[None, "A", None],
                             parcel_ids=["99001000AA0000", None, None]),
    }  # fmt: skip


def test_an_address_belongs_to_the_house_and_parcel_before_which_it_stands() -> None:
    layers = street() | {"addresses": layer("address_id", {"B": Point(4, 1.5)})}
    assert linked(layers, "address-building") == [("B", "F0", "nearest")]
    assert linked(layers, "address-parcel") == [("B", "99001000AA0000", "inside")]
    assert evidence(layers, "address-building")[0]["distance_m"] == 0.5


def test_an_address_on_the_street_follows_what_registers_state() -> None:
    # As near to F0 as to F1; the RNB states that A is the address of the building on F1, its file the same parcel.
    layers = street() | {"addresses": layer("address_id", {"A": Point(8, -4)}, parcel_ids=["99001000AA0001"])}
    assert linked(layers, "address-building") == [("A", "F1", "declared+nearest")]
    assert linked(layers, "address-parcel") == [("A", "99001000AA0001", "declared+nearest")]
    assert evidence(layers, "address-building")[0]["via"] == R[1]


def test_the_rnb_is_linked_to_the_parcels_under_it() -> None:
    links = linked(street(), "rnb-parcel")
    assert links == [
        (R[0], "99001000AA0000", "declared+geometry"),
        (R[1], "99001000AA0001", "geometry"),
        (R[2], "99001000AA0002", "geometry"),
    ]


def test_a_building_is_called_by_its_building_id_where_it_has_one() -> None:
    named = footprints(F=HOUSE).assign(building_id="RNB-1")
    links = link_identities({"footprints": named, "topo_buildings": topo({T[1]: HOUSE})}, DEFAULTS, linked_on=ON)
    assert links["source_id"].tolist() == ["RNB-1"]


def test_absent_and_empty_layers_give_an_empty_table_and_things_without_place_no_rows() -> None:
    nothing = street()
    for name in nothing:
        nothing[name] = nothing[name].iloc[:0]
    nothing["addresses"] = layer("address_id", {})
    nothing["topo_buildings"] = topo({})
    placeless = {"footprints": footprints(F=None), "topo_buildings": topo({T[1]: HOUSE})}
    for layers in ({}, nothing, {"rnb_buildings": rnb({R[1]: HOUSE})}, placeless):
        links = link_identities(layers, DEFAULTS, linked_on=ON)
        assert len(links) == 0
        assert links.columns.tolist() == list(LINK_COLUMNS)


@pytest.mark.parametrize("left_out", ["footprints", "parcels", "topo_buildings", "rnb_buildings", "addresses"])
def test_any_layer_may_be_absent(left_out: str) -> None:
    layers = {name: frame for name, frame in town(7, 2).layers.items() if name != left_out}
    links = link_identities(layers, DEFAULTS, linked_on=ON)
    word = {"footprints": "building", "parcels": "parcel", "topo_buildings": "topo", "rnb_buildings": "rnb",
            "addresses": "address"}[left_out]  # fmt: skip
    assert set(links["link_type"]) == {kind for kind in IDENTITY_LINK_TYPES if word not in kind.split("-")}


def test_layers_in_different_references_are_refused() -> None:
    moved = topo({T[1]: HOUSE}).set_crs("EPSG:3945", allow_override=True)
    with pytest.raises(AssemblyError, match=r"not in one horizontal CRS(.|\n)*topo_buildings: EPSG:3945"):
        link_identities({"footprints": footprints(F=HOUSE), "topo_buildings": moved}, DEFAULTS, linked_on=ON)


@cache
def town(seed: int, n_blocks: int = 4) -> RegisterTown:
    return register_town(seed, n_blocks=n_blocks)


@cache
def all_scored() -> dict[str, Scored]:
    return united([scored_town(2000), scored_town(2001), scored_town(2002)])


@cache
def scored_town(seed: int) -> dict[str, Scored]:
    return scored(town(seed))


@pytest.mark.parametrize("seed", [2000, 2001, 2002])
@pytest.mark.parametrize("link_type", LINK_TYPES)
def test_with_five_percent_noise_links_are_right_and_few_are_missed_in_every_town(link_type: str, seed: int) -> None:
    precision, recall, n_true = counted(scored_town(seed)[link_type], DEFAULTS.min_score)
    assert n_true > 200
    assert precision >= 0.98
    assert recall >= 0.95


def test_scores_are_probabilities() -> None:
    table = reliability(list(all_scored().values()))
    off = (table["mean_score"] - table["share_true"]).abs()
    assert (off * table["n"]).sum() / table["n"].sum() < 0.01
    # Classes of fewer than 40 pairs have a standard error of up to 0.08.
    assert off[table["n"] >= 40].max() < 0.16


def test_the_page_states_what_is_measured(repository: Path) -> None:
    page = (repository / "docs" / "identity.md").read_text(encoding="utf-8")
    remedy = "write it anew: python -m jnt_pipeline.samples.identity_page docs"
    for part in (HEAD.strip(), MIDDLE.strip(), FOOT.strip(), by_seed(2000, scored_town(2000))):
        assert part in page, remedy


def test_the_order_of_the_layers_changes_nothing() -> None:
    layers = town(7, 2).layers
    mixed = {name: frame.sample(frac=1, random_state=number) for number, (name, frame) in enumerate(layers.items())}
    straight = link_identities(layers, DEFAULTS, linked_on=ON)
    pd.testing.assert_frame_equal(straight, link_identities(mixed, DEFAULTS, linked_on=ON), check_exact=True)


def around(layers: Layers, cell: tuple[float, float, float, float], reach: float) -> Layers:
    """What meets the envelope of the cell's things, widened."""
    wide = []
    for frame in layers.values():
        west, south, east, north = frame.bounds.to_numpy().T
        x, y = (west + east) / 2, (south + north) / 2
        own = (x >= cell[0]) & (x < cell[2]) & (y >= cell[1]) & (y < cell[3])
        wide.append(frame.total_bounds if not own.any() else frame[own].total_bounds)
    edges = np.array(wide)
    window = box(*(edges[:, :2].min(axis=0) - reach), *(edges[:, 2:].max(axis=0) + reach))
    return {name: frame[frame.intersects(window)] for name, frame in layers.items()}


def test_the_links_of_a_cell_are_those_of_the_whole_when_all_within_reach_is_read() -> None:
    layers = town(2003, 6).layers
    parameters = IdentityParameters(max_extent_m=110)  # halls of 100 m
    cell = (700_000.0, 6_600_000.0, 700_150.0, 6_600_150.0)
    expected = judge(layers, parameters).links(ON, cell)
    assert len(expected) > 50
    read = around(layers, cell, reach_m(parameters))
    assert sum(map(len, read.values())) < 0.8 * sum(map(len, layers.values()))
    pd.testing.assert_frame_equal(judge(read, parameters).links(ON, cell), expected, check_exact=True)
    # The test would see a reach that is too short.
    assert not judge(around(layers, cell, 5.0), parameters).links(ON, cell).equals(expected)


def test_the_cells_of_a_territory_share_its_links_out() -> None:
    judgement = judge(town(2001).layers, DEFAULTS)
    cells = [(x, y, x + 300.0, y + 300.0) for x in (700_000.0, 700_300.0) for y in (6_600_000.0, 6_600_300.0)]
    # The town is 600 m wide; outliers among addresses and moved buildings may lie outside.
    outside = judgement.links(ON, (690_000.0, 6_590_000.0, 710_000.0, 6_610_000.0))
    assert len(outside) == len(judgement.links(ON))
    parts = pd.concat([judgement.links(ON, cell) for cell in cells])
    assert not parts.duplicated(["link_type", "source_id", "target_id"]).any()
    assert len(parts) >= 0.99 * len(outside)


def labelled(shared: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    folder = shared / "data" / "base_layers" / "buildings_addresses"
    buildings = gpd.read_file(folder / "sample_bdtopo.shp").to_crs(2154)
    register = gpd.read_file(folder / "sample_rnb.geojson").to_crs(2154)
    return buildings.rename(columns={"ID": "topo_building_id"}), register.assign(
        rnb_id=register["rnb_id"].astype("str")
    )


def test_the_labelled_buildings_of_the_rnb_are_found_by_geometry_but_one_and_all_with_their_statements(
    shared: Path,
) -> None:
    buildings, register = labelled(shared)
    stated = buildings.rename(columns={"IDS_RNB": "rnb_ids"}).assign(
        rnb_ids=lambda rows: rows["rnb_ids"].astype("str").str.replace("/", "|")
    )
    truth = {(row.topo_building_id, name) for row in stated.itertuples() for name in row.rnb_ids.split("|")}
    assert len(truth) == 8
    by_geometry = {(a, b) for a, b, _ in linked({"topo_buildings": buildings, "rnb_buildings": register}, "topo-rnb")}
    assert by_geometry == truth - {("A", "1")}  # 14 % of it, under a corner
    with_statements = {(a, b) for a, b, _ in linked({"topo_buildings": stated, "rnb_buildings": register}, "topo-rnb")}
    assert with_statements == truth
