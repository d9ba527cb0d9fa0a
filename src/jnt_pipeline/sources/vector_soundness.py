"""Whether a file of features is whole, told by its own lengths: GDAL reads many a cut file without a word."""

from __future__ import annotations

import gzip
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.parsers import expat

from jnt_pipeline.errors import UnreadableError
from jnt_pipeline.sources.any_geometry import declares_any_with_heights, make_readable
from jnt_pipeline.sources.xml_roots import refuse_other_xml

__all__ = ["at_hand", "dbf_encoding", "is_json", "require_whole"]

_UTF8_SHARE = 0.5  # of the letters beyond ASCII: those of Latin-1 read as UTF-8 are practically never whole
_HEAD = 512
_WEB_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html)", flags=re.IGNORECASE)
_CODE_PAGES = {0x57: "CP1252", 0x03: "CP1252", 0x02: "CP850", 0x01: "CP437"}  # language driver of a DBF


@contextmanager
def at_hand(path: Path) -> Iterator[Path]:
    """The file as GDAL needs it: unpacked, copied where GDAL would write beside it (GML) or pyogrio could not read it
    (``any_geometry``); else the file itself.

    Raises ``UnreadableError`` when an archive is damaged, or does not hold one shapefile; see also
    :func:`refuse_other_xml`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise _error(path.name, "the file cannot be opened", str(error.strerror or error)) from error
    is_gzip, is_zip = head.startswith(b"\x1f\x8b"), head.startswith(b"PK\x03\x04")
    is_xml = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    is_odd = head.startswith(b"SQLite format 3\x00") and declares_any_with_heights(path)
    if not (is_gzip or is_zip or is_xml or is_odd):
        yield path
        return
    if is_xml:
        refuse_other_xml(path)
    with tempfile.TemporaryDirectory(prefix="jnt-") as name:
        folder = Path(name)
        try:
            if is_gzip:
                place = folder / path.name.removesuffix(".gz")
                with gzip.open(path, "rb") as packed, place.open("wb") as plain:
                    shutil.copyfileobj(packed, plain, 1 << 20)
            elif is_zip:
                place = _unpacked(path, folder)
            else:
                place = folder / path.name
                shutil.copyfile(path, place)
                scheme = path.with_suffix(".xsd")
                if is_xml and scheme.is_file():
                    shutil.copyfile(scheme, folder / scheme.name)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise _error(path.name, "the archive is damaged or cut short", str(error)) from error
        if place.suffix.lower() in {".gml", ".gpkg", ".xml"}:
            make_readable(place)
        yield place


def is_json(path: Path) -> bool:
    """Whether a file, gzip or not, begins as a JSON object. Raises ``UnreadableError``."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path, "rb") as packed:
                head = packed.read(512)
    except (OSError, EOFError, zlib.error) as error:
        raise _error(path.name, "the archive is damaged or cut short", str(error)) from error
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def require_whole(path: Path, *, where: str) -> None:
    """Raise ``UnreadableError`` unless the lengths that a file states are there, and an XML document ends.

    Looks at shapefiles (with their index and table), GeoPackages and other SQLite files, and XML. Empty files, web
    pages and archives that were packed twice are told by their first bytes.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip():
        raise _error(where, "the file is empty", f"{path.stat().st_size:,} bytes")
    if head.startswith(b"\x1f\x8b"):
        raise _error(where, "a gzip archive inside a gzip archive", "packed twice")
    if _WEB_PAGE.match(head):
        raise _error(where, "a web page, not a file of features", head[:60].decode("latin-1").strip())
    if head.startswith(b"\x00\x00\x27\x0a"):
        _require_whole_shapefile(path, where)
    elif head.startswith(b"SQLite format 3\x00"):
        _require_whole_sqlite(path, head, where)
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        _require_whole_xml(path, where)


def dbf_encoding(path: Path) -> tuple[str | None, tuple[str, ...]]:
    """The encoding that the text of a shapefile is really in, and what to tell about it; None where GDAL knows.

    Many tables declare ISO-8859-1, or nothing, and hold UTF-8; some say the contrary.
    """
    if path.suffix.lower() != ".shp":
        return None, ()
    table = _beside(path, ".dbf")
    if table is None:
        return None, ("the attribute table (.dbf) is missing: geometries only",)
    with table.open("rb") as file:
        head = file.read(32)
        file.seek(struct.unpack_from("<H", head, 8)[0])
        is_utf8 = _is_utf8(iter(lambda: file.read(1 << 22), b""))
    page = _beside(path, ".cpg")
    declared = "" if page is None else page.read_text(encoding="latin-1").strip()
    says_utf8 = declared.upper().replace("-", "") in {"UTF8", "65001"}
    if is_utf8 is None:
        return None, ()
    if is_utf8:
        told = f"the attribute table declares {declared}" if declared else "the attribute table declares no UTF-8"
        return "UTF-8", () if says_utf8 else (f"{told} and holds UTF-8: read as UTF-8",)
    if says_utf8:
        return "CP1252", ("the attribute table declares UTF-8 and does not hold it: read as Windows-1252",)
    return (declared or _CODE_PAGES.get(head[29], "CP1252")), ()


def _is_utf8(blocks: Iterator[bytes]) -> bool | None:
    """Whether the letters beyond ASCII are UTF-8 (one cut at the end of a field does not count); None without any."""
    n_whole = n_broken = 0
    for block in blocks:
        text = block.decode("utf-8", errors="replace")
        n_broken += text.count("\ufffd")
        n_whole += sum(1 for letter in text if letter > "\x7f") if not text.isascii() else 0
    n_whole -= n_broken
    return None if n_whole + n_broken == 0 else n_whole > _UTF8_SHARE * (n_whole + n_broken)


def _beside(path: Path, suffix: str) -> Path | None:
    """The file of the same name with another suffix, in either case."""
    for found in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if found.is_file():
            return found
    return None


def _unpacked(path: Path, folder: Path) -> Path:
    """The one file of features of an archive, unpacked with what belongs to it; checksums are compared."""
    with zipfile.ZipFile(path) as archive:
        members = [item for item in archive.infolist() if not item.is_dir()]
        shapes = [item for item in members if item.filename.lower().endswith((".shp", ".gpkg", ".gml", ".geojson"))]
        if len(shapes) != 1:
            raise _error(
                path.name,
                "an archive that does not hold one file of features",
                ", ".join(item.filename for item in shapes) or "none",
            )
        stem = shapes[0].filename.rsplit(".", 1)[0]
        for item in members:
            if item.filename.rsplit(".", 1)[0] == stem:
                with archive.open(item) as packed, (folder / Path(item.filename).name).open("wb") as plain:
                    shutil.copyfileobj(packed, plain, 1 << 20)
        return folder / Path(shapes[0].filename).name


def _require_whole_shapefile(path: Path, where: str) -> None:
    index, table = _beside(path, ".shx"), _beside(path, ".dbf")
    if index is None:
        raise _error(where, "the index of the shapefile is missing", f"no {path.stem}.shx beside it")
    n_records = None
    for part in (path, index):
        with part.open("rb") as file:
            head = file.read(100)
        stated = 2 * struct.unpack_from(">i", head, 24)[0] if len(head) == 100 else 100
        if part.stat().st_size < stated:
            raise _cut(where, part, stated)
        if part is index:
            n_records = (stated - 100) // 8
    if table is None:
        return
    with table.open("rb") as file:
        head = file.read(32)
    if len(head) < 32:
        raise _cut(where, table, 32)
    n_rows, n_head, n_row = struct.unpack_from("<IHH", head, 4)
    if table.stat().st_size < n_head + n_rows * n_row:
        raise _cut(where, table, n_head + n_rows * n_row)
    if n_records is not None and n_records != n_rows:
        raise _error(
            where,
            "the parts of the shapefile do not belong together",
            f"{n_records:,} geometries and {n_rows:,} rows of attributes",
        )


def _require_whole_sqlite(path: Path, head: bytes, where: str) -> None:
    """The header counts the pages, where its two counters of changes agree (SQLite file format, 1.3.7)."""
    size = path.stat().st_size
    page = struct.unpack_from(">H", head, 16)[0] if len(head) >= 100 else 0
    page = 65_536 if page == 1 else page
    if not page or size % page:
        raise _cut(where, path, -(-size // page) * page if page else 100)
    n_pages, changed, valid_for = (struct.unpack_from(">I", head, at)[0] for at in (28, 24, 92))
    if n_pages and changed == valid_for and size < n_pages * page:
        raise _cut(where, path, n_pages * page)


def _require_whole_xml(path: Path, where: str) -> None:
    parser = expat.ParserCreate()
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise _error(where, "not an XML document, or one that is cut short", str(error)) from error


def _cut(where: str, part: Path, stated: int) -> UnreadableError:
    found = f"{part.name}: {part.stat().st_size:,} bytes, {stated:,} stated"
    return _error(where, "the file is cut short", found)


def _error(where: str, what: str, found: str) -> UnreadableError:
    return UnreadableError(
        what,
        where=where,
        found=found,
        expected="a whole file, with all the files that belong to it",
        remedy="download the delivery again and compare its size with the producer's",
    )
