"""Buildings as the 3D standards need them: an id, attributes without gaps, and closed solids."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.errors import AssemblyError, ExportError
from jnt_pipeline.territory.model import Territory
from jnt_pipeline.territory.solids import Solid, solids_of

__all__ = ["Attribute", "BuildingRecord", "building_records", "plain_value"]

Attribute = str | int | float | bool | list[int]
"""What an attribute may be in a publication; an absent value is left out, never written as zero or text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingRecord:
    """One building (*bâtiment*) ready to be encoded."""

    building_id: str
    attributes: dict[str, Attribute]
    """Known columns of ``territory.buildings.COLUMNS``, in their order, without the id."""
    footprint: BaseGeometry
    """In the twin's horizontal CRS."""
    solids: tuple[Solid, ...]
    """One closed LoD1 solid per part of the footprint; none where ``reason`` says why."""


def building_records(territory: Territory) -> Iterator[BuildingRecord]:
    """The buildings of the twin in the order of their ids, solids extruded one at a time.

    Raises ``ExportError`` for a twin without buildings layer, a repeated id, and a building whose layer promises
    a solid (``lod`` 1) that cannot be made.
    """
    if "buildings" not in territory.layers:
        raise ExportError(
            "the twin has no buildings layer",
            where=territory.name,
            found=", ".join(sorted(territory.layers)) or "no layer",
            expected="buildings",
            remedy="add footprints and point clouds to the sources, or leave this exporter out",
        )
    frame = territory.buildings
    repeated = frame["building_id"][frame["building_id"].duplicated()]
    if len(repeated):
        raise ExportError(
            "two buildings have one id",
            where=str(repeated.iloc[0]),
            expected="unique building_id",
            remedy="run the pipeline again; ids are made unique by the assemble stage",
        )
    ordered: gpd.GeoDataFrame = frame.sort_values("building_id", kind="stable", ignore_index=True)
    names = [name for name in ordered.columns if name not in {"building_id", ordered.geometry.name}]
    columns = [ordered[name].tolist() for name in names]
    shapes = ordered.geometry.to_numpy()
    for i, building_id in enumerate(ordered["building_id"].tolist()):
        values = {name: plain_value(column[i]) for name, column in zip(names, columns, strict=True)}
        attributes = {name: value for name, value in values.items() if value is not None and value != ""}
        yield BuildingRecord(
            building_id=str(building_id),
            attributes=attributes,
            footprint=shapes[i],
            solids=_solids(str(building_id), attributes, shapes[i]),
        )


def _solids(building_id: str, attributes: dict[str, Attribute], footprint: Polygon | MultiPolygon) -> tuple[Solid, ...]:
    if attributes.get("lod") != "1":
        return ()
    ground, roof = attributes.get("ground_elevation_m"), attributes.get("roof_elevation_m")
    try:
        if not (isinstance(ground, float) and isinstance(roof, float)):
            raise AssemblyError("lod 1 without ground or roof elevation", found=f"ground {ground}, roof {roof}")
        return solids_of(footprint, ground, roof)
    except AssemblyError as error:
        raise ExportError(
            f"the buildings layer promises a solid that cannot be made: {error.what}",
            where=building_id,
            found=error.found,
            expected="a solid, or lod 0 and a reason",
            remedy=error.remedy or "run the assemble stage again",
        ) from error


def plain_value(value: object) -> Attribute | None:
    """A cell of a frame as a JSON value; None for NaN, NA, NaT and None. Instants are RFC 3339 in UTC."""
    plain: Attribute | None
    match value:
        case None:
            plain = None
        case np.generic():
            plain = plain_value(value.item())
        case str() | bool() | int():
            plain = value
        case float():
            plain = value if math.isfinite(value) else None
        case np.ndarray() | list():
            plain = [int(item) for item in value]
        case dt.datetime() if not pd.isna(value):
            plain = value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        case _ if value is pd.NA or value is pd.NaT:
            plain = None
        case _:
            raise ExportError(
                "a value of a type that no publication carries",
                found=f"{type(value).__name__} {value!r}",
                expected="text, number, boolean, instant or list of integers",
                remedy="correct the column where the layer is made",
            )
    return plain
