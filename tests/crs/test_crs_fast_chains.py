"""Compiled transformations against PROJ: all territories, both ways, over their whole area, masks included."""

from __future__ import annotations

import logging
import pickle
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from crs.compiled import chain_in, is_in_domain, metres_apart, proj_alone, rectangle_of
from jnt_pipeline.crs import transformation
from jnt_pipeline.crs.domains import check_inside
from jnt_pipeline.crs.fast import stages, verify
from jnt_pipeline.crs.fast.kernels import LOOK, LOST
from jnt_pipeline.crs.france.territories import TERRITORIES
from jnt_pipeline.crs.reference import DeclaredUndulation
from jnt_pipeline.crs.systems import system
from jnt_pipeline.errors import (
    CrsError,
    ImpossibleValueError,
    JntError,
    OutsideAreaError,
    SwappedAxesError,
)

TOLERANCE_M = 1e-5
"""A hundredth of a millimetre: what the transformation promises. Measured: 7e-9 m, heights from X, Y, Z 2e-6 m."""

METROPOLE = [f"EPSG:{code}+5720" for code in (2154, 9793, 9794, *range(3942, 3951), 9842, 9850)]
CORSICA = [f"EPSG:{code}+5721" for code in (2154, 9794, 3942)]
OVERSEAS = [
    f"EPSG:{code}"
    for code in ("5490+5757", "5490+5616", "5490+5617", "5490+9130", "5490+5756", "2972+5755", "2975+5758", "4467+5792")
]


def both_ways(sources: list[str], targets: list[str]) -> list[tuple[str, str]]:
    return [pair for s in sources for t in targets for pair in ((s, t), (t, s))]


PAIRS = [
    *both_ways(METROPOLE + CORSICA, ["EPSG:4978"]),
    *both_ways(["EPSG:2154+5720", "EPSG:3946+5720", "EPSG:4326+5720"], ["EPSG:4979"]),
    *both_ways(["EPSG:9794+5720", "EPSG:9794+5721"], ["EPSG:9781", "EPSG:9780"]),
    *both_ways(OVERSEAS, ["EPSG:4978"]),
    *both_ways(["EPSG:2975+5758"], ["EPSG:4971"]),
    *both_ways(["EPSG:5490+5757"], ["EPSG:5488"]),
    *both_ways(["EPSG:2154"], ["EPSG:4326", "EPSG:4171", "EPSG:3946", "EPSG:9794", "EPSG:25831", "EPSG:3943"]),
    *both_ways(["EPSG:2975", "EPSG:5490", "EPSG:2972", "EPSG:4471", "EPSG:4467"], ["EPSG:4326"]),
]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_common_chain_is_compiled_and_agrees_with_proj_over_its_whole_area(
    source: str, target: str, grids: Path
) -> None:
    chosen = transformation(source, target)
    assert chosen.engine == "compiled", chosen.engine_reason
    points = rectangle_of(chosen, 10_000, seed=11)
    points = points[is_in_domain(chosen, points)]
    expected = proj_alone(chosen, points)
    known = np.isfinite(expected).all(axis=1)
    assert known.sum() > 250
    assert metres_apart(chosen, chosen.apply(points[known]), expected[known]) <= TOLERANCE_M
    if not known.all():
        with pytest.raises(OutsideAreaError, match="gives a result"):
            chosen.apply(points)


@pytest.mark.parametrize("name", [t.name for t in TERRITORIES])
def test_the_legal_systems_of_every_territory_are_compiled(name: str, grids: Path) -> None:
    territory = next(t for t in TERRITORIES if t.name == name)
    horizontal, vertical = territory.legal
    solid = [code for code in territory.horizontals if _is_3d(code)]
    tried = 0
    for target in (*solid, "EPSG:4978"):
        for pair in ((f"{horizontal}+{vertical[5:]}", target), (target, f"{horizontal}+{vertical[5:]}")):
            try:
                chosen = transformation(*pair)
            except JntError:
                continue  # this PROJ does not know the system: that is another test's matter
            if "xyzgridshift" in chosen.engine_reason:
                continue  # to RGM23 through a grid of the datum: PROJ's work
            tried += 1
            assert chosen.engine == "compiled", (pair, chosen.engine_reason)
            points = rectangle_of(chosen, 4_000, seed=12)
            points = points[is_in_domain(chosen, points)]
            expected = proj_alone(chosen, points)
            known = np.isfinite(expected).all(axis=1)
            assert metres_apart(chosen, chosen.apply(points[known]), expected[known]) <= TOLERANCE_M
    flat = transformation(horizontal, "EPSG:4326")
    assert flat.engine == "compiled"
    assert tried >= 2


