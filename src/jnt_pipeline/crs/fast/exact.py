"""Exact arithmetic for coefficients: functions, fits and series in decimal numbers, the same on every processor.

A processor's own sine differs in the last bit from another's (so do libraries built for it). Coefficients are
therefore worked out with 34 decimal digits by integer arithmetic, and rounded once to float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from decimal import Context, Decimal, localcontext
from functools import lru_cache

__all__ = ["PI", "TooWideError", "asin", "atan", "cos", "exact", "fit", "reverted", "sin", "tail_degree"]

PI = Decimal("3.14159265358979323846264338327950288419716939937511")
_NODES = (16, 24, 32)  # Chebyshev nodes tried in turn; the coefficients must have died out well before the last


class TooWideError(ValueError):
    """A function has no short polynomial over so wide an extent."""


def exact() -> AbstractContextManager[Context]:
    """Context in which everything of this module has to run: 34 digits, whatever the caller's settings are."""
    return localcontext(Context(prec=34))


def sin(x: Decimal) -> Decimal:
    """Sine of an angle in radians, within a few turns of zero."""
    term = total = x
    k = 1
    while abs(term) > Decimal("1e-36"):
        term *= -x * x / ((k + 1) * (k + 2))
        total += term
        k += 2
    return total


def cos(x: Decimal) -> Decimal:
    """Cosine of an angle in radians, within a few turns of zero."""
    term = total = Decimal(1)
    k = 0
    while abs(term) > Decimal("1e-36"):
        term *= -x * x / ((k + 1) * (k + 2))
        total += term
        k += 2
    return total


def atan(x: Decimal) -> Decimal:
    """Arc tangent, radians: the angle is halved three times, then summed as a series."""
    for _ in range(3):
        x = x / (1 + (1 + x * x).sqrt())
    power = total = x
    k = 1
    while abs(power) > Decimal("1e-36"):
        power *= -x * x
        k += 2
        total += power / k
    return 8 * total


def asin(x: Decimal) -> Decimal:
    """Arc sine, radians; ``|x| < 1``."""
    return atan(x / (1 - x * x).sqrt())


@lru_cache(maxsize=8)
def _cosines(n: int) -> tuple[Decimal, ...]:
    """Cosines of the multiples of π / 2n, for a whole turn."""
    with exact():
        return tuple(cos(PI * (j if j <= 2 * n else j - 4 * n) / (2 * n)) for j in range(4 * n))


def fit(function: Callable[[Decimal], Decimal], low: Decimal, high: Decimal, tolerance: Decimal) -> list[Decimal]:
    """Coefficients of a polynomial in ``u``, which runs from −1 to 1 as the argument runs from ``low`` to ``high``.

    Chebyshev interpolation, cut at the lowest degree whose neglected coefficients sum to no more than the tolerance.

    Returns
    -------
    Coefficients of 1, u, u²…

    Raises
    ------
    TooWideError
        Thirty-two nodes are not enough.
    """
    middle, half = (low + high) / 2, (high - low) / 2
    for n in _NODES:
        cosines = _cosines(n)
        values = [function(middle + half * cosines[2 * j + 1]) for j in range(n)]
        series = [
            sum((v * cosines[k * (2 * j + 1) % (4 * n)] for j, v in enumerate(values)), Decimal(0)) * 2 / n
            for k in range(n)
        ]
        series[0] /= 2
        degree = tail_degree(series, tolerance)
        if degree <= n - 4:
            return _monomials(series[: degree + 1])
    raise TooWideError(f"no polynomial of degree {_NODES[-1] - 4} or less over so wide an extent")


def tail_degree(coefficients: Sequence[Decimal], tolerance: Decimal) -> int:
    """Lowest degree such that the coefficients beyond it sum to no more than the tolerance, in absolute value."""
    total = Decimal(0)
    for degree in range(len(coefficients) - 1, 0, -1):
        total += abs(coefficients[degree])
        if total > tolerance:
            return degree
    return 0


def _monomials(series: Sequence[Decimal]) -> list[Decimal]:
    """Chebyshev coefficients turned into powers of u."""
    n = len(series)
    result = [Decimal(0)] * n
    before, last = [Decimal(1)], [Decimal(0), Decimal(1)]
    for k, coefficient in enumerate(series):
        polynomial = before if k == 0 else last
        for power, value in enumerate(polynomial):
            result[power] += coefficient * value
        if k:
            following = [Decimal(0), *(2 * v for v in last)]
            for power, value in enumerate(before):
                following[power] -= value
            before, last = last, following
    return result


def reverted(series: Sequence[Decimal]) -> list[Decimal]:
    """Series of the inverse function: ``series`` and the result start with the coefficient of the first power."""
    n = len(series)
    found = [1 / series[0]]
    # powers[k][m]: coefficient of x^m in (found so far)^k; unknowns one by one, by Newton's identity on powers.
    for m in range(2, n + 1):
        trial = [Decimal(0), *found, *[Decimal(0)] * (n - len(found))]
        power = trial[:]
        residue = series[0] * power[m]
        for k in range(2, m + 1):
            power = _product(power, trial, m)
            residue += series[k - 1] * power[m]
        found.append(-residue / series[0])
    return found


def _product(left: Sequence[Decimal], right: Sequence[Decimal], degree: int) -> list[Decimal]:
    """Product of two series with a constant term, cut beyond ``degree``."""
    result = [Decimal(0)] * max(len(left), degree + 1)
    for i in range(degree + 1):
        if left[i]:
            for j in range(degree + 1 - i):
                result[i + j] += left[i] * right[j]
    return result
