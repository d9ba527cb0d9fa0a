"""What a file probably is: every mistake in every territory, and no alarm for a sound file.

Places are towns; their numbers come from pyproj directly, and each mistake is made by hand on them. A guess is right
when it names the system that the numbers are in (or one whose numbers are the same), the mistake that was made, and
a place within 300 m of the town: the shift of an old French datum, which a guess leaves out, is at most 250 m.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jnt_pipeline.crs.france.departements import CHEFS_LIEUX, OVERSEAS, departement_of, is_near
from jnt_pipeline.crs.guessing.guess import Guess, guess_reference
from jnt_pipeline.crs.guessing.hints import Hints, Neighbour
from jnt_pipeline.crs.guessing.likeness import looks_like
from jnt_pipeline.crs.guessing.readings import sheets
from jnt_pipeline.crs.reference import Reference

TOWNS = {
    # longitude, latitude, legal projection, département; each 10 km or more inside its territory's coast or its border
    "Lille": (3.06, 50.63, "EPSG:2154", "59"),
    "Brest": (-4.40, 48.40, "EPSG:2154", "29"),
    "Strasbourg": (7.65, 48.58, "EPSG:2154", "67"),
    "Lyon": (4.85, 45.75, "EPSG:2154", "69"),
    "Toulouse": (1.44, 43.60, "EPSG:2154", "31"),
    "Nice": (7.20, 43.75, "EPSG:2154", "06"),
    "Corte": (9.15, 42.30, "EPSG:2154", "2B"),
    "Pointe-à-Pitre": (-61.55, 16.25, "EPSG:5490", "971"),
    "Fort-de-France": (-61.02, 14.65, "EPSG:5490", "972"),
    "Cayenne": (-52.33, 4.85, "EPSG:2972", "973"),
    "Saint-Denis": (55.45, -20.95, "EPSG:2975", "974"),
    "Mamoudzou": (45.17, -12.80, "EPSG:4471", "976"),
    "Saint-Pierre": (-56.20, 46.80, "EPSG:4467", "975"),
}
MAINLAND = tuple(town for town, row in TOWNS.items() if row[2] == "EPSG:2154" and town != "Corte")
LEGAL = ("EPSG:2154", "EPSG:5490", "EPSG:2972", "EPSG:2975", "EPSG:4471", "EPSG:4467")
UNITS = {"feet": 0.3048, "us_feet": 1200 / 3937, "millimetres": 0.001, "centimetres": 0.01}
RGF93 = {"EPSG:2154", "EPSG:9793", "EPSG:9794"}


@dataclass(frozen=True)
class Case:
    """Points of a town in one system, with one mistake, said to be in another."""

    town: str
    true: str
    """The system that the numbers are in, before the mistake."""
    stated: str
    change: str = "as_written"

    def __str__(self) -> str:
        return f"{self.town}-{self.true[5:]}-{self.change}-said-{self.stated[5:]}"

    @property
    def points(self) -> NDArray[np.float64]:
        xy = numbers(self.town, self.true)
        if self.change in UNITS:
            return xy / UNITS[self.change]
        return {
            "as_written": lambda: xy,
            "swapped": lambda: xy[:, ::-1],
            "negated": lambda: -xy,
            "negated_x": lambda: xy * [-1, 1],
            "negated_y": lambda: xy * [1, -1],
            "no_false_northing": lambda: xy - [0, 1e7],
        }[self.change]()


def numbers(town: str, code: str) -> NDArray[np.float64]:
    """Forty places, as :func:`_numbers`; the caller may change them."""
    return _numbers(town, code).copy()


@cache
def _numbers(town: str, code: str) -> NDArray[np.float64]:
    """Places within 2 km of a town in a system, on its own datum through PROJ's best answer without grids."""
    lon, lat, *_ = TOWNS[town]
    around = np.random.default_rng(len(town)).uniform(-0.02, 0.02, (40, 2))
    crs = pyproj.CRS(code)
    # the change of datum (under 250 m) is left out: the same longitude and latitude on the system's own datum
    own = crs.geodetic_crs
    assert own is not None
    x, y = lon + around[:, 0], lat + around[:, 1]
    if own.prime_meridian.longitude:  # grades from Paris, 2.5969213 grades east of Greenwich
        x, y = x / 0.9 - 2.5969213, y / 0.9
    if crs.is_geographic:
        return np.column_stack((x, y))
    return np.column_stack(pyproj.Transformer.from_crs(own, crs, always_xy=True).transform(x, y))


