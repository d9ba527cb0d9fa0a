"""What all kernels are made of: the decorator of a part, and polynomials over a block of points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from jnt_pipeline.libraries.compiled import numba

__all__ = ["BEYOND", "BOUNDARY", "analytic", "part", "polynomial"]

BOUNDARY = 1.0
"""Added to the mark of a point whose domain has to be tested exactly."""
BEYOND = 256.0
"""Added to the mark of a point that lies beyond the polynomials, or is not finite."""

_F = TypeVar("_F", bound=Callable[..., Any])


def part(function: _F) -> _F:
    """A part of a kernel, compiled and kept with it: no way in from Python is made for it."""
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast("_F", numba.njit(error_model="numpy", nogil=True, **options)(function))


@part
def polynomial(p: Any, at: int, u: Any, value: Any, m: int) -> int:
    """Horner's rule, four coefficients a pass, the highest first; returns where the next parameters start."""
    n_passes = int(p[at])
    at += 1
    c0, c1, c2, c3 = p[at], p[at + 1], p[at + 2], p[at + 3]
    for i in range(m):
        value[i] = ((c0 * u[i] + c1) * u[i] + c2) * u[i] + c3
    for _ in range(1, n_passes):
        at += 4
        c0, c1, c2, c3 = p[at], p[at + 1], p[at + 2], p[at + 3]
        for i in range(m):
            value[i] = (((value[i] * u[i] + c0) * u[i] + c1) * u[i] + c2) * u[i] + c3
    return at + 4


@part
def analytic(p: Any, at: int, re: Any, im: Any, square: Any, one: Any, two: Any, m: int) -> int:
    """A series with real coefficients and no constant term at a complex number, which it replaces.

    Goertzel's recurrence needs half the products of Horner's rule. Source: D. E. Knuth, Art of Computer Programming,
    volume 2, 4.6.4. ``square`` holds the squared modulus.
    """
    n_passes = int(p[at])
    at += 1
    for i in range(m):
        one[i] = 0.0
        two[i] = 0.0
    for _ in range(n_passes):
        c0, c1, c2, c3 = p[at], p[at + 1], p[at + 2], p[at + 3]
        at += 4
        for i in range(m):
            r, s = 2.0 * re[i], square[i]
            w0 = (c0 + r * one[i]) - s * two[i]
            w1 = (c1 + r * w0) - s * one[i]
            w2 = (c2 + r * w1) - s * w0
            w3 = (c3 + r * w2) - s * w1
            two[i] = w2
            one[i] = w3
    last = p[at]
    for i in range(m):
        x, y = re[i], im[i]
        qx = (last + x * one[i]) - square[i] * two[i]
        qy = y * one[i]
        re[i] = x * qx - y * qy
        im[i] = x * qy + y * qx
    return at + 1
