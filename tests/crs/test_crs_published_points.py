"""IGN's published points and the vectors computed from its original grids, against `crs.transformation`."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crs.oracle import SEVEN, seven_parameters
from jnt_pipeline.crs import transformation
from jnt_pipeline.errors import MissingGridError, OutsideAreaError

_SHARED = Path(__file__).resolve().parents[3] / "shared"


def _vectors() -> list[dict[str, Any]]:
    path = _SHARED / "geodesy" / "vectors.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else [{"id": "absent", "grids": []}]


VECTORS = _vectors()
WITH_GRID = [v for v in VECTORS if v["grids"]]
WITHOUT_GRID = [v for v in VECTORS if not v["grids"]]


def _points(vector: dict[str, Any]) -> np.ndarray:
    # PG1 carries a height through a horizontal operation: here the third column simply stays.
    return np.array([vector["input"]], dtype=np.float64)


def _distance_m(vector: dict[str, Any], got: np.ndarray) -> float:
    """Largest component, in metres; degrees are converted at the place, as the file's documentation says."""
    latitude = vector["expected"][1]
    per_unit = {"m": (1.0, 1.0), "deg": (111_320 * math.cos(math.radians(latitude)), 111_320.0)}
    pairs = zip(got, vector["expected"], vector["expected_units"], strict=True)
    return max(abs(a - b) * per_unit[unit][min(i, 1)] for i, (a, b, unit) in enumerate(pairs))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_a_published_point_is_reached_within_its_tolerance_by_the_grid_it_names(
    vector: dict[str, Any], grids: Path
) -> None:
    chosen = transformation(vector["from"], vector["to"])
    got = chosen.apply(_points(vector))[0]
    assert _distance_m(vector, got) <= vector["tolerance_m"]
    assert [grid.name for grid in chosen.operation.grids] == vector["grids"]


def test_all_49_vectors_are_tried_and_31_name_a_grid(shared: Path) -> None:
    assert (len(VECTORS), len(WITH_GRID)) == (49, 31)


@pytest.mark.parametrize("vector", WITH_GRID, ids=lambda v: v["id"])
def test_a_vector_that_names_a_grid_is_refused_by_name_without_it(
    vector: dict[str, Any], no_grids: Path, shared: Path
) -> None:
    with pytest.raises(MissingGridError) as caught:
        transformation(vector["from"], vector["to"])
    assert vector["grids"][0] in caught.value.what
    assert str(no_grids) in caught.value.found
    assert f"jnt grids sync {vector['grids'][0]}" in caught.value.remedy


@pytest.mark.parametrize("vector", WITHOUT_GRID, ids=lambda v: v["id"])
def test_a_vector_without_grid_is_reached_on_a_machine_without_grids(
    vector: dict[str, Any], no_grids: Path, shared: Path
) -> None:
    got = transformation(vector["from"], vector["to"]).apply(_points(vector))[0]
    assert _distance_m(vector, got) <= vector["tolerance_m"]


# ---- Circé's own file, FR.txt: same number = same physical point ------------------------------------------------

BLOCKS = {
    **{f"RGF93CC{zone}": f"EPSG:{3900 + zone}" for zone in range(42, 51)},
    "RGF93UTM30": "EPSG:25830",
    "RGF93UTM31": "EPSG:25831",
    "RGF93UTM32": "EPSG:25832",
    "RGF93G": "EPSG:4171",
    # In this file zones I to IV have a false northing of 200 km: 27561 to 27564, not 27571 to 27574.
    "NTFLAMB1": "EPSG:27561",
    "NTFLAMB2": "EPSG:27562",
    "NTFLAMB3": "EPSG:27563",
    "NTFLAMB4": "EPSG:27564",
    "NTFLAMB2E": "EPSG:27572",
    "NTFG": "EPSG:4275",
    "NTFPG": "EPSG:4807",
    "ETRS89LCC": "EPSG:3034",
    "ETRS89LAEA": "EPSG:3035",
}
DEGREES = {"RGF93G": 1.0, "NTFG": 1.0, "NTFPG": 0.9}  # in degrees; Paris counts in grades


def _degrees(text: str) -> float:
    """D.MMSSsss, Circé's way to write an angle, to degrees."""
    sign = -1.0 if text.startswith("-") else 1.0
    whole, _, digits = text.lstrip("-").partition(".")
    return sign * (int(whole) + int(digits[:2]) / 60 + float(f"{digits[2:4]}.{digits[4:]}") / 3600)


