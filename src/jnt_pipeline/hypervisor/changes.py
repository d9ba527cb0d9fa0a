"""The changes of a twin as the feed tells them: what, where in space, which buildings and parcels, on what evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from jnt_pipeline.errors import DeliveryError
from jnt_pipeline.hypervisor.context import LinkedThing, Position, positions
from jnt_pipeline.territory.changes import vintage_day
from jnt_pipeline.territory.model import Territory

__all__ = ["AttributeChange", "ChangeFacts", "WhatChanged", "changes_of"]

_KINDS = {
    "addresses": "address",
    "buildings": "building",
    "parcels": "parcel",
    "rnb_buildings": "rnb",
    "topo_buildings": "topo",
}
"""The word of a layer's things in the types of links."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AttributeChange(_Document):
    """One attribute of one thing."""

    old: Any = Field(description="Value before; null = none.")
    new: Any = Field(description="Value now; null = none.")


class WhatChanged(_Document):
    """What of the things differs."""

    geometry: bool = Field(description="Whether outline or place differ; true for what was created or removed.")
    attributes: dict[str, AttributeChange] = Field(description="Attributes that differ, by column of the layer.")


class ChangeFacts(_Document):
    """``data`` of a change event: what became of which things of a layer between two editions, and where."""

    change_id: str = Field(description="Digest of the change; the same however often it is delivered.")
    layer: str = Field(description="Layer of the twin, e.g. parcels.")
    change: str = Field(
        description="created, removed, modified, split, merged, reshaped (several became several), renamed, or shifted"
        " (many moved by one vector, and stayed otherwise)."
    )
    old_ids: tuple[str, ...] = Field(description="Ids before.")
    new_ids: tuple[str, ...] = Field(description="Ids now.")
    what: WhatChanged = Field(description="What differs.")
    evidence: dict[str, Any] = Field(
        description="What the judgement rests on: areas (m²), iou, overlaps with both shares, moved_m, shift_m, dates."
    )
    old_vintage: str | None = Field(description="Vintage before, as the producer writes it; null = not said.")
    new_vintage: str | None = Field(description="Vintage now, as the producer writes it; null = not said.")
    edition: int = Field(ge=1, description="Number of the edition of the layer in the twin.")
    position: Position = Field(
        description="A point on the largest of the things now, or before where nothing is left; elevation_m is that of"
        " the ground, of the twin's terrain."
    )
    buildings: tuple[LinkedThing, ...] | None = Field(
        description="Buildings linked to the things as they are now; null = not listed, for a shift."
    )
    parcels: tuple[LinkedThing, ...] | None = Field(
        description="Parcels linked to the things as they are now; null = not listed, for a shift."
    )

    @property
    def day(self) -> date | None:
        """The day of the edition now; None where its vintage names none."""
        return vintage_day(self.new_vintage or "")

    @property
    def subject(self) -> str:
        """``layer/<layer>/<id>``: the first thing now, or before where nothing is left."""
        return f"layer/{self.layer}/{(self.new_ids or self.old_ids)[0]}"


def changes_of(territory: Territory) -> list[ChangeFacts]:
    """The changes of a twin by day of the edition, layer, first id and digest; none where it has no layer ``changes``.

    Raises ``CrsError`` where longitude and latitude cannot be had truthfully, ``DeliveryError`` for a table that is
    not one of changes.
    """
    if "changes" not in territory.layers:
        return []
    layer = territory.layer("changes")
    frame = layer.to_geopandas()
    if not len(frame):
        return []
    elevations, vertical, accuracy_m = _ground(territory, frame)
    places = positions(
        layer, frame, territory.reference, elevations, vertical=vertical, elevation_accuracy_m=accuracy_m
    )
    linked = _Links(territory, {one for ids in frame["new_ids"] for one in json.loads(ids)})
    told = []
    for row, place in zip(frame.drop(columns=frame.geometry.name).to_dict("records"), places, strict=True):
        try:
            told.append(_facts(row, place, linked))
        except (KeyError, ValueError) as error:  # pydantic's and json's errors are ValueErrors
            raise DeliveryError(
                "a change cannot be read",
                where=f"changes, {row.get('change_id')}",
                found=str(error).splitlines()[0],
                expected="a row of the layer changes as the pipeline writes it",
                remedy="make the layer again: run the pipeline",
            ) from error
    return sorted(told, key=lambda one: (one.day or date.min, one.layer, one.subject, one.change_id))


