"""The transverse Mercator projection (*UTM, Mercator transverse*) as stages: the overseas territories.

On the complex plane of isometric latitude and longitude the projection is one analytic function, real on the central
meridian: a single series with real coefficients. Source: L. Krüger 1912; C. F. F. Karney, Transverse Mercator with an
accuracy of a few nanometers, Journal of Geodesy 85, 2011, equations 12 and 35.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from jnt_pipeline.crs.fast import exact, kernels
from jnt_pipeline.crs.fast.exact import PI, TooWideError, fit, reverted, tail_degree
from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError, Step
from jnt_pipeline.crs.fast.stages import ANGLE_RAD, LENGTH_M, Ellipsoid, Extent, Stage, centred, ellipsoid, packed

__all__ = ["transverse_mercator"]

_TERMS = 22  # of the series, before it is cut; the last two must be negligible

_ALPHA = (
    ("1/2", "-2/3", "5/16", "41/180", "-127/288", "7891/37800"),
    ("0", "13/48", "-3/5", "557/1440", "281/630", "-1983433/1935360"),
    ("0", "0", "61/240", "-103/140", "15061/26880", "167603/181440"),
    ("0", "0", "0", "49561/161280", "-179/168", "6601661/7257600"),
    ("0", "0", "0", "0", "34729/80640", "-3418889/1995840"),
    ("0", "0", "0", "0", "0", "212378941/319334400"),
)
"""Krüger's series in the third flattening n, powers 1 to 6 (Karney, equation 35)."""


@dataclass(frozen=True, slots=True)
class _Cylinder:
    figure: Ellipsoid
    lon_0: Decimal
    lat_0: Decimal
    x_0: Decimal
    y_0: Decimal
    k_0: Decimal


def _cylinder(step: Step) -> _Cylinder:
    values = step.values
    figure = ellipsoid(values.get("ellps", ""))
    if step.name == "utm":
        zone = int(values.get("zone", "0"))
        if not 1 <= zone <= 60:
            raise NotCompiledError(f"UTM zone {zone}")
        south = Decimal(10_000_000 if "south" in values else 0)
        return _Cylinder(
            figure, Decimal(6 * zone - 183) * PI / 180, Decimal(0), Decimal(500_000), south, Decimal("0.9996")
        )
    return _Cylinder(
        figure,
        Decimal(values.get("lon_0", "0")) * PI / 180,
        Decimal(values.get("lat_0", "0")) * PI / 180,
        Decimal(values.get("x_0", "0")),
        Decimal(values.get("y_0", "0")),
        Decimal(values.get("k_0", values.get("k", "1"))),
    )


def _product(left: list[Decimal], right: list[Decimal]) -> list[Decimal]:
    return [sum((left[i] * right[k - i] for i in range(k + 1)), Decimal(0)) for k in range(len(left))]


def _northing(cylinder: _Cylinder, isometric: Decimal, terms: int) -> list[Decimal]:
    """Series of the northing on the central meridian (metres from the equator) about an isometric latitude."""
    power = (2 * isometric).exp()
    sine, cosine = [(power - 1) / (power + 1)], [2 * isometric.exp() / (power + 1)]
    # Conformal latitude χ: sin χ = tanh ψ, hence (sin χ)' = cos² χ and (cos χ)' = −sin χ cos χ.
    for k in range(terms - 1):
        sine.append(sum((cosine[i] * cosine[k - i] for i in range(k + 1)), Decimal(0)) / (k + 1))
        cosine.append(-sum((sine[i] * cosine[k - i] for i in range(k + 1)), Decimal(0)) / (k + 1))
    chi = [exact.asin(sine[0]), *(cosine[k] / (k + 1) for k in range(terms - 1))]
    f = cylinder.figure.flattening
    n = f / (2 - f)
    alpha = [sum((_ratio(t) * n ** (k + 1) for k, t in enumerate(row)), Decimal(0)) for row in _ALPHA]
    double_sine = [2 * v for v in _product(sine, cosine)]
    double_cosine = [-2 * v for v in _product(sine, sine)]
    double_cosine[0] += 1
    s, c = double_sine, double_cosine
    total = chi
    for factor in alpha:
        total = [t + factor * v for t, v in zip(total, s, strict=True)]
        s, c = (
            [u + v for u, v in zip(_product(s, double_cosine), _product(c, double_sine), strict=True)],
            [u - v for u, v in zip(_product(c, double_cosine), _product(s, double_sine), strict=True)],
        )
    radius = cylinder.figure.major / (1 + n) * (1 + n**2 / 4 + n**4 / 64 + n**6 / 256)
    return [cylinder.k_0 * radius * t for t in total]


