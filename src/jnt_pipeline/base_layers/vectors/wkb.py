"""Polygons in well-known binary: where their coordinates lie, gathered for a transformation and put back.

Taken are polygons and multipolygons of two dimensions in little-endian ISO WKB whose rings are closed and have four
points or more, every length checked against the end of the record. All else is left to GEOS, and named so.
Source: OGC 06-103r4, 8.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jnt_pipeline.base_layers.vectors.arrays import mask
from jnt_pipeline.libraries.compiled import compiled

__all__ = ["MULTIPOLYGON", "POLYGON", "Polygons", "gathered", "kinds_of", "put_back"]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

OTHER, POLYGON, MULTIPOLYGON = 0, 3, 6
"""Kind of a record: left to GEOS; or its type in WKB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygons:
    """The rings of all records of one batch, in their order."""

    coordinates: NDArray[np.float64]
    """Shape (m, 2): all vertices, ring after ring, the last of a ring repeats the first."""
    ring_starts: Ints
    """Shape (r + 1,): where each ring starts in ``coordinates``."""
    ring_places: Ints
    """Shape (r,): position of the first coordinate of each ring in the bytes."""
    ring_is_shell: NDArray[np.bool_]
    """Shape (r,): whether a ring is the outer one of its polygon."""
    record_rings: Ints
    """Shape (n + 1,): the first ring of each record."""
    kinds: NDArray[np.uint8]
    """Shape (n,): ``POLYGON`` or ``MULTIPOLYGON``."""

    def types(self, kept: NDArray[np.bool_]) -> set[str]:
        """Names of the types of geometry among the records of ``kept``, (n,)."""
        found = self.kinds[kept]
        return {name for kind, name in ((POLYGON, "Polygon"), (MULTIPOLYGON, "MultiPolygon")) if (found == kind).any()}

    @property
    def vertex_records(self) -> Ints:
        """Shape (m,): the record of each vertex, ascending."""
        lengths = np.diff(self.ring_starts[self.record_rings])
        return np.repeat(np.arange(len(lengths)), lengths)


def parts_of(geometry: pa.Array) -> tuple[Bytes, Ints]:
    """The bytes of a binary column, and where each record starts in them: shape (n + 1,). Nothing is copied."""
    kind = np.int64 if pa.types.is_large_binary(geometry.type) else np.int32
    _, offsets, content = geometry.buffers()
    if offsets is None or not len(geometry):
        return np.zeros(0, dtype=np.uint8), np.zeros(len(geometry) + 1, dtype=np.int64)
    starts = np.frombuffer(offsets, dtype=kind)[geometry.offset : geometry.offset + len(geometry) + 1]
    data = np.zeros(0, dtype=np.uint8) if content is None else np.frombuffer(content, dtype=np.uint8)
    return data, starts.astype(np.int64)


def kinds_of(geometry: pa.Array) -> NDArray[np.uint8]:
    """Kind of each record of a binary column: ``POLYGON``, ``MULTIPOLYGON``, or 0 for what is left to GEOS."""
    data, starts = parts_of(geometry)
    kinds, counts = np.zeros(len(geometry), dtype=np.uint8), np.zeros((len(geometry), 2), dtype=np.int64)
    _measure(data, starts, kinds, counts)
    if geometry.null_count:
        kinds[mask(geometry.is_null())] = OTHER
    return kinds


def gathered(geometry: pa.Array) -> Polygons:
    """The rings of a binary column in which every record is of a kind that ``kinds_of`` takes."""
    data, starts = parts_of(geometry)
    n = len(geometry)
    kinds, counts = np.zeros(n, dtype=np.uint8), np.zeros((n, 2), dtype=np.int64)
    _measure(data, starts, kinds, counts)
    n_rings, n_points = int(counts[:, 0].sum()), int(counts[:, 1].sum())
    polygons = Polygons(
        coordinates=np.empty((n_points, 2)),
        ring_starts=np.zeros(n_rings + 1, dtype=np.int64),
        ring_places=np.empty(n_rings, dtype=np.int64),
        ring_is_shell=np.empty(n_rings, dtype=np.bool_),
        record_rings=np.concatenate(([0], np.cumsum(counts[:, 0]))),
        kinds=kinds,
    )
    _gather(
        data,
        starts,
        polygons.coordinates.view(np.uint8).ravel(),
        polygons.ring_starts,
        polygons.ring_places,
        polygons.ring_is_shell,
    )
    return polygons


