"""The THF of a lot: which members it announces, and when it was made (*données générales de transmission*)."""

from __future__ import annotations

from dataclasses import dataclass

from jnt_pipeline.errors import UnreadableError, UnsupportedError
from jnt_pipeline.sources.edigeo.grammar import parse_member

__all__ = ["Transmission", "announced_members", "announces_members", "parse_thf"]

# Record that names the suffix, record that names the subset, extension of the member (§4.1).
_SUBSETS = (
    ("GNN", "GNI", "GEN"),
    ("GON", "GOI", "GEO"),
    ("QAN", "QAI", "QAL"),
    ("DIN", "DII", "DIC"),
    ("SCN", "SCI", "SCD"),
)
_VECTORS = ("GDN", "GDI", "VEC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmission:
    """What a THF says."""

    lot: str
    """Name of the lot, 6 characters."""
    members: dict[str, str]
    """Announced file name, upper case → identifier of the subset (``SeTOP_1``, ``SeQL``, …), in their order."""
    made_on: str
    """Date of the transmission, YYYYMMDD; empty when it is not told."""
    author: str


def announces_members(content: bytes) -> bool:
    """Whether the bytes can be those of a THF."""
    return content.startswith(b"BOMT") and b"LONSA" in content


def announced_members(content: bytes, name: str) -> tuple[str, ...]:
    """File names of the members, upper case, without the THF itself; raises as ``parse_thf``."""
    return tuple(parse_thf(content, name).members)


def parse_thf(content: bytes, name: str) -> Transmission:
    """Read a THF; raises ``UnreadableError`` when it describes no lot, ``UnsupportedError`` for several lots."""
    descriptors = parse_member(content, name)
    lots = [one for one in descriptors if one.kind == "GTL"]
    if len(lots) > 1:
        raise UnsupportedError(
            "a transmission of several lots",
            where=name,
            found=", ".join(one.first("LON") for one in lots),
            expected="one lot, the sheet",
            remedy="ask for one archive per sheet, as cadastre.data.gouv.fr gives them",
        )
    if not lots or not lots[0].first("LON"):
        raise UnreadableError(
            "the THF describes no lot", where=name, expected="a descriptor GTL", remedy="download the sheet again"
        )
    lot = lots[0]
    lot_name = lot.first("LON")
    members: dict[str, str] = {}
    for suffix_record, id_record, extension in _SUBSETS:
        if suffix := lot.first(suffix_record):
            members[f"{lot_name}{suffix}.{extension}".upper()] = lot.first(id_record)
    suffixes, ids = lot.every(_VECTORS[0]), lot.every(_VECTORS[1])
    if not suffixes or len(suffixes) != len(ids):
        raise UnreadableError(
            "the THF names its vector members incompletely",
            where=name,
            found=f"{len(suffixes)} names (GDN) and {len(ids)} identifiers (GDI)",
            expected="a name and an identifier for each of T1, T2, T3, S1",
            remedy="download the sheet again",
        )
    members |= {f"{lot_name}{suffix}.{_VECTORS[2]}".upper(): one for suffix, one in zip(suffixes, ids, strict=True)}
    general = next((one for one in descriptors if one.kind == "GTS"), lot)
    return Transmission(lot=lot_name, members=members, made_on=general.first("TDA"), author=general.first("AUT"))
