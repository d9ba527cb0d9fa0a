"""Points of LAS, LAZ and COPC files as a stream of small chunks, decoded ahead of whoever takes them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.points import QUANTA_PER_M, PointChunk
from jnt_pipeline.errors import UnreadableError
from jnt_pipeline.libraries.compiled import compiled
from jnt_pipeline.sources.las_header import read_las_promise
from jnt_pipeline.sources.las_points import damage_reported, point_chunks, require_in_box, scaled

__all__ = ["stream_points"]

Integers = NDArray[np.int32]
Codes = NDArray[np.uint8]

STREAM_POINTS = 250_000  # as fast as a million, in a quarter of the memory

_OLD = ("raw_classification", "raw_classification", 0x1F, 0x80)
_NEW = ("classification", "classification_flags", 0xFF, 0x04)
"""Field of the class, field of the flags, bits of the class, bit of a withheld point: point formats 0 to 5, and 6 to 10
(LAS 1.4, tables 8 and 16)."""


def stream_points(path: Path, *, bounds: Bounds | None = None) -> Iterator[PointChunk]:
    """The points of a LAS, LAZ or COPC file that are not withheld, in small chunks: memory is that of three.

    ``bounds`` (west, south, east, north, in the file's CRS) only lets the reader skip what surely lies outside.
    Raises ``UnreadableError`` when the file is damaged or holds fewer points than promised.
    """
    promise, n_read = read_las_promise(path), 0
    with damage_reported(path, promise, lambda: n_read):
        for header, points in _ahead(
            point_chunks(path, promise, bounds=bounds, n_points=STREAM_POINTS, unchecked=True)
        ):
            if not len(points):
                continue
            chunk = _chunk(header, points.array, path)
            n_read += len(points)
            if len(chunk):
                yield chunk


def _ahead(items: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """The same items, the next one always being made while the last one is used."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _chunk(header: Any, records: NDArray[np.void], path: Path) -> PointChunk:
    """Points of some records; raises ``ValueError`` where they contradict the header."""
    code, flags, code_bits, withheld = _NEW if "classification_flags" in (records.dtype.names or ()) else _OLD
    n = len(records)
    x, y, z, codes = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.uint8)
    lows, highs = np.empty(3, np.int32), np.empty(3, np.int32)
    kept = _unpack(
        (records["X"], records["Y"], records["Z"]),
        (records[code], records[flags]),
        (code_bits, withheld),
        (x, y, z),
        codes,
        (lows, highs),
    )
    require_in_box(lows.tolist(), highs.tolist(), header)
    x, y, z, codes = x[:kept], y[:kept], z[:kept], codes[:kept]
    steps, origins = _whole_steps(header)
    if steps is not None:
        return PointChunk(x=x, y=y, z=z, classification=codes, step=steps, origin=origins)
    xyz = np.column_stack([scaled(axis, header, i) for i, axis in enumerate((x, y, z))])
    try:
        return PointChunk.of(xyz, codes)
    except ValueError as error:
        raise UnreadableError(
            "points farther from one another than any tile is wide",
            where=path.name,
            found=str(error),
            expected="points within 200 km",
            remedy="check the scale and the offset in the header, or download the file again",
        ) from error


def _whole_steps(header: Any) -> tuple[tuple[int, int, int] | None, tuple[int, int, int]]:
    """Scale and offset of a file in tenths of a millimetre; no scale where one is not whole, or beyond a metre."""
    scales, offsets = np.asarray(header.scales) * QUANTA_PER_M, np.asarray(header.offsets) * QUANTA_PER_M
    steps, origins = np.rint(scales), np.rint(offsets)
    whole = (int(origins[0]), int(origins[1]), int(origins[2]))
    if (
        steps.min() < 1
        or steps.max() > QUANTA_PER_M
        or np.abs(scales - steps).max() > 1e-9
        or np.abs(offsets - origins).max() > 1e-4
    ):
        return None, whole
    return (int(steps[0]), int(steps[1]), int(steps[2])), whole


@compiled
def _unpack(
    axes: tuple[Integers, Integers, Integers],
    fields: tuple[Codes, Codes],
    bits: tuple[int, int],
    kept: tuple[Integers, Integers, Integers],
    codes: Codes,
    box: tuple[Integers, Integers],
) -> int:
    """Copy what is not withheld of records (n > 0) in one pass, and tell the box of all; returns how many are kept."""
    x, y, z = axes
    raw, flags = fields
    kept_x, kept_y, kept_z = kept
    west = east = x[0]
    south = north = y[0]
    bottom = top = z[0]
    n = 0
    for i in range(len(x)):
        px, py, pz = x[i], y[i], z[i]
        west, south, bottom = min(west, px), min(south, py), min(bottom, pz)
        east, north, top = max(east, px), max(north, py), max(top, pz)
        kept_x[n], kept_y[n], kept_z[n], codes[n] = px, py, pz, raw[i] & bits[0]
        n += (flags[i] & bits[1]) == 0
    lows, highs = box
    lows[0], lows[1], lows[2] = west, south, bottom
    highs[0], highs[1], highs[2] = east, north, top
    return n
