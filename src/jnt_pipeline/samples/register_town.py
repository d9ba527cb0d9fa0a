"""A town as it truly is, to test identities: lots, parcels, buildings made of atoms (*ville de référence*)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from shapely import affinity
from shapely.geometry import Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.samples.chance import stream

__all__ = ["Dice", "TrueBuilding", "TrueLot", "TrueTown", "true_town"]

Shape = TypeVar("Shape", Polygon, Point, BaseGeometry)

_PITCH_M = 150.0  # from one block to the next: a block of 100 m x 70 m turns in it without meeting its neighbours
_KINDS = ("terraces", "houses", "old town", "halls")
_SHARES = (0.35, 0.35, 0.2, 0.1)


class Dice:
    """Chance in the words of the generator; draws uniform numbers and nothing else."""

    def __init__(self, seed: int, *keys: str | int) -> None:
        self.rng = stream(seed, "registers", *keys)

    def between(self, low: float, high: float) -> float:
        """A number from low to high."""
        return low + (high - low) * float(self.rng.random())

    def happens(self, probability: float) -> bool:
        """True with that probability."""
        return bool(self.rng.random() < probability)

    def index(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return min(int(self.rng.random() * n), n - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueBuilding:
    """One building in the street, whatever registers make of it."""

    name: str
    lot: str
    kind: str
    """house, hall, annexe (adjoins its house), barn (larger than it, often) or shed."""
    atoms: tuple[BaseGeometry, ...]
    """Its parts: what registers unite or separate; two at least, so that each building can be split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueLot:
    """A property with one address, on one parcel or two."""

    name: str
    parcels: tuple[Polygon, ...]
    entrance: tuple[float, float]
    """Middle of the façade on the street, metres."""
    street: tuple[float, float]
    """The place before it on the axis of the street."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueTown:
    """Lots and buildings in order of their names; coordinates in metres of Lambert-93."""

    lots: tuple[TrueLot, ...]
    buildings: tuple[TrueBuilding, ...]


def true_town(seed: int, n_blocks: int, origin: tuple[float, float]) -> TrueTown:
    """A square town of ``n_blocks`` blocks a side: about 23 buildings to a block.

    Rows of terraced houses, detached houses with annexes, sheds and barns, an old town whose houses touch on all sides
    around courtyards, and large halls; every block turned by an angle of its own. ``origin``: its south-west corner.
    """
    lots: list[TrueLot] = []
    buildings: list[TrueBuilding] = []
    for row in range(n_blocks):
        for column in range(n_blocks):
            dice = Dice(seed, "block", row, column)
            angle = dice.between(0, 90)
            kind = _KINDS[int(np.searchsorted(np.cumsum(_SHARES), dice.between(0, 1 - 1e-9), side="right"))]
            dx, dy = origin[0] + (column + 0.5) * _PITCH_M, origin[1] + (row + 0.5) * _PITCH_M
            plots, built = _block(f"{row:02d}{column:02d}", kind, dice)
            lots += [_placed_lot(lot, angle, dx, dy) for lot in plots]
            buildings += [_placed_building(one, angle, dx, dy) for one in built]
    return TrueTown(lots=tuple(lots), buildings=tuple(buildings))


def _block(name: str, kind: str, dice: Dice) -> tuple[list[TrueLot], list[TrueBuilding]]:
    """Two rows of lots back to back, 100 m by 70 m around (0, 0), before it is turned."""
    low, high = {"terraces": (5, 8.5), "houses": (16, 26), "old town": (7, 15), "halls": (45, 100)}[kind]
    depth = 20.0 if kind == "old town" else 35.0
    lots: list[TrueLot] = []
    buildings: list[TrueBuilding] = []
    for side in (1, -1):
        cuts = list(_cuts(-50.0, 50.0, low, high, dice))
        for number, (west, east) in enumerate(cuts):
            lot = f"{name}{'N' if side > 0 else 'S'}{number:02d}"
            built = _buildings(lot, kind, (west, east), depth, dice, is_last=number == len(cuts) - 1)
            front = min(atom.bounds[1] for atom in built[0].atoms)
            middle = (west + east) / 2
            plot = box(west, 0, east, depth)
            # A property on two parcels: an old division that the house straddles, or its garden.
            cut = dice.between(0.2, 0.8) * depth if dice.happens(0.1) else depth
            parcels = (box(west, 0, east, cut), box(west, cut, east, depth)) if cut < depth else (plot,)
            lots.append(
                TrueLot(
                    name=lot,
                    parcels=tuple(_to_street(parcel, depth, side) for parcel in parcels),
                    entrance=_point((middle + dice.between(-1, 1), front), depth, side),
                    street=_point((middle, -dice.between(3, 7)), depth, side),
                )
            )
            buildings += [
                TrueBuilding(
                    name=one.name, lot=lot, kind=one.kind,
                    atoms=tuple(_to_street(atom, depth, side) for atom in one.atoms),
                )
                for one in built
            ]  # fmt: skip
    return lots, buildings


def _buildings(
    lot: str, kind: str, width: tuple[float, float], depth: float, dice: Dice, *, is_last: bool
) -> list[TrueBuilding]:
    """What stands on a lot whose street is the line y = 0 and whose back is y = depth; the main building first."""
    west, east = width
    if kind == "terraces":
        front, deep = 2.0 + dice.between(-0.6, 0.6), dice.between(8, 12)
        atoms = [box(west, front, east, front + deep)]
        if dice.happens(0.35):
            wing = (east - west) * dice.between(0.4, 0.6)
            atoms.append(box(west, front + deep, west + wing, front + deep + dice.between(2, 5)))
        built = [_building(lot, "house", atoms, dice)]
        behind = front + deep + 6
    elif kind == "houses":
        u, v = west + dice.between(1, 4), dice.between(4, 9)
        wide, deep = dice.between(8, min(12, east - u - 3.5)), dice.between(7, 10)
        atoms = [box(u, v, u + wide, v + deep)]
        if dice.happens(0.4):
            atoms.append(box(u, v + deep, u + wide * dice.between(0.3, 0.6), v + deep + dice.between(2, 5)))
        built = [_building(lot, "house", atoms, dice)]
        if dice.happens(0.4):
            garage = box(u + wide, v, min(u + wide + dice.between(2.8, 3.5), east), v + dice.between(5, 7))
            built.append(_building(lot, "annexe", [garage], dice))
        behind = v + deep + 7
        if behind + 6.5 < depth and dice.happens(0.2):  # a farm: its barn is often larger than the house
            far = dice.between(behind - 1.5, depth - 8)
            barn = box(
                west + 1, far, west + 1 + dice.between(9, min(18, east - west - 2)), far + dice.between(7, depth - far)
            )
            built.append(_building(lot, "barn", [barn], dice))
            behind = depth
    elif kind == "old town":
        deep = dice.between(11, depth - 5)
        atoms = [box(west, 0, east, deep)]
        if dice.happens(0.6):  # a courtyard, closed or open on one side
            wing = (east - west) * dice.between(0.35, 0.6)
            atoms.append(box(west, deep, west + wing, depth))
        built = [_building(lot, "house", atoms, dice)]
        behind = depth
    else:
        hall = box(west + 3, 6, east - (3 if is_last else 0), depth - dice.between(2, 6))
        court = hall.buffer(-9, join_style="mitre")
        has_court = dice.happens(0.3) and east - west > 40
        built = [_building(lot, "hall", [hall.difference(court) if has_court else hall], dice)]
        office = box(west + 5, 2, west + 5 + dice.between(8, 14), 6)
        built.append(_building(lot, "annexe", [office], dice))
        behind = depth
    if behind < depth - 6 and dice.happens(0.4):
        wide, deep = dice.between(2, min(4, east - west - 1)), dice.between(2, 3.5)
        u, v = dice.between(west, east - wide), dice.between(behind, depth - deep)
        built.append(_building(lot, "shed", [box(u, v, u + wide, v + deep)], dice))
    return built


def _building(lot: str, kind: str, atoms: Sequence[BaseGeometry], dice: Dice) -> TrueBuilding:
    parts: list[BaseGeometry] = list(atoms)
    if len(parts) == 1:
        west, south, east, north = parts[0].bounds
        share = dice.between(0.35, 0.65)
        if east - west > north - south:
            half = box(west, south, west + share * (east - west), north)
        else:
            half = box(west, south, east, south + share * (north - south))
        parts = [parts[0].intersection(half), parts[0].difference(half)]
    return TrueBuilding(name=f"{lot}-{kind}", lot=lot, kind=kind, atoms=tuple(parts))


def _cuts(start: float, end: float, low: float, high: float, dice: Dice) -> Iterator[tuple[float, float]]:
    """A frontage divided into lots of low to high metres; the last one takes the rest, low at least."""
    at = start
    while at < end:
        to = at + dice.between(low, high)
        if end - to < low:
            to = end
        yield at, to
        at = to


def _to_street(shape: Shape, depth: float, side: int) -> Shape:
    """From the frame of the lot to that of the block: its street is at y = -depth or, turned around, at y = depth."""
    return (
        affinity.translate(shape, 0, -depth) if side < 0 else affinity.affine_transform(shape, [1, 0, 0, -1, 0, depth])
    )


def _point(xy: tuple[float, float], depth: float, side: int) -> tuple[float, float]:
    return (xy[0], xy[1] - depth) if side < 0 else (xy[0], depth - xy[1])


def _placed_lot(lot: TrueLot, angle: float, dx: float, dy: float) -> TrueLot:
    places = [_placed(Point(xy), angle, dx, dy) for xy in (lot.entrance, lot.street)]
    return TrueLot(
        name=lot.name,
        parcels=tuple(_placed(parcel, angle, dx, dy) for parcel in lot.parcels),
        entrance=(places[0].x, places[0].y),
        street=(places[1].x, places[1].y),
    )


def _placed_building(one: TrueBuilding, angle: float, dx: float, dy: float) -> TrueBuilding:
    atoms = tuple(_placed(atom, angle, dx, dy) for atom in one.atoms)
    return TrueBuilding(name=one.name, lot=one.lot, kind=one.kind, atoms=atoms)


def _placed(shape: Shape, angle: float, dx: float, dy: float) -> Shape:
    turned = affinity.rotate(shape, angle, origin=(0, 0))
    moved: Shape = affinity.translate(turned, dx, dy)
    return moved
