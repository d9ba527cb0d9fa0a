"""The members of a sheet as bytes, from an archive, a folder or a zip; missing and repeated ones are named."""

from __future__ import annotations

import bz2
import hashlib
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from jnt_pipeline.errors import MissingMembersError, UnreadableError
from jnt_pipeline.provenance import SourceFile
from jnt_pipeline.sources.edigeo.sheets import Sheet, archive_damage
from jnt_pipeline.sources.edigeo.thf import Transmission, parse_thf

__all__ = ["Members", "read_members"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The files of one lot."""

    transmission: Transmission
    content: dict[str, bytes]
    """Bytes of each announced member, by its name in upper case."""
    files: tuple[SourceFile, ...]
    """What was read: the archive, its place in the zip, or each member of the folder."""
    others: tuple[str, ...]
    """Files beside them in the archive that the THF does not announce."""

    def of_kind(self, extension: str) -> list[tuple[str, str, bytes]]:
        """Name, identifier of the subset and bytes of the members with that extension."""
        listed = self.transmission.members.items()
        return [(name, subset, self.content[name]) for name, subset in listed if name.endswith(f".{extension}")]


def read_members(sheet: Sheet) -> Members:
    """Read every member of a sheet.

    Raises ``MissingMembersError`` naming what is announced and absent (GDAL opens such a sheet with fewer layers, or
    none, without a word), ``UnreadableError`` for a damaged archive, one without THF, or a member that comes twice.
    """
    where = f"{sheet.files[0].name}!{sheet.member}" if sheet.member else sheet.files[0].name
    try:
        found, files = _unpacked(sheet)
    except (tarfile.TarError, zipfile.BadZipFile, KeyError, OSError, EOFError, ValueError, zlib.error) as error:
        raise archive_damage(sheet.files[0], error, member=sheet.member) from error
    content: dict[str, bytes] = {}
    for name, one in found:
        key = PurePosixPath(name).name.upper()
        if key in content:
            raise UnreadableError(
                "a member comes twice",
                where=where,
                found=key,
                expected="each member of the lot once",
                remedy="unpack each archive into a folder of its own, or download the sheet again",
            )
        content[key] = one
    thfs = [name for name in content if name.endswith(".THF")]
    if len(thfs) != 1:
        raise MissingMembersError(
            "no THF" if not thfs else "several THF: which lot is meant?",
            where=where,
            found=", ".join(sorted(thfs or content)) or "nothing",
            expected="one THF and the members that it announces",
            remedy="unpack the whole archive of the sheet",
        )
    transmission = parse_thf(content.pop(thfs[0]), thfs[0])
    if missing := [name for name in transmission.members if name not in content]:
        raise MissingMembersError(
            f"members missing beside the THF: {', '.join(missing)}",
            where=where,
            found=", ".join(sorted(content)) or "the THF alone",
            expected=", ".join(transmission.members),
            remedy="unpack the whole archive of the sheet",
        )
    others = tuple(sorted(name for name in content if name not in transmission.members))
    kept = {name: content[name] for name in transmission.members}
    return Members(transmission=transmission, content=kept, files=files, others=others)


Found = Iterable[tuple[str, bytes]]


def _unpacked(sheet: Sheet) -> tuple[Found, tuple[SourceFile, ...]]:
    first = sheet.files[0]
    if not sheet.member:
        if first.suffix.lower() == ".thf":
            unpacked = [(path.name, path.read_bytes()) for path in sheet.files]
            return unpacked, tuple(_print(name, one) for name, one in unpacked)
        packed = first.read_bytes()
        return _of_archive(packed), (_print(first.name, packed),)
    with zipfile.ZipFile(first) as archive:
        inside = PurePosixPath(sheet.member)
        if inside.suffix.lower() != ".thf":
            packed = archive.read(sheet.member)
            return _of_archive(packed), (_print(f"{first.name}!{inside.name}", packed),)
        content = archive.read(sheet.member)
        wanted = parse_thf(content, inside.name).members
        names = [n for n in archive.namelist() if PurePosixPath(n).parent == inside.parent]
        beside = [n for n in names if PurePosixPath(n).name.upper() in wanted]
        read = [(sheet.member, content), *((n, archive.read(n)) for n in beside)]
        return read, tuple(_print(f"{first.name}!{PurePosixPath(n).name}", one) for n, one in read)


def _of_archive(packed: bytes) -> Found:
    plain = bz2.decompress(packed) if packed.startswith(b"BZh") else packed
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:*") as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        return [(member.name, _whole(archive, member)) for member in members]


def _whole(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    content = stream.read() if stream else b""
    if len(content) != member.size:
        raise EOFError(f"{member.name} has {len(content):,} of {member.size:,} bytes")
    return content


def _print(name: str, content: bytes) -> SourceFile:
    return SourceFile(name=name, sha256=hashlib.sha256(content).hexdigest(), n_bytes=len(content))
