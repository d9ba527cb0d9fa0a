"""Registers of one generated town that disagree as real ones do, with the links that are true (*référentiels*)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import affinity
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.samples.chance import bell
from jnt_pipeline.samples.register_town import Dice, TrueTown, true_town

__all__ = ["LINK_TYPES", "RegisterTown", "register_town"]

LINK_TYPES = ("building-topo", "building-rnb", "topo-rnb", "rnb-parcel", "address-building", "address-parcel")
"""The links whose truth is known."""

_INSEE = "99001"
_ALPHABET = "123456789ABCDEFGHJKMNPQRSTVWXYZ"  # of the RNB
_ORIGIN = (700_000.0, 6_600_000.0)
_STATED = {"topo rnb_ids": 0.85, "rnb topo": 0.7, "rnb parcels": 0.7, "rnb addresses": 0.8, "address parcels": 0.75}
# How often a register states a link of its own, where the town has it.
_POSITIONS = (("entrance", 0.5), ("segment", 0.2), ("parcel", 0.15), ("building", 0.15))

Atom = tuple[int, int]
"""Number of the building and of its part."""
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterTown:
    """What the registers say, and what is true."""

    layers: dict[str, gpd.GeoDataFrame]
    """footprints, parcels, topo_buildings, rnb_buildings, addresses, with the columns of their schemas, EPSG:2154."""
    truth: pd.DataFrame
    """Columns link_type, source_id, target_id: things that share a part of a building, or an address and its house."""


@dataclass(frozen=True, slots=True)
class _Thing:
    id: str
    atoms: frozenset[Atom]
    shape: BaseGeometry
    kind: str = ""


def register_town(seed: int, *, n_blocks: int = 4, noise: float = 0.05) -> RegisterTown:
    """A town of ``n_blocks`` x ``n_blocks`` blocks in five registers; ``noise``: rate of *each* kind of fault, 0 to 1.

    Faults of cadastre, BD TOPO and RNB, each at that rate and independent of the others: a building split in two,
    merged with one that touches it, missing, moved by 1 to 3 m on its own, redrawn (turned by up to 6°, reduced to a
    rectangle, swollen or shrunk by 0.5 m); a stated id that is another building's, half of them a neighbour's; RNB
    buildings that are points; addresses 15 to 60 m away. At any rate: outlines drawn within 5 cm (cadastre) or 15 cm
    (BD TOPO, RNB); BD TOPO and RNB beside the cadastre by up to 2.8 m an axis, varying by 0.4 m over 500 m; half of
    the sheds unknown to the RNB; ids stated for 70 to 85 % of the links that exist; RNB ids out of force.

    Outlines are valid, and stay so when a file rounds them to the centimetre or to 1e-7°.
    """
    town = true_town(seed, n_blocks, _ORIGIN)
    offset = _Offset(Dice(seed, "offset"))
    cadastre = _register(town, Dice(seed, "cadastre"), noise, _footprint_id, None, 0.05)
    topo = _register(town, Dice(seed, "topo"), noise, _cleabs, offset, 0.15)
    rnb = _register(town, Dice(seed, "rnb"), noise, _rnb_id, offset, 0.15, without_half_the_sheds=True)
    parcels = _parcels(town)
    addresses = _addresses(town, Dice(seed, "addresses"), noise)
    truth = {
        "building-topo": _sharing(cadastre, topo),
        "building-rnb": _sharing(cadastre, rnb),
        "topo-rnb": _sharing(topo, rnb),
        "rnb-parcel": _standing(rnb, town, parcels),
        "address-building": _sharing(addresses, cadastre),
        "address-parcel": _standing(addresses, town, parcels),
    }
    rows = [(kind, *pair) for kind, pairs in truth.items() for pair in sorted(pairs)]
    layers = {
        "footprints": _footprint_frame(cadastre, town),
        "parcels": _frame({"parcel_id": list(parcels), "insee_code": _INSEE}, list(parcels.values())),
        "topo_buildings": _topo_frame(topo, rnb, town, Dice(seed, "topo states"), noise),
        "rnb_buildings": _rnb_frame(rnb, topo, addresses, truth, Dice(seed, "rnb states"), noise),
        "addresses": _address_frame(addresses, truth["address-parcel"], list(parcels), Dice(seed, "bal"), noise),
    }
    return RegisterTown(layers=layers, truth=pd.DataFrame(rows, columns=["link_type", "source_id", "target_id"]))


class _Offset:
    """How far BD TOPO and the RNB lie beside the cadastre: the same for neighbours, another one 500 m on."""

    def __init__(self, dice: Dice) -> None:
        self.base = (dice.between(-2.4, 2.4), dice.between(-2.4, 2.4))
        self.phase = (dice.between(0, 6), dice.between(0, 6))

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Offset in metres east and north."""
        ways = (np.sin(self.phase[0] + y / 160.0), np.cos(self.phase[1] + x / 160.0))  # a period of 1 km
        return self.base[0] + 0.4 * float(ways[0]), self.base[1] + 0.4 * float(ways[1])


