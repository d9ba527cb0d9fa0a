"""What a lot describes: objects with attributes and dates, their primitives, and the relations between them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import UnreadableError
from jnt_pipeline.sources.edigeo.grammar import Descriptor, parse_member
from jnt_pipeline.sources.edigeo.lot import Members
from jnt_pipeline.sources.edigeo.systems import reference_of_code

__all__ = ["LABELS", "Arc", "Content", "Feature", "Key", "Relation", "read_content"]

Key = tuple[str, str]
"""Subset and identifier: nodes, arcs and faces are numbered anew in each subset."""
Array = NDArray[np.float64]

LABELS = "ID_S_OBJ_Z_1_2_2"
"""Class of the placed texts (*écritures-attributs*): where the text of another object is drawn."""
_CONSTRUCTION = "ID_S_RCO_"
_LEFT, _RIGHT = "ID_S_RCO_FAC_GCHE", "ID_S_RCO_FAC_DRTE"
_KINDS = {"ARE": "surface", "LIN": "line", "PCT": "point"}
_COUNTED = {
    "FEA": (("ATC", "ATP"), ("QAC", "QAP")),
    "LNK": (("FTC", "FTP"),),
    "PAR": (("PTC", "COR"),),
}
"""Records that announce a number, and those that are counted by it, by type of descriptor."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One object (*objet*)."""

    key: Key
    name: str
    """Class without its ending: PARCELLE, BATIMENT, …"""
    attributes: dict[str, str]
    """Attribute without its ending (IDU, SUPF, TEX, …) → text, blanks at both ends trimmed, blank ones left out."""
    created_on: str | None
    """ODA, YYYY-MM-DD."""
    updated_on: str | None
    """UDA, YYYY-MM-DD."""
    where: str
    """Member and line."""


@dataclass(frozen=True, slots=True)
class Arc:
    """One arc, points in their order, shape (n, 2); None when it was described twice, differently."""

    points: Array | None


@dataclass(frozen=True, slots=True)
class Relation:
    """One semantic relation (*relation sémantique*) between objects."""

    name: str
    """BATIMENT_PARCELLE, SUBDFISC_PARCELLE, …"""
    ends: tuple[Key, ...]
    """Objects that it binds, in the order written: which comes first differs between exports."""


@dataclass(kw_only=True)
class Content:
    """Everything that a lot says; filled member by member."""

    reference: Reference
    kinds: dict[str, str] = field(default_factory=dict)
    """Class → surface, line or point, as the SCD says."""
    features: dict[Key, Feature] = field(default_factory=dict)
    nodes: dict[Key, Array] = field(default_factory=dict)
    arcs: dict[Key, Arc] = field(default_factory=dict)
    faces: set[Key] = field(default_factory=set)
    left: dict[Key, list[Key]] = field(default_factory=dict)
    """Face → arcs that have it on their left."""
    right: dict[Key, list[Key]] = field(default_factory=dict)
    built_of: dict[Key, list[tuple[str, Key, str]]] = field(default_factory=dict)
    """Object → kind (PFE, PAR, PNO), primitive, and direction of an arc (P or M)."""
    relations: list[Relation] = field(default_factory=list)
    repeated: list[Feature] = field(default_factory=list)
    """Objects whose identifier was met before in their subset."""
    topological: set[str] = field(default_factory=set)
    """Subsets whose every arc lies between two faces; the others are spaghetti, where a side means nothing."""
    notes: Counter[str] = field(default_factory=Counter)
    """Sentences about the lot, and how often each holds."""


def read_content(members: Members) -> Content:
    """Parse all members of a lot.

    Raises ``UnreadableError`` for damage (among it: fewer points, attributes or ends than announced),
    ``UnsupportedError`` for a charset or a coordinate system that is not known.
    """
    name, _, geo = _only(members, "GEO")
    codes = [one.first("REL") for one in parse_member(geo, name) if one.kind == "GEO"]
    content = Content(reference=reference_of_code(codes[0] if codes else "", name))
    name, _, schema = _only(members, "SCD")
    for one in parse_member(schema, name):
        if one.kind == "OBJ":
            content.kinds[_class(one.rid)] = _KINDS.get(one.first("KND"), "")
    dates: dict[str, tuple[str | None, str | None]] = {}
    for name, _, quality in members.of_kind("QAL"):
        for one in parse_member(quality, name):
            if one.kind == "QUP":
                dates[one.rid] = (_date(one.first("ODA"), content), _date(one.first("UDA"), content))
    if not dates:
        content.notes["no dates: the lot has no quality member (QAL)"] += 1
    for name, _, nomenclature in members.of_kind("DIC"):
        parse_member(nomenclature, name)  # nothing in it is needed, yet damage must not pass
    for name, _, general in members.of_kind("GEN"):
        topological = (one.rid for one in parse_member(general, name) if one.first("STR") == "1")
        content.topological.update(topological)
    for name, subset, vectors in members.of_kind("VEC"):
        for one in parse_member(vectors, name):
            _require_counts(one, name)
            _READERS.get(one.kind, _unknown)(one, subset, name, content, dates)
    return content


Dates = dict[str, tuple[str | None, str | None]]


