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
_RECORD_HEADER, _EXTENDED_RECORD_HEADER = 54, 60  # bytes of the header of a variable-length record (tables 7 and 8)


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
    promise = LasPromise(
        version=f"{major}.{minor}",
        point_format=raw[104] & ~_COMPRESSED & 0x3F,
        is_compressed=bool(raw[104] & _COMPRESSED),
        n_points=n_points,
        offset_to_points=offset_to_points,
        record_length=record_length,
        n_bytes=n_bytes,
    )
    _require_room_for_records(path, raw, n_bytes, header_size, offset_to_points)
    if promise.is_compressed and n_points:
        _require_chunk_table(path, promise)
    return promise


def _cut_header(path: Path, n_bytes: int) -> UnreadableError:
    return UnreadableError(
        "the file is cut inside its header",
        where=path.name,
        found=f"{n_bytes:,} bytes; 0 points readable",
        expected=f"at least {_HEADER_12} bytes of header",
        remedy="download the file again",
    )


def _require_room_for_records(path: Path, raw: bytes, n_bytes: int, header_size: int, offset_to_points: int) -> None:
    """Refuse counts and lengths of records that the file cannot hold: laspy would ask for all of that memory."""
    (n_records,) = struct.unpack_from("<I", raw, 100)
    start, n_extended = n_bytes, 0
    if raw[25] >= 4 and header_size >= _HEADER_14:
        start, n_extended = struct.unpack_from("<QI", raw, 235)
    room = max(0, min(offset_to_points, n_bytes) - header_size) // _RECORD_HEADER
    if n_records <= room and _extended_records_fit(path, start, n_extended, n_bytes):
        return
    raise UnreadableError(
        "the file is truncated or damaged: it announces more records than it can hold",
        where=path.name,
        found=f"{n_records:,} records before the points, {n_extended:,} from byte {start:,} on, in {n_bytes:,} bytes",
        expected=f"at most {room:,} before the points, and the others whole before the end",
        remedy="download the file again and compare its size with the producer's",
    )


def _extended_records_fit(path: Path, start: int, n_extended: int, n_bytes: int) -> bool:
    """Whether the chain of extended records ends inside the file."""
    position = start
    with path.open("rb") as stream:
        for _ in range(n_extended):
            if position + _EXTENDED_RECORD_HEADER > n_bytes:
                return False
            stream.seek(position + 20)  # record length after header: bytes 20 to 28 (table 8)
            (length,) = struct.unpack("<Q", stream.read(8))
            position += _EXTENDED_RECORD_HEADER + length
    return position <= n_bytes or n_extended == 0


def _require_chunk_table(path: Path, promise: LasPromise) -> None:
    """Refuse a LAZ file whose table of chunks is gone (it stands at the end) or announces more than can be.

    Nothing of a LAZ file can be read without it, and lazrs asks for all the memory that the table announces.
    """
    start, n_chunks = -1, 0
    with path.open("rb") as stream:
        stream.seek(promise.offset_to_points)
        first = stream.read(8)
        if len(first) == 8:
            (start,) = struct.unpack("<q", first)
        if start == -1 and promise.n_bytes >= promise.offset_to_points + 16:  # written by a stream: told at the end
            stream.seek(promise.n_bytes - 8)
            (start,) = struct.unpack("<q", stream.read(8))
        is_inside = promise.offset_to_points + 8 <= start <= promise.n_bytes - 8
        if is_inside:
            stream.seek(start + 4)  # version, then number of chunks
            (n_chunks,) = struct.unpack("<I", stream.read(4))
    if is_inside and n_chunks <= promise.n_points:
        return
    place = f"the table of chunks should stand at byte {start:,}" if not is_inside else f"{n_chunks:,} chunks"
    raise UnreadableError(
        "the file is truncated or damaged",
        where=path.name,
        found=f"0 of {promise.n_points:,} promised points readable: {place}, the file has {promise.n_bytes:,} bytes",
        expected=f"{promise.n_points:,} points and, after them, the table of chunks of a LAZ file",
        remedy="download the file again and compare its size with the producer's",
    )
