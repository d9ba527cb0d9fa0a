"""The record of origin: how accuracies of coordinate operations come together, and whose names must be shown."""

from __future__ import annotations

import pytest

from jnt_pipeline.provenance import GridUse, Operation, Provenance, accuracy_text, grids_of, whole_accuracy_m

RAF20 = GridUse(
    name="fr_ign_RAF20.tif", sha256="a" * 64, edition="RAF20 (2020)", relation="NGF-IGN69 to ellipsoid of RGF93 v2b",
    licence="Licence Ouverte 2.0", attribution="Source: IGN",
)  # fmt: skip
NTF = GridUse(name="fr_ign_gr3df97a.tif", sha256="b" * 64, attribution="Source: IGN", licence="Licence Ouverte 2.0")


def moved(source: str, target: str, accuracy_m: float | None, *grids: GridUse) -> Operation:
    return Operation(source=source, target=target, description="by hand", accuracy_m=accuracy_m, grids=grids)


def test_operations_that_follow_one_another_add_up() -> None:
    chain = [moved("EPSG:27572", "EPSG:2154", 1.0), moved("EPSG:2154+5720", "EPSG:4978", 0.5)]
    assert whole_accuracy_m(chain) == 1.5


def test_of_two_ways_into_the_twin_the_coarser_counts() -> None:
    """Footprints in degrees, points in NTF; both leave in geocentric coordinates: max(0.1, 1.0) + 0.5."""
    ways = [
        moved("EPSG:4171", "EPSG:2154", 0.1),
        moved("EPSG:27572+5720", "EPSG:2154+5720", 1.0),
        moved("EPSG:2154+5720", "EPSG:4978", 0.5),
    ]
    assert whole_accuracy_m(ways) == 1.5
    assert whole_accuracy_m([ways[1], ways[0], ways[2]]) == 1.5


def test_there_and_back_again_counts_twice() -> None:
    assert whole_accuracy_m([moved("EPSG:4326", "EPSG:2154", 1.0), moved("EPSG:2154", "EPSG:4326", 1.0)]) == 2.0


def test_one_that_states_nothing_leaves_the_whole_unstated() -> None:
    assert whole_accuracy_m([moved("EPSG:4326", "EPSG:2154", None), moved("EPSG:2154", "EPSG:4978", 1.0)]) is None
    assert whole_accuracy_m([moved("EPSG:4326", "EPSG:2154", 1.0), moved("EPSG:2154", "EPSG:4978", None)]) is None
    assert accuracy_text(None) == "not stated"


def test_what_stays_in_place_costs_nothing_and_a_change_of_heights_alone_does() -> None:
    assert whole_accuracy_m([]) == 0.0
    assert whole_accuracy_m([moved("EPSG:2154", "EPSG:2154", 0.0)]) == 0.0
    assert whole_accuracy_m([moved("EPSG:2154+5719", "EPSG:2154+5720", 0.3)]) == 0.3


def test_every_grid_is_named_once_and_its_producer_is_shown_after_the_data_s_own() -> None:
    provenance = Provenance(
        producer="Mairie",
        licence="ODbL 1.0",
        attribution="© Mairie",
        operations=(moved("EPSG:27572", "EPSG:2154", 1.0, NTF), moved("EPSG:2154", "EPSG:4978", 0.1, RAF20, NTF)),
    )
    assert [grid.name for grid in provenance.grids] == ["fr_ign_RAF20.tif", "fr_ign_gr3df97a.tif"]
    assert provenance.grids == grids_of(provenance.operations)
    assert provenance.full_attribution == "© Mairie; Source: IGN Licence Ouverte 2.0."
    assert provenance.model_copy(update={"operations": ()}).full_attribution == "© Mairie"


@pytest.mark.parametrize(("value", "text"), [(0.0, "0 m"), (0.05, "0.05 m"), (2.0, "2 m")])
def test_an_accuracy_is_said_in_metres(value: float, text: str) -> None:
    assert accuracy_text(value) == text
