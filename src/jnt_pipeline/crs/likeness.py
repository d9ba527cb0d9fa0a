"""What coordinates look like, when they are not what their reference says: a hint for the error message."""

from __future__ import annotations

import math

import numpy as np

from jnt_pipeline.crs.readings import AS_WRITTEN, RARE, SWAPPED, WGS_84, Change, read_as, sheets, spoken

__all__ = ["looks_like"]

_GEOCENTRIC_M = (6.3e6, 6.45e6)  # from the Earth's centre to its surface, mountains and depths included
_ALTERNATIVES = 3  # readings named; the ranges of old zones overlap


def looks_like(x: float, y: float, z: float | None = None) -> str:
    """Say in words which French reference a pair of numbers resembles; empty when it resembles none.

    Each system of the table gives each territory a range of numbers; what falls into several is said with "or". This
    is a hint, never a decision; :mod:`jnt_pipeline.crs.guess` judges whole files.
    """
    if x == 0 and y == 0:
        return "zeros: no position at all"
    if z is not None and abs(z) > 1e5 and _GEOCENTRIC_M[0] < math.hypot(x, y, z) < _GEOCENTRIC_M[1]:
        return "geocentric X, Y, Z (EPSG:4978)"
    for change in (AS_WRITTEN, SWAPPED):
        if found := _read(x, y, change):
            return " or ".join(found) + ("" if change is AS_WRITTEN else f" {change.words}")
    if abs(x) <= 180 and abs(y) <= 90:
        return f"longitude, latitude in degrees ({WGS_84})"
    if abs(y) <= 180 and abs(x) <= 90:
        return f"latitude, longitude in degrees ({WGS_84} {SWAPPED.words})"
    return ""


def _read(x: float, y: float, change: Change) -> list[str]:
    point = np.array([[x, y]])
    fits = [sheet for sheet in sheets() if read_as(point, sheet, change).share == 1]
    common = [sheet for sheet in fits if sheet.code not in RARE] or fits
    return [spoken(sheet.code) for sheet in common[:_ALTERNATIVES]]
