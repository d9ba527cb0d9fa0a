"""Solids (*solides*): closed prisms on footprints, their checks, and their triangles."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry import MultiPolygon, Polygon

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.outlines import sound_polygons, surfaces

__all__ = ["GROUND", "ROOF", "WALL", "Solid", "extrude", "solids_of", "triangulate", "validate_solid"]

GROUND, WALL, ROOF = "GroundSurface", "WallSurface", "RoofSurface"
"""Boundary surfaces of CityGML 3.0 (Construction module) and CityJSON 2.0."""

Ring = tuple[int, ...]
Face = tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Solid:
    """A solid bounded by planar faces (ISO 19107 ``GM_Solid``)."""

    vertices: NDArray[np.float64]
    """Shape (n, 3): easting, northing and elevation, metres."""
    faces: tuple[Face, ...]
    """Per face the outer ring, then holes: vertex indices, counter-clockwise seen from outside (holes clockwise)."""
    semantics: tuple[str, ...]
    """Per face its boundary surface: ``GroundSurface``, ``WallSurface`` or ``RoofSurface``."""

    @property
    def volume_m3(self) -> float:
        """Volume enclosed, m³; negative when the faces look inwards (divergence theorem)."""
        local = (self.vertices - self.vertices[0]).tolist()
        total = 0.0
        for face in self.faces:
            for ring in face:
                x, y, z = local[ring[0]]
                for i, j in itertools.pairwise(ring[1:]):
                    (x1, y1, z1), (x2, y2, z2) = local[i], local[j]
                    total += x * (y1 * z2 - z1 * y2) + y * (z1 * x2 - x1 * z2) + z * (x1 * y2 - y1 * x2)
        return total / 6


def extrude(footprint: Polygon, base_elevation_m: float, top_elevation_m: float) -> Solid:
    """The prism on ``footprint`` between two elevations, closed and oriented outwards.

    Outline and elevations are snapped to 1 mm (see ``outlines.sound_polygons``). Faces: ground, roof, then one
    wall per edge in ring order. Raises ``AssemblyError`` when the outline gives no solid, or more than one.
    """
    solids = solids_of(footprint, base_elevation_m, top_elevation_m)
    if len(solids) != 1:
        raise AssemblyError(
            "the outline falls into several parts",
            where=_place(footprint),
            found=f"{len(solids)} parts",
            expected="one polygon",
            remedy="use solids_of, which gives one solid per part",
        )
    return solids[0]


def solids_of(geometry: Polygon | MultiPolygon, base_elevation_m: float, top_elevation_m: float) -> tuple[Solid, ...]:
    """The closed solids of a building: one prism per part of its footprint, parts in canonical order.

    ``geometry`` is in the twin's horizontal CRS, elevations are metres above its vertical datum
    (``ground_elevation_m`` and ``roof_elevation_m`` of the buildings layer). Raises ``AssemblyError`` when the
    elevations are unknown or upside down, and when no part can carry a solid.
    """
    base, top = round(float(base_elevation_m), 3), round(float(top_elevation_m), 3)
    if not (math.isfinite(base) and math.isfinite(top)):
        raise AssemblyError(
            "no solid without elevations",
            where=_place(geometry),
            found=f"base {base_elevation_m}, top {top_elevation_m}",
            expected="two known elevations, metres",
            remedy="look at the building's reason: it has no solid",
        )
    if base >= top:
        raise AssemblyError(
            "the top of the solid is not above its base",
            where=_place(geometry),
            found=f"base {base} m, top {top} m",
            expected="top above base by 1 mm at least",
            remedy="check that both elevations have the same vertical datum",
        )
    polygons = sound_polygons(_surface(geometry))
    if not polygons:
        raise AssemblyError(
            "the outline carries no solid",
            where=_place(geometry),
            found=f"area {shapely.area(geometry):.6f} m²",
            expected="a surface that remains when its vertices are snapped to 1 mm",
            remedy="correct the footprint in its source",
        )
    return tuple(_prism(polygon, base, top) for polygon in polygons)


def _surface(geometry: Polygon | MultiPolygon | None) -> Polygon | MultiPolygon:
    if isinstance(geometry, Polygon | MultiPolygon) and geometry.is_valid:
        return geometry
    surface: Polygon | MultiPolygon = surfaces(np.array([geometry], dtype=object))[0]
    return surface


def _place(geometry: Polygon | MultiPolygon | None) -> str:
    bounds = shapely.bounds(geometry)
    return "footprint" if np.isnan(bounds).any() else f"footprint at {bounds[0]:.1f}, {bounds[1]:.1f}"


def _prism(polygon: Polygon, base: float, top: float) -> Solid:
    rings = [shapely.get_coordinates(ring)[:-1] for ring in (polygon.exterior, *polygon.interiors)]
    xy = np.concatenate(rings)
    n = len(xy)
    vertices = np.empty((2 * n, 3))
    vertices[:n, :2] = vertices[n:, :2] = xy
    vertices[:n, 2], vertices[n:, 2] = base, top
    firsts = np.cumsum([0, *(len(ring) for ring in rings)]).tolist()
    lower: list[Ring] = [tuple(range(a, b)) for a, b in itertools.pairwise(firsts)]
    # Seen from below the rings run the other way; keeping each ring's first vertex keeps the bytes readable.
    ground = tuple((ring[0], *reversed(ring[1:])) for ring in lower)
    roof = tuple(tuple(i + n for i in ring) for ring in lower)
    walls: list[Face] = [
        ((i, j, j + n, i + n),) for ring in lower for i, j in zip(ring, (*ring[1:], ring[0]), strict=True)
    ]
    faces = (ground, roof, *walls)
    return Solid(vertices, faces, (GROUND, ROOF, *(WALL for _ in walls)))


def validate_solid(solid: Solid, tolerance: float = 0.0005, planarity_m: float | None = None) -> tuple[str, ...]:
    """What keeps ``solid`` from being one closed, outward, planar shell; empty when nothing does.

    ``tolerance``: metres, below which two vertices are one (half the 1 mm grid); ``planarity_m``: below which a face is
    planar, ``tolerance`` where it is None (sloping faces on a grid are planar to some millimetres only).
    Checks, after ISO 19107 and the codes of val3dity: rings of three vertices or more (101), no repeated or
    unused vertex (102), planar faces (203), every edge used exactly twice, in opposite directions (302, 303, 307),
    one shell (305), positive volume (405). Crossings between faces (306) are not looked for.
    """
    findings = [*_ring_findings(solid), *_vertex_findings(solid, tolerance)]
    if any(code.startswith("ring") for code in findings):
        return tuple(findings)
    findings += [*_edge_findings(solid), *_planarity_findings(solid, tolerance if planarity_m is None else planarity_m)]
    volume = solid.volume_m3
    if volume <= 0:
        findings.append(f"orientation: volume is {volume:.6f} m³, faces look inwards or enclose nothing")
    return tuple(findings)


def _ring_findings(solid: Solid) -> list[str]:
    n = len(solid.vertices)
    findings = []
    if len(solid.semantics) != len(solid.faces):
        findings.append(f"ring: {len(solid.faces)} faces for {len(solid.semantics)} semantics")
    for number, face in enumerate(solid.faces):
        for ring in face:
            if len(ring) < 3:
                findings.append(f"ring: face {number} has a ring of {len(ring)} vertices")
            if any(not 0 <= i < n for i in ring):
                findings.append(f"ring: face {number} names a vertex that does not exist")
            if len(set(ring)) < len(ring):
                findings.append(f"ring: face {number} passes twice through a vertex")
    return findings


def _vertex_findings(solid: Solid, tolerance: float) -> list[str]:
    if not np.isfinite(solid.vertices).all():
        return ["vertices: a coordinate is not finite"]
    origin = solid.vertices.min(axis=0) if len(solid.vertices) else np.zeros(3)
    pairs = sorted(cKDTree(solid.vertices - origin).query_pairs(tolerance))
    findings = [f"vertices: {i} and {j} are the same point" for i, j in pairs]
    used = {i for face in solid.faces for ring in face for i in ring}
    findings += [f"vertices: {i} is used by no face" for i in range(len(solid.vertices)) if i not in used]
    return findings


def _edge_findings(solid: Solid) -> list[str]:
    directed: Counter[tuple[int, int]] = Counter()
    faces_at: dict[int, int] = {}
    shell = list(range(len(solid.faces)))

    def root(face: int) -> int:
        while shell[face] != face:
            face = shell[face]
        return face

    for number, face in enumerate(solid.faces):
        for ring in face:
            for i, j in zip(ring, (*ring[1:], ring[0]), strict=True):
                directed[i, j] += 1
                shell[root(number)] = root(faces_at.setdefault(i, number))
    findings = []
    for (i, j), count in sorted(directed.items()):
        if count > 1:
            findings.append(f"edge: {i}-{j} is used {count} times in one direction")
        if directed.get((j, i), 0) == 0:
            findings.append(f"edge: {i}-{j} has no face on its other side")
    n_shells = len({root(face) for face in range(len(solid.faces))})
    if n_shells > 1:
        findings.append(f"shell: the faces form {n_shells} separate shells")
    return findings


def _planarity_findings(solid: Solid, tolerance: float) -> list[str]:
    findings = []
    local = (solid.vertices - solid.vertices[0]).tolist()
    for number, face in enumerate(solid.faces):
        a, b, c = _normal(local, face[0])
        length = math.sqrt(a * a + b * b + c * c)
        if length == 0:
            findings.append(f"face: {number} has no area")
            continue
        heights = [a * x + b * y + c * z for x, y, z in (local[i] for ring in face for i in ring)]
        off = (max(heights) - min(heights)) / length
        if off > tolerance:
            findings.append(f"face: {number} is not planar, {off:.4f} m")
    return findings


def _normal(vertices: list[list[float]], ring: Ring) -> tuple[float, float, float]:
    """Twice the area vector of a ring (Newell), from its first vertex."""
    x0, y0, z0 = vertices[ring[0]]
    a = b = c = 0.0
    for i, j in itertools.pairwise(ring):
        (x1, y1, z1), (x2, y2, z2) = vertices[i], vertices[j]
        x1, y1, z1, x2, y2, z2 = x1 - x0, y1 - y0, z1 - z0, x2 - x0, y2 - y0, z2 - z0
        a, b, c = a + y1 * z2 - z1 * y2, b + z1 * x2 - x1 * z2, c + x1 * y2 - y1 * x2
    return a, b, c


def triangulate(solid: Solid) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """The boundary of ``solid`` as triangles for renderers.

    Returns the solid's own vertices (n, 3), triangles (m, 3) as vertex indices, counter-clockwise seen from
    outside, and the face (m,) each belongs to. Faces are cut by a constrained Delaunay triangulation that adds
    no vertex, so that a closed solid gives a watertight mesh without T-junctions. Raises ``AssemblyError`` for
    a face that cannot be cut so (not simple, or not planar).
    """
    triangles: list[tuple[int, int, int]] = []
    of_face: list[int] = []
    for number, face in enumerate(solid.faces):
        pieces = _parallelogram(solid.vertices, face) or _cut(solid.vertices, face, number)
        triangles.extend(pieces)
        of_face.extend([number] * len(pieces))
    return (
        solid.vertices,
        np.array(triangles, dtype=np.int32).reshape(-1, 3),
        np.array(of_face, dtype=np.int32),
    )


def _parallelogram(vertices: NDArray[np.float64], face: Face) -> list[tuple[int, int, int]]:
    """Two triangles of a parallelogram (every wall of a prism); nothing for other faces."""
    if len(face) != 1 or len(face[0]) != 4:
        return []
    a, b, c, d = face[0]
    if (vertices[a] + vertices[c] != vertices[b] + vertices[d]).any():
        return []
    return [(a, b, c), (a, c, d)]


def _cut(vertices: NDArray[np.float64], face: Face, number: int) -> list[tuple[int, int, int]]:
    normal = _normal(vertices.tolist(), face[0])
    axis = int(np.argmax(np.abs(normal)))
    u, v = [(1, 2), (2, 0), (0, 1)][axis]
    if normal[axis] < 0:
        u, v = v, u
    flat = vertices[:, (u, v)]
    index = {tuple(flat[i].tolist()): i for ring in face for i in ring}
    outer, *holes = (flat[list(ring)] for ring in face)
    polygon = Polygon(outer, holes)
    n_expected = sum(map(len, face)) + 2 * (len(face) - 1) - 2
    cut = shapely.constrained_delaunay_triangles(polygon if polygon.is_valid else Polygon())
    pieces = shapely.get_parts(cut)
    if len(pieces) != n_expected:
        raise AssemblyError(
            "a face cannot be cut into triangles",
            where=f"face {number}",
            found=f"{len(pieces)} triangles",
            expected=f"{n_expected}, from a simple planar face",
            remedy="validate_solid names what is wrong with the solid",
        )
    rings = shapely.get_coordinates(shapely.orient_polygons(pieces, exterior_cw=False)).reshape(-1, 4, 2)
    found = [(index[tuple(ring[0])], index[tuple(ring[1])], index[tuple(ring[2])]) for ring in rings.tolist()]
    return sorted(_from_smallest(*piece) for piece in found)


def _from_smallest(a: int, b: int, c: int) -> tuple[int, int, int]:
    return min((a, b, c), (b, c, a), (c, a, b))
