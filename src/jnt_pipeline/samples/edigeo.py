"""Writes sheets of the cadastral plan in EDIGÉO, as the DGFiP exports them: ten members, true topology, latin-1."""

from __future__ import annotations

import bz2
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import shapely

from jnt_pipeline.disk import write
from jnt_pipeline.errors import ConfigError
from jnt_pipeline.samples.edigeo_description import description_members
from jnt_pipeline.samples.edigeo_records import Member, coordinates, reference
from jnt_pipeline.samples.edigeo_schema import ATTRIBUTES, CLASSES, LABEL_CLASS, PARCEL_RELATIONS, class_rid
from jnt_pipeline.samples.edigeo_topology import OUTSIDE, arcs_between, centimetres, parts_of
from jnt_pipeline.samples.edigeo_topology import Point as Place

__all__ = ["PlanObject", "PlanSheet", "sheet_members", "write_sheet", "write_sheet_folder"]

SUBSETS = {"T1": "SeTOP_1", "T2": "SeTOP_2", "T3": "SeTOP_3", "S1": "SeSPA_1"}
"""Suffix of each vector member → identifier of its subset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanObject:
    """One object of the plan."""

    name: str
    """Class: PARCELLE, BATIMENT, … (``edigeo_schema.CLASSES``)."""
    geometry: shapely.Geometry | None
    """In the projection of the sheet; written to the centimetre. None: an object that is not drawn."""
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    """IDU, SUPF, TEX, …; numbers for the real ones."""
    created_on: str = ""
    """YYYY-MM-DD; empty: without date."""
    updated_on: str = ""
    parcels: tuple[str, ...] = ()
    """IDU (12 characters) of the parcels of the sheet that it is related to."""
    label_at: tuple[float, float] | None = None
    """Where its TEX is drawn; None: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSheet:
    """One sheet (*feuille*)."""

    sheet_id: str
    """12 characters: INSEE 5, prefix 3, section 2, number 2."""
    system: str
    """Code of the projection, RELSA: LAMB93, RGF93CC46, RGR92UTM, …"""
    objects: Sequence[PlanObject]
    made_on: str = "2026-01-01"
    author: str = "jnt_pipeline, plan fictif"

    @property
    def lot(self) -> str:
        """Name of the lot, which every member but the THF starts with."""
        return f"ED{self.sheet_id[8:]}"

    @property
    def thf(self) -> str:
        """Name of the THF."""
        return f"E{self.sheet_id[5:]}.THF"


