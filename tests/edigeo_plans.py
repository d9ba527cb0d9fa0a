"""Small plans with a known answer, written as EDIGÉO sheets."""

from __future__ import annotations

import bz2
import io
import tarfile
from pathlib import Path

import shapely
from shapely.geometry import Polygon

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.samples.edigeo import PlanObject, PlanSheet, sheet_members, write_sheet
from jnt_pipeline.sources.edigeo import read_edigeo

SHEET = "380010000A01"
EAST, NORTH = 900_000.0, 6_500_000.0


def shape(*places: tuple[float, float], holes: tuple[tuple[tuple[float, float], ...], ...] = ()) -> Polygon:
    """A polygon of places counted in metres from the corner of the plan."""
    return Polygon([moved(place) for place in places], [[moved(place) for place in hole] for hole in holes])


def square(x: float, y: float, side: float) -> Polygon:
    return shape((x, y), (x + side, y), (x + side, y + side), (x, y + side))


def moved(place: tuple[float, float]) -> tuple[float, float]:
    return EAST + place[0], NORTH + place[1]


def parcel(number: int, geometry: shapely.Geometry | None, **attributes: str | float) -> PlanObject:
    """A parcel of section A of commune 38001."""
    idu = f"0010000A{number:04d}"
    known: dict[str, str | float] = {"IDU": idu, "INDP": "01", "TEX": str(number)}
    return PlanObject(name="PARCELLE", geometry=geometry, attributes={**known, **attributes})


def sheet(*objects: PlanObject, system: str = "LAMB93", sheet_id: str = SHEET) -> PlanSheet:
    """A sheet of these objects, with the subdivision of section that every sheet has."""
    drawn = [one.geometry for one in objects if one.name == "PARCELLE" and one.geometry is not None]
    around = shapely.union_all(drawn) if drawn else square(0, 0, 10)
    own = PlanObject(name="SUBDSECT", geometry=around, attributes={"IDU": sheet_id[2:], "QUPL": "02", "EOR": "1000"})
    return PlanSheet(sheet_id=sheet_id, system=system, objects=(*objects, own))


def read(folder: Path, *objects: PlanObject, system: str = "LAMB93") -> dict[str, Layer]:
    """Write a sheet of these objects and read it again."""
    return layers_of(write_sheet(folder, sheet(*objects, system=system)))


def layers_of(path: Path) -> dict[str, Layer]:
    return {layer.name: layer for layer in read_edigeo(path)}


def changed(folder: Path, plan: PlanSheet, member: str, old: str, new: str) -> Path:
    """The archive of a sheet, one text of one of its members replaced."""
    members = sheet_members(plan)
    assert old.encode("latin-1") in members[member]
    members[member] = members[member].replace(old.encode("latin-1"), new.encode("latin-1"))
    return packed(folder / f"edigeo-{plan.sheet_id}.tar.bz2", members)


def packed(path: Path, members: dict[str, bytes] | list[tuple[str, bytes]]) -> Path:
    """An archive of these members."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    path.write_bytes(bz2.compress(plain.getvalue()))
    return path
