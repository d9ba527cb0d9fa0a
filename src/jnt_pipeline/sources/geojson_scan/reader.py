"""GeoJSON of any size as Arrow batches (*collection d'entités*): windows of the file, its features, their columns."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jnt_pipeline.errors import UnreadableError, UnsupportedError
from jnt_pipeline.sources.geojson_scan import kernels
from jnt_pipeline.sources.geojson_scan.geometry_kernels import write_geometries

__all__ = ["read_batches", "stated_crs"]

_WINDOW = 1 << 23  # bytes read at once
_FEATURE_WORDS = tuple(np.frombuffer(word, np.uint8) for word in (b"type", b"id", b"bbox", b"geometry", b"properties"))
_GEOMETRY_WORDS = tuple(
    np.frombuffer(word, np.uint8) for word in (b"type", b"coordinates", b"Polygon", b"MultiPolygon")
)
_LONLAT = "OGC:CRS84"
_PLACEHOLDER = b"[]"


def stated_crs(path: Path) -> str:
    """The CRS that a collection names before its features; longitude, latitude where it names none (RFC 7946)."""
    with _opened(path) as file:
        head, _, _ = _header(file, path)
    return _crs_name(head, path)


def read_batches(path: Path, columns: pa.Schema, records_at_once: int) -> Iterator[pa.RecordBatch]:
    """The features of a collection in their order: properties as ``columns``, then ``geometry`` as WKB.

    A third coordinate is left out. A geometry that is null or absent gives null; one that is no GeoJSON gives empty
    bytes, which no reader of WKB takes for a geometry. Properties that are not among ``columns`` are not read.
    Raises ``UnreadableError`` with the position where the text stops being JSON, ``UnsupportedError`` when a feature
    names a CRS of its own.
    """
    with _opened(path) as file:
        head, buffer, position = _header(file, path)
        own = _crs_name(head, path)
        spans: NDArray[np.int64] = np.zeros((records_at_once, 7), dtype=np.int64)
        needs_comma, at = False, 0
        while True:
            content = np.frombuffer(buffer, np.uint8)
            why, n, after, needs_comma = kernels.find_features(
                content, at, len(content), spans, _FEATURE_WORDS, needs_comma
            )
            if n:
                _require_utf8(buffer, at, after, position, path)
                yield _batch(buffer, content, spans[:n], columns, position, path)
            if why == kernels.BROKEN:
                raise _broken(path, buffer, after, position)
            at = after
            if why == kernels.DONE:
                break
            if why == kernels.FULL:
                continue
            more = _read(file, path, max(_WINDOW, len(buffer) - at))
            if not more:
                raise _broken(path, buffer, len(buffer), position)
            position += at
            buffer, at = buffer[at:] + more, 0
        tail = buffer[at:] + _read(file, path, -1)
    end = _json(head + _PLACEHOLDER + tail, path, position + at - len(head) - len(_PLACEHOLDER))
    if _name(end.get("crs"), path) != own:
        raise UnsupportedError(
            "a GeoJSON that names its CRS behind the features: not read by this version",
            where=path.name,
            found=json.dumps(end["crs"])[:80],
            expected="RFC 7946: longitude, latitude",
            remedy="ask the producer for RFC 7946 GeoJSON",
        )


def _header(file: BinaryIO, path: Path) -> tuple[bytes, bytes, int]:
    """What comes before the first feature, the rest of the window, and its position in the text."""
    buffer = _read(file, path, _WINDOW).removeprefix(b"\xef\xbb\xbf")
    decoder = json.JSONDecoder()
    while True:
        at = _features_at(buffer, decoder)
        if at is not None:
            return buffer[:at], buffer[at + 1 :], at + 1
        more = _read(file, path, len(buffer) or 1)
        if not more:
            document = _json(buffer, path, 0)
            found = document.get("type", "an object") if isinstance(document, dict) else type(document).__name__
            raise UnreadableError(
                "not a GeoJSON feature collection",
                where=path.name,
                found=str(found),
                expected='{"type": "FeatureCollection", "features": […]}',
                remedy="give the GeoJSON file of the producer",
            )
        buffer += more


def _features_at(buffer: bytes, decoder: json.JSONDecoder) -> int | None:
    """Where the bracket of the array ``features`` opens in the outermost object; None when it is not in sight."""
    text = buffer.decode("latin-1")  # one letter a byte: positions stay

    def blank(at: int) -> int:
        while text[at] in " \t\r\n":
            at += 1
        return at

    try:
        at = blank(0)
        if text[at] != "{":
            return None
        at = blank(at + 1)
        while text[at] == '"':
            key, at = decoder.raw_decode(text, at)
            at = blank(at)
            if text[at] != ":":
                return None
            at = blank(at + 1)
            if key == "features":
                return at if text[at] == "[" else None
            _, at = decoder.raw_decode(text, at)
            at = blank(at)
            if text[at] != ",":
                return None
            at = blank(at + 1)
    except (IndexError, ValueError):
        return None
    return None


def _batch(
    buffer: bytes, content: NDArray[np.uint8], spans: NDArray[np.int64], columns: pa.Schema, position: int, path: Path
) -> pa.RecordBatch:
    n = len(spans)
    # the shortest position, [0,0] and its comma, is six bytes and becomes sixteen
    n_bytes = 3 * int((spans[:, 3] - spans[:, 2]).sum()) + 32 * n
    out, starts = np.empty(n_bytes, np.uint8), np.empty(n + 1, np.int64)
    odd, hard = np.empty(n, np.bool_), np.empty((n_bytes // 48 + 1, 3), np.int64)
    n_hard = write_geometries(content, spans, n, _GEOMETRY_WORDS, out, starts, odd, hard)
    for start, end, to in hard[:n_hard].tolist():
        out[to : to + 8] = np.frombuffer(struct.pack("<d", float(buffer[start:end])), np.uint8)
    read = {row: _odd(buffer, spans[row], position, path) for row in np.flatnonzero(odd).tolist()}
    used = int(starts[-1])
    geometry = pa.Array.from_buffers(
        pa.binary(), n, [None, pa.py_buffer(starts.astype(np.int32)), pa.py_buffer(out[:used])]
    )
    if read:
        parts = geometry.to_pylist()
        for row, (shape, _) in read.items():
            parts[row] = shape
        geometry = pa.array(parts, pa.binary())
    told = {row: text for row, (_, text) in read.items() if spans[row, 6] == kernels.ODD}
    if told:
        parts = [told.get(row) or buffer[span[4] : span[5]] for row, span in enumerate(spans.tolist())]
        lines = b"\n".join(text if text[:1] == b"{" else b"{}" for text in (_one_line(part) for part in parts))
    else:
        room = np.empty(int((spans[:, 5] - spans[:, 4]).sum()) + 3 * n, np.uint8)
        lines = room[: kernels.write_lines(content, spans, n, room)].tobytes()
    table = _properties(lines, n, columns, position + int(spans[0, 0]), path)
    return pa.RecordBatch.from_arrays([*table, geometry], [*columns.names, "geometry"])


def _odd(buffer: bytes, span: NDArray[np.int64], position: int, path: Path) -> tuple[bytes | None, bytes]:
    """WKB and properties of a feature that the kernels leave to Python."""
    start, end = int(span[0]), int(span[1])
    feature = _json(buffer[start:end], path, position + start)
    if not isinstance(feature, dict):
        return None, b"{}"
    geometry = feature.get("geometry")
    if "crs" in feature or (isinstance(geometry, dict) and "crs" in geometry):
        raise UnsupportedError(
            "a feature that names a CRS of its own: not read by this version",
            where=path.name,
            found=f"position {position + start:,}",
            expected="RFC 7946: longitude, latitude",
            remedy="ask the producer for RFC 7946 GeoJSON",
        )
    properties = feature.get("properties")
    told = json.dumps(properties if isinstance(properties, dict) else {}, ensure_ascii=False).encode()
    return (None if geometry is None else _wkb(geometry)), told


def _wkb(geometry: Any) -> bytes:
    """WKB of any GeoJSON geometry, as it stands: rings that are not closed too. Empty bytes for what is none."""
    import shapely
    from shapely.errors import ShapelyError
    from shapely.geometry import shape

    try:
        if geometry["type"] == "Polygon":
            return _polygon(geometry["coordinates"])
        if geometry["type"] == "MultiPolygon":
            parts = [_polygon(rings) for rings in geometry["coordinates"]]
            return b"\x01" + struct.pack("<II", 6, len(parts)) + b"".join(parts)
        return bytes(shapely.to_wkb(shapely.force_2d(shape(geometry)), byte_order=1, flavor="iso"))
    except (ShapelyError, TypeError, ValueError, KeyError, IndexError, AttributeError, struct.error):
        return b""


def _polygon(rings: list[list[list[float]]]) -> bytes:
    parts = [b"\x01", struct.pack("<II", 3, len(rings))]
    for ring in rings:
        parts.append(struct.pack("<I", len(ring)))
        parts += [struct.pack("<2d", position[0], position[1]) for position in ring]
    return b"".join(parts)


def _properties(lines: bytes, n: int, columns: pa.Schema, position: int, path: Path) -> list[pa.Array]:
    """Columns of the properties, one object a line; by Arrow where every value has the type of its column."""
    from pyarrow import json as arrow_json

    options = arrow_json.ParseOptions(explicit_schema=columns, unexpected_field_behavior="ignore")
    block = arrow_json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    with suppress(pa.ArrowInvalid):  # one text that is a number, say; or no JSON, which Python tells better
        table = arrow_json.read_json(io.BytesIO(lines), read_options=block, parse_options=options)
        if table.num_rows == n:
            return [table[name].combine_chunks() for name in columns.names]
    rows = [_json(text, path, position) for text in lines.rstrip(b"\n").split(b"\n")]
    return [_column([row.get(item.name) for row in rows], item) for item in columns]


def _one_line(text: bytes) -> bytes:
    """A JSON object on one line: a line break is white space there, never a part of a string."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


