"""What heights probably are: the undulation of IGN's grids is the oracle for ellipsoidal heights.

Undulations are those of IGN's published points (Circé logs: GPH1, GPH5, RH3) and of the RAF20 grid interpolated
independently (H-Paris, H-Marseille), all from the test vectors of the geodesy reference.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jnt_pipeline.crs.france.territories import TERRITORIES, territory_at
from jnt_pipeline.crs.guessing.guess_heights import (
    HIGHEST_M,
    HeightGuess,
    HeightSample,
    Kind,
    Overlap,
    guess_heights,
    undulation_at,
)

PLACES = {
    # longitude, latitude, undulation in metres, where IGN's vectors give it
    "Paris": (2.35, 48.85, 43.7955),  # H-Paris
    "Marseille": (5.37, 43.30, 48.9607),  # H-Marseille
    "Bastia": (9.45, 42.70, 48.5651),  # H-Bastia
    "Guadeloupe": (-61.753922136, 16.047471111, -39.94),  # GPH1: 7.0 m is -32.940 m
    "La Désirade": (-61.053903267, 16.314160547, -44.424),  # GPH5: 200.0 m is 155.576 m
    "La Réunion": (55.285344169, -21.168011589, 4.813),  # RH3: 1.361 m is 6.174 m
}
GROUND = np.random.default_rng(3).uniform(2.0, 30.0, 400)


def sample(place: str, heights: NDArray[np.float64], stated: Kind | None = "normal", **more: object) -> HeightSample:
    lon, lat, _ = PLACES[place]
    return HeightSample(place=(lon, lat), heights=heights, stated=stated, is_ground=True, **more)  # type: ignore[arg-type]


def read(guess: HeightGuess | None) -> list[tuple[str, str]]:
    assert guess is not None
    return [(one.kind, one.unit) for one in guess.readings]


@pytest.mark.parametrize("place", PLACES)
def test_undulations_are_igns(grids: Path, place: str) -> None:
    lon, lat, expected = PLACES[place]
    territory = territory_at(lon, lat)
    assert territory is not None
    value, grid = undulation_at(lon, lat, territory)
    assert value == pytest.approx(expected, abs=0.002)  # vectors are published to the millimetre
    assert grid in territory.grids


@pytest.mark.parametrize("place", PLACES)
def test_sound_heights_raise_no_alarm(grids: Path, place: str) -> None:
    n = PLACES[place][2]
    own = (Overlap(name="other.laz", own=GROUND + 0.2, other=GROUND),)  # two surveys of one ground
    assert guess_heights(sample(place, GROUND)) is None
    assert guess_heights(sample(place, GROUND, overlaps=own)) is None
    assert guess_heights(sample(place, GROUND + n, "ellipsoidal")) is None
    assert guess_heights(sample(place, GROUND, None)) is None


@pytest.mark.parametrize("place", PLACES)
def test_ellipsoidal_heights_said_to_be_normal_are_known_by_another_file(grids: Path, place: str) -> None:
    heights = GROUND + PLACES[place][2]
    guess = guess_heights(sample(place, heights, overlaps=(Overlap(name="other.laz", own=heights, other=GROUND),)))
    assert read(guess) == [("ellipsoidal", "metres")]
    assert guess is not None
    assert guess.confidence == "strong"
    assert any(fact.name == "undulation" for fact in guess.readings[0].facts)


@pytest.mark.parametrize("place", PLACES)
def test_normal_heights_said_to_be_ellipsoidal_are_known_by_another_file(grids: Path, place: str) -> None:
    guess = guess_heights(
        sample(place, GROUND, "ellipsoidal", overlaps=(Overlap(name="other.laz", own=GROUND, other=GROUND),))
    )
    assert read(guess) == [("normal", "metres")]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("unit", "metres"), [("feet", 0.3048), ("centimetres", 0.01), ("millimetres", 0.001)])
def test_a_unit_is_known_by_another_file(grids: Path, place: str, unit: str, metres: float) -> None:
    own = GROUND / metres
    guess = guess_heights(sample(place, own, overlaps=(Overlap(name="other.laz", own=own, other=GROUND),)))
    assert read(guess) == [("normal", unit)]


@pytest.mark.parametrize("place", ["Guadeloupe", "La Désirade"])
def test_a_coast_of_the_antilles_forty_metres_under_the_sea_is_ellipsoidal(grids: Path, place: str) -> None:
    guess = guess_heights(sample(place, GROUND + PLACES[place][2]))
    assert read(guess) == [("ellipsoidal", "metres")]
    assert guess is not None
    assert guess.confidence == "fair"


@pytest.mark.parametrize("place", ["Paris", "Marseille", "Bastia"])
def test_a_coast_of_metropole_said_to_be_ellipsoidal_is_normal(grids: Path, place: str) -> None:
    # 2 to 30 m above the ellipsoid would be 14 to 47 m under the sea
    assert read(guess_heights(sample(place, GROUND, "ellipsoidal"))) == [("normal", "metres")]


@pytest.mark.parametrize("place", PLACES)
def test_millimetres_are_higher_than_any_mountain_and_without_another_file_ambiguous(grids: Path, place: str) -> None:
    guess = guess_heights(sample(place, GROUND * 1000))
    assert ("normal", "millimetres") in read(guess)
    assert guess is not None
    assert guess.confidence == "weak" or len(guess.readings) == 1


def test_water_at_the_height_of_the_sea_above_the_ellipsoid_is_worth_a_weak_word(grids: Path) -> None:
    n = PLACES["Marseille"][2]
    guess = guess_heights(sample("Marseille", GROUND + n, water=np.full(50, n + 0.3)))
    assert read(guess) == [("ellipsoidal", "metres")]
    assert guess is not None
    assert guess.confidence == "weak"
    assert guess_heights(sample("Marseille", GROUND, water=np.full(50, 0.3))) is None


def test_ground_that_has_changed_is_no_other_datum(grids: Path) -> None:
    # 7 m of fill: neither the undulation (43.8 m) nor a unit explains it
    assert (
        guess_heights(sample("Paris", GROUND + 7, overlaps=(Overlap(name="old.laz", own=GROUND + 7, other=GROUND),)))
        is None
    )


def test_without_the_grid_the_undulation_is_not_looked_at_and_it_says_so(no_grids: Path) -> None:
    assert guess_heights(sample("Guadeloupe", GROUND)) is None
    assert guess_heights(sample("Paris", GROUND, "ellipsoidal")) is None  # cannot be judged
    guess = guess_heights(sample("Guadeloupe", GROUND - 40))
    assert guess is not None
    assert not guess.readings
    assert "ellipsoidal heights were not looked for" in guess.reason


def test_heights_outside_france_are_not_judged() -> None:
    turin = HeightSample(place=(7.68, 45.07), heights=GROUND * 1000, stated="normal", is_ground=True)
    assert guess_heights(turin) is None


def test_a_vertical_system_of_another_island_is_left_to_the_check_of_areas(grids: Path) -> None:
    assert guess_heights(sample("La Désirade", GROUND - 40, vertical="EPSG:5757")) is None


def test_every_territory_has_its_highest_ground() -> None:
    assert set(HIGHEST_M) == {territory.name for territory in TERRITORIES}
