"""What reference a file *probably* has, when its numbers contradict the one it states (*référence probable*).

Pure: points, the stated reference, and hints go in; a judgement with its evidence comes out. It is a suggestion for a
person, never a correction. The rules: a reading needs at least ``LEAST_SHARE`` of the points in one French territory;
one mistake is likelier than two; what else the file says (INSEE codes, product name, site, density, neighbours) comes
before both; readings that remain equal are all told, and the guess is called ambiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.crs.france.territories import ALL_SYSTEMS, territory_at
from jnt_pipeline.crs.guessing.hints import Fact, Hints, weigh
from jnt_pipeline.crs.guessing.readings import (
    AS_WRITTEN,
    RARE,
    Reading,
    Sheet,
    area_of,
    changes_of,
    own_sheet,
    read_as,
    sheets,
    spoken,
)
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import lonlat, system

__all__ = ["LEAST_SHARE", "Confidence", "Guess", "Suggestion", "guess_reference"]

Array = NDArray[np.float64]
Confidence = Literal["strong", "fair", "weak"]

LEAST_SHARE = 0.9
"""Part of the points that must fall into a territory for a reading to be told: the rest may be bad records."""

_MOST_POINTS = 256  # looked at, evenly over the file: shares to half a percent
_OF_UNITS = frozenset({"sizes", "registered_areas"})  # facts that tell readings apart, and doubt no place
_APART_KM = 1.0  # readings that fall closer are one place


@dataclass(frozen=True, kw_only=True, eq=False)
class Suggestion:
    """One reading that would make sense of a file."""

    reference: str
    """The system to declare, EPSG:n."""
    change: str
    """``as_written``, or the mistake that has to be undone first: ``swapped``, ``feet``, ``millimetres``, …"""
    words: str
    """The reading in words: ``Lambert II étendu (EPSG:27572)``."""
    territory: str
    """French name of the place."""
    place: tuple[float, float]
    """Longitude and latitude of the middle of the points, degrees, good to 250 m."""
    same_numbers: tuple[str, ...]
    """Systems that the numbers cannot tell from it."""
    facts: tuple[Fact, ...]
    """Evidence for and against."""
    is_rare: bool
    """Whether files of that system are rarely met: the numbers of commoner ones fall into it by chance."""
    mistake: str
    """The mistake in words: ``it looks written in feet``; empty where the numbers are right as they are."""
    n_mistakes: int
    """How many mistakes it takes to write such numbers."""
    weight: int
    """Sum of the weights of the facts."""

    @property
    def remedy(self) -> str:
        """What the user may do once the producer has confirmed."""
        if self.change == "as_written":
            return f"crs: {self.reference}"
        return f"ask for the coordinates in {self.reference}, in its units, x or longitude first: {self.mistake}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Guess:
    """The judgement on one file: why its reference is doubted, and what it may be."""

    stated: str
    """The reference that was judged; empty where none is stated."""
    doubts: tuple[Fact, ...]
    """Why it is doubted."""
    suggestions: tuple[Suggestion, ...]
    """Readings that would make sense, the likeliest first; those of equal rank are alternatives."""
    confidence: Confidence
    reason: str
    """Why the confidence is no better and no worse."""

    @property
    def is_ambiguous(self) -> bool:
        """Whether the first suggestion has rivals of the same rank."""
        return len(self.suggestions) > 1 and _rank(self.suggestions[0]) == _rank(self.suggestions[1])


def _rank(one: Suggestion) -> tuple[int, int, bool]:
    return -one.weight, one.n_mistakes, one.is_rare


def guess_reference(points: Array, stated: Reference | None, hints: Hints | None = None) -> Guess | None:
    """Judge whether points can be in the reference that is stated, and name those that they may be in.

    Parameters
    ----------
    points : (n, 2) float64
        x or longitude first, in whatever unit the file has; points that are not finite are left out.
    stated
        The reference of the file; None where it states none.
    hints
        What else is known of the place.

    Returns
    -------
    None when nothing contradicts the stated reference, or when there is no point to judge.
    """
    known = hints or Hints()
    finite = np.isfinite(points[:, :2]).all(axis=1) if len(points) else np.zeros(0, dtype=bool)
    rows = np.flatnonzero(finite)[:: max(1, int(finite.sum()) // _MOST_POINTS)]
    if not rows.size:
        return None
    xy, known = np.asarray(points[rows, :2], dtype=np.float64), known.of_points(rows, len(points))
    if not xy.any():
        return _zeros(stated, len(points))
    if stated is not None and system(stated).is_geocentric:
        return None
    doubts = _doubts(xy, stated, known)
    found = _suggestions(xy, stated, known)
    if stated is not None and not doubts:
        doubts = _late_doubts(xy, stated, known, found)
        if not doubts:
            return None
    if stated is not None and stated.horizontal not in ALL_SYSTEMS:  # a foreign system: chance is no evidence
        found = [one for one in found if not one.is_rare or one.weight > 0]
    if stated is None:  # nothing is contradicted: only what needs no mistake, or what something else confirms
        found = [one for one in found if (one.n_mistakes == 0 and not one.is_rare) or one.weight >= 2]
    elif not any(fact.name == "outside_area" for fact in doubts):  # the statement is possible: only better ones count
        found = [one for one in found if _support(one.facts) >= 0]
        if not any(fact.weight < 0 for fact in doubts):
            found = [one for one in found if one.n_mistakes == 1]
    return _judged(stated, doubts, found)


def _zeros(stated: Reference | None, n: int) -> Guess:
    fact = Fact(name="zeros", words=f"all {n} points are 0, 0: no position at all", values={"n_points": n}, weight=-3)
    return Guess(
        stated=stated.horizontal if stated else "", doubts=(fact,), suggestions=(), confidence="strong",
        reason="0, 0 is what programs write for a position that they do not have",
    )  # fmt: skip


def _doubts(xy: Array, stated: Reference | None, hints: Hints) -> tuple[Fact, ...]:
    """What contradicts the stated reference by itself."""
    if stated is None:
        return (Fact(name="no_reference", words="no usable reference is stated", values={}, weight=-1),)
    lon, lat = lonlat(system(stated.flat()), xy)
    found = []
    inside = _in_area(stated, lon, lat)
    bounds_of_world = area_of(system(stated.flat())) is None
    if inside.mean() < 1 - LEAST_SHARE:
        share = f"{(~inside).mean():.0%} of the points"
        words = f"{share} lie outside the area of use of {stated.horizontal}"
        if bounds_of_world:
            words = f"{share} are no longitude and latitude on Earth ({stated.horizontal})"
        values: Mapping[str, float] = {"share_outside": round(float((~inside).mean()), 4)}
        found.append(Fact(name="outside_area", words=words, values=values, weight=-3))
    against = [fact for fact in weigh(hints, xy, AS_WRITTEN, stated.horizontal, lon, lat) if fact.weight < 0]
    return (*found, *(fact for fact in against if fact.name not in _OF_UNITS))


def _in_area(stated: Reference, lon: Array, lat: Array) -> NDArray[np.bool_]:
    bounds = area_of(system(stated.flat()))
    with np.errstate(invalid="ignore"):
        if bounds is None:
            return np.asarray((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
        west, south, east, north = bounds
        return np.asarray((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))


def _late_doubts(xy: Array, stated: Reference, hints: Hints, found: list[Suggestion]) -> tuple[Fact, ...]:
    """What contradicts the stated reference only because another reading makes better sense."""
    lon, lat = lonlat(system(stated.flat()), xy)
    own = _support(weigh(hints, xy, AS_WRITTEN, stated.horizontal, lon, lat))
    better = [one for one in found if one.n_mistakes == 1 and _support(one.facts) > own]
    if better:
        place = f"longitude {np.median(lon):.3f}, latitude {np.median(lat):.3f}"
        words = f"read as {stated.horizontal} the points lie at {place}, away from what else is known"
        return (Fact(name="elsewhere", words=words, values={}, weight=0),)
    if stated.horizontal not in ALL_SYSTEMS or any(
        territory_at(float(x), float(y)) for x, y in zip(lon, lat, strict=True) if np.isfinite(x + y)
    ):
        return ()
    is_french = ALL_SYSTEMS[stated.horizontal].datum not in {"WGS 84", "ETRS89"}
    if any(
        one.n_mistakes == 1
        and not one.is_rare
        and (one.reference == stated.horizontal or (is_french and one.change == AS_WRITTEN.name))
        for one in found
    ):
        words = f"read as {stated.horizontal} no point lies in a French territory; with one mistake undone they do"
        return (Fact(name="no_territory", words=words, values={"share_in_territories": 0.0}, weight=0),)
    return ()


def _support(facts: Iterable[Fact]) -> int:
    """What speaks for a place; sizes speak for a unit only, and a thinned cloud is no wrong one."""
    return sum(fact.weight for fact in facts if fact.name not in _OF_UNITS)


def _suggestions(xy: Array, stated: Reference | None, hints: Hints) -> list[Suggestion]:
    code = stated.horizontal if stated else ""
    own = own_sheet(code) if stated else None
    every = list(sheets())
    if own is not None and not any(code in sheet.codes for sheet in every):
        every.insert(0, own)  # a foreign system: mistakes within it are still looked for
    fits: list[Suggestion] = []
    for sheet in every:
        is_own = code in sheet.codes
        for change in changes_of(is_degrees=sheet.is_degrees, is_south=sheet.is_south):
            if is_own and change is AS_WRITTEN:
                continue
            reading = read_as(xy, sheet, change)
            if reading.share >= LEAST_SHARE:
                fits.append(_suggestion(xy, reading, code if is_own else "", hints, stated is None))
    fits = _told_once(_without_twin_feet(fits))
    fits.sort(key=lambda one: (*_rank(one), not _is_home(one, stated)))
    return fits


def _suggestion(xy: Array, reading: Reading, own: str, hints: Hints, is_free: bool) -> Suggestion:
    sheet, change = reading.sheet, reading.change
    lon, lat = reading.places(xy)
    middle = float(np.median(lon)), float(np.median(lat))
    territory = territory_at(*middle)
    code = own or _preferred(sheet, hints)
    name = territory.name if territory else "its area of use"
    share = Fact(
        name="inside_territory", words=f"{reading.share:.0%} of the points would lie in {name}",
        values={"share": round(reading.share, 4), "territory": name}, weight=0,
    )  # fmt: skip
    facts = weigh(hints, xy, change, code, lon, lat)
    words = spoken(code) + ("" if change is AS_WRITTEN else f" {change.words}")
    mistakes = int(change is not AS_WRITTEN) + int(not own and not is_free)
    return Suggestion(
        reference=code, change=change.name, words=words, territory=name, place=middle,
        same_numbers=tuple(other for other in sheet.codes if other != code), facts=(share, *facts),
        mistake="" if change is AS_WRITTEN else f"it looks written {change.words}",
        is_rare=sheet.code in RARE, n_mistakes=mistakes, weight=sum(fact.weight for fact in facts),
    )  # fmt: skip


def _preferred(sheet: Sheet, hints: Hints) -> str:
    """The system to name among those of equal numbers: the one that the product name states, else the first."""
    return hints.named_code if hints.named_code in sheet.codes else sheet.code


def _without_twin_feet(fits: list[Suggestion]) -> list[Suggestion]:
    """International and US survey feet differ by 2 millionths: told apart by evidence, or not at all."""
    kept = []
    for one in fits:
        twins = [o for o in fits if o.reference == one.reference and {o.change, one.change} == {"feet", "us_feet"}]
        if any(twin.weight > one.weight for twin in twins):
            continue
        if any(twin.weight == one.weight for twin in twins):
            if one.change == "us_feet":
                continue
            which = " (international or US survey feet: a few metres apart)"
            kept.append(replace(one, words=one.words + which, mistake=one.mistake + which))
            continue
        kept.append(one)
    return kept


def _told_once(fits: list[Suggestion]) -> list[Suggestion]:
    """A mistake more that leads to the same place as a simpler one is not told."""
    kept: list[Suggestion] = []
    for one in sorted(fits, key=lambda fit: fit.n_mistakes):
        if not any(
            other.n_mistakes < one.n_mistakes and other.weight >= one.weight and _is_same_place(one, other)
            for other in kept
        ):
            kept.append(one)
    return kept


def _is_same_place(one: Suggestion, other: Suggestion) -> bool:
    gap = np.array(one.place) - np.array(other.place)
    return bool(np.hypot(gap[0] * np.cos(np.radians(one.place[1])), gap[1]) * 111.32 < _APART_KM)


def _is_home(one: Suggestion, stated: Reference | None) -> bool:
    """Whether a reading stays where the stated system is used."""
    if stated is None:
        return False
    bounds = area_of(system(stated.flat()))
    return bounds is not None and bool(shapely.box(*bounds).contains(shapely.Point(one.place)))


def _judged(stated: Reference | None, doubts: tuple[Fact, ...], found: list[Suggestion]) -> Guess | None:
    told = stated.horizontal if stated else ""
    if not found:
        # points outside, or beside the square of a name, have a finding of their own already
        if stated is None or all(fact.name in {"outside_area", "named_square"} for fact in doubts):
            return None
        return Guess(stated=told, doubts=doubts, suggestions=(), confidence="weak", reason="no reading fits")
    best = [one for one in found if _rank(one) == _rank(found[0])]
    first, supported = found[0], [fact for fact in found[0].facts if fact.weight > 0]
    confidence: Confidence
    if len(best) > 1:
        confidence, reason = "weak", f"{len(best)} readings fit equally well"
        if _is_home(first, stated) and not _is_home(best[1], stated):
            reason += f"; the first stays where {told} is used"
    elif first.weight < 0:
        confidence, reason = "weak", "other evidence in the file contradicts this reading too"
    elif any(fact.weight >= 2 for fact in supported):
        confidence, reason = "strong", f"the numbers fit, and so does this: {max(supported, key=_weight).words}"
    elif doubts[0].name in {"no_territory", "elsewhere"}:
        confidence, reason = "weak", "the stated reference is possible too"
    elif first.is_rare:
        confidence, reason = "weak", "the numbers of many systems fall into that one by chance"
    elif first.n_mistakes == 0:
        confidence, reason = "fair", f"the only reading that fits; {_confirmed(supported)}"
    elif first.n_mistakes > 1:
        confidence, reason = "weak", "it takes two mistakes at once to write such numbers"
    else:
        confidence, reason = "fair", f"the only reading with one mistake; {_confirmed(supported)}"
    return Guess(stated=told, doubts=doubts, suggestions=tuple(best), confidence=confidence, reason=reason)


def _weight(fact: Fact) -> int:
    return fact.weight


def _confirmed(supported: list[Fact]) -> str:
    if not supported:
        return "nothing else confirms it"
    return f"this agrees: {max(supported, key=_weight).words}"
