"""Fast, truthful reading of LAS, LAZ and COPC points: a short or damaged read raises, never returns less."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.point_files import las_damage_turned
from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import UnreadableError
from jnt_pipeline.sources.las_header import LasPromise, read_las_promise

__all__ = [
    "TileSummary",
    "damage_reported",
    "point_chunks",
    "read_las_header",
    "read_points",
    "require_in_box",
    "scaled",
    "summarise_tile",
]

CHUNK_POINTS = 1_000_000  # 30 MB of point format 6: memory stays flat, both cores stay busy
VIRTUAL_CLASS = 66  # IGN's synthetic ground points: no pulse, no GPS time, left out of densities
_OVERLAP_CLASS = 12  # of point formats 0 to 5, which have no flag for it
_CHUNK_BYTES = 256 << 20  # where records are long
_COPC_SHARE_MAX = 0.5  # of the tile: above it one pass in file order is faster than an octree query
_GPS_WEEK_S = 604_800
_FIRST_TIME_S, _LAST_TIME_S = -1e9, 3e9  # adjusted standard GPS time of 1980 and of 2106


@dataclass(frozen=True, slots=True, kw_only=True)
class TileSummary:
    """What one pass over a tile measures; withheld points are only counted."""

    n_points: int
    """Points that may be used: withheld ones are left out."""
    n_withheld: int
    n_overlap: int
    """Points flagged as overlap of flight lines (LAS 1.4), or of class 12 before: density counts them twice."""
    class_counts: dict[int, int]
    """Points per ASPRS / IGN class code, codes ascending; they add up to ``n_points``."""
    mins: tuple[float, float, float] | None
    """Lowest easting, northing, elevation in the file's units; None without points."""
    maxs: tuple[float, float, float] | None
    gps_span: tuple[float, float] | None
    """First and last adjusted standard GPS time (seconds after 2011-09-14T01:46:40 GPS); None where unknown."""

    @property
    def n_real(self) -> int:
        """Points measured by a pulse: without the virtual ones (class 66)."""
        return self.n_points - self.class_counts.get(VIRTUAL_CLASS, 0)

    @property
    def density(self) -> float | None:
        """Points per square unit of the points' box, without class 66; None where the box has no area."""
        if self.mins is None or self.maxs is None:
            return None
        area = (self.maxs[0] - self.mins[0]) * (self.maxs[1] - self.mins[1])
        return self.n_real / area if area > 0 else None


def read_points(
    path: Path,
    *,
    reference: Reference,
    bounds: Bounds | None = None,
    classes: Sequence[int] | None = None,
    exclude_classes: Iterable[int] = (),
) -> PointBlock:
    """Points of a LAS, LAZ or COPC file (*nuage de points*), in the order of the file.

    Parameters
    ----------
    reference : horizontal and vertical reference of the file, which the block carries.
    bounds : (west, south, east, north) in the file's CRS; west <= x < east and south <= y < north are kept.
    classes : ASPRS / IGN class codes to keep (None = all). exclude_classes : codes to leave out.

    Withheld points are left out. A COPC file is queried by its octree, then filtered exactly: the result is the
    same as without octree. Raises ``UnreadableError`` when the file is damaged or holds fewer points than promised.
    """
    promise = read_las_promise(path)
    wanted = _class_table(classes, exclude_classes)
    parts: list[tuple[NDArray[np.float64], NDArray[np.uint8]]] = []
    for header, points in point_chunks(path, promise, bounds=bounds):
        x = scaled(points["X"], header, 0)
        keep = wanted[np.asarray(points.classification)] & ~np.asarray(points.withheld).astype(bool)
        y = scaled(points["Y"], header, 1)
        if bounds is not None:
            west, south, east, north = bounds
            keep &= (x >= west) & (x < east) & (y >= south) & (y < north)
        if not keep.any():
            continue
        xyz = np.column_stack((x[keep], y[keep], scaled(points["Z"][keep], header, 2)))
        parts.append((xyz, np.asarray(points.classification)[keep].astype(np.uint8)))
    return _gathered(parts, reference)


def _gathered(parts: list[tuple[NDArray[np.float64], NDArray[np.uint8]]], reference: Reference) -> PointBlock:
    """One block from the parts, each let go once it is copied: memory peaks at one block and one part."""
    n = sum(len(codes) for _, codes in parts)
    block = PointBlock(xyz=np.empty((n, 3)), classification=np.empty(n, dtype=np.uint8), reference=reference)
    start = 0
    parts.reverse()
    while parts:
        xyz, codes = parts.pop()
        block.xyz[start : start + len(codes)] = xyz
        block.classification[start : start + len(codes)] = codes
        start += len(codes)
    return block


