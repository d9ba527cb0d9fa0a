"""What heights *probably* are, when they cannot be what they are said to be: ellipsoidal, normal, feet, millimetres.

Pure but for the undulation, which is read from the grids through :mod:`jnt_pipeline.crs.transform`; where the grid is
missing that evidence is left out, and the guess says so. Three kinds of evidence count: heights that no ground of the
territory has, another file over the same ground, and water at the height that the sea has above the ellipsoid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from jnt_pipeline.crs.france.territories import ALL_SYSTEMS, FrenchTerritory, territory_at
from jnt_pipeline.crs.guessing.guess import Confidence
from jnt_pipeline.crs.guessing.hints import Fact
from jnt_pipeline.crs.guessing.readings import UNITS
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.transform import transformation
from jnt_pipeline.errors import CrsError

__all__ = ["HIGHEST_M", "HeightGuess", "HeightReading", "HeightSample", "Overlap", "guess_heights", "undulation_at"]

Array = NDArray[np.float64]
Kind = Literal["normal", "ellipsoidal"]

HIGHEST_M = {
    "France continentale": 4810.0,  # Mont Blanc, 4,805 to 4,811 m with its snow
    "Corse": 2706.0,  # Monte Cinto
    "Guadeloupe (Basse-Terre et Grande-Terre)": 1467.0,  # La Soufrière
    "Les Saintes": 309.0,  # Le Chameau
    "Marie-Galante": 204.0,  # Morne Constant
    "La Désirade": 276.0,  # Grande Montagne
    "Martinique": 1397.0,  # Montagne Pelée
    "Saint-Barthélemy": 286.0,  # Morne de Vitet
    "Saint-Martin": 424.0,  # pic Paradis
    "Guyane": 851.0,  # Bellevue de l'Inini
    "La Réunion": 3071.0,  # Piton des Neiges
    "Mayotte": 660.0,  # mont Bénara
    "Saint-Pierre-et-Miquelon": 240.0,  # Morne de la Grande Montagne
}
"""Highest ground of each territory, metres above its legal datum (IGN, points culminants)."""

LOWEST_M = -10.0
"""No ground of France lies lower, pits apart (Les Moëres: -4 m); low noise is the reason for the margin."""

ABOVE_GROUND_M = 400.0
"""Masts and towers end below (Allouis: 350 m), so that heights of things may pass the highest ground by that much."""

SAME_GROUND_M = 0.5
"""Two surveys of one ground agree to that, and the undulation of the legal grids is much better known."""

LEAST_CELLS = 20
"""Cells that two clouds must share before they are compared."""

_SEA_M = 1.5  # tide and waves, around the mean level, in the median of the water points
_LEAST_UNDULATION_M = 3.0  # below it an exchange of datums cannot be told from a difference between two surveys
_UNITS = ("feet", "centimetres", "millimetres")  # US survey feet differ by 2 mm in 1,000 m


@dataclass(frozen=True, kw_only=True, eq=False)
class Overlap:
    """The same ground in another file of the command."""

    name: str
    own: Array
    """Heights of this file, as written, shape (n,)."""
    other: Array
    """Heights of the other file at the same places, above the legal datum by what that file states, metres."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeightSample:
    """Heights of one file, as written."""

    place: tuple[float, float]
    """Longitude and latitude, degrees."""
    heights: Array
    """Shape (n,): of the ground, or of whatever the file holds."""
    stated: Kind | None
    """Above a vertical datum, or above the ellipsoid; None where the file does not say."""
    vertical: str | None = None
    """The vertical datum that is stated, EPSG:n."""
    is_ground: bool = False
    """Whether they are heights of the ground alone."""
    water: Array | None = None
    """Heights of water surfaces."""
    overlaps: tuple[Overlap, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class HeightReading:
    """One way to read the heights that would make sense."""

    kind: Kind
    unit: str
    """``metres``, or the unit that they are written in."""
    words: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class HeightGuess:
    """Why the heights are doubted, and what they may be."""

    doubts: tuple[Fact, ...]
    readings: tuple[HeightReading, ...]
    """Ways that would make sense; several are alternatives of equal rank."""
    confidence: Confidence
    reason: str
    vertical: str
    """Legal vertical system of the place, EPSG:n."""


def undulation_at(lon: float, lat: float, territory: FrenchTerritory) -> tuple[float, str]:
    """Height of the legal datum above the ellipsoid at a place, metres, and the grid it is read from.

    Raises ``CrsError`` (``MissingGridError``, ``OutsideAreaError``) where no grid tells.
    """
    rows = [ALL_SYSTEMS[code] for code in territory.horizontals]
    refusal: CrsError | None = None
    for flat in (row for row in rows if row.kind == "geographic 2D"):
        solid = next((row for row in rows if row.kind == "geographic 3D" and row.datum == flat.datum), None)
        if solid is None:
            continue
        try:
            way = transformation(Reference(horizontal=flat.code, vertical=territory.verticals[0]), solid.code)
            height = way.apply(np.array([[lon, lat, 0.0]]))[0, 2]
        except CrsError as error:
            refusal = refusal or error
            continue
        return float(height), ", ".join(grid.name for grid in way.operation.grids)
    raise refusal or CrsError("no system with ellipsoidal heights", where=territory.name)


def guess_heights(sample: HeightSample) -> HeightGuess | None:
    """Judge whether heights can be what is stated; None when nothing contradicts it, or nothing is known of the place.

    Heights without a stated reference are judged as if above the legal datum: the
    guess then says what they cannot be.
    """
    territory = territory_at(*sample.place)
    heights = sample.heights[np.isfinite(sample.heights)]
    if territory is None or not heights.size or (sample.vertical or territory.verticals[0]) not in territory.verticals:
        return None
    sample = replace(sample, heights=heights)
    stated: Kind = sample.stated or "normal"
    if stated == "normal" and not _needs_undulation(sample, territory):
        return None
    try:
        undulation, grid = undulation_at(*sample.place, territory)
        known = Fact(
            name="undulation", words=f"the ellipsoid lies {undulation:.2f} m from the datum here ({grid})",
            values={"undulation_m": round(undulation, 3), "grid": grid}, weight=0,
        )  # fmt: skip
    except CrsError as error:
        undulation = np.nan
        known = Fact(
            name="undulation_unknown", values={}, weight=0,
            words=f"ellipsoidal heights were not looked for: {error.what}",
        )  # fmt: skip
    doubts = _doubts(sample, stated, undulation, territory)
    if not doubts:
        return None
    kinds: tuple[Kind, ...] = ("normal", "ellipsoidal") if np.isfinite(undulation) else ("normal",)
    ways = [(kind, "metres") for kind in kinds if kind != stated]
    if any(fact.name == "overlap" or fact.values.get("is_too_high") for fact in doubts):
        ways += [(stated, unit) for unit in _UNITS]  # small units make numbers large, never low
    found = [one for kind, unit in ways if (one := _fitting(sample, kind, unit, undulation, territory, known))]
    return _judged(doubts, found, known, territory.verticals[0])


def _needs_undulation(sample: HeightSample, territory: FrenchTerritory) -> bool:
    """Whether anything about heights above the datum is doubtful: else the undulation, and its grid, are not needed."""
    apart = [_compared(overlap, "normal", "metres", np.nan) for overlap in sample.overlaps]
    level = _level(sample.heights, sample.is_ground, territory)
    has_water = sample.water is not None and bool(sample.water.size)
    return has_water or any(fact.weight < 0 for fact in (level, *apart))


def _above_datum(heights: Array, kind: Kind, unit: str, undulation: float) -> Array:
    metres = heights * (1.0 if unit == "metres" else UNITS[unit])
    return metres - undulation if kind == "ellipsoidal" else metres


def _doubts(sample: HeightSample, kind: Kind, undulation: float, territory: FrenchTerritory) -> tuple[Fact, ...]:
    found: list[Fact] = []
    if kind == "ellipsoidal" and not np.isfinite(undulation):
        return ()
    level = _level(_above_datum(sample.heights, kind, "metres", undulation), sample.is_ground, territory)
    if level.weight < 0:
        found.append(level)
    for overlap in sample.overlaps:
        fact = _compared(overlap, kind, "metres", undulation)
        if fact.weight < 0 and _explains(overlap, kind, undulation):
            found.append(fact)
    sea = _sea(sample, undulation)
    if sea is not None and kind == "normal":
        found.append(sea)
    return tuple(found)


def _explains(overlap: Overlap, kind: Kind, undulation: float) -> bool:
    """Whether another reading brings two files together: otherwise the ground has changed, or the other is wrong."""
    other: Kind = "normal" if kind == "ellipsoidal" else "ellipsoidal"
    readings = [(kind, unit) for unit in _UNITS]
    if np.isfinite(undulation) and abs(undulation) >= _LEAST_UNDULATION_M:
        readings.append((other, "metres"))
    return any(_compared(overlap, k, unit, undulation).weight > 0 for k, unit in readings)


def _level(heights: Array, is_ground: bool, territory: FrenchTerritory) -> Fact:
    """Whether heights above the datum are those of some ground (or thing) of the territory."""
    low, high = (float(v) for v in np.percentile(heights, (1, 99)))
    top = HIGHEST_M[territory.name] + (0.0 if is_ground else ABOVE_GROUND_M)
    fits = low >= LOWEST_M and high <= top
    what = "ground" if is_ground else "heights"
    words = (
        f"{what} from {low:,.1f} to {high:,.1f} m above the datum; {territory.name} has {LOWEST_M:g} to {top:,.0f} m"
    )
    values: dict[str, JsonValue] = {
        "low_m": round(low, 2),
        "high_m": round(high, 2),
        "least_m": LOWEST_M,
        "most_m": top,
        "is_too_high": high > top,
    }
    return Fact(name="level", words=words, values=values, weight=0 if fits else -2)


def _compared(overlap: Overlap, kind: Kind, unit: str, undulation: float) -> Fact:
    """The same ground in two files."""
    apart = _above_datum(overlap.own, kind, unit, undulation) - overlap.other
    middle = float(np.median(apart)) if apart.size >= LEAST_CELLS else np.nan
    if not np.isfinite(middle):
        words = f"too little ground in common with {overlap.name}"
        return Fact(name="overlap", words=words, values={"n": int(apart.size)}, weight=0)
    words = f"ground {middle:+.2f} m from that of {overlap.name} ({apart.size} places)"
    return Fact(
        name="overlap", words=words, values={"median_m": round(middle, 3), "n": int(apart.size), "file": overlap.name},
        weight=2 if abs(middle) <= SAME_GROUND_M else -2,
    )  # fmt: skip


def _sea(sample: HeightSample, undulation: float) -> Fact | None:
    """Water at the height that the sea has above the ellipsoid, and no ground much lower: a coast in another datum."""
    if sample.water is None or not sample.water.size or not np.isfinite(undulation):
        return None
    level = float(np.median(sample.water))
    lowest = float(np.percentile(sample.heights, 1))
    if abs(undulation) < 2 * _SEA_M or abs(level - undulation) > _SEA_M or lowest < undulation - _SEA_M:
        return None
    words = f"water at {level:.2f} m, where the sea is {undulation:.2f} m above the ellipsoid"
    return Fact(name="sea_level", words=words, values={"water_m": round(level, 3)}, weight=-1)


def _fitting(
    sample: HeightSample, kind: Kind, unit: str, undulation: float, territory: FrenchTerritory, known: Fact
) -> HeightReading | None:
    """The reading; None when something speaks against it."""
    heights = _above_datum(sample.heights, kind, unit, undulation)
    facts = [_level(heights, sample.is_ground, territory)]
    facts += [_compared(overlap, kind, unit, undulation) for overlap in sample.overlaps]
    if any(fact.weight < 0 for fact in facts):
        return None
    if unit == "metres":
        words = f"metres above the {'ellipsoid' if kind == 'ellipsoidal' else f'datum ({territory.verticals[0]})'}"
        facts.append(known)
    else:
        words = f"{unit} above the {'ellipsoid' if kind == 'ellipsoidal' else 'datum'}"
    return HeightReading(kind=kind, unit=unit, words=words, facts=tuple(facts))


def _judged(doubts: tuple[Fact, ...], found: list[HeightReading], known: Fact, vertical: str) -> HeightGuess:
    sure = [one for one in found if any(fact.weight > 0 for fact in one.facts)]
    best = sure or found
    confidence: Confidence
    if not best:
        confidence, reason = "weak", "no other datum or unit makes these heights possible"
    elif len(best) > 1:
        confidence, reason = "weak", f"{len(best)} readings fit equally well"
    elif sure:
        confidence, reason = "strong", "it brings the ground to that of another file"
    elif all(fact.name == "sea_level" for fact in doubts):
        confidence, reason = "weak", "a lake or a river may lie at that height too"
    else:
        confidence, reason = "fair", "the only datum or unit that makes these heights possible"
    if known.name == "undulation_unknown":
        reason += f"; {known.words}"
    return HeightGuess(doubts=doubts, readings=tuple(best), confidence=confidence, reason=reason, vertical=vertical)
