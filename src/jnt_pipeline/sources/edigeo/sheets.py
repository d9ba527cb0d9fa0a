"""Which sheets (*feuilles*) a delivery holds: archives, unpacked folders and zips of a département, by their names."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jnt_pipeline.errors import EmptySourceError, SourceError, UnreadableError
from jnt_pipeline.sources.edigeo.thf import announced_members, announces_members
from jnt_pipeline.sources.files import delivered_files, safe_name

__all__ = ["Sheet", "archive_damage", "is_edigeo", "sheets_of"]

INSEE = r"(?:97[1-8]\d\d|\d{5}|2[AB]\d{3})"
_SHEET = re.compile(rf"(?<![0-9A-Z])({INSEE})(\d{{3}}[0-9A-Z]{{2}}\d{{2}})(?![0-9A-Z])")
_COMMUNE_FOLDER = re.compile(INSEE)
_THF = re.compile(r"E(\d{3}[0-9A-Z]{2}\d{2})\.THF")
_ARCHIVES = (".tar.bz2", ".tbz2")
_ZIP_HEAD, _BZIP2_HEAD, _THF_HEAD = b"PK\x03\x04", b"BZh", b"BOMT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet as it was delivered."""

    sheet_id: str
    """12 characters, INSEE 5 + prefix 3 + section 2 + number 2; only the last 7 where nothing tells the commune."""
    files: tuple[Path, ...]
    """The archive or the zip; or the THF and the members that lie beside it."""
    member: str = ""
    """Inside a zip: the path of the sheet's archive, or of its THF."""

    @property
    def insee_code(self) -> str | None:
        """INSEE code of the commune, 5 characters; None where neither a name nor an option tells it."""
        return self.sheet_id[:5] if _SHEET.fullmatch(self.sheet_id) else None


def is_edigeo(path: Path) -> bool:
    """Whether a file or folder holds EDIGÉO sheets: by names and first bytes, nothing is unpacked."""
    if path.is_dir():
        return any(_is_sheet_name(p.name) for p in path.rglob("*") if p.is_file())
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError:
        return False
    if head.startswith(_ZIP_HEAD):
        return any(_is_sheet_name(PurePosixPath(name).name) for name in _zip_names(path))
    if head.startswith(_BZIP2_HEAD):
        return path.name.lower().endswith(_ARCHIVES)
    return head.startswith(_THF_HEAD) and b".THF" in head.split(b"\n", 1)[0].upper()


def sheets_of(path: Path, *, insee_code: str | None = None) -> tuple[Sheet, ...]:
    """The sheets of a file or folder, sorted by id; names and directories of zips are read, and the small THF files.

    A file is an archive (``edigeo-{feuille12}.tar.bz2``), a THF, or a zip of either; in a folder and its subfolders,
    all of these are taken, other files are not looked at.

    Parameters: ``insee_code`` commune of sheets whose name, and folder, tell none.
    Raises ``EmptySourceError`` without any sheet, ``SourceError`` when a sheet comes twice or when a name tells
    another commune than ``insee_code``, ``UnreadableError`` for a damaged zip or THF.
    """
    if path.is_dir():
        files = delivered_files(path, *_ARCHIVES, ".thf", ".zip")
        found = [sheet for file in files for sheet in _in_file(file, insee_code, path)]
    elif path.is_file():
        found = list(_in_file(path, insee_code, None))
    else:
        raise SourceError(
            "no such file or folder",
            where=path,
            expected="an EDIGÉO archive, a THF, a zip, or a folder of them",
            remedy="correct `path` in the description of the territory (it is relative to the YAML file)",
        )
    if not found:
        raise EmptySourceError(
            "no EDIGÉO sheet",
            where=path,
            expected="edigeo-{feuille}.tar.bz2 archives, or folders with a THF and its members",
            remedy="download the sheets of the commune from cadastre.data.gouv.fr (dgfip-pci-vecteur)",
        )
    return _each_once(found)


