"""Roofs of the buildings layer: a verdict for every building, and the layer ``roof_faces``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.base_layers.schema import Column
from jnt_pipeline.territory.outlines import OutlineEdges, sound_polygons, surfaces
from jnt_pipeline.territory.roofs.columns import FACE_COLUMNS, ROOF_COLUMNS
from jnt_pipeline.territory.roofs.faces import Plane, RoofFace
from jnt_pipeline.territory.roofs.own_points import own_points
from jnt_pipeline.territory.roofs.parameters import RoofParameters
from jnt_pipeline.territory.roofs.partition import percentile_of
from jnt_pipeline.territory.roofs.reconstruct import Roof, level_roof, reconstruct_roof
from jnt_pipeline.territory.roofs.shapes import roof_type
from jnt_pipeline.territory.roofs.shells import roof_solid
from jnt_pipeline.territory.solids import Solid

__all__ = ["derive_roofs", "solids_of_roof"]

_LODS = ("0", "1.2", "1.3", "2.2")


def derive_roofs(
    buildings: gpd.GeoDataFrame, points: PointBlock, roof_classes: Sequence[int], parameters: RoofParameters
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The layer ``buildings`` with ``ROOF_COLUMNS`` before its geometry, and the layer ``roof_faces``.

    ``buildings``: as ``derive_buildings`` gives it, with a solid where ``lod`` is 1; ``points``: the same points.
    One solid for each part of a footprint; ``roof_lod`` is that of the poorest part. A building's rows depend on its
    own points alone. Solids are rebuilt from ``roof_faces`` by ``solids_of_roof``.
    """
    outlines = surfaces(buildings.geometry.to_numpy())
    own = own_points(OutlineEdges.of(outlines), points, roof_classes)
    areas = shapely.area(outlines)
    grounds, tops = (buildings[name].to_numpy(dtype=np.float64) for name in ("ground_elevation_m", "roof_elevation_m"))
    rows, faces = [], []
    for i, (name, lod, reason) in enumerate(
        zip(buildings["building_id"], buildings["lod"], buildings["reason"], strict=True)
    ):
        xyz = own.of(i)
        if lod != "1":
            rows.append(_verdict((), xyz, areas[i], str(reason)))
            continue
        origin = float(own.origins[i, 0]), float(own.origins[i, 1])
        roofs = _roofs(outlines[i], origin, xyz, float(grounds[i]), float(tops[i]), parameters)
        rows.append(_verdict(roofs, xyz, areas[i], ""))
        faces += _records(str(name), roofs)
    table = _typed(pd.DataFrame(rows, columns=[column.name for column in ROOF_COLUMNS]), ROOF_COLUMNS)
    table.index = buildings.index
    geometry = buildings.geometry.name
    joined = pd.concat([buildings.drop(columns=geometry), table, buildings[[geometry]]], axis=1)
    plans = [plan for _, plan in faces]
    records = pd.DataFrame([record for record, _ in faces], columns=[column.name for column in FACE_COLUMNS])
    face_layer = gpd.GeoDataFrame(_typed(records, FACE_COLUMNS), geometry=plans, crs=buildings.crs)
    return gpd.GeoDataFrame(joined, geometry=geometry, crs=buildings.crs), face_layer


def solids_of_roof(faces: gpd.GeoDataFrame, ground_elevation_m: float) -> tuple[Solid, ...]:
    """The solids of one building from its records of ``roof_faces``, one for each part, and its ground elevation.

    Bit for bit those that were checked when the layer was made. Raises ``AssemblyError`` where they are not closed.
    """
    names = ("rise_east", "rise_north", "plane_elevation_m", "origin_easting_m", "origin_northing_m")
    parts: dict[int, list[RoofFace]] = {}
    for number, polygon, n_points, rmse, plane in zip(
        faces["part_number"].tolist(), faces.geometry, faces["n_points"].tolist(), faces["rmse_m"].tolist(),
        faces[list(names)].to_numpy(dtype=np.float64).tolist(), strict=True,
    ):  # fmt: skip
        own = Plane(plane[0], plane[1], plane[2], (plane[3], plane[4]))
        face = RoofFace(polygon=polygon, plane=own, n_points=n_points, rmse_m=rmse)
        parts.setdefault(number, []).append(face)
    return tuple(roof_solid(own, ground_elevation_m) for _, own in sorted(parts.items()))