def _column(values: list[Any], item: pa.Field) -> pa.Array:
    if pa.types.is_string(item.type):
        told = [
            value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for value in values
        ]
        return pa.array(told, item.type)
    try:
        return pa.array(values, item.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UnsupportedError(
            "properties of another type than the column",
            where=f"column {item.name}",
            found=str(error),
            expected=str(item.type),
            remedy="read the column as text",
        ) from error


def _crs_name(head: bytes, path: Path) -> str:
    return _name(_json(head + _PLACEHOLDER + b"}", path, 0).get("crs"), path)


def _name(crs: Any, path: Path) -> str:
    from jnt_pipeline.sources.geojson import stated_crs_name

    return _LONLAT if crs is None else stated_crs_name({"crs": crs}, path)


def _opened(path: Path) -> BinaryIO:
    try:
        file = path.open("rb")
        is_gzip = file.read(2) == b"\x1f\x8b"
        file.seek(0)
    except OSError as error:
        raise UnreadableError("the file cannot be opened", where=path.name, found=str(error.strerror)) from error
    if not is_gzip:
        return file
    file.close()
    return pa.CompressedInputStream(pa.OSFile(str(path)), "gzip")  # type: ignore[no-any-return]


def _read(file: BinaryIO, path: Path, n: int) -> bytes:
    try:
        return file.read() if n < 0 else file.read(n)
    except OSError as error:
        raise UnreadableError(
            "the gzip archive is damaged or cut short",
            where=path.name,
            found=str(error),
            expected="a whole gzip file",
            remedy="download the file again and compare its size with the producer's",
        ) from error


def _json(text: bytes, path: Path, position: int) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        at = error.pos if isinstance(error, json.JSONDecodeError) else getattr(error, "start", 0)
        raise _error(path, f"{error} (position {position + at:,})") from error


def _broken(path: Path, buffer: bytes, at: int, position: int) -> UnreadableError:
    near = buffer[max(at - 20, 0) : at + 20].decode("utf-8", errors="replace")
    return _error(path, f"position {position + at:,}, near {near!r}")


def _require_utf8(buffer: bytes, start: int, end: int, position: int, path: Path) -> None:
    part = buffer[start:end]
    if part.isascii():
        return
    try:
        part.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(
            "the text is not UTF-8",
            where=path.name,
            found=f"byte {part[error.start]:#04x} at position {position + start + error.start:,}",
            expected="UTF-8, as RFC 8259 requires",
            remedy="ask the producer for UTF-8, or convert the file",
        ) from error


def _error(path: Path, found: str) -> UnreadableError:
    return UnreadableError(
        "not a JSON document, or one that is cut short",
        where=path.name,
        found=found,
        expected="one whole JSON value",
        remedy="download the file again; no text may stand before or after the JSON",
    )