def cases() -> list[Case]:
    """Every mistake of the list, in every territory where it can be made."""
    found: list[Case] = []
    for town, (_, lat, legal, _) in TOWNS.items():
        found += [Case(town, "EPSG:4326", legal), Case(town, legal, "EPSG:4326")]
        found += [Case(town, legal, legal, change) for change in ("swapped", *UNITS, "negated", "negated_x")]
        found += [Case(town, "EPSG:4326", "EPSG:4326", "swapped")]
        found += [Case(town, legal, other) for other in LEGAL if other != legal]
        if legal in {"EPSG:2975", "EPSG:4471"}:
            found += [Case(town, legal, legal, "no_false_northing"), Case(town, "EPSG:4326", "EPSG:4326", "negated_y")]
        if town in MAINLAND:
            zone = min(round(lat), 50)
            cc, next_cc, far_cc = (f"EPSG:{3900 + z}" for z in (zone, zone + 1 if zone < 50 else 49, 92 - zone))
            found += [Case(town, cc, "EPSG:2154"), Case(town, "EPSG:2154", cc), Case(town, cc, far_cc)]
            found += [Case(town, next_cc, far_cc)] if zone < 50 and next_cc != far_cc else []  # Lille: CC50 alone
            found += [Case(town, cc, cc, change) for change in ("swapped", "feet", "millimetres")]
            carto = "EPSG:27571" if lat > 48.2 else "EPSG:27572" if lat > 45.5 else "EPSG:27573"
            old = f"EPSG:{int(carto[5:]) - 10}"
            found += [Case(town, true, "EPSG:2154") for true in {"EPSG:27572", carto}]
            found += [Case(town, old, "EPSG:2154"), Case(town, carto, old), Case(town, old, carto)]
            found += [Case(town, "EPSG:27572", "EPSG:27572", "swapped"), Case(town, "EPSG:27572", "EPSG:4326")]
        if town == "Corte":
            found += [Case(town, true, "EPSG:2154") for true in ("EPSG:27574", "EPSG:27564", "EPSG:27572", "EPSG:3942")]
            found += [Case(town, "EPSG:27564", "EPSG:27574"), Case(town, "EPSG:27574", "EPSG:27564")]
    return sorted({case for case in found if case.true != case.stated or case.change != "as_written"}, key=str)


CASES = cases()


def is_right(case: Case, guess: Guess, position: int) -> bool:
    """Whether one of the suggestions is the truth."""
    one = guess.suggestions[position]
    lon, lat, *_ = TOWNS[case.town]
    apart = pyproj.Geod(ellps="GRS80").inv(lon, lat, *one.place)[2]
    change = "feet" if case.change == "us_feet" and "US survey" in one.words else case.change
    # the middle of points spread over 4 km: within 700 m of the town itself, and 300 m of datum
    return case.true in {one.reference, *one.same_numbers} and one.change == change and apart < 1_000


@cache
def guessed(case: Case, hints: Hints | None = None) -> Guess:
    guess = guess_reference(case.points, Reference(horizontal=case.stated), hints)
    assert guess is not None
    assert guess.suggestions
    return guess


