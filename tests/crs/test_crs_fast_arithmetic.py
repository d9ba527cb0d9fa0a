"""Coefficients in decimal arithmetic: functions, fits and series against the standard library and known sums."""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnt_pipeline.crs.fast import exact
from jnt_pipeline.crs.fast.exact import TooWideError, fit, reverted, tail_degree
from jnt_pipeline.crs.fast.stages import ellipsoid

LAST_BIT = 4e-16  # relative; the standard library's functions are right to one unit in the last place


@given(st.floats(-3.2, 3.2))
def test_sine_and_cosine_are_those_of_the_standard_library(x: float) -> None:
    with exact.exact():
        assert abs(float(exact.sin(Decimal(x))) - math.sin(x)) <= LAST_BIT
        assert abs(float(exact.cos(Decimal(x))) - math.cos(x)) <= LAST_BIT


@given(st.floats(-50, 50))
def test_the_arc_tangent_is_that_of_the_standard_library(x: float) -> None:
    with exact.exact():
        assert abs(float(exact.atan(Decimal(x))) - math.atan(x)) <= LAST_BIT * 2


@given(st.floats(-0.99, 0.99))
def test_the_arc_sine_is_that_of_the_standard_library(x: float) -> None:
    with exact.exact():
        assert abs(float(exact.asin(Decimal(x))) - math.asin(x)) <= LAST_BIT * 2


def test_an_arc_sine_of_one_half_is_a_sixth_of_pi_to_thirty_digits() -> None:
    with exact.exact():
        assert abs(exact.asin(Decimal("0.5")) - exact.PI / 6) < Decimal("1e-31")


@given(st.floats(-1.5, 1.5))
def test_isometric_and_geographic_latitudes_undo_each_other(lat: float) -> None:
    with exact.exact():
        figure = ellipsoid("GRS80")
        assert abs(figure.geographic(figure.isometric(Decimal(lat))) - Decimal(lat)) < Decimal("1e-28")


def test_a_fit_neglects_no_more_than_its_tolerance() -> None:
    with exact.exact():
        low, high = Decimal("0.7"), Decimal("0.9")
        coefficients = fit(lambda v: v.exp(), low, high, Decimal("1e-16"))
        for i in range(201):
            u = Decimal(i - 100) / 100
            value = Decimal(0)
            for c in reversed(coefficients):
                value = value * u + c
            assert abs(value - ((low + high) / 2 + u * (high - low) / 2).exp()) <= Decimal("1.01e-16")
    # exp over ±0.1: 0.1^k / k! / 2^(k-1) falls below 1e-16 at k = 8
    assert len(coefficients) - 1 in (7, 8)


def test_a_polynomial_is_fitted_by_itself() -> None:
    with exact.exact():
        coefficients = fit(lambda v: 3 + 2 * v - v**3, Decimal(-1), Decimal(1), Decimal("1e-20"))
    assert [round(float(c), 15) for c in coefficients] == [3.0, 2.0, 0.0, -1.0]


def test_a_function_with_a_pole_inside_has_no_polynomial() -> None:
    with exact.exact(), pytest.raises(TooWideError):
        fit(lambda v: 1 / (v * v + Decimal("0.01")), Decimal(-1), Decimal(1), Decimal("1e-16"))


def test_the_reverted_series_of_the_sine_is_the_arc_sine() -> None:
    with exact.exact():
        sine = [Decimal(0) if k % 2 == 0 else Decimal((-1) ** (k // 2)) / math.factorial(k) for k in range(1, 12)]
        found = reverted(sine)
    # asin x = x + x³/6 + 3x⁵/40 + 5x⁷/112 + 35x⁹/1152 + 63x¹¹/2816
    expected = [1, 0, 1 / 6, 0, 3 / 40, 0, 5 / 112, 0, 35 / 1152, 0, 63 / 2816]
    assert [float(v) for v in found] == pytest.approx(expected, abs=1e-15)


def test_neglected_coefficients_are_summed() -> None:
    tail = [Decimal(1), Decimal("0.1"), Decimal("6e-3"), Decimal("6e-3")]
    assert tail_degree(tail, Decimal("0.01")) == 2  # 6e-3 alone may go, 12e-3 may not
    assert tail_degree(tail, Decimal("0.02")) == 1


def test_coefficients_do_not_depend_on_the_settings_of_the_caller() -> None:
    def numbers() -> list[float]:
        with exact.exact():
            return [float(c) for c in fit(lambda v: v.exp(), Decimal(0), Decimal(1), Decimal("1e-16"))]

    with localcontext(Context(prec=6)):
        coarse = numbers()
    assert coarse == numbers()