def summarise_tile(path: Path) -> TileSummary:
    """Counts per class, box and flight dates of a tile, in one pass of bounded memory.

    Raises ``UnreadableError`` when the file is damaged or holds fewer points than promised.
    """
    counts = np.zeros(256, dtype=np.int64)
    n_withheld = n_overlap = 0
    lows, highs, times = [], [], []
    for header, points in point_chunks(path, read_las_promise(path), with_time=True):
        withheld = np.asarray(points.withheld).astype(bool)
        used = points[~withheld] if withheld.any() else points
        n_withheld += int(withheld.sum())
        if not len(used):
            continue
        codes = np.asarray(used.classification)
        counts += np.bincount(codes, minlength=256)
        has_flag = "overlap" in used.point_format.dimension_names
        n_overlap += int(np.asarray(used.overlap).sum()) if has_flag else int((codes == _OVERLAP_CLASS).sum())
        ends = [(axis[[axis.argmin(), axis.argmax()]]) for axis in (used["X"], used["Y"], used["Z"])]
        lows.append([float(scaled(end[:1], header, i)[0]) for i, end in enumerate(ends)])
        highs.append([float(scaled(end[1:], header, i)[0]) for i, end in enumerate(ends)])
        times.append(_standard_times(header, used, codes))
    span = np.concatenate(times) if times else np.empty(0)
    return TileSummary(
        n_points=int(counts.sum()),
        n_withheld=n_withheld,
        n_overlap=n_overlap,
        class_counts={int(code): int(counts[code]) for code in np.flatnonzero(counts)},
        mins=_triple(np.min(lows, axis=0)) if lows else None,
        maxs=_triple(np.max(highs, axis=0)) if highs else None,
        gps_span=(float(span.min()), float(span.max())) if span.size else None,
    )


