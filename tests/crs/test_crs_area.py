"""Points outside the area of use are refused, by EPSG's rectangles and by the outline of the territory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from jnt_pipeline.crs import DeclaredUndulation, transformation
from jnt_pipeline.crs.france.outlines import CORSICA, MAINLAND
from jnt_pipeline.crs.guessing.likeness import looks_like
from jnt_pipeline.errors import ImpossibleValueError, OutsideAreaError

MAINLAND_PLACES = {
    "Strasbourg": (7.75, 48.58),
    "Lauterbourg": (8.18, 48.975),
    "Lille": (3.06, 50.63),
    "Dunkerque": (2.38, 51.05),
    "Bray-Dunes": (2.54, 51.08),
    "Menton": (7.50, 43.78),
    "Hendaye": (-1.775, 43.36),
    "Brest": (-4.49, 48.39),
    "Ouessant": (-5.09, 48.46),
    "Annemasse": (6.236, 46.193),
    "Gaillard": (6.207, 46.185),
    "Ferney-Voltaire": (6.108, 46.256),
    "Saint-Julien-en-Genevois": (6.083, 46.143),
    "Saint-Louis (Haut-Rhin)": (7.56, 47.585),
    "Givet": (4.82, 50.14),
    "Longwy": (5.76, 49.52),
    "Modane": (6.67, 45.20),
    "Cerbère": (3.165, 42.44),
    "Bourg-Madame": (1.945, 42.433),
    "Perpignan": (2.90, 42.70),
    "Noirmoutier": (-2.25, 47.0),
    "Porquerolles": (6.20, 43.0),
    "Chausey": (-1.82, 48.87),
}
CORSICAN_PLACES = {
    "Bastia": (9.45, 42.70),
    "Bonifacio": (9.16, 41.387),
    "Îles Lavezzi": (9.26, 41.34),
    "Ajaccio": (8.74, 41.92),
    "Centuri": (9.35, 42.97),
}
FOREIGN_PLACES = {
    "Turin": (7.69, 45.07),
    "Genève": (6.14, 46.20),
    "Bruxelles": (4.35, 50.85),
    "Figueres": (2.96, 42.27),
    "point 7 of Circé, Spain": (2.3366, 42.30),
    "Lausanne": (6.63, 46.52),
    "Luxembourg": (6.13, 49.61),
    "Dover": (1.31, 51.13),
    "Jersey": (-2.1, 49.19),
    "San Sebastián": (-1.98, 43.32),
    "Santa Teresa Gallura": (9.19, 41.24),
}


def _in_lambert_93(place: tuple[float, float]) -> np.ndarray:
    plane = transformation("EPSG:4326", "EPSG:2154").apply(np.array([place]))
    return np.column_stack((plane, [100.0]))


@pytest.mark.parametrize("name", MAINLAND_PLACES)
def test_a_french_town_near_the_border_gets_its_height(name: str, grids: Path) -> None:
    got = transformation("EPSG:2154+5720", "EPSG:4979").apply(_in_lambert_93(MAINLAND_PLACES[name]))
    assert 42.0 < got[0, 2] - 100.0 < 56.5  # range of RAF18 over the mainland


@pytest.mark.parametrize("name", CORSICAN_PLACES)
def test_a_corsican_town_gets_its_height_in_ign78_and_none_in_ign69(name: str, grids: Path) -> None:
    points = _in_lambert_93(CORSICAN_PLACES[name])
    got = transformation("EPSG:2154+5721", "EPSG:4979").apply(points)
    assert 45.0 < got[0, 2] - 100.0 < 50.7  # range of RAC23
    with pytest.raises(OutsideAreaError, match="continentale"):
        transformation("EPSG:2154+5720", "EPSG:4979").apply(points)


@pytest.mark.parametrize("name", FOREIGN_PLACES)
def test_a_town_abroad_gets_no_height_though_it_lies_in_epsg_s_rectangle(name: str, grids: Path) -> None:
    points = _in_lambert_93(FOREIGN_PLACES[name])
    for vertical in ("5720", "5721"):
        with pytest.raises(OutsideAreaError, match="1 of 1 points"):
            transformation(f"EPSG:2154+{vertical}", "EPSG:4979").apply(points)


def test_plane_coordinates_are_served_abroad_as_far_as_epsg_s_rectangle() -> None:
    assert _in_lambert_93(FOREIGN_PLACES["Turin"]).shape == (1, 3)


def test_outlines_are_valid_and_apart() -> None:
    assert MAINLAND.is_valid
    assert CORSICA.is_valid
    assert not MAINLAND.intersects(CORSICA)


def test_the_quick_test_on_the_box_agrees_with_the_test_point_by_point(grids: Path) -> None:
    """Clouds of points that straddle the outline anywhere are judged as their worst point is."""
    declared = DeclaredUndulation(value_m=45.0, accuracy_m=1.0, source="test")
    chosen = transformation("EPSG:4326+5720", "EPSG:4979", undulation=declared)
    rng = np.random.default_rng(7)
    n_refused = 0
    for _ in range(300):
        centre, size = rng.uniform([-6, 42], [9, 52]), 10 ** rng.uniform(-2, 0.5)
        plane = centre + rng.uniform(-size / 2, size / 2, (200, 2))
        inside = shapely.contains_xy(MAINLAND, plane).all()
        try:
            chosen.apply(np.column_stack((plane, np.zeros(200))))
            served = True
        except OutsideAreaError:
            served = False
        assert served == inside
        n_refused += not served
    assert 50 < n_refused < 290


def test_the_message_counts_the_points_and_shows_the_first(grids: Path) -> None:
    good, bad = _in_lambert_93(MAINLAND_PLACES["Lille"]), _in_lambert_93(FOREIGN_PLACES["Bruxelles"])
    with pytest.raises(OutsideAreaError) as caught:
        transformation("EPSG:2154+5720", "EPSG:4979").apply(np.vstack((good, bad, good, bad)))
    error = caught.value
    assert error.what.startswith("2 of 4 points")
    assert "point 1" in error.found
    assert "longitude 4.35000, latitude 50.85000" in error.found
    assert "5 km" in error.expected


@pytest.mark.parametrize(
    ("source", "target", "point", "words"),
    [
        ("EPSG:2154", "EPSG:4326", (2.35, 48.85), "longitude, latitude in degrees"),
        ("EPSG:2154", "EPSG:4326", (48.85, 2.35), "axes swapped"),
        ("EPSG:2154", "EPSG:4326", (6_862_035.0, 652_469.0), "Lambert-93 (EPSG:2154) with its two axes swapped"),
        ("EPSG:4326", "EPSG:2154", (48.85, 2.35), "axes swapped"),
        ("EPSG:4326", "EPSG:2154", (652_469.0, 6_862_035.0), "Lambert-93 (EPSG:2154)"),
        ("EPSG:2154", "EPSG:4326", (1_649_350.8, 5_289_127.4), "CC46 (EPSG:3946)"),
        ("EPSG:3946", "EPSG:2154", (652_469.0, 6_862_035.0), "Lambert-93 (EPSG:2154)"),
        ("EPSG:3946", "EPSG:2154", (1_649_355.4, 6_177_976.4), "CC47 (EPSG:3947)"),
        ("EPSG:2154", "EPSG:4326", (600_000.0, 2_426_000.0), "Lambert II étendu (EPSG:27572)"),
        ("EPSG:2154", "EPSG:4326", (0.0, 0.0), "zeros"),
        ("EPSG:2154", "EPSG:4326", (452_845.0, 5_583_309.0), "UTM"),
    ],
)
def test_coordinates_of_another_system_are_refused_with_what_they_look_like(
    source: str, target: str, point: tuple[float, float], words: str
) -> None:
    with pytest.raises(OutsideAreaError) as caught:
        transformation(source, target).apply(np.array([point]))
    assert words in caught.value.remedy


def test_wrong_numbers_are_refused_even_when_nothing_has_to_move() -> None:
    with pytest.raises(OutsideAreaError, match="longitude, latitude"):
        transformation("EPSG:2154", "EPSG:2154").apply(np.array([[2.35, 48.85]]))


def test_swapped_geographic_axes_are_refused_for_heights(grids: Path) -> None:
    with pytest.raises(OutsideAreaError, match="swapped"):
        transformation("EPSG:9785", "EPSG:9781").apply(np.array([[48.85, 2.35, 0.0]]))


def test_geocentric_numbers_given_as_plane_ones_are_recognised() -> None:
    assert "4978" in looks_like(4_201_000.0, 172_000.0, 4_780_000.0)


def test_numbers_like_nothing_french_get_no_hint() -> None:
    assert looks_like(-3.0e7, 9.9e8) == ""


def test_a_point_without_value_in_the_grid_is_refused_and_not_returned_as_infinity(grids: Path) -> None:
    # Between the islands of Guadeloupe, La Désirade has a vertical system of its own (vector GPH5).
    with pytest.raises(OutsideAreaError):
        transformation("EPSG:5490+5757", "EPSG:5488").apply(np.array([[707_921.39, 1_804_678.751, 200.0]]))


def test_lambert_ii_etendu_reaches_corsica_as_ign_uses_it(grids: Path) -> None:
    got = transformation("EPSG:27572", "EPSG:2154").apply(np.array([[1_203_792.598, 1_626_873.172]]))
    assert np.abs(got - [[1_247_610.438, 6_055_822.838]]).max() <= 0.0015  # vector N8


QUARTER_M = 10_001_965.729  # of GRS 80's meridian (IGN, NTG_71)


@pytest.mark.parametrize(
    ("source", "target", "point", "turn"),
    [
        ("EPSG:2975", "EPSG:4627", [342_122.0, 7_666_098.0], [0.0, 4 * 0.9996 * QUARTER_M]),
        ("EPSG:25831", "EPSG:2154", [450_000.0, 5_400_000.0], [0.0, 4 * 0.9996 * QUARTER_M]),
        ("EPSG:3857", "EPSG:2154", [261_600.0, 6_250_000.0], [2 * np.pi * 6_378_137.0, 0.0]),
        ("EPSG:3857", "EPSG:4326", [261_600.0, 6_250_000.0], [2 * np.pi * 6_378_137.0, 0.0]),
        ("EPSG:4326", "EPSG:2154", [2.35, 48.85], [360.0, 0.0]),
    ],
)
@pytest.mark.parametrize("turns", [1, -1, 3])
@pytest.mark.parametrize("n", [1, 200])
def test_numbers_a_whole_turn_away_are_not_the_same_place(
    source: str, target: str, point: list[float], turn: list[float], turns: int, n: int
) -> None:
    """PROJ takes the turn off: 40,000 km too much in a northing would stay in La Réunion. 200 points: by the box."""
    chosen = transformation(source, target)
    sound = np.array(point) + 1e-6 * np.arange(n)[:, np.newaxis]
    assert np.isfinite(chosen.apply(sound)).all()
    with pytest.raises(ImpossibleValueError, match=f"{n} of {n} points"):
        chosen.apply(sound + turns * np.array(turn))
    mixed = np.concatenate([sound, sound[:1] + turns * np.array(turn)])
    with pytest.raises(ImpossibleValueError, match=f"1 of {n + 1} points"):
        chosen.apply(mixed)


@pytest.mark.parametrize("point", [[2.0, 95.0, 0.0], [200.0, 48.0, 0.0]])
def test_degrees_that_are_none_are_refused_where_every_place_would_do(point: list[float]) -> None:
    with pytest.raises(ImpossibleValueError):
        transformation("EPSG:4979", "EPSG:4978").apply(np.array([point]))
    assert transformation("EPSG:4979", "EPSG:4978").apply(np.array([[-180.0, -90.0, 0.0]])).shape == (1, 3)


@pytest.mark.parametrize(("place", "lon", "lat"), [("Turin", 7.6869, 45.0703), ("Bruxelles", 4.3517, 50.8503)])
def test_degrees_abroad_are_not_said_to_look_like_something_else(
    place: str, lon: float, lat: float, grids: Path
) -> None:
    with pytest.raises(OutsideAreaError) as refusal:
        transformation("EPSG:9785", "EPSG:9781").apply(np.array([[lon, lat, 100.0]]))
    assert "look like" not in refusal.value.remedy, place
    with pytest.raises(OutsideAreaError, match="zeros"):
        transformation("EPSG:9785", "EPSG:9781").apply(np.zeros((1, 3)))
