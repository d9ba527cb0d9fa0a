"""The lattice of raster pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.grid import Grid

RESOLUTIONS = (0.1, 0.2, 0.25, 0.4, 0.5, 0.8, 1.0, 2.0, 2.5, 5.0, 10.0)  # each divides 1000 m


def test_a_kilometre_tile_has_its_first_centre_on_its_north_west_corner():
    grid = Grid.covering((770000.0, 6277000.0, 771000.0, 6278000.0), 0.5)
    assert grid.shape == (2000, 2000)
    assert (grid.x_centres[0], grid.x_centres[-1]) == (770000.0, 770999.5)
    assert (grid.y_centres[0], grid.y_centres[-1]) == (6278000.0, 6277000.5)


def test_the_outer_edges_are_those_of_the_raster_ign_delivers_for_the_same_square():
    grid = Grid.covering((770550.0, 6277550.0, 770600.0, 6277600.0), 0.5)
    assert grid.bounds == (770549.75, 6277550.25, 770599.75, 6277600.25)


def test_the_transform_leads_from_pixel_centres_to_their_coordinates():
    grid = Grid.covering((10.0, 20.0, 13.0, 22.0), 0.5)
    assert grid.transform @ (0.5, 0.5) == (10.0, 22.0)
    assert grid.transform @ (5.5, 3.5) == (grid.x_centres[-1], grid.y_centres[-1]) == (12.5, 20.5)


@pytest.mark.parametrize("resolution_m", RESOLUTIONS)
def test_a_kilometre_tile_has_the_same_number_of_pixels_everywhere(resolution_m: float):
    n = round(1000 / resolution_m)
    for west, north in ((0, 1000), (292_000, 6_833_000), (1_240_000, 7_110_000), (-62_000, -21_000)):
        grid = Grid.covering((west, north - 1000, west + 1000, north), resolution_m)
        assert grid.shape == (n, n)


@given(
    resolution_m=st.sampled_from(RESOLUTIONS),
    west=st.integers(-2_000_000, 20_000_000),  # tenths of a metre: up to Lambert-93 and UTM
    south=st.integers(-2_000_000, 72_000_000),
    widths=st.tuples(st.integers(200, 900), st.integers(200, 900)),
    heights=st.tuples(st.integers(200, 900), st.integers(200, 900)),
)
def test_neighbouring_tiles_share_no_pixel_and_leave_none_out(resolution_m, west, south, widths, heights):
    x = [west / 10, (west + widths[0]) / 10, (west + sum(widths)) / 10]
    y = [south / 10, (south + heights[0]) / 10, (south + sum(heights)) / 10]
    whole = Grid.covering((x[0], y[0], x[2], y[2]), resolution_m)
    left, right = (Grid.covering((x[i], y[0], x[i + 1], y[2]), resolution_m) for i in (0, 1))
    low, high = (Grid.covering((x[0], y[i], x[2], y[i + 1]), resolution_m) for i in (0, 1))
    assert np.array_equal(np.concatenate([left.x_centres, right.x_centres]), whole.x_centres)
    assert np.array_equal(np.concatenate([high.y_centres, low.y_centres]), whole.y_centres)
    assert np.all((whole.x_centres >= x[0]) & (whole.x_centres < x[2]))
    assert np.all((whole.y_centres > y[0]) & (whole.y_centres <= y[2]))
    # The next centre outwards is beyond the edge; 1e-6 m for the rounding of this very subtraction.
    assert whole.x_centres[0] - resolution_m < x[0] + 1e-6
    assert whole.y_centres[-1] - resolution_m <= y[0] + 1e-6


@pytest.mark.parametrize("resolution_m", [0.3, 0.33, 3.0, 0.0, -0.5, 0.00005, float("nan")])
def test_a_resolution_that_does_not_divide_a_kilometre_is_refused(resolution_m: float):
    with pytest.raises((AssemblyError, ValueError), match=r"resolution|NaN"):
        Grid.covering((0.0, 0.0, 100.0, 100.0), resolution_m)


def test_bounds_without_a_pixel_centre_are_refused():
    with pytest.raises(AssemblyError, match="no pixel centre"):
        Grid.covering((0.1, 0.1, 0.4, 0.4), 0.5)
    with pytest.raises(AssemblyError, match="no pixel centre"):
        Grid.covering((100.0, 0.0, 0.0, 100.0), 0.5)