def point_chunks(
    path: Path,
    promise: LasPromise,
    *,
    bounds: Bounds | None = None,
    with_time: bool = False,
    whole: bool = False,
    n_points: int | None = None,
    unchecked: bool = False,
) -> Iterator[tuple[Any, Any]]:
    """Pairs (laspy header, laspy points) of at most ``n_points`` (about a million), in the order of the file.

    ``bounds`` (west, south, east, north) only lets a reader skip what surely lies outside; filter what comes.
    ``with_time`` decompresses the GPS time too, ``whole`` every dimension. ``unchecked`` leaves it to the caller to
    compare the points with the header (``require_in_box``).
    Raises ``UnreadableError`` when fewer points come than promised, or points that contradict the header.
    """
    import laspy

    selection = laspy.DecompressionSelection.base().decompress_z().decompress_classification().decompress_flags()
    if with_time:
        selection = selection.decompress_gps_time()
    if whole:
        selection = laspy.DecompressionSelection.all()
    n_read = 0
    with damage_reported(path, promise, lambda: n_read):
        if promise.n_readable < promise.n_points:
            n_read = promise.n_readable
            raise EOFError("the file ends before its last point")
        with laspy.open(path, laz_backend=_backend(), decompression_selection=selection) as reader:
            header = reader.header
            if bounds is not None and _skips(header, bounds):
                return
            if bounds is not None and not whole and _prefers_octree(header, bounds):
                points = _octree_points(path, bounds, selection)
                yield header, points if unchecked else _checked(points, header)
                return
            n_chunk = max(1, min(n_points or CHUNK_POINTS, _CHUNK_BYTES // max(1, header.point_format.size)))
            while n_read < header.point_count:
                points = reader.read_points(min(n_chunk, header.point_count - n_read))
                if not len(points):
                    raise EOFError("the file ends before its last point")
                n_read += len(points)
                yield header, points if unchecked else _checked(points, header)


def read_las_header(path: Path, promise: LasPromise) -> Any:
    """The laspy header with its records (CRS, extra dimensions). Raises ``UnreadableError``."""
    import laspy

    with damage_reported(path, promise), laspy.open(path) as reader:
        return reader.header


@contextmanager
def damage_reported(path: Path, promise: LasPromise, n_read: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Turn what laspy and lazrs say of a damaged file into an ``UnreadableError`` that names it."""

    def turned(error: BaseException) -> UnreadableError:
        return UnreadableError(
            "the file is truncated or damaged",
            where=path.name,
            found=f"{n_read():,} of {promise.n_points:,} promised points readable, {promise.n_bytes:,} bytes ({error})",
            expected=f"{promise.n_points:,} points",
            remedy="download the file again and compare its size with the producer's",
        )

    with las_damage_turned(turned):
        yield


def scaled(integers: NDArray[np.int32], header: Any, axis: int) -> NDArray[np.float64]:
    """Coordinates from their stored integers.

    Where the scale is a decimal fraction (0.01), dividing by its inverse gives the double nearest to the decimal
    that the producer wrote; multiplying would be off in the last bit, enough to move a point over a tile's edge.
    """
    scale, offset = float(header.scales[axis]), float(header.offsets[axis])
    inverse = round(1 / scale)
    values = integers / float(inverse) if inverse and abs(inverse * scale - 1) < 1e-12 else integers * scale
    return np.asarray(values + offset if offset else values, dtype=np.float64)


def _class_table(classes: Sequence[int] | None, exclude_classes: Iterable[int]) -> NDArray[np.bool_]:
    table = np.full(256, classes is None)
    if classes is not None:
        table[list(classes)] = True
    table[list(exclude_classes)] = False
    return table


def _checked(points: Any, header: Any) -> Any:
    if len(points):
        axes = [points[name] for name in "XYZ"]
        require_in_box([axis.min() for axis in axes], [axis.max() for axis in axes], header)
    return points


def require_in_box(lows: Sequence[int], highs: Sequence[int], header: Any) -> None:
    """Refuse points, stored from ``lows`` to ``highs`` in x, y, z, that lie outside the box of the header.

    Raises ``ValueError``: the sign of a damaged block, since LAZ has no checksum.
    """
    slack = 2 * np.asarray(header.scales)  # writers round the box before or after scaling
    for i, name in enumerate("xyz"):
        low, high = scaled(np.array([lows[i], highs[i]]), header, i)
        if low < header.mins[i] - slack[i] or high > header.maxs[i] + slack[i]:
            raise ValueError(
                f"{name} from {low} to {high} where the header states {header.mins[i]} to {header.maxs[i]}"
            )


def _backend() -> Any:
    import laspy

    return laspy.LazBackend.LazrsParallel


def _skips(header: Any, bounds: Bounds) -> bool:
    west, south, east, north = bounds
    (x_min, y_min, _), (x_max, y_max, _) = header.mins, header.maxs
    slack = 2 * max(header.scales[:2])
    return bool(x_max + slack < west or x_min - slack >= east or y_max + slack < south or y_min - slack >= north)


def _prefers_octree(header: Any, bounds: Bounds) -> bool:
    if not header.vlrs or type(header.vlrs[0]).__name__ != "CopcInfoVlr":
        return False
    west, south, east, north = bounds
    (x_min, y_min, _), (x_max, y_max, _) = header.mins, header.maxs
    asked = max(0.0, min(east, x_max) - max(west, x_min)) * max(0.0, min(north, y_max) - max(south, y_min))
    return bool(asked < _COPC_SHARE_MAX * (x_max - x_min) * (y_max - y_min))


def _octree_points(path: Path, bounds: Bounds, selection: Any) -> Any:
    import laspy
    from laspy.copc import Bounds as CopcBounds

    with laspy.CopcReader.open(str(path), decompression_selection=selection) as reader:
        low, high = np.asarray(reader.header.mins), np.asarray(reader.header.maxs)
        slack = 2 * np.asarray(reader.header.scales)  # the query rounds to the grid; what is too much is filtered
        mins = np.maximum(np.array([bounds[0], bounds[1], -np.inf]), low) - slack
        maxs = np.minimum(np.array([bounds[2], bounds[3], np.inf]), high) + slack
        return reader.query(bounds=CopcBounds(mins=mins, maxs=maxs))


def _standard_times(header: Any, points: Any, codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """First and last adjusted standard GPS time of a chunk; empty where the file has none.

    Some of IGN's own tiles leave the header's flag at "week time" with values far above a week: such a value can
    only be adjusted standard time. Zero means not set.
    """
    if "gps_time" not in points.point_format.dimension_names:
        return np.empty(0)
    times = np.asarray(points["gps_time"])[codes != VIRTUAL_CLASS]
    times = times[times != 0]
    if times.size and not (times.min() > _FIRST_TIME_S and times.max() < _LAST_TIME_S):
        return np.empty(0)  # no instant of a flight: NaN, or a field filled with something else
    is_standard = int(header.global_encoding.gps_time_type) == 1
    if not times.size or (not is_standard and times.max() <= _GPS_WEEK_S):
        return np.empty(0)
    return np.array([times.min(), times.max()])


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
