"""Geographic to geocentric coordinates (*coordonnées géocentriques*) and back, and Helmert's shift, as stages."""

from __future__ import annotations

from decimal import Decimal

from jnt_pipeline.crs.fast import exact, kernels
from jnt_pipeline.crs.fast.exact import PI, fit
from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError, Step
from jnt_pipeline.crs.fast.stages import ANGLE_RAD, LENGTH_M, Extent, Stage, centred, ellipsoid, even, packed

__all__ = ["geocentric", "helmert"]

_MOST_RAD = Decimal("0.8")  # half the width of an extent, for the series of the arc sine


def _squares(extent: Extent) -> tuple[Decimal, Decimal]:
    """Least and greatest squared sine of the latitudes."""
    ends = [exact.sin(lat) ** 2 for lat in (extent.south, extent.north)]
    return (Decimal(0) if extent.south < 0 < extent.north else min(ends)), max(ends)


def geocentric(step: Step, extent: Extent) -> Stage:
    """The stage for a step ``proj=cart``, in its direction.

    Raises
    ------
    NotCompiledError, TooWideError
        The ellipsoid is not in the table, or the extent too wide.
    """
    figure = ellipsoid(step.values.get("ellps", ""))
    if max(extent.half_lon, extent.half_lat) > _MOST_RAD:
        raise NotCompiledError("an extent too wide for geocentric coordinates")
    low, high = _squares(extent)
    es = figure.es
    if not step.is_inverse:
        numbers = [float(1 - es), *centred(low, high)]
        for middle, half in ((extent.lat, extent.half_lat), (extent.lon, extent.half_lon)):
            sine, square = even("sin(x)/x", half, ANGLE_RAD)
            cosine, _ = even("cos(x)", half, ANGLE_RAD)
            numbers += [float(middle), float(exact.sin(middle)), float(exact.cos(middle)), *square]
            numbers += packed(sine, "cart sine") + packed(cosine, "cart cosine")
        normal = fit(lambda v: figure.major / (1 - es * v).sqrt(), low, high, LENGTH_M)
        return Stage(kernels.CART_FORWARD, (*numbers, *packed(normal, "cart radius")))
    minor = figure.major * (1 - figure.flattening)
    longitude, lon_square = even("asin(x)/x", exact.sin(extent.half_lon), ANGLE_RAD)
    latitude, lat_square = even("asin(x)/x", exact.sin(extent.half_lat), ANGLE_RAD)
    # Height: p cos φ + Z sin φ − a √(1 − e² sin² φ), which a small error of φ does not change.
    support = fit(lambda v: figure.major * (1 - es * v).sqrt(), low, high, LENGTH_M)
    numbers = [float(v) for v in (figure.major, minor, es, es / (1 - es))]
    numbers += [float(f(v)) for v in (extent.lon, extent.lat) for f in (exact.sin, exact.cos)]
    numbers += [float(extent.lon), float(extent.lat), *lon_square, *lat_square, *centred(low, high)]
    numbers += packed(longitude, "cart longitude") + packed(latitude, "cart latitude") + packed(support, "cart height")
    return Stage(kernels.CART_INVERSE, tuple(numbers))


def helmert(step: Step) -> Stage:
    """The stage for a step ``proj=helmert`` (EPSG methods 1033 and 1032), in its direction.

    Rotations are small-angle, as PROJ takes them unless asked for exact ones; backwards the matrix is transposed.

    Raises
    ------
    NotCompiledError
        No convention is stated while there are rotations.
    """
    values = {key: Decimal(text) for key, text in step.values.items() if key != "convention"}
    convention = step.values.get("convention", "")
    arc_second = PI / 180 / 3600
    rx, ry, rz = (values.get(key, Decimal(0)) * arc_second for key in ("rx", "ry", "rz"))
    if convention == "coordinate_frame":
        rx, ry, rz = -rx, -ry, -rz
    elif convention != "position_vector" and (rx or ry or rz):
        raise NotCompiledError("a Helmert transformation without its convention")
    scale = 1 + values.get("s", Decimal(0)) / 1_000_000
    shift = [values.get(key, Decimal(0)) for key in ("x", "y", "z")]
    one = Decimal(1)
    turn = [[one, -rz, ry], [rz, one, -rx], [-ry, rx, one]]
    if step.is_inverse:
        turn = [[turn[j][i] / scale for j in range(3)] for i in range(3)]
        shift = [-sum((turn[i][j] * shift[j] for j in range(3)), Decimal(0)) for i in range(3)]
    else:
        turn = [[v * scale for v in row] for row in turn]
    return Stage(kernels.AFFINE, tuple(float(v) for v in (*shift, *(v for row in turn for v in row))))
