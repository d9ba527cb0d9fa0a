"""The content of one tile: triangles of its buildings, and the table of their attributes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from jnt_pipeline.errors import ExportError
from jnt_pipeline.publication.building_records import BuildingRecord
from jnt_pipeline.publication.gltf import FeatureMesh, Property
from jnt_pipeline.territory.buildings import COLUMNS
from jnt_pipeline.territory.outlines import sound_polygons, surfaces
from jnt_pipeline.territory.roofs.columns import ROOF_COLUMNS
from jnt_pipeline.territory.solids import ROOF, Face, Solid, triangulate

__all__ = ["mesh_of", "properties_of", "shells_of"]

_KINDS = {"text": "text", "number": "number", "integer": "integer"}
_SEMANTICS = {"building_id": "ID", "building_name": "NAME"}


def shells_of(record: BuildingRecord) -> tuple[Solid, ...]:
    """What is drawn of a building: its solids under their roofs, else prisms, else its footprint on the ground.

    Nothing: no solid, and either no ground elevation or a footprint without area.
    """
    ground = record.attributes.get("ground_elevation_m")
    solids = record.roofs or record.solids
    if solids or not isinstance(ground, float):
        return solids
    flat = surfaces(np.array([record.footprint], dtype=object))[0]
    return tuple(_lying(polygon, ground) for polygon in sound_polygons(flat))


def _lying(polygon: shapely.Polygon, elevation_m: float) -> Solid:
    """One horizontal face, seen from above."""
    polygon = shapely.orient_polygons(polygon, exterior_cw=False)
    rings = [np.asarray(ring.coords)[:-1, :2] for ring in (polygon.exterior, *polygon.interiors)]
    firsts = np.cumsum([0, *(len(ring) for ring in rings)]).tolist()
    face: Face = tuple(tuple(range(a, b)) for a, b in itertools.pairwise(firsts))
    plan = np.concatenate(rings)
    return Solid(np.column_stack([plan, np.full(len(plan), elevation_m)]), (face,), (ROOF,))


def mesh_of(shells: Sequence[Sequence[Solid]], local: NDArray[np.float64]) -> FeatureMesh:
    """The triangles of the buildings of one tile.

    ``shells``: per building its shells in the twin's reference, which decide how faces are cut. ``local``: shape
    (n, 3), the vertices of all of them in the same order as east, north, up of the tile, metres. Every face has its
    own vertices, so that walls are lit flat.
    """
    corners_of: list[NDArray[np.int64]] = []
    face_of: list[NDArray[np.int64]] = []
    building_of_face: list[int] = []
    n_vertices = 0
    for building, solids in enumerate(shells):
        for solid in solids:
            _, triangles, face_of_triangle = triangulate(solid)
            corners_of.append(triangles.astype(np.int64) + n_vertices)
            face_of.append(face_of_triangle.astype(np.int64) + len(building_of_face))
            building_of_face += [building] * len(solid.faces)
            n_vertices += len(solid.vertices)
    corners, face = np.concatenate(corners_of), np.concatenate(face_of)
    own, place = np.unique(face[:, None] * n_vertices + corners, return_inverse=True)
    face_of_own, vertex_of_own = np.divmod(own, n_vertices)
    return FeatureMesh(
        positions=local[vertex_of_own],
        normals=_face_normals(local, corners, face, len(building_of_face))[face_of_own],
        feature=np.array(building_of_face, dtype=np.int64)[face_of_own],
        triangles=place.reshape(-1, 3),
    )


def _face_normals(
    local: NDArray[np.float64], corners: NDArray[np.int64], face: NDArray[np.int64], n_faces: int
) -> NDArray[np.float64]:
    """Unit normal per face (n_faces, 3), from the sum of its triangles' area vectors."""
    a, b, c = (local[corners[:, i]] for i in range(3))
    area_vectors = np.cross(b - a, c - a)
    total = np.column_stack([np.bincount(face, area_vectors[:, i], n_faces) for i in range(3)])
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True))


def properties_of(records: Sequence[BuildingRecord]) -> tuple[Property, ...]:
    """The columns of ``buildings`` for the buildings of one tile."""
    properties = []
    for column in (*COLUMNS, *ROOF_COLUMNS):
        if column.kind not in _KINDS:
            raise ExportError(
                "a building column of a kind that the property table does not carry",
                where=column.name,
                found=column.kind,
                expected=", ".join(_KINDS),
                remedy="extend publication/gltf.py",
            )
        is_id = column.name == "building_id"
        properties.append(
            Property(
                name=column.name,
                kind=_KINDS[column.kind],  # type: ignore[arg-type]
                description=column.description,
                values=[record.building_id if is_id else record.attributes.get(column.name) for record in records],  # type: ignore[misc]
                semantic=_SEMANTICS.get(column.name, ""),
                required=is_id,
            )
        )
    return tuple(properties)
