"""Addresses of buildings: plots, houses drawn in two parts, annexes, and what the cadastre does not draw."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import Point, box
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.samples.registers import register_town
from jnt_pipeline.territory.identity.candidates import best_other
from jnt_pipeline.territory.identity.counterparts import Counterparts, absent_near, absent_on, as_one, n_within
from jnt_pipeline.territory.identity.linking import link_identities
from jnt_pipeline.territory.identity.pair_tables import Shares
from jnt_pipeline.territory.identity.parameters import IdentityParameters
from jnt_pipeline.territory.identity.plots import Plots, on_plots
from jnt_pipeline.territory.identity.registers import Register
from jnt_pipeline.territory.identity.rivals import rivals
from jnt_pipeline.territory.identity.scores import Model

Layers = dict[str, gpd.GeoDataFrame]
PLOTS = [f"99001000AA000{number}" for number in range(3)]


def layer(key: str, things: dict[str, BaseGeometry], **columns: list[object]) -> gpd.GeoDataFrame:
    ids = pd.Series(list(things), dtype="str")
    return gpd.GeoDataFrame({key: ids, **columns}, geometry=list(things.values()), crs="EPSG:2154")


def street(
    drawn: dict[str, BaseGeometry], known: dict[str, BaseGeometry], addresses: dict[str, BaseGeometry],
    **columns: list[object],
) -> Layers:  # fmt: skip
    """Plots of 12 m by 30 m along the street y = 0: what the cadastre draws, what BD TOPO and the RNB know."""
    return {
        "footprints": layer("footprint_id", drawn),
        "parcels": layer("parcel_id", {one: box(12 * i, 0, 12 * i + 12, 30) for i, one in enumerate(PLOTS)}),
        "topo_buildings": layer("topo_building_id", {f"T-{name}": shape for name, shape in known.items()}),
        "rnb_buildings": layer("rnb_id", {f"R-{name}": shape for name, shape in known.items()}),
        "addresses": layer("address_id", addresses, **columns),
    }


def linked(layers: Layers) -> dict[str, list[str]]:
    links = link_identities(layers, IdentityParameters(), linked_on="")
    rows = links[links["link_type"] == "address-building"]
    return {str(name): sorted(part) for name, part in rows.groupby("source_id")["target_id"]}


def house(plot: int, front: float = 4.0) -> BaseGeometry:
    return box(12 * plot + 1, front, 12 * plot + 10, front + 9)


def test_an_address_on_the_street_is_of_the_house_whose_plot_it_faces_though_the_neighbours_stands_nearer() -> None:
    drawn = {"back": house(0, front=14), "near": box(12, 1, 20, 10)}
    # 2 m beside the edge of the plots: 17.0 m from one house, 5.4 m from the other.
    layers = street(drawn, drawn, {"A": Point(10, -4)})
    assert linked(layers) == {"A": ["back"]}


def test_the_house_has_the_address_and_not_the_larger_barn_behind_it() -> None:
    drawn = {"house": house(0), "barn": box(0.5, 16, 11.5, 29)}  # 81 m² and 143 m²
    assert linked(street(drawn, drawn, {"A": Point(5, 3.5)})) == {"A": ["house"]}
    assert linked(street({"barn": drawn["barn"]}, {"barn": drawn["barn"]}, {"A": Point(5, 15)})) == {"A": ["barn"]}


def test_a_house_drawn_in_two_parts_has_its_address_on_both_where_registers_know_one_building() -> None:
    whole = box(1, 4, 10, 17)
    drawn = {"front": box(1, 4, 10, 12), "wing": box(1, 12, 6, 17)}
    assert linked(street(drawn, {"house": whole}, {"A": Point(5, 4)})) == {"A": ["front", "wing"]}
    assert linked(street(drawn, drawn, {"A": Point(5, 4)})) == {"A": ["front"]}


def test_a_neighbour_does_not_get_the_address_of_a_house_that_the_cadastre_does_not_draw() -> None:
    known = {"missing": house(0), "other": house(1), "third": house(2)}
    drawn = {name: known[name] for name in ("other", "third")}
    assert linked(street(drawn, known, {"A": Point(8, 3.5)})) == {}


def test_an_annexe_does_not_get_the_address_of_a_house_that_the_cadastre_does_not_draw() -> None:
    annexe = box(1, 20, 6, 26)
    alone = street({"annexe": annexe}, {"annexe": annexe}, {"A": Point(4, 19.5)})
    beside = street({"annexe": annexe}, {"annexe": annexe, "missing": house(0)}, {"A": Point(4, 19.5)})
    assert linked(alone) == {"A": ["annexe"]}
    assert linked(beside) == {}


def test_a_number_and_its_bis_are_both_of_the_house_that_the_rnb_says_has_one_of_them() -> None:
    layers = street({"F": house(0)}, {"F": house(0)}, {"A": Point(5, 3.5), "A_bis": Point(7, 3.5)},
                    house_number=[12, 12])  # fmt: skip
    layers["rnb_buildings"]["address_ids"] = ["A"]
    assert linked(layers) == {"A": ["F"], "A_bis": ["F"]}


def test_a_footprint_over_two_houses_has_the_addresses_of_both() -> None:
    both = box(4, 4, 20, 13)
    known = {"left": box(4, 4, 12, 13), "right": box(12, 4, 20, 13)}
    layers = street({"F": both}, known, {"A": Point(8, 3.5), "B": Point(16, 3.5)}, house_number=[1, 3])
    assert linked(layers) == {"A": ["F"], "B": ["F"]}


def test_an_address_far_from_its_house_is_found_by_the_parcel_that_its_file_states() -> None:
    drawn = {"F": house(0)}
    far = Point(5, -35)  # 39 m from the house: beyond what is compared otherwise
    assert linked(street(drawn, drawn, {"A": far})) == {}
    assert linked(street(drawn, drawn, {"A": far}, parcel_ids=[PLOTS[0]])) == {"A": ["F"]}


def test_evidence_tells_the_plot_and_what_registers_know_on_it() -> None:
    drawn = {"F": box(1, 4, 10, 13)}
    layers = street(drawn, drawn | {"unknown": box(1, 18, 10, 27)}, {"A": Point(5, 4)})
    links = link_identities(layers, IdentityParameters(min_score=0), linked_on="")
    said = json.loads(links.loc[links["link_type"] == "address-building", "evidence"].iloc[0])
    assert said["share_on_nearest_parcel"] == 1
    assert said["registers_know_another_here"] == 2


def test_the_best_other_pair_of_the_same_thing_is_found() -> None:
    score, of = np.array([0.9, 0.2, 0.5, 0.4]), np.array([0, 0, 0, 1])
    assert best_other(score, of, 2).tolist() == [2, 0, 0, -1]
    assert best_other(np.empty(0), np.empty(0, np.intp), 0).tolist() == []


def test_the_parcel_of_an_address_is_the_one_it_lies_on_or_the_nearest() -> None:
    parcels = Register.of(layer("parcel_id", {"p": box(0, 0, 10, 10), "q": box(10, 0, 20, 10)}), "parcel_id")
    places = {"a": Point(3, 4), "b": Point(14, -3), "c": Point(500, 500)}
    plots = Plots.of(Register.of(layer("address_id", places), "address_id"), parcels, 30.0)
    assert plots.nearest.tolist() == [0, 1, -1]
    assert plots.gap_m.tolist() == [0, 3, np.inf]
    # From (14, -3) to p: 4 m west, 3 m north, which is 5 m.
    np.testing.assert_allclose(plots.lead_m, [7, 2, 0])


def test_a_building_over_two_plots_is_the_main_one_of_both_and_a_garage_of_none() -> None:
    parcels = Register.of(layer("parcel_id", {"p": box(0, 0, 10, 10), "q": box(10, 0, 20, 10)}), "parcel_id")
    built = {"house": box(4, 0, 14, 10), "garage": box(0, 0, 3, 5)}
    buildings = Register.of(layer("footprint_id", built), "footprint_id")  # garage 0, house 1
    shares = Shares.of(buildings, parcels)
    i, j = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    share, main = on_plots(np.array([0, 1]), np.array([0, 1]), shares, i, j)  # address 0 on p, address 1 on q
    np.testing.assert_allclose(share, [1, 0.6, 0, 0.4])
    np.testing.assert_allclose(main, [15 / 60, 1, 0, 1])


def counterparts(building: list[int], other: list[int], *absent: BaseGeometry) -> Counterparts:
    return Counterparts(building=np.array(building), other=np.array(other),
                        absent=np.array([*absent, None], dtype=object)[:-1])  # fmt: skip


def test_registers_hold_footprints_for_one_building_for_two_or_say_nothing() -> None:
    topo, rnb = counterparts([0, 1, 2], [7, 7, 8]), counterparts([0, 1], [4, 5])
    one, two = as_one([topo, rnb], np.array([0, 0, 0, 1]), np.array([1, 2, -1, 3]), 4)
    assert one.tolist() == [1, 0, 0, 0]
    assert two.tolist() == [1, 1, 0, 0]
    assert n_within([topo, counterparts([2, 2, 2], [1, 2, 3])], 4).tolist() == [1, 1, 2, 1]
    assert n_within([], 2).tolist() == [1, 1]


def test_a_building_that_only_registers_know_counts_where_it_is_as_near_or_on_the_plot() -> None:
    known = counterparts([], [], box(0, 5, 10, 15))
    places = np.array([Point(5, 3), Point(5, 3), Point(5, -40)], dtype=object)
    count = absent_near([known], places, np.array([0, 1, 2]), np.array([1.5, 0.5, 60.0]), 30.0)
    assert count.tolist() == [1, 0, 0]  # 2 m: near beside 1.5 m, not beside 0.5 m; 45 m is out of reach
    parcels = Register.of(layer("parcel_id", {"p": box(0, 0, 10, 12), "q": box(0, 12, 10, 30)}), "parcel_id")
    assert absent_on([known], np.array([0, 1, -1]), parcels).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("columns", "there"),
    [({"house_number": [12, 12]}, 1e-6), ({"house_number": [12, 14]}, 0.9), ({"house_number": [None, None]}, 0.9),
     ({"house_number": [12, 12], "street_name": ["Rue Haute", "Rue Basse"]}, 0.9), ({}, 0.9)],
    ids=["bis", "next number", "without number", "another street", "no column"],
)  # fmt: skip
def test_addresses_of_one_number_are_no_rivals_for_a_building(columns: dict[str, list[object]], there: float) -> None:
    addresses = Register.of(layer("address_id", {"a": Point(0, 0), "b": Point(1, 0)}, **columns), "address_id")
    features = {"x": np.array([1.0, 2.0])}
    model = Model({"one": 0.0, "x": np.log(9.0)})  # scores 0.9 and 81 / 82
    found = rivals(features, np.array([0, 1]), np.array([0, 0]), addresses, 1, model)
    assert found["rival_there"][1] == pytest.approx(max(np.log(there / (1 - there)), -8.0))


@pytest.mark.parametrize("seed", [11, 3000])
def test_outlines_of_a_generated_town_are_valid_and_stay_so_when_a_file_rounds_them(seed: int) -> None:
    town = register_town(seed)
    for name in ("footprints", "topo_buildings", "rnb_buildings", "parcels"):
        shapes = town.layers[name].geometry.to_numpy()
        assert shapely.is_valid(shapes).all(), name
        degrees = town.layers[name].geometry.to_crs(4326).to_numpy()
        assert shapely.is_valid(shapely.transform(degrees, lambda xy: xy.round(7))).all(), name