def _register(
    town: TrueTown, dice: Dice, noise: float, id_of: Callable[[int, Dice], str], offset: _Offset | None, sigma_m: float,
    *, without_half_the_sheds: bool = False,
) -> list[_Thing]:  # fmt: skip
    groups: list[set[Atom]] = []
    taken: set[int] = set()
    touching = _touching(town)
    for i, building in enumerate(town.buildings):
        if i in taken:
            continue
        taken.add(i)
        atoms = {(i, k) for k in range(len(building.atoms))}
        partners = [j for j in touching[i] if j not in taken]
        if partners and dice.happens(noise):
            other = partners[dice.index(len(partners))]
            taken.add(other)
            groups.append(atoms | {(other, k) for k in range(len(town.buildings[other].atoms))})
        elif dice.happens(noise):
            groups += [{(i, 0)}, atoms - {(i, 0)}]
        elif not dice.happens(noise) and not (without_half_the_sheds and building.kind == "shed" and dice.happens(0.5)):
            groups.append(atoms)
    things = []
    for number, group in enumerate(groups):
        shape = _united([town.buildings[i].atoms[k] for i, k in sorted(group)])
        shape = _redrawn(shape, dice) if dice.happens(noise) else shape
        if dice.happens(noise):
            angle, far = dice.between(0, 2 * np.pi), dice.between(1, 3)
            shape = affinity.translate(shape, far * float(np.cos(angle)), far * float(np.sin(angle)))
        if offset is not None:
            shape = affinity.translate(shape, *offset.at(shape.centroid.x, shape.centroid.y))
        things.append(_Thing(id_of(number, dice), frozenset(group), _drawn(shape, dice, sigma_m)))
    return things


def _redrawn(shape: BaseGeometry, dice: Dice) -> BaseGeometry:
    way = dice.index(3)
    if way == 0:
        return affinity.rotate(shape, dice.between(-6, 6))
    if way == 1:
        return shape.minimum_rotated_rectangle
    swollen = shape.buffer(0.5 if dice.happens(0.5) else -0.5, join_style="mitre")
    return shape if swollen.is_empty else swollen


def _united(atoms: Sequence[BaseGeometry]) -> BaseGeometry:
    """One outline without inner walls; a millimetre is the seam that turning a wall leaves between its two sides."""
    united: BaseGeometry = shapely.union_all(atoms, grid_size=0.001)
    return united


def _drawn(shape: BaseGeometry, dice: Dice, sigma_m: float) -> BaseGeometry:
    """The outline as an operator draws it: each vertex within sigma, to the centimetre; valid, as a register checks."""
    parts: list[Polygon] = []
    for part in shapely.get_parts(shape):
        rings = []
        for ring in (part.exterior, *part.interiors):
            xy = np.asarray(ring.coords)[:-1]
            rings.append(np.round(xy + bell(dice.rng, xy.shape, sigma_m), 2))
        outline = Polygon(rings[0], rings[1:])
        parts.append(outline if _is_sound(outline) else shapely.set_precision(part, 0.01))
    drawn: BaseGeometry = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return drawn if _is_sound(drawn) else shapely.set_precision(shape, 0.01)


def _is_sound(shape: BaseGeometry) -> bool:
    """Valid, and by more than the rounding of a file: no vertex within 3 cm of another part of the outline."""
    return shape.is_valid and float(shapely.minimum_clearance(shape)) > 0.03