def _ratio(text: str) -> Decimal:
    above, _, below = text.partition("/")
    return Decimal(above) / Decimal(below or 1)


def _analytic(coefficients: list[Decimal], what: str) -> list[float]:
    """A series without constant term as the kernel reads it: all but the first coefficient packed, then the first."""
    return [*packed(coefficients[1:] or [Decimal(0)], what), float(coefficients[0])]


def _cut(series: list[Decimal], reach: Decimal, tolerance: Decimal) -> list[Decimal]:
    """Coefficients scaled to an argument of modulus up to 1, without those that the tolerance lets us neglect."""
    scaled = [c * reach ** (k + 1) for k, c in enumerate(series)]
    degree = tail_degree(scaled, tolerance)
    if degree > len(scaled) - 3:
        raise TooWideError("the extent is too wide for one series of the transverse Mercator projection")
    return scaled[: degree + 1]


def transverse_mercator(step: Step, extent: Extent) -> Stage:
    """The stage for a step ``proj=utm`` or ``proj=tmerc``, in its direction.

    Raises
    ------
    NotCompiledError, TooWideError
        The parameters are another kind, or the extent too wide.
    """
    cylinder = _cylinder(step)
    figure = cylinder.figure
    low, high = figure.isometric(extent.south), figure.isometric(extent.north)
    middle = (low + high) / 2
    across = extent.reach(cylinder.lon_0)
    reach = (((high - low) / 2) ** 2 + across**2).sqrt()
    if reach > Decimal("0.6"):
        raise TooWideError("the extent is too wide for one series of the transverse Mercator projection")
    foot, *series = _northing(cylinder, middle, _TERMS + 1)
    origin = Decimal(0) if not cylinder.lat_0 else _northing(cylinder, figure.isometric(cylinder.lat_0), 2)[0]
    y_mid = cylinder.y_0 + foot - origin
    if not step.is_inverse:
        latitude = fit(lambda v: (figure.isometric(v) - middle) / reach, extent.south, extent.north, ANGLE_RAD)
        numbers = [float(cylinder.lon_0), *centred(extent.south, extent.north), float(1 / reach)]
        numbers += [float(cylinder.x_0), float(y_mid)]
        numbers += packed(latitude, "tmerc isometric latitude")
        numbers += _analytic(_cut(series, reach, LENGTH_M), "tmerc plane")
        return Stage(kernels.TM_FORWARD, tuple(numbers))
    span = sum((abs(c) * reach ** (k + 1) for k, c in enumerate(series)), Decimal(0))  # no corner lies further
    back = _cut(reverted(series), span, ANGLE_RAD)
    # The series holds on the whole disc; latitudes are fitted a little beyond the extent, and checked by the kernel.
    room = (high - low) / 16
    latitude = fit(
        lambda v: figure.geographic(middle + v) - extent.lat, low - middle - room, high - middle + room, ANGLE_RAD
    )
    numbers = [float(cylinder.x_0), float(y_mid), float(1 / span), float(cylinder.lon_0), float(extent.lat)]
    numbers += centred(low - middle - room, high - middle + room)
    numbers += _analytic(back, "tmerc sphere") + packed(latitude, "tmerc latitude")
    return Stage(kernels.TM_INVERSE, tuple(numbers))
