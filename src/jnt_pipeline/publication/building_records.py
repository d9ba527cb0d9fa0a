"""Buildings as the 3D standards need them: an id, attributes without gaps, closed solids, and those under a roof."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.errors import AssemblyError, ExportError
from jnt_pipeline.territory.model import Territory
from jnt_pipeline.territory.solids import Solid, solids_of

__all__ = ["BUILDING_LAYERS", "Attribute", "BuildingRecord", "building_records", "plain_value"]

BUILDING_LAYERS = ("buildings", "roof_faces")
"""What the records are made of."""

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
    cell: tuple[int, int] | None
    """Column and row of the square of the plane that holds its representative point; None without footprint."""
    solids: tuple[Solid, ...]
    """One closed LoD1 solid per part of the footprint; none where ``reason`` says why."""
    roofs: tuple[Solid, ...] = ()
    """The same parts under the faces of their roofs, closed, at ``roof_lod`` 2.2 or 1.3; empty where no face is more
    than the prism."""


def building_records(territory: Territory, *, cell_m: float | None = None) -> Iterator[BuildingRecord]:
    """The buildings of the twin in the order of their ids, solids extruded one at a time.

    With ``cell_m`` they come square by square of that side (metres, counted from the origin of the horizontal CRS),
    by row then column, those without footprint first; the representative point decides, so that each comes once.

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
    cells = _cells(ordered, cell_m)
    by_cell = sorted(range(len(ordered)), key=lambda i: (cells[i] is not None, (cells[i] or (0, 0))[::-1]))
    names = [name for name in ordered.columns if name not in {"building_id", ordered.geometry.name}]
    columns = [ordered[name].tolist() for name in names]
    shapes = ordered.geometry.to_numpy()
    ids = [str(building_id) for building_id in ordered["building_id"]]
    faces = _faces(territory)
    for i in by_cell if cell_m else range(len(ordered)):
        values = {name: plain_value(column[i]) for name, column in zip(names, columns, strict=True)}
        attributes = {name: value for name, value in values.items() if value is not None and value != ""}
        yield BuildingRecord(
            building_id=ids[i],
            attributes=attributes,
            footprint=shapes[i],
            cell=cells[i],
            solids=_solids(ids[i], attributes, shapes[i]),
            roofs=_roofs(ids[i], attributes, faces.get(ids[i])),
        )


def _cells(frame: gpd.GeoDataFrame, cell_m: float | None) -> list[tuple[int, int] | None]:
    cells: list[tuple[int, int] | None] = [None] * len(frame)
    if cell_m is None:
        return cells
    there = ~(frame.geometry.is_empty | frame.geometry.isna()).to_numpy()
    points = shapely.point_on_surface(frame.geometry.to_numpy()[there])
    squares = np.floor(shapely.get_coordinates(points) / cell_m).astype(int).tolist()
    for i, (column, row) in zip(np.flatnonzero(there), squares, strict=True):
        cells[i] = (column, row)
    return cells


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


def _faces(territory: Territory) -> dict[str, gpd.GeoDataFrame]:
    """The roof faces of each building that has some."""
    if "roof_faces" not in territory.layers:
        return {}
    frame = territory.layer("roof_faces").to_geopandas()
    return {str(building_id): own for building_id, own in frame.groupby("building_id", sort=False)}


def _roofs(building_id: str, attributes: dict[str, Attribute], faces: gpd.GeoDataFrame | None) -> tuple[Solid, ...]:
    ground = attributes.get("ground_elevation_m")
    if attributes.get("roof_lod") not in {"2.2", "1.3"} or faces is None or not isinstance(ground, float):
        return ()
    from jnt_pipeline.territory.roofs.layer import solids_of_roof

    try:
        return solids_of_roof(faces, ground)
    except AssemblyError as error:
        raise ExportError(
            f"the roof faces promise a solid that cannot be made: {error.what}",
            where=building_id,
            found=error.found,
            expected="a closed solid, or roof_lod 0 and a reason",
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
