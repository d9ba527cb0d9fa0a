"""The roof of one building: from its outline and its own points to faces, a checked solid, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.roofs.cells import cells_of_points, cut_into_cells
from jnt_pipeline.territory.roofs.faces import Plane, RoofFace, outlines_of_faces
from jnt_pipeline.territory.roofs.labels import settle
from jnt_pipeline.territory.roofs.lines import dividing_lines
from jnt_pipeline.territory.roofs.parameters import RoofParameters
from jnt_pipeline.territory.roofs.partition import (
    Labelled,
    Partition,
    cut_off,
    level_parts,
    percentile_of,
    useful_range,
)
from jnt_pipeline.territory.roofs.planes import find_planes
from jnt_pipeline.territory.roofs.saddles import without_saddles
from jnt_pipeline.territory.roofs.shells import PLANARITY_M, roof_solid
from jnt_pipeline.territory.solids import Solid, validate_solid

__all__ = ["ROOF_REASONS", "Roof", "level_roof", "reconstruct_roof"]

Floats = NDArray[np.float64]

ROOF_REASONS = {
    "no_plane": "the roof points lie in no plane: trees, scaffolding, or too few of them",
    "planes_do_not_explain": "the planes explain less of the roof points than min_explained_share",
    "roof_too_high": "a face would rise above the roof's own points, or reach the ground",
    "solid_not_valid": "the faces give no closed solid that passes the checks",
}
"""Why a roof has less than LoD2.2."""

_ABOVE_GROUND_M = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """The roof of one part of a footprint."""

    faces: tuple[RoofFace, ...]
    solid: Solid | None
    """Closed and checked; None where even a prism is none."""
    lod: str
    """2.2: sloping faces; 1.3: level parts at different elevations; 1.2: one level."""
    reason: str
    """A key of ``ROOF_REASONS``; empty with LoD2.2."""


def reconstruct_roof(
    outline: Polygon, origin_m: tuple[float, float], xyz: Floats, ground_elevation_m: float, parameters: RoofParameters
) -> Roof:
    """The most detailed roof that its points justify and that gives a valid solid.

    ``outline``: one sound polygon (``sound_polygons``) in the twin's horizontal CRS; ``xyz`` (n, 3): its roof points,
    easting and northing from ``origin_m`` (whole metres), elevation, canonical order (``own_points``). The outcome
    depends on them, on the ground and on the parameters alone. Raises ``AssemblyError`` without points.
    """
    if not len(xyz):
        raise AssemblyError("no roof without points", found="0 points", remedy="look at the building's reason")
    plan = _plan(outline, origin_m)
    levels = np.sort(xyz[:, 2])
    bounds = ground_elevation_m + _ABOVE_GROUND_M, percentile_of(levels, 99) + parameters.headroom_m
    reason = ""
    for lod, labelled in _attempts(plan, xyz, levels, bounds, parameters):
        if isinstance(labelled, str):
            reason = reason or labelled
            continue
        try:
            faces = without_saddles(_faces(labelled, plan, origin_m, xyz, parameters))
            if lod == "2.2" and (failing := _failing(faces, len(xyz), bounds, parameters)):
                reason = reason or failing
                continue
            solid = roof_solid(faces, ground_elevation_m)
        except AssemblyError:
            reason = reason or "solid_not_valid"
            continue
        if validate_solid(solid, planarity_m=PLANARITY_M):
            reason = reason or "solid_not_valid"
            continue
        return Roof(faces=faces, solid=solid, lod=lod, reason="" if lod == "2.2" else reason)
    return Roof(faces=(), solid=None, lod="0", reason=reason)


def level_roof(
    outline: Polygon, origin_m: tuple[float, float], ground_elevation_m: float, top_elevation_m: float
) -> Roof:
    """A roof of one level (LoD1.2) where no points tell more; without solid if even that is none."""
    face = RoofFace(
        polygon=outline, plane=Plane(0.0, 0.0, round(top_elevation_m, 3), origin_m), n_points=0, rmse_m=math.nan
    )
    try:
        solid = roof_solid((face,), ground_elevation_m)
    except AssemblyError:
        return Roof(faces=(), solid=None, lod="0", reason="solid_not_valid")
    if validate_solid(solid, planarity_m=PLANARITY_M):
        return Roof(faces=(), solid=None, lod="0", reason="solid_not_valid")
    return Roof(faces=(face,), solid=solid, lod="1.2", reason="no_plane")


def _plan(outline: Polygon, origin_m: tuple[float, float]) -> Polygon:
    shifted = shapely.transform(outline, lambda xy: np.rint((xy - origin_m) * 1000) / 1000)
    plan: Polygon = shifted
    return plan


def _attempts(
    plan: Polygon, xyz: Floats, levels: Floats, bounds: tuple[float, float], parameters: RoofParameters
) -> Iterator[tuple[str, Labelled | str]]:
    """Descriptions of the roof, the most detailed first; a reason in place of one that cannot be made."""
    density = len(xyz) / plan.area
    planes, label, radius = find_planes(xyz, density, parameters)
    if not len(planes):
        yield "2.2", "no_plane"
    else:
        lines = dividing_lines(plan, xyz, label, planes, radius, parameters)
        cells = cut_into_cells(plan, lines)
        cell_of = cells_of_points(cells, lines, xyz[:, :2])
        reach = useful_range(xyz, label, planes, bounds[0])
        tried: list[Labelled] = []
        # Where the finest partition gives no valid solid, one with fewer faces may.
        for price in (1.0, 4.0):
            priced = parameters.model_copy(update={"face_cost_m2": price * parameters.face_cost_m2})
            of_cell, face = settle(cells, cell_of, xyz, planes, density, reach, priced)
            found = Partition(lines, cells, planes, of_cell, face)
            of_point = cell_of
            if found.highest() > bounds[1]:
                found = cut_off(plan, found, bounds[1])
                of_point = cells_of_points(found.cells, found.lines, xyz[:, :2])
            tried.append(found.labelled(of_point))
            yield "2.2", tried[-1]
        parts = level_parts(tried[0], xyz)
        if len(parts.planes) > 1:
            yield "1.3", parts
    whole = cut_into_cells(plan, np.empty((0, 3)))
    level = round(percentile_of(levels, 90), 3)
    of_point = np.zeros(len(xyz), dtype=np.int64)
    yield "1.2", Labelled(whole, np.zeros(1, dtype=np.int64), {0: (0.0, 0.0, level)}, of_point)


def _faces(
    labelled: Labelled, plan: Polygon, origin_m: tuple[float, float], xyz: Floats, parameters: RoofParameters
) -> tuple[RoofFace, ...]:
    polygons = outlines_of_faces(labelled.cells, labelled.face, plan, origin_m)
    numbers = np.array(list(polygons), dtype=np.int64)
    planes = np.array([labelled.planes[number] for number in polygons])
    seen = labelled.of_point >= 0
    own, at = xyz[seen], np.searchsorted(numbers, labelled.of_point[seen])
    a, b, c = planes[at].T
    off = np.abs(own[:, 2] - a * own[:, 0] - b * own[:, 1] - c) / np.sqrt(1.0 + a * a + b * b)
    near = off <= parameters.explained_m
    counts = np.bincount(at[near], minlength=len(numbers))
    squares = np.bincount(at[near], off[near] ** 2, minlength=len(numbers))
    return tuple(
        RoofFace(
            polygon=polygon,
            plane=Plane(plane[0], plane[1], plane[2], origin_m),
            n_points=count,
            rmse_m=math.sqrt(square / count) if count else math.nan,
        )
        for polygon, plane, count, square in zip(
            polygons.values(), planes.tolist(), counts.tolist(), squares.tolist(), strict=True
        )
    )


def _failing(
    faces: tuple[RoofFace, ...], n_points: int, bounds: tuple[float, float], parameters: RoofParameters
) -> str:
    """Why faces are no roof of these points; empty where they are."""
    for face in faces:
        corners = [face.plane.at(x, y) for x, y in shapely.get_coordinates(face.polygon).tolist()]
        if min(corners) < bounds[0] or max(corners) > bounds[1]:
            return "roof_too_high"
    if sum(face.n_points for face in faces) < parameters.min_explained_share * n_points:
        return "planes_do_not_explain"
    return ""
