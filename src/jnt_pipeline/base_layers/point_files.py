"""Rewriting a LiDAR file in the twin's reference: every dimension kept, same bytes each time.

Source: ASPRS LAS 1.4 R15 (header, WKT record 2112, extra bytes).
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyproj
from numpy.typing import NDArray

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import CrsError, UnreadableError

__all__ = ["PointTransformation", "las_damage_turned", "rewrite_point_file"]

CHUNK_POINTS = 500_000  # 15 to 20 MB of records, as much again of coordinates
SCALE_M = 0.01  # LiDAR HD's own resolution, metres
FINEST_SCALE_M = 0.001  # kept where the source is that fine
SCALE_DEG = 1e-8  # 1 mm
_OFFSET_STEP_M = 1000.0
_CRS_RECORDS = frozenset({2111, 2112, 34735, 34736, 34737})  # WKT and GeoTIFF keys
_REBUILT_USERS = frozenset({"laszip encoded", "copc", "liblas"})  # tell how the old file was packed; liblas: old CRS
_UNKNOWN_DAY = dt.date(1, 1, 1)
_INT32 = np.iinfo(np.int32)


class PointTransformation(Protocol):
    """What is needed of ``crs.Transformation``."""

    def apply(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (n, 3) in, (n, 3) out."""


@contextmanager
def las_damage_turned(turned: Callable[[BaseException], UnreadableError]) -> Iterator[None]:
    """Turn what laspy and lazrs raise on a damaged file, and errors of reading bytes, into the error of ``turned``.

    Anything else is a fault of ours and passes.
    """
    import laspy
    import lazrs

    try:
        yield
    except (laspy.errors.LaspyException, lazrs.LazrsError, ValueError, struct.error, EOFError, OSError) as error:
        raise turned(error) from error
    except BaseException as error:
        # lazrs is Rust: on some damage it panics, with an exception that is no Exception and has no public name.
        if type(error).__name__ != "PanicException":
            raise
        raise turned(error) from error


def rewrite_point_file(source: Path, target: Path, transformation: PointTransformation, reference: Reference) -> int:
    """Write the points of ``source`` to ``target`` as LAZ 1.4 in ``reference``; returns their number.

    Parameters
    ----------
    source : LAS, LAZ or COPC file. target : file to create, in a scratch folder of the caller.
    transformation : from the reference of ``source`` to ``reference``.
    reference : what the WKT record of ``target`` will state, heights included.

    Points keep their order and every dimension, extra bytes included; withheld points stay, flagged. Coordinates are
    rounded to 0.01 m (0.001 m where the source is finer; 1e-8 degree). The creation date is that of the source, so the
    bytes depend on nothing else than the inputs. Points stream through in chunks.

    Raises ``UnreadableError`` when the source is damaged or short, ``CrsError`` (from the transformation, or when the
    coordinates do not fit), ``OSError`` when the target cannot be written.
    """
    import laspy

    with _damage_named(source, "0 points read"):
        reader = laspy.open(source, laz_backend=laspy.LazBackend.LazrsParallel)
    n_read, n_promised = 0, reader.header.point_count
    with reader, _refusal_named(source), target.open("wb") as stream:
        header = _header_for(reader.header, transformation, reference)
        writer = laspy.LasWriter(
            stream, header, do_compress=True, laz_backend=laspy.LazBackend.LazrsParallel, closefd=False
        )
        while n_read < n_promised:
            with _damage_named(source, f"{n_read:,} of {n_promised:,} points read"):
                points = reader.read_points(min(CHUNK_POINTS, n_promised - n_read))
                if not len(points):
                    raise EOFError("the file ends before its last point")
            n_read += len(points)
            writer.write_points(_moved(points, reader.header, header, transformation, source))
        if reader.header.evlrs:
            writer.write_evlrs(laspy.vlrs.vlrlist.VLRList(_kept_records(reader.header.evlrs)))
        writer.close()
    return n_read