def _is_3d(code: str) -> bool:
    try:
        return len(system(transformation(code, code).source).crs.axis_info) == 3
    except JntError:
        return False


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("EPSG:2975+5758", "EPSG:4978"),
        ("EPSG:4971", "EPSG:2975+5758"),
        ("EPSG:2154+5720", "EPSG:4979"),
        ("EPSG:4978", "EPSG:2154+5721"),
    ],
)
def test_a_million_points_have_a_result_where_proj_has_one_and_pass_where_the_exact_test_passes(
    source: str, target: str, grids: Path
) -> None:
    chosen = transformation(source, target)
    points = rectangle_of(chosen, 250_000, seed=13)  # four cases: a million
    got, state, _ = chain_in(chosen).run(points, 3)
    known = np.isfinite(proj_alone(chosen, points)).all(axis=1)
    assert np.array_equal(known, np.isfinite(got).all(axis=1))
    assert np.array_equal(known, (state & LOST) == 0)
    inside = is_in_domain(chosen, points)
    unmarked = (state & LOOK) == 0
    assert inside[unmarked].all()
    # The marked ones are judged by the exact test itself; there are few of them inside.
    assert 0.02 < inside.mean() < 0.99
    assert (unmarked & inside).sum() > 0.9 * inside.sum()


def test_points_on_the_very_edges_of_the_grid_and_of_the_domain_are_treated_as_by_proj(grids: Path) -> None:
    chosen = transformation("EPSG:4971", "EPSG:2975+5758")  # degrees: the same numbers reach the grid
    west, south, east, north = chain_in(chosen).cells.bounds
    lon = np.concatenate([np.linspace(55.14, 55.94, 81), [west, east, 55.14, 55.94]])  # RAR07: nodes every 0.01°
    lat = np.concatenate([np.linspace(-21.5, -20.75, 76), [south, north]])
    grid = np.stack(np.meshgrid(lon, lat), axis=-1).reshape(-1, 2)
    points = np.column_stack((grid, np.full(len(grid), 12.5)))
    got, _, _ = chain_in(chosen).run(points, 3)
    expected = proj_alone(chosen, points)
    known = np.isfinite(expected).all(axis=1)
    assert np.array_equal(known, np.isfinite(got).all(axis=1))
    assert 0.2 < known.mean() < 0.8
    # Heights through the grid are PROJ's to the bit; x and y are within the tolerance.
    assert np.array_equal(got[known, 2], expected[known, 2])
    assert metres_apart(chosen, got[known], expected[known]) <= TOLERANCE_M


def test_heights_up_to_a_flight_line_agree_with_proj(grids: Path) -> None:
    chosen = transformation("EPSG:4978", "EPSG:2154+5720")
    points = rectangle_of(chosen, 20_000, seed=14, highest_m=15_000.0)
    points = points[is_in_domain(chosen, points)]
    expected = proj_alone(chosen, points)
    known = np.isfinite(expected).all(axis=1)  # the outline of the mainland reaches beyond the grid, off Brittany
    assert known.mean() > 0.99
    assert metres_apart(chosen, chosen.apply(points[known]), expected[known]) <= TOLERANCE_M


def test_a_declared_undulation_is_compiled_too(no_grids: Path) -> None:
    declared = DeclaredUndulation(value_m=44.25, accuracy_m=0.05, source="test")
    for pair in (("EPSG:2154+5720", "EPSG:4978"), ("EPSG:4978", "EPSG:2154+5720")):
        chosen = transformation(*pair, undulation=declared)
        assert chosen.engine == "compiled", chosen.engine_reason
        points = rectangle_of(chosen, 5_000, seed=15)
        points = points[is_in_domain(chosen, points)]
        assert metres_apart(chosen, chosen.apply(points), proj_alone(chosen, points)) <= TOLERANCE_M


# ---- what PROJ keeps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("EPSG:27572", "EPSG:4326", "pm"),
        ("EPSG:4275", "EPSG:2154", "xyzgridshift"),
        ("EPSG:4978", "EPSG:4979", "no area of use"),
        ("EPSG:2154", "EPSG:2154", "nothing moves"),
    ],
)
def test_other_chains_stay_with_proj_and_say_why(source: str, target: str, reason: str, grids: Path) -> None:
    chosen = transformation(source, target)
    assert chosen.engine == "PROJ"
    assert reason in chosen.engine_reason