def _feature(one: Descriptor, subset: str, member: str, content: Content, dates: Dates) -> None:
    attributes: dict[str, str] = {}
    pending = ""
    for name, value in one.fields:
        if name == "ATP":
            pending = value.rsplit(";", 1)[-1].removesuffix("_id")
        elif name == "ATV" and pending:
            text = value.strip()
            if text:
                attributes[pending] = text
            pending = ""
    created, updated = dates.get(one.first("QAP").rsplit(";", 1)[-1], (None, None))
    key = (subset, one.rid)
    name = _class(one.first("SCP").rsplit(";", 1)[-1])
    feature = Feature(key, name, attributes, created, updated, f"{member}, line {one.line}")
    if key in content.features:
        content.repeated.append(feature)
    else:
        content.features[key] = feature


def _node(one: Descriptor, subset: str, member: str, content: Content, dates: Dates) -> None:
    del dates
    content.nodes[(subset, one.rid)] = _points(one, member)


def _arc(one: Descriptor, subset: str, member: str, content: Content, dates: Dates) -> None:
    del dates
    if one.first("TYP") not in {"1", ""}:
        raise UnreadableError(
            "an arc that is not made of straight lines",
            where=f"{member}, line {one.line}",
            found=f"TYP {one.first('TYP')}",
            expected="1, which is the only one that the cadastre allows",
            remedy="ask the producer for the sheet again",
        )
    points = _points(one, member)
    before = content.arcs.get((subset, one.rid))
    if before is not None and not (before.points is not None and np.array_equal(before.points, points)):
        content.arcs[(subset, one.rid)] = Arc(None)
    else:
        content.arcs[(subset, one.rid)] = Arc(points)


def _face(one: Descriptor, subset: str, member: str, content: Content, dates: Dates) -> None:
    del member, dates
    content.faces.add((subset, one.rid))


def _link(one: Descriptor, subset: str, member: str, content: Content, dates: Dates) -> None:
    del dates
    name = one.first("SCP").rsplit(";", 1)[-1]
    ends: list[tuple[str, Key]] = []
    directions: list[str] = []
    for field_name, value in one.fields:
        if field_name == "FTP":
            parts = value.split(";")
            if len(parts) != 4:
                raise _strange(f"{member}, line {one.line}", value, "lot;subset;type;identifier")
            ends.append((parts[2], (parts[1], parts[3])))
            directions.append("P")
        elif field_name == "SNS" and directions:
            directions[-1] = value
    if name in {_LEFT, _RIGHT}:
        sides = content.left if name == _LEFT else content.right
        for _, face in ends[1:]:
            sides.setdefault(face, []).append(ends[0][1])
    elif not name.startswith(_CONSTRUCTION):
        content.relations.append(Relation(name, tuple(key for _, key in ends)))
    elif ends[0][0] == "FEA":
        primitives = [(kind, key, way) for (kind, key), way in zip(ends[1:], directions[1:], strict=True)]
        content.built_of.setdefault(ends[0][1], []).extend(primitives)


def _unknown(one: Descriptor, subset: str, member: str, content: Content, dates: Dates) -> None:
    del subset, member, dates
    content.notes[f"descriptors of the type {one.kind} are not read"] += 1


_READERS = {"FEA": _feature, "PNO": _node, "PAR": _arc, "PFE": _face, "LNK": _link}


def _class(identifier: str) -> str:
    return identifier.removesuffix("_id")


def _only(members: Members, extension: str) -> tuple[str, str, bytes]:
    found = members.of_kind(extension)
    if len(found) != 1:
        raise UnreadableError(
            f"the THF announces no {extension} member",
            where=members.transmission.lot,
            expected="GEO and SCD members, which every lot must have",
            remedy="download the sheet again",
        )
    return found[0]


def _points(one: Descriptor, member: str) -> Array:
    try:
        pairs = [value.split(";")[:2] for value in one.every("COR")]
        points = np.array([(float(x), float(y)) for x, y in pairs], dtype=np.float64).reshape(-1, 2)
    except ValueError as error:
        raise _strange(f"{member}, line {one.line}", str(error), "two signed numbers, a ';' after each") from error
    if not len(points) or not np.isfinite(points).all():
        raise _strange(f"{member}, line {one.line}", "no finite coordinates", "at least one point")
    return points


def _require_counts(one: Descriptor, member: str) -> None:
    counts = _COUNTED.get(one.kind)
    if counts is None:
        return
    names = [name for name, _ in one.fields]
    for announced, counted in counts:
        if one.first(announced) not in {"", str(names.count(counted))}:
            raise UnreadableError(
                f"descriptor {one.kind} {one.rid} has lost records",
                where=f"{member}, line {one.line}",
                found=f"{names.count(counted)} {counted}",
                expected=f"{one.first(announced)}, as {announced} says",
                remedy="unpack the archive of the sheet again, or download it again",
            )


def _date(text: str, content: Content) -> str | None:
    if len(text) == 8 and text.isdigit() and "01" <= text[4:6] <= "12" and "01" <= text[6:] <= "31":
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if text.strip("0 "):
        content.notes["dates that are no YYYYMMDD are left empty"] += 1
    return None


def _strange(where: str, found: str, expected: str) -> UnreadableError:
    return UnreadableError(
        "a value that cannot be read",
        where=where,
        found=found,
        expected=expected,
        remedy="unpack the archive of the sheet again, or download it again",
    )
