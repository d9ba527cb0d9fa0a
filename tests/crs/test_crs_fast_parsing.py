"""Pipelines taken apart: what is evaluated here, and what goes to PROJ, with its reason."""

from __future__ import annotations

import pytest

from jnt_pipeline.crs.areas import Domain
from jnt_pipeline.crs.fast.chain import chain_of
from jnt_pipeline.crs.fast.exact import TooWideError
from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError, steps_of
from jnt_pipeline.crs.operations import PinnedOperation

LAMBERT = "proj=lcc lat_0=46.5 lon_0=3 lat_1=49 lat_2=44 x_0=700000 y_0=6600000 ellps=GRS80"
DEGREES = "step proj=unitconvert xy_in=rad xy_out=deg"
FRANCE = Domain(label="France", bounds=(-5.0, 42.0, 8.0, 51.0), outline=None)


def operation(pipeline: str, n_columns: int = 2) -> PinnedOperation:
    return PinnedOperation(
        description="test", pipeline=pipeline, accuracy_m=None, grids=(), bounds=None, area_name="", n_columns=n_columns
    )


def test_steps_keep_their_order_direction_and_parameters() -> None:
    first, second = steps_of(f"proj=pipeline step inv {LAMBERT} {DEGREES}")
    assert (first.name, first.is_inverse, first.values["lat_1"]) == ("lcc", True, "49")
    assert (second.name, second.is_inverse) == ("unitconvert", False)
    assert first.text == LAMBERT


def test_plus_signs_and_single_steps_are_read_too() -> None:
    (step,) = steps_of("+proj=noop +ellps=GRS80")
    assert step.name == "noop"


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        ("proj=pipeline step proj=lcc lat_1=46.8 lat_0=46.8 pm=paris ellps=clrk80ign", "lcc with pm"),
        ("proj=pipeline step proj=lcc lat_1=46.8 units=us-ft ellps=GRS80", "lcc with units"),
        ("proj=pipeline step proj=xyzgridshift grids=fr_ign_gr3df97a.tif", "xyzgridshift"),
        ("proj=pipeline step proj=vgridshift grids=a.tif t_epoch=2010", "vgridshift with t_epoch"),
        ("proj=pipeline ellps=GRS80 step proj=noop", "whole pipeline"),
        ("proj=pipeline step proj=utm zone=40 zone=41", "twice"),
        ("proj=pipeline step proj=push v_1 step proj=pop v_1", "push with v_1"),
    ],
)
def test_what_is_not_understood_whole_goes_to_proj(pipeline: str, reason: str) -> None:
    with pytest.raises(NotCompiledError, match=reason):
        steps_of(pipeline)


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        (f"proj=pipeline step inv {LAMBERT.replace('GRS80', 'clrk80ign')} {DEGREES}", "ellipsoid clrk80ign"),
        (f"proj=pipeline step inv {LAMBERT.replace('ellps=GRS80', '')} {DEGREES}", "not named"),
        (
            f"proj=pipeline step inv proj=lcc lat_0=-46.5 lat_1=-49 lat_2=-44 ellps=GRS80 {DEGREES}",
            "opens to the north",
        ),
        ("proj=pipeline step proj=unitconvert xy_in=grad xy_out=rad", "units other than"),
        ("proj=pipeline step proj=unitconvert xy_in=deg z_in=us-ft xy_out=rad z_out=m", "units other than"),
        ("proj=noop ellps=GRS80", "no step that gives longitude"),
        (f"proj=pipeline step {LAMBERT}", "before longitude and latitude are known"),
        ("proj=pipeline step proj=unitconvert xy_in=deg xy_out=rad step proj=vgridshift grids=a.tif", "grids a.tif"),
    ],
)
def test_a_chain_that_cannot_be_built_says_why(pipeline: str, reason: str) -> None:
    with pytest.raises(NotCompiledError, match=reason):
        chain_of([operation(pipeline, 3)], [FRANCE], is_geocentric=False)


def test_a_mean_shift_of_an_old_datum_is_not_small_enough_to_come_before_the_test_of_the_domain() -> None:
    # CSG67 to WGS 84 by translation: 170 m or so, more than a cell of a small territory.
    shift = "step proj=helmert x=-186 y=230 z=110"
    with pytest.raises(NotCompiledError, match="helmert before longitude"):
        chain_of(
            [operation(f"proj=pipeline {shift} step inv proj=cart ellps=GRS80 {DEGREES}", 3)],
            [FRANCE],
            is_geocentric=True,
        )


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ((170.0, -25.0, -170.0, -10.0), "antimeridian"),
        ((8.5, 42.0, 9.0, 43.0), "share nothing"),
    ],
)
def test_an_extent_without_polynomials_goes_to_proj(bounds: tuple[float, float, float, float], reason: str) -> None:
    other = Domain(label="other", bounds=bounds, outline=None)
    with pytest.raises(NotCompiledError, match=reason):
        chain_of([operation(f"proj=pipeline step inv {LAMBERT} {DEGREES}")], [FRANCE, other], is_geocentric=False)


def test_a_pole_goes_to_proj() -> None:
    arctic = Domain(label="arctic", bounds=(-10.0, 60.0, 10.0, 90.0), outline=None)
    with pytest.raises(NotCompiledError, match="pole"):
        chain_of([operation(f"proj=pipeline step inv {LAMBERT} {DEGREES}")], [arctic], is_geocentric=False)


def test_no_domain_at_all_goes_to_proj() -> None:
    with pytest.raises(NotCompiledError, match="no area of use"):
        chain_of([operation(f"proj=pipeline step inv {LAMBERT} {DEGREES}")], [], is_geocentric=False)


def test_a_whole_utm_zone_is_too_wide_for_one_series() -> None:
    zone = Domain(label="zone 31, from the equator to the pole", bounds=(0.0, 0.0, 6.0, 84.0), outline=None)
    with pytest.raises(TooWideError):
        chain_of(
            [operation(f"proj=pipeline step inv proj=utm zone=31 ellps=GRS80 {DEGREES}")], [zone], is_geocentric=False
        )
