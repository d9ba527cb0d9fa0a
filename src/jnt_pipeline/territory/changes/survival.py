"""The id of every thing of a new edition: the one that it had, where it is still the same thing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.changes.comparison import Comparison

__all__ = ["surviving_ids"]

_MAJORITY = 0.5  # strictly more than half of each other: at most one thing can be so for another, both ways


def surviving_ids(
    comparison: Comparison, retired: Iterable[str] = (), in_force: Iterable[str] = ()
) -> NDArray[np.object_]:
    """Shape (n_new,): the id of each record of the new edition, in its sorted order (see ``Edition``).

    Keys of the producer stay as they are. Where the key is derived from the place, a thing that was kept, shifted or
    redrawn has the id it had; of a split, a merger or a rearrangement the id goes to the part that holds more than
    half of the old thing and of which the old thing is more than half, and to none where there is no such part.

    What is new has its derived key. Where a thing of either edition has that already, the next free of ``<key>-2``,
    ``<key>-3``… is taken; so it is where something that is not compared has it (``in_force``). ``retired`` are ids that
    no such number may repeat. A retired derived key itself comes
    back only for a thing at its very place.
    """
    old, new = comparison.old, comparison.new
    if not comparison.has_derived_key:
        return new.keys.copy()
    ids: NDArray[np.object_] = np.full(len(new), None, dtype=object)
    ids[comparison.pairs[1]] = old.keys[comparison.pairs[0]]
    old_areas, new_areas = shapely.area(old.shapes), shapely.area(new.shapes)
    for component in comparison.components:
        if not (component.old and component.new):
            continue
        overlaps = component.overlaps
        of_old = overlaps.area_m2 / old_areas[overlaps.old]
        of_new = overlaps.area_m2 / new_areas[overlaps.new]
        for edge in np.flatnonzero((of_old > _MAJORITY) & (of_new > _MAJORITY)):
            ids[overlaps.new[edge]] = old.keys[overlaps.old[edge]]
    named = {str(one) for one in ids if one is not None}
    taken = named | set(old.keys.astype(str)) | set(in_force)
    never = {*retired, *taken, *new.keys.astype(str)}
    for position in np.flatnonzero(ids == None):  # noqa: E711 - elementwise
        key = str(new.keys[position])
        if key in taken:
            key = _next_free(key, never)
            never.add(key)
        ids[position] = key
        taken.add(key)
    return ids


def _next_free(key: str, never: set[str]) -> str:
    number = 2
    while f"{key}-{number}" in never:
        number += 1
    return f"{key}-{number}"