def test_there_are_more_than_two_hundred_cases() -> None:
    assert len(CASES) > 200
    assert len({case.town for case in CASES}) == len(TOWNS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_truth_comes_first_or_the_guess_is_ambiguous_and_holds_it(case: Case) -> None:
    guess = guessed(case)
    if not is_right(case, guess, 0):
        assert guess.is_ambiguous
        assert any(is_right(case, guess, i) for i in range(len(guess.suggestions)))
    assert guess.confidence == "weak" or len(guess.suggestions) == 1


def test_nine_guesses_in_ten_are_right_at_once() -> None:
    first = [is_right(case, guessed(case), 0) for case in CASES]
    assert np.mean(first) >= 0.9


@pytest.mark.parametrize("case", CASES, ids=str)
def test_with_the_departement_of_its_ids_the_truth_comes_first(case: Case) -> None:
    hints = Hints(departements=np.full(40, TOWNS[case.town][3], dtype=object))
    guess = guessed(case, hints)
    assert is_right(case, guess, 0)
    assert guess.confidence == "strong"
    assert any(fact.name == "departements" and fact.weight > 0 for fact in guess.suggestions[0].facts)


@pytest.mark.parametrize("town", TOWNS)
def test_no_sound_points_raise_an_alarm(town: str) -> None:
    """In every system of the table that may be used at the town, with and without what the ids say."""
    lon, lat, _, departement = TOWNS[town]
    tried = 0
    for sheet in sheets():
        for code in sheet.codes:
            area = pyproj.CRS(code).area_of_use
            assert area is not None
            if not (area.west <= lon <= area.east and area.south <= lat <= area.north):
                continue
            points = numbers(town, code)
            if not sheet.holds(points).all():
                continue
            tried += 1
            for hints in (None, Hints(departements=np.full(40, departement, dtype=object))):
                assert guess_reference(points, Reference(horizontal=code), hints) is None, (town, code)
    assert tried >= 5


@settings(max_examples=60)
@given(st.floats(-180, 180), st.floats(-90, 90))
def test_no_place_on_earth_in_degrees_is_called_outside(lon: float, lat: float) -> None:
    """A sensor abroad is no mistake; only what one mistake would put into France is worth a word, and a weak one."""
    guess = guess_reference(np.array([[lon, lat]]), Reference(horizontal="EPSG:4326"))
    assert guess is None or guess.confidence == "weak" or guess.doubts[0].name == "zeros"


def test_realisations_of_rgf93_cannot_be_told_apart_and_it_says_so() -> None:
    guess = guessed(Case("Lyon", "EPSG:2154", "EPSG:3946"))
    assert {guess.suggestions[0].reference, *guess.suggestions[0].same_numbers} == RGF93
    for code in RGF93:
        assert guess_reference(numbers("Lyon", "EPSG:2154"), Reference(horizontal=code)) is None


def test_utm_of_wgs_84_cannot_be_told_from_the_legal_one() -> None:
    assert guess_reference(numbers("Saint-Denis", "EPSG:2975"), Reference(horizontal="EPSG:32740")) is None
    assert "EPSG:32740" in guessed(Case("Saint-Denis", "EPSG:2975", "EPSG:4471")).suggestions[0].same_numbers


def test_a_zone_of_lambert_without_other_evidence_is_ambiguous() -> None:
    # 600,000 and 250,000 m: Paris in zone I, Bourges in zone II, the Cévennes in zone III, all on the meridian of Paris
    points = np.array([[600_000.0, 250_000.0]])
    guess = guess_reference(points, Reference(horizontal="EPSG:2154"))
    assert guess is not None
    assert guess.is_ambiguous
    assert {"EPSG:27561", "EPSG:27562", "EPSG:27563"} <= {one.reference for one in guess.suggestions}


def test_the_square_of_the_product_name_tells_us_survey_feet_from_international_ones() -> None:
    # The square 0650_6862 in US survey feet; read as international ones it lies 13.7 m (2 millionths of 6,861 km)
    # further south, and its southern edge outside of the square.
    edge = np.array([(650_000.0, 6_861_000.0), (651_000.0, 6_861_000.0), (650_500.0, 6_861_003.0)])
    square = Hints(square=(650_000.0, 6_861_000.0, 651_000.0, 6_862_000.0), named_code="EPSG:2154")
    for unit in ("us_feet", "feet"):
        guess = guess_reference(edge / UNITS[unit], Reference(horizontal="EPSG:2154"), square)
        assert guess is not None
        assert (guess.suggestions[0].change, guess.confidence) == (unit, "strong")


def test_a_density_that_only_one_unit_makes_possible_is_told() -> None:
    # 10 points per square metre are 0.93 per square foot
    points = numbers("Lyon", "EPSG:2154") / UNITS["feet"]
    guess = guess_reference(points, Reference(horizontal="EPSG:2154"), Hints(density=10 * 0.3048**2))
    assert guess is not None
    (sizes,) = [fact for fact in guess.suggestions[0].facts if fact.name == "sizes"]
    assert sizes.values["density_m2"] == pytest.approx(10, rel=1e-3)


def test_footprints_that_only_one_unit_makes_possible_decide() -> None:
    # Cayenne in feet: the numbers fall into Lambert II étendu as metres too; buildings of 40 are 12 m, in feet
    points = numbers("Cayenne", "EPSG:2972") / UNITS["feet"]
    for size, change in ((40.0, "feet"), (None, "feet")):
        guess = guess_reference(points, Reference(horizontal="EPSG:2972"), Hints(footprint_size=size))
        assert guess is not None
        assert guess.suggestions[0].change == change
    # 3,000 feet are no building, nor are 3,000 m: what is left is weak
    guess = guess_reference(points, Reference(horizontal="EPSG:2972"), Hints(footprint_size=3_000.0))
    assert guess is not None
    assert guess.confidence == "weak"
    assert guess.suggestions[0].facts[-1].weight < 0


def test_the_registered_areas_of_parcels_tell_the_unit() -> None:
    # The same numbers are Cayenne in feet and a place of France in Lambert II étendu; an acre is an acre in one alone.
    points = numbers("Cayenne", "EPSG:2972") / UNITS["feet"]
    stated = Reference(horizontal="EPSG:3945")
    plain = guess_reference(points, stated)
    assert plain is not None
    assert plain.is_ambiguous or plain.suggestions[0].reference == "EPSG:27572"
    metres = guess_reference(points, stated, Hints(drawn_area=1.0))
    assert metres is not None
    assert (metres.suggestions[0].reference, metres.suggestions[0].change) == ("EPSG:27572", "as_written")
    assert not metres.is_ambiguous
    feet = guess_reference(points, Reference(horizontal="EPSG:2972"), Hints(drawn_area=1 / 0.3048**2))
    assert feet is not None
    assert (feet.suggestions[0].reference, feet.suggestions[0].change) == ("EPSG:2972", "feet")
    (areas,) = [fact for fact in feet.suggestions[0].facts if fact.name == "registered_areas"]
    assert areas.values["ratio"] == pytest.approx(1, abs=0.02)  # a degree is taken for 111,320 m both ways: 1 %
    assert "their registered area" in feet.reason


def test_areas_and_sizes_alone_doubt_nothing() -> None:
    for hints in (Hints(drawn_area=12.0), Hints(footprint_size=3_000.0), Hints(density=1e9)):
        assert guess_reference(numbers("Lyon", "EPSG:2154"), Reference(horizontal="EPSG:2154"), hints) is None


def test_a_site_beside_the_map_coordinates_decides() -> None:
    old = numbers("Toulouse", "EPSG:27563")  # also possible: zones I and II
    guess = guess_reference(old, Reference(horizontal="EPSG:2154"), Hints(site=(1.44, 43.60)))
    assert guess is not None
    assert guess.suggestions[0].reference == "EPSG:27563"
    assert not guess.is_ambiguous


def test_a_neighbouring_file_decides_between_equals_and_only_weakly_doubts_what_is_possible() -> None:
    near = Hints(neighbours=(Neighbour(name="parcels.json", bounds=(1.40, 43.58, 1.46, 43.62)),))
    old = numbers("Toulouse", "EPSG:27563")
    guess = guess_reference(old, Reference(horizontal="EPSG:2154"), near)
    assert guess is not None
    assert guess.suggestions[0].reference == "EPSG:27563"
    # the same numbers said to be zone II lie in Berry: possible, but for the neighbour
    assert guess_reference(old, Reference(horizontal="EPSG:27562")) is None
    guess = guess_reference(old, Reference(horizontal="EPSG:27562"), near)
    assert guess is not None
    assert (guess.suggestions[0].reference, guess.confidence) == ("EPSG:27563", "weak")


def test_ids_of_another_departement_are_told_even_when_no_reading_fits() -> None:
    hints = Hints(departements=np.full(40, "974", dtype=object))
    guess = guess_reference(numbers("Lyon", "EPSG:2154"), Reference(horizontal="EPSG:2154"), hints)
    assert guess is not None
    assert [fact.name for fact in guess.doubts] == ["departements"]
    assert guess.confidence == "weak"


def test_a_conic_zone_of_brittany_read_as_lambert_93_lies_in_the_sea_and_is_told() -> None:
    # within the rectangle of Lambert-93 all the same: 43 N, 10 E, east of Corsica
    points = np.column_stack(
        pyproj.Transformer.from_crs(4171, 3948, always_xy=True).transform([-3.07, -3.06], [47.72, 47.73])
    )
    guess = guess_reference(points, Reference(horizontal="EPSG:2154"))
    assert guess is not None
    assert (guess.suggestions[0].reference, guess.confidence) == ("EPSG:3948", "weak")
    assert [fact.name for fact in guess.doubts] == ["no_territory"]


def test_zeros_are_no_position() -> None:
    guess = guess_reference(np.zeros((5, 2)), Reference(horizontal="EPSG:2154"))
    assert guess is not None
    assert guess.doubts[0].name == "zeros"
    assert not guess.suggestions


def test_points_without_a_reference_are_named_when_one_fits_and_only_then() -> None:
    guess = guess_reference(numbers("Lyon", "EPSG:3946"), None)
    assert guess is not None
    assert guess.suggestions[0].reference == "EPSG:3946"
    assert guess_reference(np.array([[-3.0e7, 9.9e8]]), None) is None


def test_a_few_bad_points_do_not_hide_the_reading_of_the_others() -> None:
    points = numbers("Lyon", "EPSG:27572")
    points[:3] = 1e12  # 3 of 40: under the tenth that may be bad
    guess = guess_reference(points, Reference(horizontal="EPSG:2154"))
    assert guess is not None
    assert guess.suggestions[0].reference == "EPSG:27572"
    assert guess.suggestions[0].facts[0].values["share"] == pytest.approx(37 / 40)


def test_a_foreign_system_in_another_unit_is_named() -> None:
    # Oregon Lambert (EPSG:2991) counts metres from 400,000; these are feet
    xy = np.column_stack(pyproj.Transformer.from_crs(4269, 2991, always_xy=True).transform([-123.0], [44.0])) / 0.3048
    guess = guess_reference(xy, Reference(horizontal="EPSG:2991"))
    assert guess is not None
    assert (guess.suggestions[0].reference, guess.suggestions[0].change) == ("EPSG:2991", "feet")


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ((342_122.248, 7_666_098.474), "UTM 40S (EPSG:2975)"),  # IGN's point R1, La Réunion
        ((336_716.694, 554_297.029), "UTM 22N (EPSG:2972)"),  # GY1, Guyane
        ((633_297.269, 1_774_587.109), "UTM 20N (EPSG:5490)"),  # GP1, Guadeloupe
        ((702_508.891, 1_639_604.849), "UTM 20N (EPSG:5490)"),  # MQ1, Martinique
        ((1_247_610.438, 6_055_822.838), "Lambert-93 (EPSG:2154)"),  # G8, Corsica
        ((126_278.833, 601_661.764), "with its two axes swapped"),  # N11, zone IV
    ],
)
def test_published_points_look_like_what_they_are(point: tuple[float, float], words: str) -> None:
    assert words in looks_like(*point)


def test_every_town_lies_in_its_departement_and_in_no_other_territory() -> None:
    for lon, lat, _, departement in TOWNS.values():
        place = np.array([lon]), np.array([lat])
        assert is_near(departement, *place).all()
        others = {code for code in OVERSEAS if is_near(code, *place).all()}
        antilles = {"971", "972", "977", "978"}  # within 300 km of each other, and once one code
        assert others <= (antilles if departement in antilles else {departement})
    assert len(CHEFS_LIEUX) == 96
    assert [departement_of(code) for code in ("38001000AB0012", "2A004", "97411", "20004", "99100", "x")] == [
        "38", "2A", "974", None, None, None
    ]  # fmt: skip
