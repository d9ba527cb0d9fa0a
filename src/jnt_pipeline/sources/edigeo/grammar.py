"""The exchange grammar of EDIGÉO (NF Z 52000): bytes of a member to its descriptors, charsets included."""

from __future__ import annotations

from dataclasses import dataclass

from jnt_pipeline.errors import UnreadableError, UnsupportedError

__all__ = ["Descriptor", "parse_member"]

_HEAD = 8  # characters before the value: name 3, nature 1, format 1, length 2, ':'
_LONGEST = 72  # characters of a value; what is longer goes on in the next record
_LENGTHS = {f"{n:02d}": n for n in range(100)}
_TEXTS = "AT"  # formats whose values are joined over several records

# Announced per value; IRV (ISO 646) is what every header says, over bytes that are ISO 8859-1 all the same.
_CHARSETS = {"IRV": "latin-1", "646-FRANCE": "latin-1", **{f"8859-{n}": f"iso8859-{n}" for n in range(1, 10)}}
# The places of ISO 646 that the French variant of 1983 (NF Z 62-010) gives to its own letters.
_ISO_646_FRANCE = str.maketrans("#@[\\]`{|}~", "£à°ç§µéùè¨")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One block (*bloc descripteur*): its type, its identifier and its fields in their order."""

    kind: str
    """Record RTY: FEA, LNK, PAR, PFE, PNO, QUP, GEO, GTL, GSE, OBJ, …"""
    rid: str
    """Record RID, unique by kind inside a subset."""
    line: int
    """Line of its RTY record, from 1."""
    fields: list[tuple[str, str]]
    """Name of three characters and value, after RID; charsets are resolved, records that go on are joined."""

    def first(self, name: str) -> str:
        """Value of the first field of that name, empty without one."""
        for field, value in self.fields:
            if field == name:
                return value
        return ""

    def every(self, name: str) -> list[str]:
        """Values of all fields of that name."""
        return [value for field, value in self.fields if field == name]


def parse_member(content: bytes, name: str) -> list[Descriptor]:
    """Descriptors of a member (*métafichier*), in their order.

    A record says how long it is: a file that was cut, or saved in another encoding, is noticed at the first record.
    Text goes on in records ``NEXT``, or in records of the same name after one of 72 characters.

    Raises ``UnreadableError`` (not EDIGÉO, another member's content, a record of another length, no end),
    ``UnsupportedError`` for a charset that is not read.
    """
    descriptors: list[Descriptor] = []
    fields: list[tuple[str, str]] = []
    default = charset = "IRV"
    kind, kind_line = "", 0
    can_go_on, ended, begun = "", False, False
    # str.splitlines would cut at U+0085, which is a byte of ISO 8859-1.
    for number, line in enumerate(content.decode("latin-1").replace("\r\n", "\n").split("\n"), start=1):
        if not line:
            continue
        record, value = line[:3], line[_HEAD:]
        if line[7:8] != ":" or _LENGTHS.get(line[5:7]) != len(value) or ended:
            raise _damaged(name, number, line)
        if record == "COR":  # the bulk of every file
            fields.append((record, value))
            can_go_on = ""
        elif record == "RTY":
            fields = []
            kind, kind_line, charset, can_go_on = value, number, default, ""
        elif record == "RID":
            descriptors.append(Descriptor(kind, value, kind_line, fields))
        elif record == "TEX":
            charset = _known(value, name, number)
        elif record == "BOM":
            begun = True
            _require_name(value, name)
        elif record == "CSE":
            default = charset = _known(value, name, number)
        elif record == "EOM":
            ended = True
        elif record in ("NEX", can_go_on):
            if not can_go_on:
                raise _damaged(name, number, line)
            before = fields[-1]
            fields[-1] = (before[0], before[1] + _decoded(value, charset))
            if len(value) < _LONGEST:
                can_go_on, charset = "", default
        else:
            if can_go_on:  # the one before was of 72 characters, and whole
                charset = default
            goes_on = line[4] in _TEXTS and len(value) == _LONGEST
            fields.append((record, _decoded(value, charset) if line[4] in _TEXTS else value))
            can_go_on = record if goes_on else ""
            if line[4] in _TEXTS and not goes_on:
                charset = default
    if not (begun and ended):
        raise UnreadableError(
            "the member is cut short" if begun else "not an EDIGÉO member",
            where=name,
            found=f"{len(content):,} bytes without {'EOM' if begun else 'BOM'}",
            expected="records from BOM to EOM",
            remedy="download the sheet again",
        )
    return descriptors


def _decoded(value: str, charset: str) -> str:
    if value.isascii() and charset != "646-FRANCE":
        return value
    if charset == "646-FRANCE":
        return value.translate(_ISO_646_FRANCE)
    codec = _CHARSETS[charset]
    return value if codec == "latin-1" else value.encode("latin-1").decode(codec, errors="replace")


def _known(charset: str, name: str, number: int) -> str:
    if charset in _CHARSETS:
        return charset
    raise UnsupportedError(
        "text in a charset that is not read",
        where=f"{name}, line {number}",
        found=charset or "no name",
        expected=", ".join(_CHARSETS),
        remedy="ask the producer for ISO 8859-1, which every export of the DGFiP uses",
    )


def _require_name(told: str, name: str) -> None:
    if told.upper() != name.upper():
        raise UnreadableError(
            "the member says that it is another one",
            where=name,
            found=told,
            expected=name,
            remedy="unpack the archive of the sheet again; do not rename its members",
        )


def _damaged(name: str, number: int, line: str) -> UnreadableError:
    return UnreadableError(
        "a record that is not of the form name, length, value: the file is damaged or was saved in another encoding",
        where=f"{name}, line {number}",
        found=repr(line[:40]),
        expected="3 letters, nature, format, length of the value in two digits, ':', the value",
        remedy="unpack the archive of the sheet again, or download it again",
    )