def put_back(geometry: pa.Array, polygons: Polygons, coordinates: NDArray[np.float64]) -> pa.Array:
    """The same records with other coordinates, shape (m, 2): one copy of the bytes, as 32-bit or 64-bit binary."""
    data, starts = parts_of(geometry)
    if not len(geometry):
        return geometry
    first, last = int(starts[0]), int(starts[-1])
    content = data[first:last].copy()
    flat = np.ascontiguousarray(coordinates).view(np.uint8).ravel()
    _scatter(content, first, flat, polygons.ring_starts, polygons.ring_places)
    is_small = last - first < 2**31
    offsets = (starts - first).astype(np.int32 if is_small else np.int64)
    kind = pa.binary() if is_small else pa.large_binary()
    return pa.Array.from_buffers(kind, len(geometry), [None, pa.py_buffer(offsets), pa.py_buffer(content)])


@compiled
def _count(data: Any, at: Any) -> Any:
    """Four bytes as a little-endian whole number."""
    return (
        np.int64(data[at])
        | (np.int64(data[at + 1]) << 8)
        | (np.int64(data[at + 2]) << 16)
        | (np.int64(data[at + 3]) << 24)
    )


@compiled
def _measure(data: Any, starts: Any, kinds: Any, counts: Any) -> None:
    """Kind of each record, and how many rings and points it has."""
    for record in range(len(starts) - 1):
        at, end = starts[record], starts[record + 1]
        kinds[record] = 0
        if end - at < 13 or data[at] != 1 or data[at + 2] != 0 or data[at + 3] != 0 or data[at + 4] != 0:
            continue
        kind = data[at + 1]
        if kind not in (3, 6):
            continue
        n_polygons = 1
        if kind == 6:
            n_polygons = _count(data, at + 5)
            at += 9
        rings, points = 0, 0
        is_sound = n_polygons > 0
        for _ in range(n_polygons):
            if (
                at + 9 > end
                or data[at] != 1
                or data[at + 1] != 3
                or data[at + 2] != 0
                or data[at + 3] != 0
                or data[at + 4] != 0
            ):
                is_sound = False
                break
            n_rings = _count(data, at + 5)
            at += 9
            if n_rings == 0:
                is_sound = False
                break
            for _ in range(n_rings):
                if at + 4 > end:
                    is_sound = False
                    break
                n = _count(data, at)
                at += 4
                if n < 4 or at + 16 * n > end:
                    is_sound = False
                    break
                last = at + 16 * (n - 1)
                for k in range(16):
                    if data[at + k] != data[last + k]:
                        is_sound = False
                if not is_sound:
                    break
                at += 16 * n
                rings += 1
                points += n
            if not is_sound:
                break
        if is_sound and at == end:
            kinds[record] = kind
            counts[record, 0] = rings
            counts[record, 1] = points


@compiled
def _gather(data: Any, starts: Any, flat: Any, ring_starts: Any, ring_places: Any, ring_is_shell: Any) -> None:
    """Copy the coordinates of sound records, and note where each ring came from."""
    ring, point = 0, 0
    for record in range(len(starts) - 1):
        at = starts[record]
        n_polygons = 1
        if data[at + 1] == 6:
            n_polygons = _count(data, at + 5)
            at += 9
        for _ in range(n_polygons):
            n_rings = _count(data, at + 5)
            at += 9
            for inner in range(n_rings):
                n = _count(data, at)
                at += 4
                ring_places[ring] = at
                ring_is_shell[ring] = inner == 0
                source, to = data[at : at + 16 * n], flat[16 * point : 16 * (point + n)]
                for k in range(16 * n):
                    to[k] = source[k]
                at += 16 * n
                point += n
                ring += 1
                ring_starts[ring] = point


@compiled
def _scatter(content: Any, first: int, flat: Any, ring_starts: Any, ring_places: Any) -> None:
    """Write the coordinates where they came from; ``first`` is the position of ``content`` in the old bytes."""
    for ring in range(len(ring_places)):
        at, n = ring_places[ring] - first, 16 * (ring_starts[ring + 1] - ring_starts[ring])
        source, to = flat[16 * ring_starts[ring] : 16 * ring_starts[ring + 1]], content[at : at + n]
        for k in range(n):
            to[k] = source[k]
