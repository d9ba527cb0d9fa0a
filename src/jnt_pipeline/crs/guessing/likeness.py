"""What coordinates look like, when they are not what their reference says: a hint for the error message."""

from __future__ import annotations

import math

import numpy as np

from jnt_pipeline.crs.guessing.readings import RARE, SWAPPED, WGS_84, sheets, spoken

__all__ = ["looks_like"]

_GEOCENTRIC_M = (6.3e6, 6.45e6)  # from the Earth's centre to its surface, mountains and depths included
_ALTERNATIVES = 3  # readings named; the ranges of old zones overlap


def looks_like(x: float, y: float, z: float | None = None) -> str:
    """Say in words which French reference a pair of numbers resembles; empty when it resembles none.

    Each system of the table gives each territory a range of numbers; what falls into several is said with "or". This
    is a hint, never a decision; :mod:`jnt_pipeline.crs.guessing.guess` judges whole files.
    """
    if x == 0 and y == 0:
        return "zeros: no position at all"
    if z is not None and abs(z) > 1e5 and _GEOCENTRIC_M[0] < math.hypot(x, y, z) < _GEOCENTRIC_M[1]:
        return "geocentric X, Y, Z (EPSG:4978)"
    if found := _read(x, y):
        return " or ".join(found)
    if found := _read(y, x):
        return f"{' or '.join(found)} {SWAPPED.words}"
    if abs(x) <= 180 and abs(y) <= 90:
        return f"longitude, latitude in degrees ({WGS_84})"
    if abs(y) <= 180 and abs(x) <= 90:
        return f"latitude, longitude in degrees ({WGS_84} {SWAPPED.words})"
    return ""


def _read(x: float, y: float) -> list[str]:
    fits = [sheet for sheet in sheets() if sheet.may_hold(x, y) and sheet.holds(np.array([[x, y]])).all()]
    common = [sheet for sheet in fits if sheet.code not in RARE] or fits
    return [spoken(sheet.code) for sheet in common[:_ALTERNATIVES]]
