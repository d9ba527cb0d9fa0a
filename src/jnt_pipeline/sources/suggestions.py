"""What checked files probably are: guesses on each, with the others of the same command as evidence, as findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.france.territories import french_name, territory_at
from jnt_pipeline.crs.guessing.guess import Guess, Suggestion, guess_reference
from jnt_pipeline.crs.guessing.guess_heights import (
    LEAST_CELLS,
    HeightGuess,
    HeightSample,
    Kind,
    Overlap,
    guess_heights,
    undulation_at,
)
from jnt_pipeline.crs.guessing.hints import Fact, Neighbour
from jnt_pipeline.errors import CrsError
from jnt_pipeline.sources.intake import Evidence, Finding
from jnt_pipeline.sources.observed import Observed

__all__ = ["suggestions"]

Array = NDArray[np.float64]
_CELL_M = 2.0  # two clouds are compared where both have ground in one cell
_LOCAL_DEG = 2.0  # degrees: a département is smaller
_ALIKE = "the numbers cannot tell it from"


def suggestions(files: Sequence[Observed | None]) -> tuple[tuple[Finding, ...], ...]:
    """The findings of each file, in their order; None for a file that shows no place."""
    first = [None if one is None else guess_reference(one.points, one.reference, one.hints) for one in files]
    sound = [one for one, guess in zip(files, first, strict=True) if one is not None and guess is None]
    found: list[tuple[Finding, ...]] = []
    for one, guess in zip(files, first, strict=True):
        if one is None:
            found.append(())
            continue
        others = [other for other in sound if other is not one]
        near = _with_neighbours(one, others)
        better = guess_reference(near.points, near.reference, near.hints) if near.hints.neighbours else guess
        heights = None if better is not None else _heights(one, others)
        found.append((*_of_place(better, one), *_of_heights(heights, one)))
    return tuple(found)


def _with_neighbours(one: Observed, others: Iterable[Observed]) -> Observed:
    known = [(other.name, bounds) for other in others if (bounds := other.bounds) is not None]
    neighbours = tuple(Neighbour(name=name, bounds=bounds) for name, bounds in known if _is_local(bounds))
    return replace(one, hints=replace(one.hints, neighbours=neighbours))


def _is_local(bounds: Bounds) -> bool:
    """Whether a box is small enough to tell a place; that of a network across the world holds everything."""
    west, south, east, north = bounds
    return east - west <= _LOCAL_DEG and north - south <= _LOCAL_DEG


# --- place -------------------------------------------------------------------------------------------------------


def _of_place(guess: Guess | None, one: Observed) -> list[Finding]:
    if guess is None:
        return []
    if not guess.suggestions:
        code = "no_position" if guess.doubts[0].name == "zeros" else "place_contradicts_evidence"
        why = "; ".join(fact.words for fact in guess.doubts)
        return [
            Finding(
                severity="warning", code=code, message=f"{why}. Confidence {guess.confidence}: {guess.reason}",
                remedy="ask the producer where the points are, and in which reference",
                confidence=f"{guess.confidence}: {guess.reason}", evidence=_evidence(guess.doubts),
            )
        ]  # fmt: skip
    first, *others = guess.suggestions
    tied = guess.is_ambiguous
    said = f"stated {guess.stated}, but " if guess.stated else ""
    why = "; ".join(fact.words for fact in guess.doubts)
    readings = " or ".join(f"{one.words}, in {one.territory}{_twins(one)}" for one in guess.suggestions)
    message = f"{said}{why}; the numbers look like {readings}"
    return [
        Finding(
            severity="warning",
            code="ambiguous_reference" if tied else "probable_reference",
            message=f"{message}. Confidence {guess.confidence}: {guess.reason}",
            remedy=_remedy(first, one),
            suggestion=first.remedy,
            alternatives=tuple(one.remedy for one in others),
            confidence=f"{guess.confidence}: {guess.reason}",
            evidence=_evidence(guess.doubts, first.facts),
        )
    ]


def _twins(one: Suggestion) -> str:
    if not one.same_numbers:
        return ""
    return f" ({_ALIKE} {', '.join(_named(code) for code in one.same_numbers[:3])})"


def _named(code: str) -> str:
    """A system with its realisation, ``Lambert-93 (RGF93 v2), EPSG:9793``; the code alone for one outside the table."""
    name = french_name(code)
    return code if name == code else f"{name}, {code}"


def _remedy(first: Suggestion, one: Observed) -> str:
    """What can be done about it with this kind of file."""
    confirmed = "once the producer has confirmed it; nothing is corrected here"
    if first.change != "as_written":
        return f"{first.remedy}, {confirmed}"
    if not one.read_in:
        return f"declare `{first.remedy}`, {confirmed}"
    if first.reference == one.read_in:
        return f"ask for a file that states {one.read_in}, or nothing, {confirmed}"
    if one.transform_options is None:
        return f"these files are read in {one.read_in} alone: ask for it there, {confirmed}"
    way = f"jnt crs transform {first.reference} {one.read_in} {one.name}{one.transform_options}"
    return f"these files are read in {one.read_in} alone: bring it there with `{way}`, {confirmed}"


def _evidence(doubts: Iterable[Fact], support: Iterable[Fact] = ()) -> tuple[Evidence, ...]:
    parts: tuple[tuple[Literal["doubt", "support"], Iterable[Fact]], ...] = (("doubt", doubts), ("support", support))
    return tuple(
        Evidence(role=role, fact=fact.name, message=fact.words, values=dict(fact.values))
        for role, facts in parts
        for fact in facts
    )


# --- heights -----------------------------------------------------------------------------------------------------


def _heights(one: Observed, others: Sequence[Observed]) -> HeightGuess | None:
    lon, lat = one.places
    if not len(one.spots) or not lon.size:
        return None
    place = float(np.median(lon)), float(np.median(lat))
    overlaps = [_overlap(one, other, place) for other in others if len(other.spots) and _meet(one, other)]
    return guess_heights(
        HeightSample(
            place=place, heights=one.spots[:, 2], stated=_kind(one),
            vertical=one.reference.vertical if one.reference else None, is_ground=one.is_ground,
            water=one.water if one.water.size else None,
            overlaps=tuple(overlap for overlap in overlaps if overlap is not None),
        )
    )  # fmt: skip


def _meet(one: Observed, other: Observed) -> bool:
    """Whether the boxes of two files meet."""
    if one.bounds is None or other.bounds is None:
        return False
    (w, s, e, n), (west, south, east, north) = one.bounds, other.bounds
    return w <= east and west <= e and s <= north and south <= n


def _kind(one: Observed) -> Kind | None:
    if one.reference is None or not one.states_heights:
        return None
    return "normal" if one.reference.vertical is not None else "ellipsoidal"


def _overlap(one: Observed, other: Observed, place: tuple[float, float]) -> Overlap | None:
    """The ground of one file where another has some too, the other's heights brought to the legal datum."""
    kind = _kind(other)
    if kind is None or not (one.is_ground and other.is_ground):
        return None
    here, there = (_cells(cloud.plane(place)) for cloud in (one, other))
    common = sorted(here.keys() & there.keys())
    if len(common) < LEAST_CELLS:
        return None
    heights = np.array([there[cell] for cell in common])
    if kind == "ellipsoidal":
        territory = territory_at(*place)
        if territory is None:
            return None
        try:
            heights = heights - undulation_at(*place, territory)[0]
        except CrsError:
            return None  # without the grid the two heights cannot be compared
    return Overlap(name=other.name, own=np.array([here[cell] for cell in common]), other=heights)