def _touching(town: TrueTown) -> list[list[int]]:
    shapes = np.array([shapely.union_all(one.atoms) for one in town.buildings], dtype=object)
    i, j = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=0.01)
    lists: list[list[int]] = [[] for _ in shapes]
    for a, b in sorted(zip(i.tolist(), j.tolist(), strict=True)):
        if a != b and shapes[a].intersection(shapes[b].buffer(0.01)).area > 0.02:  # more than a corner
            lists[a].append(b)
    return lists


def _parcels(town: TrueTown) -> dict[str, Polygon]:
    plots = [shapely.set_precision(plot, 0.01) for lot in town.lots for plot in lot.parcels]
    return {f"{_INSEE}000A{chr(65 + n // 9999)}{n % 9999 + 1:04d}": plot for n, plot in enumerate(plots)}


def _addresses(town: TrueTown, dice: Dice, noise: float) -> list[_Thing]:
    main: dict[str, int] = {}
    for i, building in enumerate(town.buildings):
        main.setdefault(building.lot, i)
    addresses = []
    for number, lot in enumerate(town.lots):
        building = town.buildings[main[lot.name]]
        house = shapely.union_all(building.atoms)
        atoms = frozenset((main[lot.name], k) for k in range(len(building.atoms)))
        for suffix in ("", "_bis") if dice.happens(0.05) else ("",):
            kind = _POSITIONS[int(np.searchsorted(np.cumsum([share for _, share in _POSITIONS]), dice.between(0, 1)))][
                0
            ]
            plot = max(lot.parcels, key=lambda parcel: parcel.intersection(house).area)
            place = {
                "entrance": Point(lot.entrance), "segment": Point(lot.street),
                "parcel": plot.representative_point(), "building": house.representative_point(),
            }[kind]  # fmt: skip
            place = affinity.translate(place, *bell(dice.rng, 2, 0.5))
            if dice.happens(noise):
                angle, far = dice.between(0, 2 * np.pi), dice.between(15, 60)
                place = affinity.translate(place, far * float(np.cos(angle)), far * float(np.sin(angle)))
            place = Point(round(place.x, 2), round(place.y, 2))
            addresses.append(_Thing(f"{_INSEE}_0010_{number + 1:05d}{suffix}", atoms, place, kind))
    return addresses


def _standing(things: Sequence[_Thing], town: TrueTown, parcels: dict[str, Polygon]) -> list[Pair]:
    """Parcels on which things truly stand: a twentieth of the thing, and half a square metre."""
    shapes = np.array([_true_shape(thing, town) for thing in things], dtype=object)
    names, plots = list(parcels), np.array(list(parcels.values()), dtype=object)
    i, j = shapely.STRtree(plots).query(shapes, predicate="intersects")
    shared = shapely.area(shapely.intersection(shapes[i], plots[j]))
    stands = (shared > 0.05 * shapely.area(shapes[i])) & (shared > 0.5)
    return [(things[a].id, names[b]) for a, b in zip(i[stands].tolist(), j[stands].tolist(), strict=True)]


def _true_shape(thing: _Thing, town: TrueTown) -> BaseGeometry:
    return shapely.union_all([town.buildings[i].atoms[k] for i, k in sorted(thing.atoms)])


def _sharing(left: Sequence[_Thing], right: Sequence[_Thing]) -> list[Pair]:
    """Pairs of things that share an atom."""
    holders: dict[Atom, list[str]] = {}
    for thing in right:
        for atom in thing.atoms:
            holders.setdefault(atom, []).append(thing.id)
    return sorted({(one.id, name) for one in left for atom in one.atoms for name in holders.get(atom, ())})