def _circe(shared: Path) -> dict[str, dict[int, tuple[float, float]]]:
    text = (shared / "data" / "geodesy_tests" / "circe_fr" / "FR.txt").read_text(encoding="latin-1")
    blocks: dict[str, dict[int, tuple[float, float]]] = {}
    for block in text.split("--sourceCRS=")[1:]:
        head, _, *rows = block.splitlines()
        name, form = head.split(".")[0], head.split("=")[-1]
        if name in blocks:
            continue  # the same points again, in decimal degrees
        read = _degrees if form.endswith("DMS") else float
        fields = [row.split() for row in rows if row.split()]
        blocks[name] = {int(f[0]): (read(f[1]), read(f[2])) for f in fields}
    return blocks


@pytest.mark.parametrize(("block", "code"), BLOCKS.items())
def test_points_of_circe_meet_in_lambert_93_within_2_mm_both_ways(
    block: str, code: str, shared: Path, grids: Path
) -> None:
    # 2 mm: the file is rounded to the millimetre (0.01 mm for angles) on both sides.
    points = _circe(shared)
    here = np.array(list(points[block].values()))
    there = np.array([points["RGF93LAMB93"][number] for number in points[block]])
    assert len(here)
    assert np.abs(transformation(code, "EPSG:2154").apply(here) - there).max() <= 0.002
    angle = DEGREES.get(block, 0.0)
    metres = [111_320.0 * 0.65 * angle, 111_320.0 * angle] if angle else [1.0, 1.0]
    assert (np.abs(transformation("EPSG:2154", code).apply(there) - here) * metres).max() <= 0.002


def test_geocentric_points_of_circe_become_geographic_within_2_mm(shared: Path) -> None:
    text = (shared / "data" / "geodesy_tests" / "circe_fr" / "FR.txt").read_text(encoding="latin-1")
    rows = [line.split() for line in text.split("--sourceCRS=RGF93.")[1].splitlines()[2:10]]
    xyz = np.array([[float(v) for v in row[1:4]] for row in rows])
    ellipsoidal = [43.642, 50.142, 47.698, 47.315, 47.978, 52.568, 51.807, 47.389]  # same file, block RGF93G
    plane = np.array(list(_circe(shared)["RGF93LAMB93"].values()))
    assert np.abs(transformation("EPSG:4964", "EPSG:4965").apply(xyz)[:, 2] - ellipsoidal).max() <= 0.002
    assert np.abs(transformation("EPSG:4964", "EPSG:2154").apply(xyz) - plane).max() <= 0.002


def test_ntf_to_wgs84_goes_through_the_grid_and_not_through_three_parameters(shared: Path, grids: Path) -> None:
    # PROJ ranks a 3-parameter shift first for 27572 to 4326; at point 2 it is 3.97 m off (reference, 4.2).
    points = _circe(shared)
    chosen = transformation("EPSG:27572", "EPSG:4326")
    got = chosen.apply(np.array([points["NTFLAMB2E"][2]]))[0]
    assert [grid.name for grid in chosen.operation.grids] == ["fr_ign_gr3df97a.tif"]
    expected = points["RGF93G"][2]
    assert abs(got[0] - expected[0]) * 111_320 * math.cos(math.radians(got[1])) <= 0.002
    assert abs(got[1] - expected[1]) * 111_320 <= 0.002
    back = transformation("EPSG:4326", "EPSG:27572").apply(got[np.newaxis])[0]
    assert np.abs(back - points["NTFLAMB2E"][2]).max() <= 0.002


@pytest.mark.parametrize("code", ["EPSG:27572", "EPSG:27561", "EPSG:27564", "EPSG:4275", "EPSG:4807"])
@pytest.mark.parametrize("other", ["EPSG:4326", "EPSG:2154", "EPSG:9794", "EPSG:25832"])
def test_ntf_without_its_grid_is_refused_towards_every_datum(code: str, other: str, no_grids: Path) -> None:
    for pair in ((code, other), (other, code)):
        with pytest.raises(MissingGridError, match="gr3df97a"):
            transformation(*pair)


def test_two_systems_on_ntf_need_no_grid(no_grids: Path) -> None:
    # Lambert II étendu is zone II with 2,000 km added northwards (IGN, NTG_71): here in its own zone.
    got = transformation("EPSG:27572", "EPSG:27562").apply(np.array([[600_000.0, 2_200_000.0]]))
    assert np.abs(got - [[600_000.0, 200_000.0]]).max() <= 1e-6