def _roofs(
    outline: shapely.Geometry, origin: tuple[float, float], xyz: NDArray[np.float64], ground: float, top: float,
    parameters: RoofParameters,
) -> tuple[Roof, ...]:  # fmt: skip
    parts = sound_polygons(outline)  # type: ignore[arg-type]
    if len(parts) == 1:
        return (reconstruct_roof(parts[0], origin, xyz, ground, parameters),)
    roofs = []
    for part in parts:
        inside = shapely.intersects_xy(part, xyz[:, 0] + origin[0], xyz[:, 1] + origin[1])
        # A part that LiDAR saw nothing of is as high as the building.
        roof = level_roof(part, origin, ground, top)
        if inside.any():
            roof = reconstruct_roof(part, origin, np.ascontiguousarray(xyz[inside]), ground, parameters)
        roofs.append(roof)
    return tuple(roofs)


@dataclass(frozen=True, slots=True)
class _Fit:
    share: float
    rmse_m: float


def _fit(faces: list[RoofFace], n: int) -> _Fit:
    counts = np.array([face.n_points for face in faces], dtype=np.float64)
    if not n or not counts.sum():
        return _Fit(math.nan if not n else 0.0, math.nan)
    squares = sum(face.n_points * face.rmse_m**2 for face in faces if face.n_points)
    return _Fit(float(counts.sum()) / n, math.sqrt(squares / counts.sum()))


def _verdict(roofs: tuple[Roof, ...], xyz: NDArray[np.float64], area: float, reason: str) -> dict[str, object]:
    faces = [face for roof in roofs for face in roof.faces]
    levels = np.sort(xyz[:, 2])
    p70, p90 = (round(percentile_of(levels, p), 3) if len(levels) else math.nan for p in (70, 90))
    poorest = min(roofs, key=lambda roof: _LODS.index(roof.lod), default=None)
    corners = [
        face.plane.at(x, y) for face in faces for x, y in shapely.get_coordinates(face.polygon).tolist()
    ]  # fmt: skip
    fit = _fit(faces, len(xyz))
    solids = [roof.solid for roof in roofs if roof.solid is not None]
    return {
        "roof_type": _type(roofs),
        "roof_lod": poorest.lod if poorest else "0",
        "roof_reason": poorest.reason if poorest else reason,
        "n_roof_faces": len(faces),
        "eave_elevation_m": round(min(corners), 3) if corners else math.nan,
        "ridge_elevation_m": round(max(corners), 3) if corners else math.nan,
        "roof_p70_elevation_m": p70,
        "roof_p90_elevation_m": p90,
        "roof_density_m2": len(xyz) / area if area else math.nan,
        "roof_explained_share": fit.share if faces else math.nan,
        "roof_rmse_m": fit.rmse_m if faces else math.nan,
        "roof_volume_m3": sum(solid.volume_m3 for solid in solids) if solids else math.nan,
    }


def _type(roofs: tuple[Roof, ...]) -> str:
    """The type that all parts have; complex where they differ; none where one is below LoD2.2."""
    if not roofs or any(roof.lod != "2.2" for roof in roofs):
        return ""
    types = {roof_type(roof.faces) for roof in roofs}
    return types.pop() if len(types) == 1 else "complex"


def _records(building_id: str, roofs: tuple[Roof, ...]) -> list[tuple[dict[str, object], shapely.Geometry]]:
    placed = [(number, face) for number, roof in enumerate(roofs, 1) for face in roof.faces]
    return [
        (
            {
                "roof_face_id": f"{building_id}/{count}",
                "building_id": building_id,
                "part_number": number,
                # Rounded, since libraries for angles differ in the last bit.
                "azimuth_deg": round(face.plane.azimuth_deg, 4) % 360,
                "slope_deg": round(face.plane.slope_deg, 4),
                "area_m2": face.area_m2,
                "rise_east": face.plane.rise_east,
                "rise_north": face.plane.rise_north,
                "plane_elevation_m": face.plane.elevation_m,
                "origin_easting_m": face.plane.origin_m[0],
                "origin_northing_m": face.plane.origin_m[1],
                "n_points": face.n_points,
                "rmse_m": face.rmse_m,
            },
            face.polygon,
        )
        for count, (number, face) in enumerate(placed, 1)
    ]


def _typed(table: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    kinds = {"text": "str", "integer": "int64", "number": "float64"}
    return table.astype({column.name: kinds[column.kind] for column in columns})
