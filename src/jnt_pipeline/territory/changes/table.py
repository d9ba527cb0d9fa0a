"""The table of changes: one row for each change of a layer, that says all of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.territory.changes.attributes import attribute_changes, compared_columns, dates_of
from jnt_pipeline.territory.changes.comparison import Comparison, Component
from jnt_pipeline.territory.changes.parameters import ChangeParameters

__all__ = ["CHANGES", "CHANGE_TYPES", "change_table", "empty_changes"]

CHANGE_TYPES = ("created", "merged", "modified", "removed", "renamed", "reshaped", "shifted", "split")
"""What can become of things; ``shifted``: many that moved by one vector and stayed otherwise, told once."""

CHANGES = LayerSchema(
    name="changes",
    title="Changes since the edition before",
    key="change_id",
    shape="point",
    columns=(
        Column("change_id", "text", "Digest of what changed between which editions; the same however often made."),
        Column("layer", "text", "Layer of the things that changed.", required=True),
        Column("change_type", "text", f"One of {', '.join(CHANGE_TYPES)}.", required=True),
        Column("old_ids", "text", "Ids before, a JSON list, sorted.", required=True),
        Column("new_ids", "text", "Ids now, a JSON list, sorted; for shifted in the order of old_ids.", required=True),
        Column("what", "text", "JSON: geometry (true, false); attributes: old and new value by column.", required=True),
        Column("evidence", "text", "JSON: iou, areas, overlaps, moved_m, shift_m, dates.", required=True),
        Column("old_vintage", "text", "Vintage (millésime) before, as the producer writes it."),
        Column("new_vintage", "text", "Vintage now, as the producer writes it."),
        Column("edition", "integer", "Number of the edition of the layer in this twin; the first is 1.", required=True),
    ),
)  # fmt: skip
"""The layer ``changes``: its point lies on the largest thing now, or before where nothing is left."""

_METRE_DECIMALS, _SHARE_DECIMALS = 3, 4  # finer digits would differ between builds of GEOS


def empty_changes(crs: object) -> gpd.GeoDataFrame:
    """No change, in a horizontal CRS."""
    return _frame([], [], crs)


def change_table(
    comparison: Comparison,
    new_ids: NDArray[np.object_],
    parameters: ChangeParameters,
    *,
    crs: object,
    old_vintage: str,
    new_vintage: str,
    edition: int,
) -> gpd.GeoDataFrame:
    """Rows of the layer ``changes`` (see ``CHANGES``), in the order of their first id, then type and digest.

    ``new_ids``, shape (n_new,): ids of the new edition (see ``surviving_ids``).
    """
    rows = _Rows(comparison, new_ids, parameters)
    rows.tell_pairs()
    for component in comparison.components:
        rows.tell_component(component)
    documents, points = [], []
    for told in sorted(rows.told, key=lambda one: (min(one.old_ids + one.new_ids), one.change_type, one.sorting)):
        content = {
            "layer": comparison.schema.name,
            "change_type": told.change_type,
            "old_ids": _json(told.old_ids),
            "new_ids": _json(told.new_ids),
            "what": _json(told.what),
            "old_vintage": old_vintage,
            "new_vintage": new_vintage,
            "edition": edition,
        }
        digest = hashlib.sha256(_json(content).encode()).hexdigest()[:32]
        documents.append({"change_id": digest, **content, "evidence": _json(told.evidence)})
        points.append(told.place)
    return _frame(documents, points, crs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    change_type: str
    old_ids: list[str]
    new_ids: list[str]
    what: dict[str, Any]
    evidence: dict[str, Any]
    place: shapely.Point

    @property
    def sorting(self) -> str:
        return _json([self.old_ids, self.new_ids])


class _Rows:
    """Tells the changes of one comparison."""

    def __init__(self, comparison: Comparison, new_ids: NDArray[np.object_], parameters: ChangeParameters):
        self._c, self._new_ids, self._parameters = comparison, new_ids, parameters
        self._old_areas = shapely.area(comparison.old.shapes)
        self._new_areas = shapely.area(comparison.new.shapes)
        self.told: list[_Told] = []

    def tell_pairs(self) -> None:
        """Pairs whose outline, name or attributes are not what they were; whole shifts at once."""
        c = self._c
        i, j = c.pairs
        columns = compared_columns(c.old, c.new, c.schema, self._parameters)
        attributes = attribute_changes(c.old, c.new, c.pairs, columns, self._parameters)
        has_attributes = np.isin(np.arange(len(i)), list(attributes))
        renamed = np.asarray(c.old.keys[i] != self._new_ids[j], dtype=np.bool_)
        number_of = {pair: number for number, pair in enumerate(zip(i.tolist(), j.tolist(), strict=True))}
        shifted = np.zeros(len(i), dtype=np.bool_)
        for shift in c.shifts:
            numbers = np.array(
                [number_of[p] for p in zip(shift.old.tolist(), shift.new.tolist(), strict=True)], dtype=np.intp
            )
            shifted[numbers] = True
            alike = np.sort(numbers[~has_attributes[numbers] & ~renamed[numbers]])
            if alike.size:
                self._tell_shift(alike, shift.vector_m)
            for number in np.setdiff1d(numbers, alike).tolist():
                kind = "renamed" if renamed[number] else "modified"
                self._tell_pair(kind, int(number), attributes.get(number, {}))
        stayed = c.same_shape & (c.moved[i] == 0).all(axis=1)
        for number in np.flatnonzero(~shifted & (~stayed | renamed | has_attributes)).tolist():
            kind = "renamed" if renamed[number] and c.same_shape[number] else "modified"
            self._tell_pair(kind, int(number), attributes.get(number, {}))

    def tell_component(self, component: Component) -> None:
        """Created, removed, split, merged, or several that became several."""
        olds, news = component.old, component.new
        kind = {(0, 1): "created", (1, 0): "removed"}.get((len(olds), len(news)))
        if kind is None:
            kind = "split" if len(olds) == 1 else "merged" if len(news) == 1 else "reshaped"
        evidence = self._areas(olds, news)
        dates: dict[str, Any] = {}
        if kind == "created":
            dates = {name: [None, value] for name, value in dates_of(self._c.new, news[0], self._parameters).items()}
        elif kind == "removed":
            dates = {name: [value, None] for name, value in dates_of(self._c.old, olds[0], self._parameters).items()}
        evidence |= {"dates": dates} if dates else {}
        if component.overlaps.old.size:
            edges = component.overlaps
            evidence["overlaps"] = [
                self._overlap(*edge)
                for edge in zip(edges.old.tolist(), edges.new.tolist(), edges.area_m2.tolist(), strict=True)
            ]
        what = {} if kind in {"created", "removed"} else {"geometry": True, "attributes": {}}
        self._add(kind, olds, news, what, evidence)

    def _tell_pair(self, kind: str, number: int, attributes: dict[str, list[Any]]) -> None:
        c = self._c
        i, j = int(c.pairs[0][number]), int(c.pairs[1][number])
        shift = tuple(c.moved[i].tolist())
        stayed = bool(c.same_shape[number]) and shift == (0.0, 0.0)
        evidence = self._areas((i,), (j,))
        if not stayed:
            before, after = shapely.centroid(c.old.shapes[i]), shapely.centroid(c.new.shapes[j])
            evidence["moved_m"] = round(float(shapely.distance(before, after)), _METRE_DECIMALS)
        if shift != (0.0, 0.0):
            evidence["shift_m"] = list(shift)
        if self._old_areas[i] > 0 and self._new_areas[j] > 0:
            common = float(shapely.area(shapely.intersection(self._followed(i), c.new.shapes[j])))
            evidence["overlaps"] = [self._overlap(i, j, common)]
        before_dates, after_dates = dates_of(c.old, i, self._parameters), dates_of(c.new, j, self._parameters)
        names = [name for name in {**before_dates, **after_dates} if before_dates.get(name) != after_dates.get(name)]
        if names:
            evidence["dates"] = {name: [before_dates.get(name), after_dates.get(name)] for name in names}
        self._add(kind, (i,), (j,), {"geometry": not stayed, "attributes": attributes}, evidence)

    def _tell_shift(self, numbers: NDArray[np.intp], vector: tuple[float, float]) -> None:
        c = self._c
        i, j = c.pairs[0][numbers], c.pairs[1][numbers]
        places = shapely.point_on_surface(c.new.shapes[j])
        xy = np.column_stack([shapely.get_x(places), shapely.get_y(places)])
        middle = int(np.argmin(np.hypot(*(xy - xy.mean(axis=0)).T).round(_METRE_DECIMALS)))
        self.told.append(
            _Told(
                change_type="shifted",
                old_ids=c.old.keys[i].tolist(),
                new_ids=self._new_ids[j].tolist(),
                what={"geometry": True, "attributes": {}},
                evidence={
                    "shift_m": list(vector),
                    "moved_m": round(float(np.hypot(*vector)), _METRE_DECIMALS),
                    "group": str(c.old.groups[i[0]]),
                },
                place=_rounded(places[middle]),
            )
        )

    def _areas(self, olds: tuple[int, ...], news: tuple[int, ...]) -> dict[str, Any]:
        c = self._c
        evidence: dict[str, Any] = {}
        before, after = float(self._old_areas[list(olds)].sum()), float(self._new_areas[list(news)].sum())
        if olds and before > 0:
            evidence["old_area_m2"] = round(before, _METRE_DECIMALS)
        if news and after > 0:
            evidence["new_area_m2"] = round(after, _METRE_DECIMALS)
        if len(evidence) == 2:
            united = shapely.union_all([self._followed(i) for i in olds]), shapely.union_all(c.new.shapes[list(news)])
            common = float(shapely.area(shapely.intersection(*united)))
            union = float(shapely.area(united[0])) + float(shapely.area(united[1])) - common
            evidence["iou"] = round(common / union, _SHARE_DECIMALS)
        return evidence

    def _followed(self, i: int) -> shapely.Geometry:
        """The old outline where its surroundings went."""
        followed: shapely.Geometry = shapely.transform(self._c.old.shapes[i], lambda xy: xy + self._c.moved[i])
        return followed

    def _overlap(self, i: int, j: int, area_m2: float) -> dict[str, Any]:
        shares = [
            area_m2 / area if area > 0 else 0.0 for area in (float(self._old_areas[i]), float(self._new_areas[j]))
        ]
        return {
            "old": str(self._c.old.keys[i]),
            "new": str(self._new_ids[j]),
            "area_m2": round(area_m2, _METRE_DECIMALS),
            "of_old": round(min(shares[0], 1.0), _SHARE_DECIMALS),
            "of_new": round(min(shares[1], 1.0), _SHARE_DECIMALS),
        }

    def _add(
        self, kind: str, olds: tuple[int, ...], news: tuple[int, ...], what: dict[str, Any], evidence: dict[str, Any]
    ) -> None:
        c = self._c
        shapes, areas = (c.new.shapes, self._new_areas) if news else (c.old.shapes, self._old_areas)
        largest = max(news or olds, key=lambda position: (round(float(areas[position]), _METRE_DECIMALS), -position))
        self.told.append(
            _Told(
                change_type=kind,
                old_ids=sorted(map(str, c.old.keys[list(olds)])),
                new_ids=sorted(map(str, self._new_ids[list(news)])),
                what=what,
                evidence=evidence,
                place=_rounded(shapely.point_on_surface(shapes[largest])),
            )
        )


def _rounded(point: shapely.Point) -> shapely.Point:
    return shapely.Point(round(point.x, _METRE_DECIMALS), round(point.y, _METRE_DECIMALS))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _frame(documents: list[dict[str, Any]], points: list[shapely.Point], crs: object) -> gpd.GeoDataFrame:
    table = pd.DataFrame(documents, columns=list(CHANGES.column_names))
    table = table.astype({c.name: "Int64" if c.kind == "integer" else "str" for c in CHANGES.columns})
    return gpd.GeoDataFrame(table, geometry=points, crs=crs)