def _facts(row: Mapping[str, Any], place: Position | None, linked: _Links) -> ChangeFacts:
    new_ids = json.loads(row["new_ids"])
    what = json.loads(row["what"])
    is_shift = row["change_type"] == "shifted"
    if place is None:
        raise ValueError("no point")
    return ChangeFacts(
        change_id=row["change_id"],
        layer=row["layer"],
        change=row["change_type"],
        old_ids=json.loads(row["old_ids"]),
        new_ids=new_ids,
        what=WhatChanged(
            geometry=what.get("geometry", True),
            attributes={
                name: AttributeChange(old=old, new=new) for name, (old, new) in what.get("attributes", {}).items()
            },
        ),
        evidence=json.loads(row["evidence"]),
        old_vintage=_stated(row["old_vintage"]),
        new_vintage=_stated(row["new_vintage"]),
        edition=row["edition"],
        position=place,
        buildings=None if is_shift else linked.to("building", row["layer"], new_ids),
        parcels=None if is_shift else linked.to("parcel", row["layer"], new_ids),
    )


def _stated(text: Any) -> str | None:
    return None if pd.isna(text) or not text else str(text)


class _Links:
    """The links of some things of a twin, read from either end."""

    def __init__(self, territory: Territory, ids: set[str]):
        self._building_of: dict[str, str] = {}
        if "buildings" in territory.layers:
            table = pd.DataFrame(territory.buildings)[["footprint_id", "building_id"]].astype("str")
            table = table[table["footprint_id"].isin(ids)]
            self._building_of = dict(table.itertuples(index=False, name=None))
        self._found: dict[tuple[str, str, str], dict[str, LinkedThing]] = {}
        if "links" in territory.layers:
            links, asked = territory.links, {*ids, *self._building_of.values()}
            here = links["source_id"].isin(asked) | links["target_id"].isin(asked)
            for row in links[here].to_dict("records"):
                source, _, target = str(row["link_type"]).partition("-")
                score, day = row.get("score"), row.get("linked_on")
                for kind, id, other, other_id in (
                    (source, row["source_id"], target, row["target_id"]),
                    (target, row["target_id"], source, row["source_id"]),
                ):
                    self._add(kind, str(id), other, str(other_id), str(row["method"]), score, day)

    def to(self, kind: str, layer: str, ids: Sequence[str]) -> tuple[LinkedThing, ...]:
        """Things of a kind that are linked to the things of a layer, by id; a footprint stands for its building."""
        found: dict[str, LinkedThing] = {}
        own, of_layer = list(ids), _KINDS.get(layer, "")
        if layer == "footprints":
            own, of_layer = [self._building_of[one] for one in ids if one in self._building_of], "building"
            if kind == "building":
                found = {one: LinkedThing(id=one, method="footprint", score=1.0, linked_on=None) for one in own}
        for one in own:
            for other, thing in self._found.get((of_layer, one, kind), {}).items():
                found.setdefault(other, thing)
        return tuple(found[one] for one in sorted(found))

    def _add(self, kind: str, id: str, other: str, other_id: str, method: str, score: Any, day: Any) -> None:
        thing = LinkedThing(
            id=other_id,
            method=method,
            score=None if pd.isna(score) else float(score),
            linked_on=None if pd.isna(day) else str(day),
        )
        self._found.setdefault((kind, id, other), {}).setdefault(other_id, thing)


def _ground(territory: Territory, frame: gpd.GeoDataFrame) -> tuple[NDArray[np.float64], str | None, float | None]:
    """Elevation of the twin's terrain at each point, metres, NaN where unknown; its vertical CRS and accuracy."""
    elevations = np.full(len(frame), np.nan)
    if "dtm" not in territory.rasters:
        return elevations, None, None
    terrain = territory.raster("dtm")
    east, north = frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()
    for tile in terrain.tiles:
        with rasterio.open(tile) as dataset:
            west, south, east_end, north_end = dataset.bounds
            inside = (east >= west) & (east < east_end) & (north > south) & (north <= north_end)
            which = np.flatnonzero(inside & np.isnan(elevations))
            if which.size:
                sampled = dataset.sample(np.column_stack([east[which], north[which]]))
                elevations[which] = [float(values[0]) for values in sampled]
    return elevations, terrain.reference.vertical, terrain.provenance.accuracy_m
