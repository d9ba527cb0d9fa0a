"""Lambert's conformal conic projection (*Lambert conique conforme*) as stages: Lambert-93 and the nine zones CC.

Source: EPSG Guidance Note 7-2, methods 9801 (one standard parallel) and 9802 (two); IGN, NTG 71.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from jnt_pipeline.crs.fast import exact, kernels
from jnt_pipeline.crs.fast.exact import PI, fit
from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError, Step
from jnt_pipeline.crs.fast.stages import (
    ANGLE_RAD,
    LENGTH_M,
    Ellipsoid,
    Extent,
    Stage,
    centred,
    ellipsoid,
    even,
    packed,
)

__all__ = ["lambert"]


@dataclass(frozen=True, slots=True)
class _Cone:
    figure: Ellipsoid
    lon_0: Decimal
    x_0: Decimal
    y_0: Decimal
    n: Decimal
    scale: Decimal  # radius of the parallel of isometric latitude zero, metres
    rho_0: Decimal

    def rho(self, lat: Decimal) -> Decimal:
        """Radius of a parallel on the plane, metres."""
        return self.scale * (-self.n * self.figure.isometric(lat)).exp()

    def lat(self, rho: Decimal) -> Decimal:
        """Latitude of a radius on the plane, radians."""
        return self.figure.geographic((self.scale / rho).ln() / self.n)


def _cone(step: Step) -> _Cone:
    values = step.values
    figure = ellipsoid(values.get("ellps", ""))
    if "lat_1" not in values:
        raise NotCompiledError("a cone without its parallel")
    first = Decimal(values["lat_1"]) * PI / 180
    second = Decimal(values.get("lat_2", values["lat_1"])) * PI / 180
    origin = Decimal(values.get("lat_0", "0" if "lat_2" in values else values["lat_1"])) * PI / 180
    factor = Decimal(values.get("k_0", values.get("k", "1")))

    def width(lat: Decimal) -> Decimal:
        sine = exact.sin(lat)
        return exact.cos(lat) / (1 - figure.es * sine * sine).sqrt()

    if first == second:
        n = exact.sin(first)
    else:
        n = (width(first) / width(second)).ln() / (figure.isometric(second) - figure.isometric(first))
    if n <= 0:
        raise NotCompiledError("a cone that opens to the north")
    scale = figure.major * factor * width(first) * (n * figure.isometric(first)).exp() / n
    return _Cone(
        figure=figure,
        lon_0=Decimal(values.get("lon_0", "0")) * PI / 180,
        x_0=Decimal(values.get("x_0", "0")),
        y_0=Decimal(values.get("y_0", "0")),
        n=n,
        scale=scale,
        rho_0=scale * (-n * figure.isometric(origin)).exp(),
    )


def lambert(step: Step, extent: Extent) -> Stage:
    """The stage for a step ``proj=lcc``, in its direction.

    Raises
    ------
    NotCompiledError, TooWideError
        The cone is another kind, or the extent too wide.
    """
    cone = _cone(step)
    reach = cone.n * extent.reach(cone.lon_0)
    if reach > Decimal("1.2"):
        raise NotCompiledError("longitudes too far from the meridian of the cone")
    if not step.is_inverse:
        sine, angle = even("sin(x)/x", reach, ANGLE_RAD)
        versine, _ = even("(1-cos(x))/x²", reach, ANGLE_RAD)
        radius = fit(lambda lat: cone.rho_0 - cone.rho(lat), extent.south, extent.north, LENGTH_M)
        numbers = [float(cone.lon_0), float(cone.n), *centred(extent.south, extent.north)]
        numbers += [float(cone.x_0), float(cone.y_0), float(cone.rho_0), *angle]
        numbers += packed(radius, "lcc radius") + packed(sine, "lcc sine") + packed(versine, "lcc versed sine")
        return Stage(kernels.LCC_FORWARD, tuple(numbers))
    tangent = exact.sin(reach) / exact.cos(reach)
    turn, square = even("atan(x)/x", tangent, ANGLE_RAD)
    low, high = cone.rho(extent.north), cone.rho(extent.south)
    latitude = fit(lambda rho: cone.lat(rho) - extent.lat, low, high, ANGLE_RAD)
    numbers = [float(v) for v in (cone.x_0, cone.y_0, cone.rho_0, cone.lon_0, extent.lat)]
    numbers += [*centred(low, high), *square]
    numbers += packed([c / cone.n for c in turn], "lcc longitude") + packed(latitude, "lcc latitude")
    return Stage(kernels.LCC_INVERSE, tuple(numbers))