# ---- PROJ's own files: the French entries that EPSG codes can say -----------------------------------------------


def _proj_file(shared: Path, name: str) -> str:
    return (shared / "data" / "geodesy_tests" / "proj" / name).read_text(encoding="utf-8")


def _ignf(shared: Path) -> list[tuple[str, list[float], list[float]]]:
    """Arguments, numbers in, numbers out; angles stay out of it."""
    found = []
    for entry in _proj_file(shared, "test_cs2cs_ignf.yaml").split("- args: ")[1:]:
        args, given, *out = (line.strip() for line in entry.splitlines() if line.strip() and "out: |" not in line)
        text = out[0].removeprefix("out: ").strip('"').replace("\\t", " ")
        if "d" not in given + text.partition("+")[0]:
            numbers = [float(v) for v in given.removeprefix("in: ").split()]
            found.append((args, numbers, [float(v) for v in text.split()]))
    return found


def test_lambert_ii_etendu_to_lambert_93_as_proj_s_suite_has_it(shared: Path, grids: Path) -> None:
    points = [(given, out) for args, given, out in _ignf(shared) if "IGNF:LAMBE +to +init=IGNF:LAMB93" in args]
    assert len(points) == 8
    chosen = transformation("EPSG:27572", "EPSG:2154")
    for given, out in points[:7]:
        # 1.5 mm: both sides are rounded, to 0.1 mm and to the millimetre.
        assert np.abs(chosen.apply(np.array([given[:2]])) - [out[:2]]).max() <= 0.0015
    # The last line of the suite lost a million metres of northing: it lies in Algeria, where the grid does not hold.
    with pytest.raises(OutsideAreaError):
        chosen.apply(np.array([points[7][0][:2]]))


def test_ntf_degrees_to_rgf93_degrees_as_proj_s_suite_has_them(shared: Path, grids: Path) -> None:
    assert "IGNF:NTFG +to +init=IGNF:RGF93G" in _proj_file(shared, "test_cs2cs_ignf.yaml")
    got = transformation("EPSG:4275", "EPSG:4171").apply(np.array([[3.300866856, 43.4477976569]]))[0]
    expected = (3 + 18 / 60 + 0.915 / 3600, 43 + 26 / 60 + 52.077 / 3600)
    assert np.abs(got - expected).max() <= 0.00051 / 3600 + 1e-12  # printed to a thousandth of a second


def test_grades_of_paris_to_lambert_ii_etendu_in_epsg_s_test_5102(shared: Path, grids: Path) -> None:
    """Points of the test go past France on all sides: there they are refused, and 0.03 m is the test's tolerance."""
    text = _proj_file(shared, "5102.2.gie")
    first = text.split("+step +init=epsg:27572\n")[1].partition("\noperation")[0]
    pairs = re.findall(r"^accept\s+(\S+)\s+(\S+)\s*\n^expect\s+(\S+)\s+(\S+)", first, flags=re.MULTILINE)
    assert len(pairs) >= 15
    forward, back = transformation("EPSG:4807", "EPSG:27572"), transformation("EPSG:27572", "EPSG:4807")
    n_served = 0
    for pair in pairs:
        lon, lat, x, y = (float(value) for value in pair)
        # Lambert II étendu as IGN uses it: from Corsica to the north of the mainland, half a degree around.
        if not (40.81 <= lat * 0.9 <= 51.64 and -5.37 <= lon * 0.9 + 2.33722917 <= 10.13):
            with pytest.raises(OutsideAreaError):
                forward.apply(np.array([[lon, lat]]))
            continue
        n_served += 1
        assert np.abs(forward.apply(np.array([[lon, lat]])) - [[x, y]]).max() <= 0.03
        assert (
            np.abs(back.apply(np.array([[x, y]])) - [[lon, lat]]).max() <= 0.03 / 65_000
        )  # metres in a grade, at most
    assert n_served == 4


def test_the_oracle_s_parameters_of_reunion_1947_are_those_of_proj_s_suite(shared: Path) -> None:
    given, out = next((given, out) for args, given, out in _ignf(shared) if "REUN47" in args)
    got = seven_parameters(np.array([given]), SEVEN["RGR92", "Réunion 1947"])
    # 0.65 m: IGN's formula of seven parameters is the one for small angles (77" here), ours turns properly.
    assert np.abs(got - [out]).max() <= 0.65