def _each_once(sheets: Iterable[Sheet]) -> tuple[Sheet, ...]:
    by_id: dict[str, Sheet] = {}
    for sheet in sheets:
        other = by_id.setdefault(sheet.sheet_id, sheet)
        if other is not sheet:
            raise SourceError(
                f"sheet {sheet.sheet_id} comes twice",
                where=sheet.files[0],
                found=f"also {other.files[0]} {other.member}".strip(),
                expected="each sheet once, in one projection",
                remedy="keep the newest edition and take the other out of the folder",
            )
    return tuple(by_id[key] for key in sorted(by_id))


def _in_file(file: Path, insee_code: str | None, root: Path | None) -> Iterator[Sheet]:
    """Sheets of one file; with ``root``, a file of a folder that may hold other things as well."""
    above = file.relative_to(root.parent).parts[:-1] if root else file.parts[-2:-1]
    name = file.name.lower()
    with file.open("rb") as stream:
        is_zip = stream.read(4) == _ZIP_HEAD
    if is_zip:
        names = _zip_names(file)
        for member in names:
            inside = PurePosixPath(member)
            if _is_sheet_name(inside.name):
                key = _sheet_id((*above, *inside.parts), insee_code, inside.name, file)
                yield Sheet(sheet_id=key, files=(file,), member=member)
    elif name.endswith(".thf"):
        members = _beside(file)
        yield Sheet(sheet_id=_sheet_id((*above, file.name), insee_code, file.name, file), files=(file, *members))
    elif root is None or _is_sheet_name(file.name):
        told = file.name if _SHEET.search(file.name.upper()) else _thf_name_inside(file)
        yield Sheet(sheet_id=_sheet_id((*above, file.name), insee_code, told, file), files=(file,))


def _sheet_id(parts: tuple[str, ...], insee_code: str | None, name: str, file: Path) -> str:
    """Id from the nearest name that tells the sheet; the commune from it, from a folder's name, or from the option."""
    stated = next((m for part in reversed(parts) if (m := _SHEET.search(part.upper()))), None)
    thf = _THF.fullmatch(name.upper())
    if stated and thf and stated[2] != thf[1]:
        stated = None  # a folder named after another of its sheets
    folder = next((part for part in reversed(parts[:-1]) if _COMMUNE_FOLDER.fullmatch(part.upper())), None)
    commune = stated[1] if stated else folder.upper() if folder else None
    if commune and insee_code and commune != insee_code:
        raise SourceError(
            "the name tells another commune than `insee_code`",
            where="/".join(parts[-2:]),
            found=commune,
            expected=insee_code,
            remedy="take the sheet out of the folder, or correct `insee_code`",
        )
    commune = commune or insee_code or ""
    if stated:
        return f"{commune}{stated[2]}"
    return f"{commune}{thf[1]}" if thf else safe_name(name.split(".", maxsplit=1)[0])


def _is_sheet_name(name: str) -> bool:
    lowered = name.lower()
    return lowered.endswith(".thf") or (lowered.startswith("edigeo") and lowered.endswith(_ARCHIVES))


def _beside(thf: Path) -> tuple[Path, ...]:
    """The announced members that lie beside a THF, whatever the case of their names."""
    try:
        content = thf.read_bytes()
    except OSError as error:
        raise archive_damage(thf, error) from error
    if not announces_members(content):
        return ()
    wanted = {name.upper() for name in announced_members(content, thf.name)}
    return tuple(sorted(p for p in thf.parent.iterdir() if p.name.upper() in wanted and p.is_file()))


def _zip_names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return sorted(archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise archive_damage(path, error) from error


def _thf_name_inside(archive: Path) -> str:
    try:
        with tarfile.open(archive, "r:*") as members:
            names = [PurePosixPath(name).name for name in members.getnames()]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise archive_damage(archive, error) from error
    return next((name for name in names if name.lower().endswith(".thf")), archive.name)


def archive_damage(path: Path, error: Exception, *, member: str = "") -> UnreadableError:
    """The error of an archive, of a file, or of the ``member`` of a zip, that cannot be read whole."""
    size = "" if member else f" ({path.stat().st_size:,} bytes)"
    return UnreadableError(
        "the archive is damaged or cut short",
        where=f"{path.name}!{member}" if member else path.name,
        found=f"{str(error) or type(error).__name__}{size}",
        expected="a whole archive",
        remedy="download the sheet again and compare its size with the producer's",
    )