def write_sheet(folder: Path, sheet: PlanSheet) -> Path:
    """Write ``edigeo-{sheet_id}.tar.bz2`` into a folder; same sheet, same bytes. Returns its path.

    Raises ``ConfigError`` for a text that ISO 8859-1 cannot write.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sheet_members(sheet).items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    path = folder / f"edigeo-{sheet.sheet_id}.tar.bz2"
    write(path, bz2.compress(packed.getvalue()))
    return path


def write_sheet_folder(folder: Path, sheet: PlanSheet) -> Path:
    """Write the ten members into ``folder/edigeo-{sheet_id}``, as an unpacked archive; returns the path of the THF."""
    unpacked = folder / f"edigeo-{sheet.sheet_id}"
    unpacked.mkdir(parents=True, exist_ok=True)
    for name, content in sheet_members(sheet).items():
        write(unpacked / name, content)
    return unpacked / sheet.thf


def sheet_members(sheet: PlanSheet) -> dict[str, bytes]:
    """The ten members of a sheet, by name, sorted."""
    numbers = {id(one): number for number, one in enumerate(sheet.objects, start=1)}
    places = {
        str(one.attributes["IDU"]): (SUBSETS["T1"], f"Objet_{numbers[id(one)]}")
        for one in sheet.objects
        if one.name == "PARCELLE" and "IDU" in one.attributes
    }
    members = description_members(sheet.lot, sheet.thf, sheet.system, sheet.made_on, sheet.author, _extent(sheet))
    quality = Member(f"{sheet.lot}SE.QAL")
    for suffix, subset in SUBSETS.items():
        of = [one for one in sheet.objects if CLASSES[one.name].subset == suffix]
        writer = _Subset(sheet.lot, subset, Member(f"{sheet.lot}{suffix}.VEC"), quality)
        writer.primitives([(f"Objet_{numbers[id(one)]}", one) for one in of], is_topological=suffix != "S1")
        for one in of:
            writer.feature(f"Objet_{numbers[id(one)]}", one)
        writer.relations([(f"Objet_{numbers[id(one)]}", one) for one in of], places)
        members[writer.member.name] = writer.member.content()
    members[quality.name] = quality.content()
    return dict(sorted(members.items()))


def _extent(sheet: PlanSheet) -> tuple[float, float, float, float]:
    drawn = [one.geometry for one in sheet.objects if one.geometry is not None]
    west, south, east, north = shapely.total_bounds(drawn) if drawn else (0.0, 0.0, 0.0, 0.0)
    return float(west), float(south), float(east), float(north)


@dataclass
class _Subset:
    """One vector member while it is written."""

    lot: str
    subset: str
    member: Member
    quality: Member
    made_of: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Object → (kind, identifier) of its primitives."""

    def _ref(self, kind: str, rid: str) -> str:
        return reference(self.lot, self.subset, kind, rid)

    def _link(self, rid: str, of: tuple[str, str], *ends: str, way: str = "") -> None:
        out = self.member
        out.begin("LNK", rid)
        out.add("SCPCP", reference(self.lot, "SeSD", *of))
        out.add("FTCSN", str(len(ends)))
        for number, end in enumerate(ends):
            out.add("FTPCP", end)
            if way and number:
                out.add("SNSSA", way)
        out.add("ATCSN", "0")
        out.add("QACSN", "0")

    def primitives(self, objects: Sequence[tuple[str, PlanObject]], *, is_topological: bool) -> None:
        """Nodes, arcs and faces of the objects, and the relations between them."""
        if is_topological:
            self._topology(objects)
            return
        for rid, one in objects:
            drawn = one.geometry
            if drawn is None:
                continue
            if CLASSES[one.name].kind == "ARE":
                self._spaghetti_faces(rid, drawn)
            elif CLASSES[one.name].kind == "LIN":
                lines = shapely.get_parts(drawn)
                for number, line in enumerate(lines, start=1):
                    self._arc(f"Arc_{rid}_{number}", centimetres(list(line.coords)))
                    self.made_of.setdefault(rid, []).append(("PAR", f"Arc_{rid}_{number}"))
            else:
                points = shapely.get_parts(drawn)
                for number, point in enumerate(points, start=1):
                    self._node(f"Noeud_{rid}_{number}", centimetres([(point.x, point.y)])[0], "2")
                    self.made_of.setdefault(rid, []).append(("PNO", f"Noeud_{rid}_{number}"))

    def _topology(self, objects: Sequence[tuple[str, PlanObject]]) -> None:
        faces = [(rid, part) for rid, one in objects if one.geometry is not None for part in parts_of(one.geometry)]
        self._face("Face_0")
        for number, (rid, _) in enumerate(faces, start=1):
            self._face(f"Face_{number}")
            self.made_of.setdefault(rid, []).append(("PFE", f"Face_{number}"))
        arcs = arcs_between([part for _, part in faces])
        nodes = {
            place: f"Noeud_{n}" for n, place in enumerate(sorted({arc.points[i] for arc in arcs for i in (0, -1)}), 1)
        }
        for place, rid in nodes.items():
            self._node(rid, place, "1")
        for number, arc in enumerate(arcs, start=1):
            rid = f"Arc_{number}"
            self._arc(rid, arc.points)
            for word, end in (("INI", arc.points[0]), ("FIN", arc.points[-1])):
                node = nodes[end]
                of = ("REL", f"ID_S_RCO_NOD_{word}")
                self._link(f"Compo_{word}_{rid}_{node}", of, self._ref("PAR", rid), self._ref("PNO", node))
            for word, side in (("GCHE", arc.left), ("DRTE", arc.right)):
                self._side(rid, word, "Face_0" if side == OUTSIDE else f"Face_{side + 1}")

    def _spaghetti_faces(self, rid: str, drawn: shapely.Geometry) -> None:
        for number, part in enumerate(parts_of(drawn), start=1):
            face = f"Face_{rid}_{number}"
            self._face(face)
            self.made_of.setdefault(rid, []).append(("PFE", face))
            for ring_number, ring in enumerate((part.exterior, *part.interiors)):
                arc = f"Arc_{rid}_{number}_{ring_number}"
                points = centimetres(list(ring.coords))
                self._arc(arc, points[::-1] if ring_number else points)  # every ring counter-clockwise (§5.2.2)
                self._side(arc, "DRTE" if ring_number else "GCHE", face)

    def _side(self, arc: str, word: str, face: str) -> None:
        of = ("REL", f"ID_S_RCO_FAC_{word}")
        self._link(f"Compo_{word}_{arc}_{face}", of, self._ref("PAR", arc), self._ref("PFE", face))

    def _node(self, rid: str, place: Place, kind: str) -> None:
        out = self.member
        out.begin("PNO", rid)
        out.add("SCPCP", reference(self.lot, "SeSD", "PGE", "ID_S_PRI_NOD"))
        out.add("TYPSN", kind)
        out.add("CORCC", coordinates(place))
        out.add("ATCSN", "0")
        out.add("QACSN", "0")

    def _arc(self, rid: str, points: Sequence[Place]) -> None:
        out = self.member
        out.begin("PAR", rid)
        out.add("SCPCP", reference(self.lot, "SeSD", "PGE", "ID_S_PRI_ARC"))
        out.empty("CM1CC", "CM2CC")
        out.add("TYPSN", "1")
        out.add("PTCSN", str(len(points)))
        for place in points:
            out.add("CORCC", coordinates(place))
        out.add("ATCSN", "0")
        out.add("QACSN", "0")

    def _face(self, rid: str) -> None:
        out = self.member
        out.begin("PFE", rid)
        out.add("SCPCP", reference(self.lot, "SeSD", "PGE", "ID_S_PRI_FAC"))
        out.empty("CM1CC", "CM2CC")
        out.add("ATCSN", "0")
        out.add("QACSN", "0")

    def feature(self, rid: str, one: PlanObject) -> None:
        """The object, its text where it is drawn, and the dates of it."""
        dated = bool(one.created_on or one.updated_on)
        self._object(rid, one.name, one.attributes, f"Actualite_{rid}" if dated else "")
        if dated:
            self._dates(f"Actualite_{rid}", one)
        if one.label_at is not None:
            label = f"Attribut_TEX_id_{rid}"
            attributes: dict[str, str | float] = {
                "ID_S_ATT_FON": "Times New Roman",
                "ID_S_ATT_HEI": 2.0,
                "ID_S_ATT_DI3": 1.0,
                "ID_S_ATT_DI4": 0.0,
                "ID_S_ATT_ATR": reference(self.lot, "SeSD", "ATT", "TEX_id"),
            }
            self._node(f"Noeud_{label}", centimetres([one.label_at])[0], "2")
            self.made_of[label] = [("PNO", f"Noeud_{label}")]
            self._object(label, LABEL_CLASS, attributes, "")
            self._composed(label, LABEL_CLASS)
            ends = (self._ref("FEA", label), self._ref("FEA", rid))
            self._link(f"Rel_IWW_{label}", ("ASS", "IS_S_REL_IWW"), *ends)

    def _object(self, rid: str, name: str, attributes: Mapping[str, str | float], quality: str) -> None:
        out = self.member
        out.begin("FEA", rid)
        out.add("SCPCP", reference(self.lot, "SeSD", "OBJ", class_rid(name)))
        out.empty("CM1CC", "CM2CC", "REFCC")
        out.add("ATCSN", str(len(attributes)))
        for attribute, value in attributes.items():
            if attribute not in CLASSES[name].attributes:
                raise ConfigError(
                    f"the class {name} has no attribute {attribute}", expected=", ".join(CLASSES[name].attributes)
                )
            out.add("ATPCP", reference(self.lot, "SeSD", "ATT", class_rid(attribute)))
            kind = ATTRIBUTES[attribute][0]
            if kind == "T":
                out.text("ATVST", str(value))
            elif kind == "R":
                out.add("ATVSR", f"{float(value):+f}".rstrip("0"))
            else:
                out.add("ATVCP" if kind == "P" else "ATVSA", str(value))
        out.add("QACSN", "1" if quality else "0")
        if quality:
            out.add("QAPCP", reference(self.lot, "SeQL", "QUP", quality))

    def _dates(self, rid: str, one: PlanObject) -> None:
        out = self.quality
        out.begin("QUP", rid)
        out.add("ODASD", one.created_on.replace("-", ""))
        out.add("UTYSN", "1")
        out.add("ULOSN", "2")
        out.add("UDASD", one.updated_on.replace("-", ""))
        out.empty("RATSR", "EDASD")
        out.add("COCSN", "1")
        out.add("COPCP", reference(self.lot, "SeSD", "OBJ", class_rid(one.name)))

    def relations(self, objects: Sequence[tuple[str, PlanObject]], places: Mapping[str, tuple[str, str]]) -> None:
        """What each object is made of, and the parcels that it is related to."""
        for rid, one in objects:
            self._composed(rid, one.name)
            if one.parcels and one.name not in PARCEL_RELATIONS:
                raise ConfigError(f"a {one.name} is not related to parcels", expected=", ".join(PARCEL_RELATIONS))
            for idu in one.parcels:
                subset, parcel = places[idu]
                name = f"{one.name}_PARCELLE"
                ends = (self._ref("FEA", rid), reference(self.lot, subset, "FEA", parcel))
                self._link(f"Rel_{name}_{rid}_{parcel}", ("ASS", name), *ends)

    def _composed(self, rid: str, name: str) -> None:
        primitives = self.made_of.get(rid)
        if not primitives:
            return
        of = ("REL", "ID_S_RCO_Z_1_2_2" if name == LABEL_CLASS else f"ID_S_RCO_{name}_id")
        way = "P" if primitives[0][0] == "PAR" else ""
        self._link(f"Compo_{rid}", of, self._ref("FEA", rid), *(self._ref(*one) for one in primitives), way=way)
