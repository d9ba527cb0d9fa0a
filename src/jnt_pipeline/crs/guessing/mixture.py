"""Whether records that lie outside are bad ones, or records in another reference (*référentiels mélangés*).

A typing error puts one record anywhere. Records that all make sense in *one* other way, in the territory of the sound
records, were written in another reference: setting them aside would lose a part of the layer in silence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.france.departements import distance_km
from jnt_pipeline.crs.france.territories import territory_at
from jnt_pipeline.crs.guessing.readings import AS_WRITTEN, RARE, Reading, changes_of, own_sheet, read_as, sheets, spoken
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import lonlat, system

__all__ = ["CERTAIN_RECORDS", "LEAST_RECORDS", "LEAST_SHARE", "Part", "other_references"]

Array = NDArray[np.float64]

LEAST_RECORDS = 3
"""Records that must agree: two may be one person's slip, three in one other reference are a habit."""

LEAST_SHARE = 0.05
"""Part of the layer that they must make up, below ``CERTAIN_RECORDS``: losing less hides no part of the territory."""

CERTAIN_RECORDS = 50
"""So many records that agree are another reference, however large the layer is, unless they are but a small part
(``LEAST_SHARE``) of what lies outside: of much noise, some falls anywhere by chance."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Records of a layer that make sense in another reference, or with another order of axes."""

    words: str
    """The reference in words: ``Lambert II étendu (EPSG:27572)``."""
    rows: NDArray[np.intp]
    """Which of the points outside they are."""


def other_references(
    outside: Array, inside: Array, stated: Reference, *, n_inside: int | None = None
) -> tuple[Part, ...]:
    """The other references that points outside are in, as long as there are enough of them; empty otherwise.

    Parameters
    ----------
    outside, inside : (n, 2) and (m, 2) float64
        One point of each record that is refused, and of each that is sound, as written, x or longitude first.
    stated
        The reference of the layer.
    n_inside
        How many records are sound, where ``inside`` is but a sample of them.
    """
    n_all = len(outside) + (len(inside) if n_inside is None else n_inside)
    rest = np.flatnonzero(np.isfinite(outside).all(axis=1) & outside.any(axis=1))
    found: list[Part] = []
    while rest.size and (best := _best(outside[rest], inside, stated)) is not None:
        reading, fits = best
        n = int(fits.sum())
        is_many = n >= LEAST_SHARE * n_all or n >= CERTAIN_RECORDS
        if n < LEAST_RECORDS or not is_many or n < LEAST_SHARE * rest.size:
            break
        words = spoken(reading.sheet.code) + ("" if reading.change is AS_WRITTEN else f" {reading.change.words}")
        found.append(Part(words=words, rows=rest[fits]))
        rest = rest[~fits]
    return tuple(found)


def _best(points: Array, inside: Array, stated: Reference) -> tuple[Reading, NDArray[np.bool_]] | None:
    """The reading of most points, and the nearest to the sound records among equals."""
    lon, lat = lonlat(system(stated.flat()), inside)
    middle = float(np.median(lon)), float(np.median(lat))
    home = territory_at(*middle)
    own = own_sheet(stated.horizontal)
    every = [sheet for sheet in sheets() if home is not None and sheet.territory == home.code]
    if home is None and own is not None:
        every = [own]
    best: tuple[tuple[int, float], Reading, NDArray[np.bool_]] | None = None
    for sheet in every:
        is_own = stated.horizontal in sheet.codes
        for change in changes_of(is_degrees=sheet.is_degrees, is_south=sheet.is_south) if is_own else (AS_WRITTEN,):
            if (is_own and change is AS_WRITTEN) or sheet.code in RARE:
                continue
            fits = sheet.holds(change.undo(points))
            if not fits.any():
                continue
            reading = read_as(points[fits], sheet, change)
            there = reading.places(points[fits])
            away = float(np.median(distance_km(*middle, *there)))
            rank = (int(fits.sum()), -away)
            if best is None or rank > best[0]:
                best = rank, reading, fits
    return None if best is None else (best[1], best[2])
