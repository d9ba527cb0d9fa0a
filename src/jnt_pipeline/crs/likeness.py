"""What coordinates look like, when they are not what their reference says: a hint for the error message."""

from __future__ import annotations

import math

__all__ = ["looks_like"]

_CC_FALSE_NORTHING = 200_000.0  # of each zone above its million, metres (arrêté of 5 March 2019)


def looks_like(x: float, y: float, z: float | None = None) -> str:
    """Say in words which reference of *métropole* a pair of numbers resembles; empty when it resembles none.

    Ranges are those seen in French files (reference/france.md, 4.3): they overlap little, and this is a hint,
    never a decision.
    """
    if x == 0 and y == 0:
        return "zeros: no position at all"
    if z is not None and math.hypot(x, y, z) > 6.3e6 and math.hypot(x, y, z) < 6.45e6 and abs(z) > 1e6:
        return "geocentric X, Y, Z (EPSG:4978)"
    direct, swapped = _plane(x, y), _plane(y, x)
    if direct:
        return direct
    if swapped:
        return f"{swapped} with its two axes swapped"
    if abs(x) <= 180 and abs(y) <= 90:
        return "longitude, latitude in degrees (EPSG:4326)"
    if abs(y) <= 180 and abs(x) <= 90:
        return "latitude, longitude in degrees (EPSG:4326 with its two axes swapped)"
    return ""


def _plane(x: float, y: float) -> str:
    if 41 <= y <= 51.6 and -5.6 <= x <= 9.8:
        return "longitude, latitude in degrees (EPSG:4326)"
    if 50_000 <= x <= 1_300_000 and 6_000_000 <= y <= 7_150_000:
        return "Lambert-93 (EPSG:2154)"
    zone = 41 + math.floor(y / 1e6)
    if 1_000_000 <= x <= 2_400_000 and 42 <= zone <= 50 and abs(y - (zone - 41) * 1e6 - _CC_FALSE_NORTHING) <= 150_000:
        return f"Lambert-93 CC{zone} (EPSG:{3900 + zone})"
    if 1_000 < x <= 1_250_000 and 1_550_000 <= y <= 2_750_000:
        return "Lambert II étendu (EPSG:27572)"
    if 150_000 <= x <= 850_000 and 4_550_000 <= y <= 5_700_000:
        return "UTM (EPSG:25830 to 25832)"
    if 30_000 <= x <= 1_250_000 and 1_000 <= y <= 400_000:
        return "Lambert zone I to IV (EPSG:27561 to 27564)"
    return ""
