"""COPC: a LAZ file whose points lie in an octree, so that readers fetch the part and the detail that they need.

Every node holds the points of its cube that are first in the voxels of a 128th of its side; what remains goes down, and
all that reaches the deepest level stays there. Which point is first follows from a hash of its place in the file: the
same file gives the same tree. Source: COPC 1.0 (Hobu, 2021); LAS 1.4 R15 for header and records.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["write_copc"]

_VOXELS = 128  # along the side of a node
_POINTS_PER_LEAF = 60_000  # aimed at: some hundred kilobytes to fetch
_DEEPEST = 10

Key = tuple[int, int, int, int]
"""Level, and place from west, south and below among the cubes of that level."""


def write_copc(source: Path, target: Path) -> int:
    """Write the points of ``source``, a LAZ 1.4 file, to ``target`` as COPC; returns their number.

    All dimensions, extra bytes and records are kept; a point format that COPC does not know becomes the one of 6, 7 and
    8 that holds its fields (colour, infrared). The order of the points is that of the tree. The points are held in
    memory, some 100 bytes each. Raises ``OSError``.
    """
    import laspy
    import lazrs

    las = laspy.read(source, laz_backend=laspy.LazBackend.LazrsParallel)
    dimensions = set(las.point_format.dimension_names)
    fitting = 8 if "nir" in dimensions else 7 if "red" in dimensions else 6
    if las.point_format.id != fitting:
        las = laspy.convert(las, point_format_id=fitting, file_version="1.4")
        las.update_header()
    header, records = las.header, las.points.array
    extent = float(np.max(header.maxs - header.mins)) if len(records) else 0.0
    side = max(extent, _VOXELS * float(np.max(header.scales)))
    laszip = lazrs.LazVlr.new_for_compression(fitting, header.point_format.num_extra_bytes, True)
    info = laspy.VLR("copc", 1, "COPC info", bytes(160))
    while header.vlrs.get("LasZipVlr"):
        header.vlrs.pop(header.vlrs.index("LasZipVlr"))
    header.vlrs.insert(0, info)
    header.vlrs.append(laspy.VLR("laszip encoded", 22204, "", laszip.record_data()))
    header.are_points_compressed = True
    with target.open("w+b") as file:
        header.write_to(file)
        compressor = lazrs.LasZipCompressor(file, laszip)
        compressor.reserve_offset_to_chunk_table()
        entries: list[bytes] = []
        at = file.tell()
        for key, members in _nodes(records, side / np.asarray(header.scales)):
            compressor.compress_many(np.ascontiguousarray(records[members]).view(np.uint8))
            compressor.finish_current_chunk()
            entries.append(struct.pack("<4iQ2i", *key, at, file.tell() - at, len(members)))
            at = file.tell()
        compressor.done()
        hierarchy = b"".join(entries)
        header.start_of_first_evlr, header.number_of_evlrs = file.seek(0, 2), 1 + len(header.evlrs or ())
        file.write(_evlr("copc", 1000, "EPT hierarchy", hierarchy))
        root = file.tell() - len(hierarchy)
        for record in header.evlrs or ():
            file.write(_evlr(record.user_id, record.record_id, record.description, record.record_data_bytes()))
        info.record_data = _info(header, records, side, root, len(hierarchy))
        file.seek(0)
        header.write_to(file, ensure_same_size=True)
    return len(records)


def _info(header: Any, records: NDArray[np.void], side: float, root: int, n_bytes: int) -> bytes:
    """The record that a reader looks for first: the cube, the spacing of its points, and where the tree lies."""
    times = records["gps_time"] if len(records) else np.zeros(1)
    centre = [float(low) + side / 2 for low in header.mins]
    packed = struct.pack("<5d2Q2d", *centre, side / 2, side / _VOXELS, root, n_bytes, times.min(), times.max())
    return packed.ljust(160, b"\0")


def _evlr(user_id: str, record_id: int, description: str, content: bytes) -> bytes:
    """An extended record: LAS 1.4, table 25."""
    name, words = user_id.encode("ascii")[:16], description.encode("ascii", "replace")[:32]
    return struct.pack("<H16sHQ32s", 0, name, record_id, len(content), words) + content


def _nodes(records: NDArray[np.void], side: NDArray[np.float64]) -> Iterator[tuple[Key, NDArray[np.int64]]]:
    """Key and records of each node, from the root down; ``side`` of the root in steps of the three axes."""
    n_levels = 1 + min(_DEEPEST, max(0, math.ceil(math.log(max(len(records), 1) / _POINTS_PER_LEAF, 4))))
    n_finest = _VOXELS << (n_levels - 1)
    places = np.empty((len(records), 3), np.int64)
    for axis, name in enumerate("XYZ"):
        steps = records[name].astype(np.int64)
        low = steps.min() if len(steps) else 0
        places[:, axis] = np.minimum((steps - low) * (n_finest / side[axis]), n_finest - 1)
    left = np.argsort(_scrambled(len(records)), kind="stable")
    for level in range(n_levels):
        voxels = places[left] >> (n_levels - 1 - level)
        if level < n_levels - 1:
            chosen = np.sort(np.unique(_numbered(voxels, level), return_index=True)[1])
        else:
            chosen = np.arange(len(left))
        nodes = voxels[chosen] // _VOXELS
        ids = _numbered(nodes, level)
        order = np.argsort(ids, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(ids[order])) + 1):
            if len(part):
                x, y, z = nodes[part[0]].tolist()
                yield (level, x, y, z), np.sort(left[chosen[part]])
        left = np.delete(left, chosen)


def _numbered(places: NDArray[np.int64], level: int) -> NDArray[np.int64]:
    """One number for each place among the voxels of a level."""
    bits = 7 + level
    return np.asarray((places[:, 0] << (2 * bits)) | (places[:, 1] << bits) | places[:, 2])


def _scrambled(n: int) -> NDArray[np.uint64]:
    """A number for each place that looks random and is always the same (splitmix64)."""
    mixed = np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(mixed ^ (mixed >> np.uint64(27)))
