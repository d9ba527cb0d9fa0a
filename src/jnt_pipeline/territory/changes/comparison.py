"""What became of every thing of a layer: pairs that are one thing, and components of the old-new overlap graph."""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.territory.changes.attributes import attribute_changes, compared_columns
from jnt_pipeline.territory.changes.editions import Edition, Index, Masks, Vectors, check_one_crs
from jnt_pipeline.territory.changes.parameters import DERIVED_KEY_LAYERS, ChangeParameters
from jnt_pipeline.territory.changes.sameness import (
    centres,
    one_to_one,
    pairs_nearby,
    said_once,
    same_shapes,
    translated,
)
from jnt_pipeline.territory.changes.shifts import Shift, find_shifts, local_vectors
from jnt_pipeline.territory.outlines import Geometries

__all__ = ["Comparison", "Component", "Overlaps", "compare"]

_POINT = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlaps:
    """Pairs of outlines that share a good part of the smaller one (or a key), in the order of their positions."""

    old: Index
    new: Index
    area_m2: Vectors
    """Shape (n,): area in common, once the old outline has followed the shift of its surroundings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Things that have to do with each other: one became several, several one, several several; or one alone."""

    old: tuple[int, ...]
    new: tuple[int, ...]
    overlaps: Overlaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every old and every new record is in one pair or in one component, never in two."""

    schema: LayerSchema
    old: Edition
    new: Edition
    moved: Vectors
    """Shape (n_old, 2): by how much the surroundings of each old record were shifted, metres."""
    has_derived_key: bool
    """Whether the key says nothing beyond the place."""
    pairs: tuple[Index, Index]
    """Old and new positions of one and the same thing, in the order of the old ones."""
    same_shape: Masks
    """Shape (n_pairs,): whether the outline stayed, but for a shift."""
    shifts: tuple[Shift, ...]
    """The shifts, with all pairs that moved by each."""
    components: tuple[Component, ...]


def compare(
    old: gpd.GeoDataFrame,
    new: gpd.GeoDataFrame,
    schema: LayerSchema,
    parameters: ChangeParameters,
    *,
    has_derived_key: bool | None = None,
) -> Comparison:
    """Compare two editions of a layer; both are held in memory.

    ``has_derived_key`` None: as ``DERIVED_KEY_LAYERS`` says. With keys of the producer the same key is the same thing,
    whatever became of its outline; one exact outline under two keys is a new name. Raises ``AssemblyError``.
    """
    check_one_crs(schema.name, old, new)
    derived = schema.name in DERIVED_KEY_LAYERS if has_derived_key is None else has_derived_key
    before, after = Edition.of(old, schema), Edition.of(new, schema)
    pairing = _Pairing(before, after, schema, parameters, derived)
    pairing.stay_in_place(before.shapes)
    shifts = find_shifts(before, after, *pairing.rest(), parameters, by_key=not derived)
    moved = np.zeros((len(before), 2))
    if shifts:
        shifts, moved = pairing.follow(shifts)
    followed = before.shapes if not shifts else translated(before.shapes, moved)
    components = pairing.components(followed)
    order = np.argsort(pairing.i, kind="stable")
    return Comparison(
        schema=schema,
        old=before,
        new=after,
        moved=moved,
        has_derived_key=derived,
        pairs=(pairing.i[order], pairing.j[order]),
        same_shape=pairing.same[order],
        shifts=tuple(shifts),
        components=tuple(components),
    )


class _Pairing:
    """Pairs found so far; each step works on what is left."""

    def __init__(self, old: Edition, new: Edition, schema: LayerSchema, parameters: ChangeParameters, derived: bool):
        self._old, self._new, self._parameters, self._derived = old, new, parameters, derived
        self._columns = compared_columns(old, new, schema, parameters)
        self.i, self.j = (np.empty(0, np.intp),) * 2
        self.same = np.empty(0, np.bool_)

    def rest(self) -> tuple[Index, Index]:
        """Positions that are in no pair yet."""
        return (
            np.setdiff1d(np.arange(len(self._old)), self.i, assume_unique=True),
            np.setdiff1d(np.arange(len(self._new)), self.j, assume_unique=True),
        )

    def stay_in_place(self, shapes: Geometries) -> None:
        """Pair what has the same outline: first with the same key, then whatever the key.

        Of several with one outline those pair that have more attributes in common. A point is weak evidence: with
        keys of the producer, the same key is the same point first of all.
        """
        tolerance = self._parameters.tolerance_m
        i, j = self._of_one_key()
        same = same_shapes(shapes[i], self._new.shapes[j], tolerance)
        both_points = shapely.get_dimensions(shapes[i]) + shapely.get_dimensions(self._new.shapes[j]) == _POINT
        sure = same | (both_points & (not self._derived))
        self._take(i[sure], j[sure], same[sure])
        rest_old, rest_new = self.rest()
        a, b = pairs_nearby(shapes[rest_old], self._new.shapes[rest_new], 2 * tolerance)
        i, j = rest_old[a], rest_new[b]
        same = same_shapes(shapes[i], self._new.shapes[j], tolerance)
        i, j = i[same], j[same]
        rivals = np.flatnonzero(~(said_once(i) & said_once(j)))
        unlike = np.zeros(len(i), dtype=np.intp)
        differences = attribute_changes(self._old, self._new, (i[rivals], j[rivals]), self._columns, self._parameters)
        for rival, columns in differences.items():
            unlike[rivals[rival]] = len(columns)
        apart = np.hypot(*(centres(self._new.shapes[j]) - centres(shapes[i])).T).round(3)
        kept = one_to_one(i, j, unlike, apart)
        self._take(i[kept], j[kept], np.ones(int(kept.sum()), dtype=np.bool_))

    def follow(self, shifts: list[Shift]) -> tuple[list[Shift], Vectors]:
        """Pair what was shifted, and what has the same outline once it followed its surroundings.

        Gives the shifts with all their pairs, and the vector of each old record.
        """
        anchors, vectors = [self.i], [np.zeros((len(self.i), 2))]
        for shift in shifts:
            self._take(shift.old, shift.new, np.ones(len(shift.old), dtype=np.bool_))
            anchors.append(shift.old)
            vectors.append(np.broadcast_to(shift.vector_m, (len(shift.old), 2)))
        of_anchor, known = np.concatenate(anchors), np.concatenate(vectors)
        moved = np.zeros((len(self._old), 2))
        moved[of_anchor] = known
        rest_old, _ = self.rest()
        places = centres(self._old.shapes)
        moved[rest_old] = local_vectors(places[rest_old], places[of_anchor], known)
        n_before = len(self.i)
        self.stay_in_place(translated(self._old.shapes, moved))
        i, j = self.i[n_before:], self.j[n_before:]
        joined = []
        for shift in shifts:
            also = (moved[i] == shift.vector_m).all(axis=1) & (self._old.groups[i] == self._old.groups[shift.old[0]])
            joined.append(
                replace(shift, old=np.concatenate([shift.old, i[also]]), new=np.concatenate([shift.new, j[also]]))
            )
        return joined, moved

    def components(self, shapes: Geometries) -> list[Component]:
        """Components of the graph of what is left; of those of one old and one new, the same things become pairs."""
        rest_old, rest_new = self.rest()
        overlaps = self._overlaps(shapes, rest_old, rest_new)
        n = len(self._old)
        edges = coo_array(
            (np.ones(len(overlaps.old), dtype=np.int8), (overlaps.old, overlaps.new + n)),
            shape=(n + len(self._new),) * 2,
        )
        _, labels = connected_components(edges, directed=False)
        members: dict[int, tuple[list[int], list[int]]] = {}
        for side, positions in enumerate((rest_old, rest_new)):
            for position, label in zip(positions.tolist(), labels[positions + side * n].tolist(), strict=True):
                members.setdefault(label, ([], []))[side].append(position)
        edges_of: dict[int, list[int]] = {}
        for edge, label in enumerate(labels[overlaps.old].tolist()):
            edges_of.setdefault(label, []).append(edge)
        found = []
        for label, (olds, news) in members.items():
            which = np.asarray(edges_of.get(label, []), dtype=np.intp)
            own = Overlaps(old=overlaps.old[which], new=overlaps.new[which], area_m2=overlaps.area_m2[which])
            if len(olds) != 1 or len(news) != 1:
                found.append(Component(old=tuple(olds), new=tuple(news), overlaps=own))
            elif self._is_one_thing(shapes, olds[0], news[0], float(own.area_m2[0])):
                self._take(np.array(olds), np.array(news), np.zeros(1, dtype=np.bool_))
            else:
                found += [
                    Component(old=tuple(olds), new=(), overlaps=own),
                    Component(old=(), new=tuple(news), overlaps=own),
                ]
        return found

    def _is_one_thing(self, shapes: Geometries, old: int, new: int, common: float) -> bool:
        if not self._derived and self._old.keys[old] == self._new.keys[new]:
            return True
        union = float(shapely.area(shapes[old])) + float(shapely.area(self._new.shapes[new])) - common
        return common >= self._parameters.min_same_iou * union

    def _overlaps(self, shapes: Geometries, rest_old: Index, rest_new: Index) -> Overlaps:
        outlines, others = shapes[rest_old], self._new.shapes[rest_new]
        a, b = shapely.STRtree(others).query(outlines, predicate="intersects")
        areas = shapely.area(outlines), shapely.area(others)
        common = shapely.area(shapely.intersection(outlines[a], others[b]))
        smaller = np.minimum(areas[0][a], areas[1][b])
        wide = (common > 0) & (common >= self._parameters.min_overlap_share * smaller)
        i, j, common = rest_old[a[wide]], rest_new[b[wide]], common[wide]
        if not self._derived:
            of_key = self._of_one_key()
            open_ = np.isin(of_key[0], rest_old) & np.isin(of_key[1], rest_new)
            known = set(zip(i.tolist(), j.tolist(), strict=True))
            extra = [
                pair
                for pair in zip(of_key[0][open_].tolist(), of_key[1][open_].tolist(), strict=True)
                if pair not in known
            ]
            if extra:
                x, y = (np.array(side, dtype=np.intp) for side in zip(*extra, strict=True))
                thin = shapely.area(shapely.intersection(shapes[x], self._new.shapes[y]))
                i, j, common = np.concatenate([i, x]), np.concatenate([j, y]), np.concatenate([common, thin])
        order = np.lexsort((j, i))
        return Overlaps(old=i[order], new=j[order], area_m2=common[order])

    def _of_one_key(self) -> tuple[Index, Index]:
        """Pairs of one key that are in no pair yet."""
        rest_old, rest_new = self.rest()
        if not (rest_old.size and rest_new.size):
            return np.empty(0, np.intp), np.empty(0, np.intp)
        _, a, b = np.intersect1d(
            self._old.keys[rest_old].astype("U"), self._new.keys[rest_new].astype("U"),
            assume_unique=True, return_indices=True,
        )  # fmt: skip
        return rest_old[a], rest_new[b]

    def _take(self, i: Index, j: Index, same: Masks) -> None:
        self.i, self.j = np.concatenate([self.i, i]), np.concatenate([self.j, j])
        self.same = np.concatenate([self.same, same])
