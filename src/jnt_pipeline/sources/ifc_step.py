"""The text of an IFC file before any engine sees it: what it is, which schema it states, whether it is whole.

ISO 10303-21 (STEP physical file). Engines accept truncated files and refuse unknown schemas with a parser's words;
here both are told by name, from the header alone.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jnt_pipeline.errors import JntError, UnreadableError, UnsupportedError

__all__ = ["INGESTED_SCHEMAS", "KNOWN_SCHEMAS", "Refusal", "StepHeader", "read_header", "schema_refusal", "step_file"]

INGESTED_SCHEMAS = ("IFC4",)
"""Schemas whose elements enter the twin."""

KNOWN_SCHEMAS = ("IFC2X3", "IFC4", "IFC4X3_ADD2")
"""Official schemas that can be opened and reported on; those that are not ingested are never half-read."""

_SUPERSEDED = ("IFC4X3", "IFC4X3_TC1", "IFC4X3_ADD1")  # ISO 16739-1:2024 is IFC4X3_ADD2
_RELEASE_CANDIDATE = re.compile(r"IFC\w*_RC\d+")
_HEADER_LIMIT = 1 << 20  # bytes: real headers are under 4 kB, comments of the exporter included
_TAIL = 1 << 12  # bytes searched for the closing mark
_MEMBER_LIMIT = 4 << 30  # bytes: a larger .ifc inside an archive is refused before it fills the disk
_TOKEN = re.compile(r"/\*.*?\*/|'(?:[^']|'')*'|[^'/]+|/", re.DOTALL)
_STRING = re.compile(r"'((?:[^']|'')*)'")
_CONTROL = re.compile(r"\\X\\[0-9A-Fa-f]{2}|\\X[24]\\[0-9A-Fa-f]*\\X0\\|\\S\\.|\\P[A-I]\\|[\x00-\x1f\x7f]|\\\\|\\|/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a file cannot be used: a stable code for reports, and the error that the source raises."""

    code: str
    error: JntError


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHeader:
    """What the header of a STEP file says."""

    schema: str
    """Name in FILE_SCHEMA, upper case, e.g. IFC4X3_ADD2."""
    stated_name: str
    """Name in FILE_NAME as written: text of a stranger, for display only and never a path."""

    @property
    def is_unsafe(self) -> bool:
        """Whether the stated name holds control characters, escapes or separators."""
        return _CONTROL.search(self.stated_name) is not None

    @property
    def display_name(self) -> str:
        """The stated name without escapes, separators or control characters; it may be empty."""
        return re.sub(r"\s+", " ", _CONTROL.sub(" ", self.stated_name)).strip()