def _stated(
    owners: Sequence[str], pairs: Iterable[Pair], wrong: Sequence[str], dice: Dice, share: float, noise: float
) -> list[str | None]:
    """What a register states of its links, joined with |: some links, and now and then another thing's id."""
    known: dict[str, list[str]] = {}
    for owner, target in sorted(pairs):
        known.setdefault(owner, []).append(target)
    place = {name: i for i, name in enumerate(wrong)}
    texts: list[str | None] = []
    for owner in owners:
        said = [name for name in known.get(owner, ()) if dice.happens(share)]
        if said and dice.happens(noise):
            near = (place[said[0]] + 1) % len(wrong)
            said[0] = wrong[near if dice.happens(0.5) else dice.index(len(wrong))]
        texts.append("|".join(sorted(set(said))) or None)
    return texts


def _footprint_frame(things: Sequence[_Thing], town: TrueTown) -> gpd.GeoDataFrame:
    light = [town.buildings[min(thing.atoms)[0]].kind == "shed" for thing in things]
    columns = {
        "footprint_id": [thing.id for thing in things],
        "insee_code": _INSEE,
        "building_type": np.where(light, "light", "durable"),
    }
    return _frame(columns, [thing.shape for thing in things])


def _topo_frame(
    things: Sequence[_Thing], rnb: Sequence[_Thing], town: TrueTown, dice: Dice, noise: float
) -> gpd.GeoDataFrame:
    owners = [thing.id for thing in things]
    pairs, every = _sharing(things, rnb), [thing.id for thing in rnb]
    columns = {
        "topo_building_id": owners,
        "rnb_ids": _stated(owners, pairs, every, dice, _STATED["topo rnb_ids"], noise),
        "is_light": [town.buildings[min(thing.atoms)[0]].kind == "shed" for thing in things],
    }
    return _frame(columns, [thing.shape for thing in things])


def _rnb_frame(
    things: Sequence[_Thing], topo: Sequence[_Thing], addresses: Sequence[_Thing], truth: dict[str, list[Pair]],
    dice: Dice, noise: float,
) -> gpd.GeoDataFrame:  # fmt: skip
    owners = [thing.id for thing in things]
    parcels = sorted({target for _, target in truth["rnb-parcel"]})
    cleabs, keys = [thing.id for thing in topo], [thing.id for thing in addresses]
    to_topo = [(b, a) for a, b in truth["topo-rnb"]]
    columns = {
        "rnb_id": owners,
        "status": "constructed",
        "is_active": True,
        "address_ids": _stated(owners, _sharing(things, addresses), keys, dice, _STATED["rnb addresses"], noise),
        "topo_building_ids": _stated(owners, to_topo, cleabs, dice, _STATED["rnb topo"], noise),
        "bdnb_ids": None,
        "parcel_ids": _stated(owners, truth["rnb-parcel"], parcels, dice, _STATED["rnb parcels"], noise),
    }
    shapes = [thing.shape.representative_point() if dice.happens(noise) else thing.shape for thing in things]
    frame = _frame(columns, shapes)
    # Ids out of force: what was there before a building was split or merged.
    former = frame.iloc[[i for i in range(len(frame)) if dice.happens(0.02)]].copy()
    former["rnb_id"] = [_rnb_id(i, dice) for i in range(len(former))]
    former["is_active"] = False
    both: gpd.GeoDataFrame = pd.concat([frame, former], ignore_index=True)
    return both.sort_values("rnb_id", ignore_index=True)


def _address_frame(
    things: Sequence[_Thing], pairs: Iterable[Pair], parcels: Sequence[str], dice: Dice, noise: float
) -> gpd.GeoDataFrame:
    owners = [thing.id for thing in things]
    columns = {
        "address_id": owners,
        "insee_code": _INSEE,
        "house_number": [int(thing.id.split("_")[2]) for thing in things],
        "position_type": [thing.kind for thing in things],
        "parcel_ids": _stated(owners, pairs, parcels, dice, _STATED["address parcels"], noise),
    }
    return _frame(columns, [thing.shape for thing in things])


def _frame(columns: Mapping[str, object], shapes: Sequence[BaseGeometry]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs="EPSG:2154")


def _footprint_id(number: int, _: Dice) -> str:
    return f"{_INSEE}-B-{number + 1:012d}"


def _cleabs(number: int, _: Dice) -> str:
    return f"BATIMENT{number + 1:016d}"


def _rnb_id(_: int, dice: Dice) -> str:
    return "".join(_ALPHABET[dice.index(len(_ALPHABET))] for _ in range(12))