@contextmanager
def _refusal_named(source: Path) -> Iterator[None]:
    """A transformation refuses points of an operation; a user looks for the file."""
    try:
        yield
    except CrsError as error:
        if error.where != source.name:
            error.where = f"{source.name}, {error.where}" if error.where else source.name
        raise


@contextmanager
def _damage_named(source: Path, found: str) -> Iterator[None]:
    """Only reading is guarded: what goes wrong with the target (disk full) must not pass for damage of the source."""

    def turned(error: BaseException) -> UnreadableError:
        return UnreadableError(
            "the file is truncated or damaged",
            where=source.name,
            found=f"{found} ({error})",
            expected="every point that its header promises",
            remedy="download the file again and compare its size with the producer's",
        )

    with las_damage_turned(turned):
        yield


def _header_for(old: Any, transformation: PointTransformation, reference: Reference) -> Any:
    import laspy
    from laspy.vlrs.known import WktCoordinateSystemVlr

    header = laspy.LasHeader(version="1.4", point_format=old.point_format)
    header.file_source_id = old.file_source_id
    header.uuid = old.uuid
    header.system_identifier = old.system_identifier
    header.generating_software = "jnt_pipeline"
    header.creation_date = old.creation_date or _UNKNOWN_DAY
    header.global_encoding.gps_time_type = old.global_encoding.gps_time_type
    header.global_encoding.synthetic_return_numbers = old.global_encoding.synthetic_return_numbers
    header.global_encoding.wkt = True
    # the records of the extra bytes as they were: of undocumented bytes, laspy makes one that it cannot read again
    while header.vlrs.get("ExtraBytesVlr"):
        header.vlrs.pop(header.vlrs.index("ExtraBytesVlr"))
    header.vlrs.extend(_kept_records(old.vlrs))
    crs = pyproj.CRS(reference.code)
    header.vlrs.append(WktCoordinateSystemVlr(crs.to_wkt(version="WKT1_GDAL")))
    centre = (np.asarray(old.mins) + np.asarray(old.maxs))[None, :] / 2
    moved = transformation.apply(centre)[0] if old.point_count else np.zeros(3)
    scales, steps = _grid(crs, float(np.min(old.scales)))
    header.scales = scales
    header.offsets = np.floor(moved / steps) * steps
    return header


def _grid(crs: pyproj.CRS, source_scale: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scales and steps of the offsets of the three axes."""
    fine = SCALE_M if source_scale >= SCALE_M else FINEST_SCALE_M
    if crs.is_geographic or (crs.is_compound and crs.sub_crs_list[0].is_geographic):
        return np.array([SCALE_DEG, SCALE_DEG, fine]), np.array([1.0, 1.0, _OFFSET_STEP_M])
    return np.full(3, fine), np.full(3, _OFFSET_STEP_M)


def _kept_records(records: Any) -> list[Any]:
    return [
        record
        for record in records
        if record.user_id not in _REBUILT_USERS
        and not (record.user_id == "LASF_Projection" and record.record_id in _CRS_RECORDS)
    ]


def _moved(points: Any, old: Any, header: Any, transformation: PointTransformation, source: Path) -> Any:
    import laspy

    records = points.array.copy()
    xyz = np.column_stack([records[axis] * old.scales[i] + old.offsets[i] for i, axis in enumerate("XYZ")])
    steps = np.rint((transformation.apply(xyz) - header.offsets) / header.scales)
    if not np.isfinite(steps).all() or steps.min() < _INT32.min or steps.max() > _INT32.max:
        raise CrsError(
            "the points of one file lie too far apart to be written in the twin's reference",
            where=source.name,
            found=f"coordinates that do not fit 32 bits at a scale of {header.scales[0]}",
            expected=f"points within {_INT32.max * header.scales[0]:.0f} units of one another",
            remedy="check the reference declared for this file",
        )
    for i, axis in enumerate("XYZ"):
        records[axis] = steps[:, i].astype(np.int32)
    return laspy.ScaleAwarePointRecord(records, points.point_format, scales=header.scales, offsets=header.offsets)
