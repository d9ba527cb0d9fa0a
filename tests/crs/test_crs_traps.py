"""The traps of French coordinates: each ends in the error that names it, or in the right answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyproj
import pytest

from jnt_pipeline.crs import grids as grid_folders
from jnt_pipeline.crs import operations, transformation
from jnt_pipeline.crs.operations import Candidate, PinnedOperation, best_operation, pinned_transformer, require_pinned
from jnt_pipeline.errors import (
    BallparkError,
    DisjointAreasError,
    ImpossibleValueError,
    MissingCrsError,
    MissingGridError,
    MissingHeightReferenceError,
    OutsideAreaError,
    SwappedAxesError,
)
from jnt_pipeline.provenance import GridUse

# One place per territory, in its legal projection; longitude and latitude to three decimals.
PLACES = {
    "Paris": ("EPSG:2154+5720", "EPSG:4965", (652_469.0, 6_862_035.0), (2.352, 48.857)),
    "Ajaccio": ("EPSG:9794+5721", "EPSG:9781", (1_177_100.0, 6_108_600.0), (8.744, 41.922)),
    "Pointe-à-Pitre": ("EPSG:5490+5757", "EPSG:5488", (656_700.0, 1_796_200.0), (-61.533, 16.241)),
    "Fort-de-France": ("EPSG:5490+5756", "EPSG:5488", (708_500.0, 1_615_500.0), (-61.063, 14.604)),
    "Cayenne": ("EPSG:2972+5755", "EPSG:4967", (352_000.0, 545_900.0), (-52.335, 4.938)),
    "Saint-Denis": ("EPSG:2975+5758", "EPSG:4971", (338_600.0, 7_690_300.0), (55.448, -20.880)),
    "Mamoudzou": ("EPSG:4471+5793", "EPSG:4469", (524_700.0, 8_587_100.0), (45.227, -12.781)),
    "Saint-Pierre": ("EPSG:4467+5792", "EPSG:4466", (562_900.0, 5_180_900.0), (-56.176, 46.779)),
}
UNDULATIONS = {  # metres, read from IGN's maps of the grids, to 2 m
    "Paris": 44, "Ajaccio": 48, "Pointe-à-Pitre": -40, "Fort-de-France": -38, "Cayenne": -33, "Saint-Denis": 5,
    "Mamoudzou": -21, "Saint-Pierre": -3,
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_a_town_of_every_territory_gets_its_place_and_the_undulation_of_its_grid(name: str, grids: Path) -> None:
    source, target, (x, y), place = PLACES[name]
    got = transformation(source, target).apply(np.array([[x, y, 10.0]]))[0]
    assert np.abs(got[:2] - place).max() <= 0.002  # the projected numbers are rounded to 100 m
    assert abs(got[2] - 10.0 - UNDULATIONS[name]) <= 3.0


# ---- axes the other way round -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLACES)
def test_projected_axes_the_other_way_round_are_named_in_every_territory(name: str, grids: Path) -> None:
    source, target, (x, y), _ = PLACES[name]
    with pytest.raises(SwappedAxesError) as caught:
        transformation(source, target).apply(np.array([[y, x, 10.0], [y + 50.0, x, 11.0]]))
    assert caught.value.what.startswith("2 of 2 points")
    assert "exchange the two columns" in caught.value.remedy


@pytest.mark.parametrize("name", PLACES)
def test_degrees_the_other_way_round_are_named_in_every_territory(name: str, grids: Path) -> None:
    target, source, _, (lon, lat) = PLACES[name]
    with pytest.raises(SwappedAxesError):
        transformation(source, target).apply(np.array([[lat, lon, 10.0]]))
    flat = target.partition("+")[0]
    with pytest.raises(SwappedAxesError):
        transformation("EPSG:4326", flat).apply(np.array([[lat, lon]]))


def test_one_swapped_record_among_good_ones_is_found() -> None:
    points = np.array([[652_469.0, 6_862_035.0]] * 9 + [[6_862_035.0, 652_469.0]])
    with pytest.raises(SwappedAxesError, match="1 of 10 points"):
        transformation("EPSG:2154", "EPSG:4326").apply(points)


def test_points_that_are_elsewhere_either_way_are_not_called_swapped() -> None:
    with pytest.raises(OutsideAreaError) as caught:
        transformation("EPSG:4326", "EPSG:2154").apply(np.array([[55.45, -20.88]]))
    assert type(caught.value) is OutsideAreaError


# ---- numbers that are no coordinates ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "point"),
    [
        ("EPSG:4326", "EPSG:2154", (2.35, 95.0)),  # beyond the pole
        ("EPSG:4326", "EPSG:5490", (298.5, 16.2)),  # longitudes counted from 0 to 360
        ("EPSG:4807", "EPSG:2154", (0.0, 101.0)),  # 101 grades
        ("EPSG:4326", "EPSG:2154", (652_469.0, 6_862_035.0)),  # metres
        ("EPSG:2154", "EPSG:4326", (1.0e9, 6.6e6)),
        ("EPSG:2154", "EPSG:4326", (700_000.0, -3.4e38)),  # a no-data mark
        ("EPSG:2975", "EPSG:4627", (3.0e7, 7.6e6)),
        # 5,400 km beyond the pole, where the cone of Lambert-93 has been cut open: no place projects there.
        ("EPSG:2154", "EPSG:4326", (700_000.0, 1.75e7)),
    ],
)
def test_numbers_that_are_no_coordinates_of_the_system_are_called_impossible(
    source: str, target: str, point: tuple[float, float], grids: Path
) -> None:
    with pytest.raises(ImpossibleValueError) as caught:
        transformation(source, target).apply(np.array([point]))
    assert caught.value.remedy


@pytest.mark.parametrize("height", [-9999.0, -32_768.0, -12_001.0, 100_001.0, 3.4e38])
def test_a_height_that_is_none_is_refused_before_it_moves(height: float, grids: Path) -> None:
    points = np.array([[652_469.0, 6_862_035.0, 35.0], [652_469.0, 6_862_035.0, height]])
    with pytest.raises(ImpossibleValueError, match="1 of 2 points") as caught:
        transformation("EPSG:2154+5720", "EPSG:4979").apply(points)
    assert "point 1" in caught.value.found
    with pytest.raises(ImpossibleValueError):
        transformation("EPSG:2154+5720", "EPSG:9794+5720").apply(points)


def test_heights_of_the_deep_sea_and_of_aircraft_are_heights(grids: Path) -> None:
    points = np.array([[652_469.0, 6_862_035.0, -11_000.0], [652_469.0, 6_862_035.0, 39_000.0]])
    assert transformation("EPSG:2154+5720", "EPSG:4965").apply(points).shape == (2, 3)


@pytest.mark.parametrize("size", [6.2e6, 6.6e6, 4.2e7])
def test_geocentric_numbers_far_from_the_ground_are_impossible(size: float) -> None:
    point = size * np.array([[0.66, 0.03, 0.7507]])
    with pytest.raises(ImpossibleValueError, match="height"):
        transformation("EPSG:4978", "EPSG:4979").apply(point)


def test_a_third_column_of_a_reference_without_heights_is_nobody_s_height() -> None:
    got = transformation("EPSG:2154", "EPSG:4326").apply(np.array([[652_469.0, 6_862_035.0, -9999.0]]))
    assert got[0, 2] == -9999.0


# ---- places ---------------------------------------------------------------------------------------------------

ABROAD = {
    "Turin": (7.69, 45.07), "Genève": (6.14, 46.20), "Bruxelles": (4.35, 50.85), "Figueres, Spain": (2.96, 42.27),
    "point 7 of Circé, Spain": (2.3366, 42.30),
}  # fmt: skip


@pytest.mark.parametrize("name", ABROAD)
@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("EPSG:9782+5720", "EPSG:9781"),
        ("EPSG:4171+5720", "EPSG:4965"),
        ("EPSG:9782+5720", "EPSG:4171+5720"),  # heights stay, and have no meaning there all the same
        ("EPSG:4979", "EPSG:4326+5720"),
    ],
)
def test_a_place_abroad_has_no_french_height(name: str, reference: str, target: str, grids: Path) -> None:
    with pytest.raises(OutsideAreaError, match="1 of 1 points") as caught:
        transformation(reference, target).apply(np.array([[*ABROAD[name], 100.0]]))
    assert type(caught.value) is OutsideAreaError


def test_la_desirade_is_refused_in_the_heights_of_grande_terre_and_told_its_own(grids: Path) -> None:
    point = np.array([[707_921.39, 1_804_678.751, 200.0]])  # vector GPH5
    with pytest.raises(OutsideAreaError) as caught:
        transformation("EPSG:5490+5757", "EPSG:5488").apply(point)
    assert "La Désirade" in caught.value.found
    assert "EPSG:5490+9130" in caught.value.remedy
    assert transformation("EPSG:5490+9130", "EPSG:5488").apply(point)[0, 2] == pytest.approx(155.576, abs=0.001)


def test_grande_terre_is_refused_in_the_heights_of_la_desirade(grids: Path) -> None:
    with pytest.raises(OutsideAreaError, match="Guadeloupe"):
        transformation("EPSG:5490+9130", "EPSG:5488").apply(np.array([[656_700.0, 1_796_200.0, 10.0]]))


@pytest.mark.parametrize("name", [n for n in PLACES if n not in ("Paris", "Ajaccio")])
def test_a_point_overseas_is_told_its_own_reference_when_it_is_given_as_lambert_93(name: str) -> None:
    _, _, _, (lon, lat) = PLACES[name]
    with pytest.raises(OutsideAreaError) as caught:
        transformation("EPSG:4171", "EPSG:2154").apply(np.array([[lon, lat]]))
    assert PLACES[name][0] in caught.value.remedy


def test_corsica_has_heights_of_its_own(grids: Path) -> None:
    point = np.array([[1_177_100.0, 6_108_600.0, 10.0]])
    with pytest.raises(OutsideAreaError, match="Corse"):
        transformation("EPSG:2154+5720", "EPSG:4965").apply(point)
    with pytest.raises(DisjointAreasError):
        transformation("EPSG:2154+5720", "EPSG:2154+5721")


# ---- editions of the grids ------------------------------------------------------------------------------------


def test_v1_goes_through_raf18_and_v2b_through_raf20_some_millimetres_to_centimetres_apart(grids: Path) -> None:
    point = np.array([[652_469.0, 6_862_035.0, 35.0]])
    heights = {}
    for source, target, grid in (
        ("EPSG:2154+5720", "EPSG:4965", "fr_ign_RAF18.tif"),
        ("EPSG:9794+5720", "EPSG:9781", "fr_ign_RAF20.tif"),
    ):
        chosen = transformation(source, target)
        assert [g.name for g in chosen.operation.grids] == [grid]
        heights[grid] = chosen.apply(point)[0, 2]
    assert 0.0005 < abs(heights["fr_ign_RAF18.tif"] - heights["fr_ign_RAF20.tif"]) < 0.021  # 0.4 to 2.0 cm in France


@pytest.mark.parametrize("datum", [("EPSG:2154", "EPSG:4965"), ("EPSG:9793", "EPSG:9776"), ("EPSG:9794", "EPSG:9781")])
def test_corsica_goes_through_rac23_in_every_realisation(datum: tuple[str, str], grids: Path) -> None:
    chosen = transformation(f"{datum[0]}+5721", datum[1])
    assert [g.name for g in chosen.operation.grids] == ["fr_ign_RAC23.tif"]
    got = chosen.apply(np.array([[1_177_100.0, 6_108_600.0, 10.0]]))
    assert got[0, 2] == pytest.approx(57.63, abs=0.06)  # vector H-Ajaccio, 600 m away: 47.6293 m


def test_a_truncated_grid_is_refused_by_name_and_the_height_is_not_left_unchanged(shared: Path, no_grids: Path) -> None:
    bad = shared / "data" / "geodesy_tests" / "bad" / "truncated_fr_ign_RAF20.tif"
    shutil.copy(bad, no_grids / "fr_ign_RAF20.tif")
    with pytest.raises(MissingGridError, match="RAF20") as caught:
        transformation("EPSG:9785", "EPSG:9781")
    assert "jnt grids sync" in caught.value.remedy


# ---- Mayotte --------------------------------------------------------------------------------------------------


def test_mayotte_2004_goes_through_ggm04v1_which_epsg_does_not_know(grids: Path) -> None:
    chosen = transformation("EPSG:4471+5793", "EPSG:4979")
    assert [g.name for g in chosen.operation.grids] == ["fr_ign_ggm04v1.tif"]
    assert chosen.operation.accuracy_m is None  # nobody states it, and it is not made up


def test_rgm04_to_rgm23_reads_the_grid_and_not_a_mean_translation(grids: Path, no_grids: Path) -> None:
    with pytest.raises(MissingGridError, match="RGM04versRGM23"):
        transformation("EPSG:4471", "EPSG:10674")
    shutil.copy(grids / "fr_ign_RGM04versRGM23.tif", no_grids)
    chosen = transformation("EPSG:4471", "EPSG:10674")
    assert [g.name for g in chosen.operation.grids] == ["fr_ign_RGM04versRGM23.tif"]
    moved = chosen.apply(np.array([[524_700.0, 8_587_100.0]]))[0] - [524_700.0, 8_587_100.0]
    # The mean of EPSG 10682, (-0.5377, 0.3946, 0.3608) m, is 0.66 m eastwards and 0.36 m northwards at Mamoudzou.
    assert np.abs(moved - [0.66, 0.36]).max() <= 0.1


def test_mayotte_2023_works_where_proj_knows_it_and_else_names_both_versions(grids: Path) -> None:
    known = tuple(int(part) for part in pyproj.proj_version_str.split(".")[:3]) >= (9, 7, 1)
    if known:
        chosen = transformation("EPSG:10674+11157", "EPSG:10670")
        assert [g.name for g in chosen.operation.grids] == ["fr_ign_ggm23v2.tif"]
        return
    with pytest.raises(MissingCrsError) as caught:
        transformation("EPSG:10674+11157", "EPSG:10670")
    assert pyproj.proj_version_str in caught.value.found
    assert "9.7.1" in caught.value.expected
    assert transformation("EPSG:10674", "EPSG:10671").apply(np.array([[524_700.0, 8_587_100.0]])).shape == (1, 2)


# ---- operations that could change ---------------------------------------------------------------------------


def _pinned(pipeline: str, *, description: str = "Test", grids: tuple[str, ...] = ()) -> PinnedOperation:
    return PinnedOperation(
        description=description,
        pipeline=pipeline,
        accuracy_m=1.0,
        grids=tuple(GridUse(name=name, sha256="0" * 64) for name in grids),
        bounds=None,
        area_name="",
        n_columns=3,
    )


@pytest.mark.parametrize(
    ("pipeline", "description", "grids"),
    [
        ("proj=pipeline step proj=vgridshift grids=@fr_ign_RAF20.tif", "Test", ("fr_ign_RAF20.tif",)),
        ("proj=pipeline step proj=vgridshift grids=fr_ign_RAF20.tif,@null", "Test", ("fr_ign_RAF20.tif",)),
        ("proj=pipeline step proj=vgridshift grids=fr_ign_RAF18.tif,fr_ign_RAF20.tif", "Test", ("fr_ign_RAF20.tif",)),
        ("proj=noop", "Ballpark geographic offset from A to B", ()),
        ("proj=noop", "X + Ballpark vertical transformation", ()),
    ],
)
def test_a_pipeline_with_an_optional_or_unrecorded_grid_or_a_guess_is_refused(
    pipeline: str, description: str, grids: tuple[str, ...]
) -> None:
    operation = _pinned(pipeline, description=description, grids=grids)
    with pytest.raises(BallparkError):
        require_pinned(operation, where="test")
    with pytest.raises(BallparkError):
        pinned_transformer(operation, where="test")


def test_an_optional_grid_that_proj_proposes_is_refused_where_the_operation_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proposed = Candidate(
        description="Test",
        pipeline="proj=pipeline step proj=vgridshift grids=@fr_ign_RAF20.tif",
        accuracy_m=0.1,
        grids=(),
        bounds=None,
        area_name="",
    )
    monkeypatch.setattr(operations, "candidates", lambda *_: [proposed])
    with pytest.raises(BallparkError, match="not fixed"):
        best_operation(pyproj.CRS("EPSG:9785"), pyproj.CRS("EPSG:9781"), n_columns=3)


@pytest.mark.parametrize("name", PLACES)
def test_the_operation_is_the_same_for_every_point_whatever_was_transformed_before(name: str, grids: Path) -> None:
    source, target, (x, y), _ = PLACES[name]
    chosen = transformation(source, target)
    steps = [step for step in chosen._route.steps if isinstance(step, PinnedOperation)]
    grid_folders.use_grid_folders()
    for step in steps:
        transformer = pinned_transformer(step, where="test")
        before = transformer.definition
        for offset in (0.0, 5_000.0, 3.0e5):  # the last one lies outside the grid or the territory
            transformer.transform(x + offset, y, 10.0)
            assert transformer.get_last_used_operation().definition == before


# ---- heights out of nothing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLACES)
def test_a_missing_vertical_is_refused_with_the_one_of_the_territory(name: str) -> None:
    source, target, _, _ = PLACES[name]
    flat, _, _ = source.partition("+")
    with pytest.raises(MissingHeightReferenceError) as caught:
        transformation(flat, target)
    assert flat in caught.value.expected
    if name not in ("Ajaccio", "Fort-de-France"):  # one projection, several vertical systems: the first is the example
        assert source in caught.value.expected