def test_kernels_that_differ_from_proj_are_refused_with_a_warning_and_proj_computes(
    grids: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A millimetre more of semi-major axis: 1.2 mm off in Lambert-93.
    wrong = {**stages._ELLIPSOIDS, "GRS80": ("6378137.001", "298.257222101")}
    monkeypatch.setattr(stages, "_ELLIPSOIDS", wrong)
    chosen = pickle.loads(pickle.dumps(transformation("EPSG:3944+5720", "EPSG:4978")))
    chosen._engines.clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert chosen.engine == "PROJ"
        assert "mm from PROJ, more than 0.01" in chosen.engine_reason
        assert "refused, PROJ computes" in caplog.text
        points = np.array([[1_700_000.0, 3_200_000.0, 100.0]])
        assert np.array_equal(chosen.apply(points), proj_alone(chosen, points))
    finally:
        chosen._engines.clear()


def test_the_sample_of_the_verification_covers_the_whole_domain(grids: Path) -> None:
    chosen = transformation("EPSG:4326+5720", "EPSG:4979")
    sample = verify.sample_of(chain_in(chosen), 3)
    west, south, east, north = chain_in(chosen).cells.bounds
    decimetre_deg = 2e-5  # of the widest territory: two millionths of 15°, 3 m at most
    assert np.abs([sample[:, 0].min() - west, sample[:, 0].max() - east]).max() < decimetre_deg * 2
    assert np.abs([sample[:, 1].min() - south, sample[:, 1].max() - north]).max() < decimetre_deg * 2
    assert is_in_domain(chosen, sample).sum() > 200
    assert sample[:, 2].min() < -400
    assert sample[:, 2].max() > 10_000


# ---- the same refusals --------------------------------------------------------------------------------------


INSIDE = np.array([700_000.0, 6_600_000.0, 100.0])


@pytest.mark.parametrize(
    ("point", "error"),
    [
        ([INSIDE[1], INSIDE[0], 100.0], SwappedAxesError),
        ([9e7, 9e7, 100.0], ImpossibleValueError),
        ([1_060_000.0, 6_440_000.0, 100.0], OutsideAreaError),  # near Turin
        ([700_000.0, 6_600_000.0, -9999.0], ImpossibleValueError),
        ([700_000.0, 6_600_000.0, 2e5], ImpossibleValueError),
        ([700_000.0, np.nan, 100.0], CrsError),
        ([700_000.0, 6_600_000.0, np.inf], CrsError),
        ([700_000.0, 6_600_000.0, np.nan], CrsError),
        ([-np.inf, 6_600_000.0, 1.0], CrsError),
    ],
)
@pytest.mark.parametrize("n", [1, 700])
def test_one_bad_point_among_many_is_refused_as_it_was_with_proj(
    point: list[float], error: type[CrsError], n: int, grids: Path
) -> None:
    chosen = transformation("EPSG:2154+5720", "EPSG:4978")
    points = np.tile(INSIDE, (n, 1))
    points[-1] = point
    with pytest.raises(error) as caught:
        chosen.apply(points)
    if np.isfinite(point).all():
        with pytest.raises(error) as exact:
            check_inside(system(chosen.source), points, chosen._domains, where=str(caught.value.where))
        assert str(exact.value) == str(caught.value)
    assert f"1 of {n} points" in str(caught.value)
    assert f"point {n - 1} " in str(caught.value)


def test_a_height_above_the_flight_lines_is_transformed_all_the_same(grids: Path) -> None:
    chosen = transformation("EPSG:2154+5720", "EPSG:4978")
    points = np.array([[700_000.0, 6_600_000.0, 30_000.0]])
    assert metres_apart(chosen, chosen.apply(points), proj_alone(chosen, points)) <= TOLERANCE_M


# ---- shared by threads and processes ------------------------------------------------------------------------


def test_threads_that_build_and_run_at_once_get_the_same_bytes(grids: Path) -> None:
    chosen = pickle.loads(pickle.dumps(transformation("EPSG:3948+5720", "EPSG:4978")))
    chosen._engines.clear()
    points = np.column_stack(
        (np.linspace(1.6e6, 1.8e6, 5_000), np.linspace(7.15e6, 7.25e6, 5_000), np.linspace(0, 500, 5_000))
    )
    with ThreadPoolExecutor(4) as pool:
        results = set(pool.map(lambda _: chosen.apply(points).tobytes(), range(8)))
    assert len(results) == 1
    again = pickle.loads(pickle.dumps(chosen))
    assert again.apply(points).tobytes() in results


def test_decimals_of_this_thread_are_left_alone(grids: Path) -> None:
    before = Decimal(1) / 3
    assert transformation("EPSG:3949", "EPSG:4326").engine == "compiled"
    assert Decimal(1) / 3 == before
