"""Is an answer what was asked for? Checks of whole files (*contrôle à l'arrivée*), before they get their name.

Each check returns the number of records where that is cheap to tell, or raises ``BadAnswerError``. They tell an answer
that is no data (an HTML page, an empty body, a cut archive, a tile without values); records are the readers' to judge.
"""

from __future__ import annotations

import bz2
import gzip
import json
import re
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jnt_pipeline.errors import BadAnswerError

__all__ = [
    "Check",
    "any_content",
    "check_named",
    "edigeo_archive",
    "geojson_gz",
    "gzip_text",
    "json_features",
    "las",
    "not_empty",
    "not_empty_page",
    "parsed_json",
    "raster",
]

Check = Callable[[Path, str], int | None]
"""(file, its address) → number of records, or None. Raises ``BadAnswerError``."""

_BLOCK = 1 << 20
_LAS_POINTS = (247, "<Q")  # LAS 1.4: number of point records, legacy one at 107
_COMPRESSED = 0x80  # bit of the point format
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", flags=re.IGNORECASE | re.DOTALL)


def any_content(path: Path, url: str) -> None:
    """Any content but an empty one or an HTML page."""
    with path.open("rb") as stream:
        not_empty(stream.read(_BLOCK), url)


def not_empty(content: bytes, url: str) -> None:
    """Refuse an empty answer and an HTML page, as a proxy or a service in trouble sends with HTTP 200."""
    head = content[:2000].lstrip(b"\xef\xbb\xbf \r\n\t")
    if not head:
        raise _bad("the answer is empty", url, "0 bytes" if not content else "blanks")
    if head[:15].lower().startswith((b"<!doctype html", b"<html")):
        title = _TITLE.search(head.decode("utf-8", "replace"))
        raise _bad("the answer is an HTML page", url, " ".join(title[1].split()) if title else "HTML")


def not_empty_page(content: bytes, url: str) -> None:
    """Refuse an index page that is empty."""
    if not content.strip():
        raise _bad("the page is empty", url, "0 bytes")


def gzip_text(path: Path, url: str) -> None:
    """A whole gzip archive with something in it."""
    if not _unpacked(path, url)[2]:
        raise _bad("the archive holds nothing", url, "0 bytes unpacked")


def geojson_gz(path: Path, url: str) -> None:
    """A whole gzip archive with a feature collection that has features."""
    head, tail, n_bytes = _unpacked(path, url)
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    if not text.startswith(b"{") or b"FeatureCollection" not in text:
        raise _bad("not a GeoJSON feature collection", url, repr(text[:60]))
    if not tail.rstrip().endswith(b"}"):
        raise _bad("the GeoJSON is cut short", url, f"{n_bytes:,} bytes, ending in {tail[-40:]!r}")
    if n_bytes < _BLOCK and not json_features(parsed_json(head, url), url):
        raise _bad("no feature in the collection", url, "0 features")


def json_features(document: Any, url: str) -> list[Any]:
    """Features of a parsed collection."""
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise _bad("not a GeoJSON feature collection", url, str(document)[:80])
    return features


def parsed_json(content: bytes, url: str) -> Any:
    """The JSON value of an answer."""
    not_empty(content, url)
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise _bad("the answer is not JSON, or cut short", url, f"{error}; it begins {content[:60]!r}") from error


def edigeo_archive(path: Path, url: str) -> int:
    """A whole ``.tar.bz2`` with the members of an EDIGÉO sheet; returns their number."""
    any_content(path, url)
    try:
        with bz2.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            names = [member.name for member in archive]
    except (OSError, EOFError, tarfile.TarError, ValueError) as error:
        raise _bad("the archive is damaged or cut short", url, str(error)) from error
    if not any(name.upper().endswith(".THF") for name in names):
        raise _bad("no EDIGÉO sheet in the archive", url, ", ".join(names[:5]) or "no member")
    return len(names)


def las(path: Path, url: str) -> int:
    """A LAS or LAZ file with points, as long as its header promises; returns their number."""
    any_content(path, url)
    with path.open("rb") as stream:
        head = stream.read(375)
    if head[:4] != b"LASF" or len(head) < 227:
        raise _bad("not a LAS or LAZ file", url, repr(head[:8]))
    n_bytes = path.stat().st_size
    start = struct.unpack_from("<I", head, 96)[0]
    if n_bytes <= start or len(head) < struct.unpack_from("<H", head, 94)[0]:
        raise _bad("the tile is cut before its points", url, f"{n_bytes:,} bytes, points start at {start:,}")
    n_points: int = struct.unpack_from("<I", head, 107)[0]
    if head[25] >= 4:
        n_points = struct.unpack_from(_LAS_POINTS[1], head, _LAS_POINTS[0])[0]
    if n_points == 0:
        raise _bad("the tile holds no point", url, "0 points")
    if head[104] & _COMPRESSED and (table := _chunk_table(path, start)) > n_bytes - 8:
        raise _bad("the tile is cut in its points", url, f"{n_bytes:,} bytes, its table of chunks is at {table:,}")
    return n_points


def _chunk_table(path: Path, start: int) -> int:
    """Where a LAZ file says that its table of chunks is: behind all its points; -1 when it does not say."""
    with path.open("rb") as stream:
        stream.seek(start)
        stated = stream.read(8)
    table: int = struct.unpack("<q", stated)[0] if len(stated) == 8 else -1
    return table


def raster(path: Path, url: str) -> None:
    """A raster with at least one pixel that has a value: too many requests at once give tiles of nothing."""
    any_content(path, url)
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as dataset:
            has_values = any(dataset.dataset_mask(window=window).any() for _, window in dataset.block_windows(1))
    except RasterioError as error:
        raise _bad("not a raster, or a damaged one", url, str(error)) from error
    if not has_values:
        raise _bad("the tile holds no value", url, "nodata everywhere")


def check_named(name: str) -> Check:
    """The check for a file of that name; unknown endings are held to be anything but a page or nothing."""
    lower = name.lower()
    for suffixes, check in _CHECKS:
        if lower.endswith(suffixes):
            return check
    return any_content


def _unpacked(path: Path, url: str) -> tuple[bytes, bytes, int]:
    """First and last bytes of a gzip archive, and its length unpacked, read block by block to its end."""
    any_content(path, url)
    head, tail, n_bytes = b"", b"", 0
    try:
        with gzip.open(path) as stream:
            while block := stream.read(_BLOCK):
                head = head or block
                tail = (tail + block)[-64:]
                n_bytes += len(block)
    except (OSError, EOFError, zlib.error) as error:
        raise _bad("the gzip archive is damaged or cut short", url, str(error)) from error
    return head, tail, n_bytes


def _bad(what: str, url: str, found: str) -> BadAnswerError:
    return BadAnswerError(
        what,
        where=url,
        found=found,
        remedy="try again later; if it stays so, look at the address in a browser: the service may have changed",
    )


_CHECKS: tuple[tuple[tuple[str, ...], Check], ...] = (
    ((".json.gz", ".geojson.gz"), geojson_gz),
    ((".gz",), gzip_text),
    ((".tar.bz2",), edigeo_archive),
    ((".las", ".laz"), las),
    ((".tif", ".tiff"), raster),
)