def _cells(spots: Array) -> dict[tuple[int, int], float]:
    """Mean height of the spots of each cell."""
    spots = spots[np.isfinite(spots).all(axis=1)]
    if not len(spots):
        return {}
    keys = np.floor(spots[:, :2] / _CELL_M).astype(np.int64)
    cells, rows = np.unique(keys, axis=0, return_inverse=True)
    sums = np.bincount(rows.ravel(), weights=spots[:, 2]) / np.bincount(rows.ravel())
    return {(int(x), int(y)): float(z) for (x, y), z in zip(cells, sums, strict=True)}


def _of_heights(guess: HeightGuess | None, one: Observed) -> list[Finding]:
    if guess is None:
        return []
    stated = one.reference.code if one.reference is not None and one.states_heights else "no vertical reference"
    why = "; ".join(fact.words for fact in guess.doubts)
    if not guess.readings:
        return [
            Finding(
                severity="warning", code="impossible_heights",
                message=f"stated {stated}, but {why}. Confidence {guess.confidence}: {guess.reason}",
                remedy="ask the producer what the heights are above, and in which unit",
                confidence=f"{guess.confidence}: {guess.reason}", evidence=_evidence(guess.doubts),
            )
        ]  # fmt: skip
    told = [_to_declare(reading.kind, reading.unit, guess.vertical) for reading in guess.readings]
    words = " or ".join(reading.words for reading in guess.readings)
    return [
        Finding(
            severity="warning",
            code="ambiguous_heights" if len(told) > 1 else "probable_heights",
            message=f"stated {stated}, but {why}; they look like {words}. "
            f"Confidence {guess.confidence}: {guess.reason}",
            remedy=f"{told[0]}, once the producer has confirmed it; nothing is corrected here",
            suggestion=told[0],
            alternatives=tuple(told[1:]),
            confidence=f"{guess.confidence}: {guess.reason}",
            evidence=_evidence(guess.doubts, guess.readings[0].facts),
        )
    ]


def _to_declare(kind: Kind, unit: str, vertical: str) -> str:
    if unit != "metres":
        return f"ask for the heights in metres: they look like {unit}"
    if kind == "normal":
        return f"vertical: {vertical}"
    return f"ask for heights above the legal datum ({vertical}): they look ellipsoidal"