def read_header(path: Path) -> StepHeader | Refusal:
    """Header of a STEP file, or why it is not one; reads its first MiB and its last 4 KiB."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_LIMIT).decode("latin-1")
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            tail = file.read().decode("latin-1")
    except OSError as error:
        found = error.strerror or type(error).__name__
        return _unreadable(
            path,
            "cannot_open",
            f"the file cannot be opened: {found}",
            "a readable file",
            "check the path and its rights",
        )
    start = head.lstrip("\ufeff\xef\xbb\xbf \t\r\n")
    if not start:
        return _unreadable(path, "empty_file", "the file is empty", "an IFC file (ISO-10303-21;)", "deliver it again")
    if start.startswith("<"):
        return Refusal(
            code="ifcxml_not_supported",
            error=UnsupportedError(
                "ifcXML is not read",
                where=path.name,
                found="an XML document",
                expected="a STEP file, IFC4",
                remedy="export the model as .ifc (STEP physical file), schema IFC4",
            ),
        )
    if not start.startswith("ISO-10303-21"):
        return _unreadable(
            path,
            "not_step",
            "not an IFC file",
            f"ISO-10303-21; at the start, found {start[:20]!r}",
            "export it as .ifc",
        )
    text = "".join(token for token in _TOKEN.findall(head) if not token.startswith("/*"))
    header = re.search(r"HEADER\s*;(.*?)ENDSEC\s*;", text, re.DOTALL)
    schema = re.search(r"FILE_SCHEMA\s*\(\s*\((.*?)\)\s*\)\s*;", header[1], re.DOTALL) if header else None
    if header is None or schema is None:
        return _unreadable(
            path,
            "step_syntax",
            "the STEP header is damaged",
            "HEADER; … FILE_SCHEMA(('…')); ENDSEC;",
            "export it again",
        )
    names = [name.strip().upper() for name in _STRING.findall(schema[1])]
    if len(names) != 1 or not names[0]:
        return _unreadable(
            path, "step_syntax", f"FILE_SCHEMA names {len(names)} schemas", "exactly one schema name", "export it again"
        )
    if "END-ISO-10303-21" not in tail:
        return _unreadable(
            path, "truncated", "the file stops before its end", "END-ISO-10303-21; as the last line", "deliver it again"
        )
    stated = re.search(r"FILE_NAME\s*\(\s*'((?:[^']|'')*)'", header[1])
    return StepHeader(schema=names[0], stated_name=stated[1] if stated else "")


def schema_refusal(schema: str, path: Path) -> Refusal | None:
    """Why a schema cannot even be reported on; None for the official ones (IFC2X3, IFC4, IFC4X3_ADD2)."""
    if schema in KNOWN_SCHEMAS:
        return None
    if _RELEASE_CANDIDATE.fullmatch(schema):
        code, what = "release_candidate_schema", "a release candidate, never a standard"
        remedy = "export the model again with the final schema: IFC4 to ingest it, or IFC4X3_ADD2"
    elif schema in _SUPERSEDED:
        code, what = "superseded_schema", "superseded by IFC4X3_ADD2"
        remedy = "ask for IFC4X3_ADD2; to ingest the model, export it as IFC4"
    else:
        code, what = "unsupported_schema", "not a schema that is read here"
        remedy = "export the model as IFC4"
    error = UnsupportedError(
        f"schema {schema} is {what}",
        where=path.name,
        found=f"FILE_SCHEMA {schema}",
        expected=f"one of {', '.join(KNOWN_SCHEMAS)}",
        remedy=remedy,
    )
    return Refusal(code=code, error=error)


@contextmanager
def step_file(path: Path) -> Iterator[Path]:
    """The STEP file itself: ``path``, or the one .ifc member of an .ifczip, unpacked under a name of our own.

    Raises ``UnreadableError`` for a damaged archive, one without exactly one .ifc, or one too large to unpack.
    """
    if path.suffix.lower() != ".ifczip":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="jnt-ifc-") as folder:
        unpacked = Path(folder) / "model.ifc"
        try:
            _unpack(path, unpacked)
        # Encrypted members raise RuntimeError, unknown compressions NotImplementedError (a subclass of it).
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise UnreadableError(
                "the archive cannot be unpacked",
                where=path.name,
                found=str(error) or type(error).__name__,
                expected="a whole ZIP archive with one .ifc",
                remedy="deliver it again, or the .ifc itself",
            ) from error
        yield unpacked


def _unpack(path: Path, target: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = [m for m in archive.infolist() if m.filename.lower().endswith(".ifc")]
        if len(members) != 1 or members[0].file_size > _MEMBER_LIMIT:
            raise UnreadableError(
                "the archive does not hold one IFC file",
                where=path.name,
                found=f"{len(members)} .ifc members, {sum(m.file_size for m in members):,} bytes",
                expected=f"exactly one, at most {_MEMBER_LIMIT >> 30} GiB",
                remedy="deliver the .ifc itself",
            )
        with archive.open(members[0]) as packed, target.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked, 1 << 20)


def _unreadable(path: Path, code: str, what: str, expected: str, remedy: str) -> Refusal:
    return Refusal(code=code, error=UnreadableError(what, where=path.name, expected=expected, remedy=remedy))
