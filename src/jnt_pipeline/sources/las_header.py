"""The public header block of a LAS file, read by hand so that a damaged file can still be described.

Source: ASPRS LAS 1.4 R15, table 3 (public header block).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from jnt_pipeline.errors import UnreadableError, UnsupportedError

__all__ = ["LasPromise", "read_las_promise"]

_SIGNATURE = b"LASF"
_HEADER_14 = 375  # bytes of a LAS 1.4 header, the longest
_HEADER_12 = 227  # bytes of a LAS 1.0 to 1.2 header, the shortest
_COMPRESSED = 0x80  # LAZ writers set the top bit of the point format
_MINORS_READ = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class LasPromise:
    """What the header promises and what the file on disk can hold."""

    version: str
    """For example ``1.4``."""
    point_format: int
    """Point data record format, 0 to 10."""
    is_compressed: bool
    n_points: int
    """Number of points that the header promises."""
    offset_to_points: int
    """Bytes before the first point."""
    record_length: int
    """Bytes per uncompressed point."""
    n_bytes: int
    """Size of the file on disk."""

    @property
    def n_readable(self) -> int:
        """Whole points on disk in an uncompressed file; what is promised where compression hides it."""
        if self.is_compressed or not self.record_length:
            return self.n_points
        return min(self.n_points, max(0, self.n_bytes - self.offset_to_points) // self.record_length)


def read_las_promise(path: Path) -> LasPromise:
    """Read the header of a LAS, LAZ or COPC file.

    Raises ``UnreadableError`` when it is not a LAS file, was never finished, or is shorter than it promises;
    ``UnsupportedError`` for a version later than 1.4.
    """
    try:
        n_bytes = path.stat().st_size
        with path.open("rb") as stream:
            raw = stream.read(_HEADER_14)
    except OSError as error:
        raise UnreadableError(
            "the file cannot be opened",
            where=path.name,
            found=error.strerror or type(error).__name__,
            remedy="check that the file exists and that its permissions let this user read it",
        ) from error
    if not raw.startswith(_SIGNATURE):
        raise UnreadableError(
            "not a LAS, LAZ or COPC file",
            where=path.name,
            found=f"first bytes {raw[:4]!r}",
            expected="first bytes b'LASF'",
            remedy="download the file again, or take it out of the folder",
        )
    if len(raw) < _HEADER_12:
        raise _cut_header(path, n_bytes)
    major, minor = raw[24], raw[25]
    if major != 1 or minor not in _MINORS_READ:
        raise UnsupportedError(
            "this version of LAS is not read",
            where=path.name,
            found=f"LAS {major}.{minor}",
            expected="LAS 1.0 to 1.4",
            remedy="ask the producer for LAS 1.4, or convert the file",
        )
    (header_size,) = struct.unpack_from("<H", raw, 94)
    (offset_to_points,) = struct.unpack_from("<I", raw, 96)
    (record_length,) = struct.unpack_from("<H", raw, 105)
    (n_points,) = struct.unpack_from("<I", raw, 107)
    if minor >= 4 and header_size >= _HEADER_14:
        if len(raw) < _HEADER_14:
            raise _cut_header(path, n_bytes)
        (n_points,) = struct.unpack_from("<Q", raw, 247)
    if header_size < _HEADER_12 or offset_to_points < header_size:
        raise UnreadableError(
            "the header was never finished: the program that wrote the file stopped before closing it",
            where=path.name,
            found=f"header size {header_size}, points at byte {offset_to_points}, {n_points:,} points promised "
            f"in {n_bytes:,} bytes; 0 readable",
            expected=f"a header of {_HEADER_12} to {_HEADER_14} bytes, and points after it",
            remedy="download the file again, or ask the producer for it",
        )
    return LasPromise(
        version=f"{major}.{minor}",
        point_format=raw[104] & ~_COMPRESSED & 0x3F,
        is_compressed=bool(raw[104] & _COMPRESSED),
        n_points=n_points,
        offset_to_points=offset_to_points,
        record_length=record_length,
        n_bytes=n_bytes,
    )


def _cut_header(path: Path, n_bytes: int) -> UnreadableError:
    return UnreadableError(
        "the file is cut inside its header",
        where=path.name,
        found=f"{n_bytes:,} bytes; 0 points readable",
        expected=f"at least {_HEADER_12} bytes of header",
        remedy="download the file again",
    )
