"""The registers that know the village: BD TOPO, RNB and addresses, each in its own way, and the links that are true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from shapely import affinity
from shapely.geometry import Polygon

from jnt_pipeline.samples.bourg_layout import STREETS, street_of
from jnt_pipeline.samples.bourg_plan import PlanEdition, drawn_as_one, outline_of
from jnt_pipeline.samples.bourg_town import Village
from jnt_pipeline.samples.chance import bell
from jnt_pipeline.samples.register_town import Dice
from jnt_pipeline.samples.roofs import SampleBuilding

__all__ = ["Address", "Registered", "Registers", "register_village"]

OFFSET_M, DRAWN_M = (0.9, -0.7), 0.12
"""How far BD TOPO and RNB lie beside the cadastre, and within which an operator draws a corner, metres."""
FAULTS, MOVED_M, FAR_M = 0.05, 2.5, 30.0
"""How often a building is drawn elsewhere, an id is that of a neighbour, an address lies far off; and how far."""
STATED = {"topo rnb": 0.85, "rnb topo": 0.75, "rnb parcels": 0.7, "rnb addresses": 0.8, "address parcels": 0.75}
"""How often a register states a link that exists."""
_ALPHABET = "123456789ABCDEFGHJKMNPQRSTVWXYZ"  # of the RNB

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """One building of a register."""

    id: str
    parts: tuple[str, ...]
    """Buildings of the truth."""
    outline: Polygon
    """As the register draws it, in Lambert-93."""
    is_light: bool
    ridge_m: float
    """Highest point of its roof, metres NGF-IGN69."""
    eave_m: float
    ground_m: float
    said: tuple[str, ...] = ()
    """Of a building of BD TOPO the RNB ids that it states; of one of the RNB the cleabs."""
    parcels: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    is_point: bool = False
    """Whether the register knows no outline."""
    is_gone: bool = False
    """Whether it was torn down: the register keeps its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address of the BAN."""

    id: str
    number: int
    suffix: str
    street: str
    x: float
    y: float
    position: str
    """Word of the BAN for what the point marks."""
    building: str
    """Main building of the lot, in truth."""
    parcels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """What the registers say, and what is true."""

    topo: tuple[Registered, ...]
    rnb: tuple[Registered, ...]
    addresses: tuple[Address, ...]
    links: tuple[tuple[str, str, str], ...]
    """Link type, source, target; buildings of the cadastre by the main part that they are drawn from."""


def register_village(village: Village, before: PlanEdition, now: PlanEdition) -> Registers:
    """The registers of a village: BD TOPO from the autumn before, RNB and BAN of today."""
    town = village.town
    standing = {one.building_id: one for one in town.buildings}
    former = {**standing, village.gone.building_id: village.gone}
    del former[village.built], former[village.extension[1]]
    old_parcel, new_parcel = _parcel_of(before), _parcel_of(now)
    addresses = _addresses(village, standing, {**new_parcel, **_told_late(village, old_parcel)})
    topo = _topo(village, former)
    rnb = _rnb(village, standing)
    new_parcel[village.gone.building_id] = old_parcel[village.gone.building_id]
    drawn = {part: building.parts[0] for building in now.buildings for part in building.parts}
    truth: dict[str, list[Pair]] = {
        "building-topo": _sharing([(drawn[p], p) for p in standing], [(one.id, p) for one in topo for p in one.parts]),
        "building-rnb": _sharing([(drawn[p], p) for p in standing], [(one.id, p) for one in rnb for p in one.parts]),
        "topo-rnb": _sharing(_rows(topo), _rows(rnb)),
        "rnb-parcel": [
            (one.id, parcel) for one in rnb for parcel in sorted({new_parcel[p] for p in one.parts if p in new_parcel})
        ],
        "address-building": sorted((one.id, drawn[one.building]) for one in addresses),
        "address-parcel": sorted((one.id, new_parcel[one.building]) for one in addresses),
    }
    dice = Dice(town.seed, "bourg statements")
    to_rnb, to_topo = _known(truth["topo-rnb"]), _known((b, a) for a, b in truth["topo-rnb"])
    on = _known(truth["rnb-parcel"])
    at = _known((one.id, address.id) for one in rnb for address in addresses if address.building in one.parts)
    return Registers(
        topo=tuple(replace(one, said=_told(one.id, to_rnb, STATED["topo rnb"], dice)) for one in topo),
        rnb=tuple(
            replace(
                one, said=_told(one.id, to_topo, STATED["rnb topo"], dice),
                addresses=_told(one.id, at, STATED["rnb addresses"], dice),
                parcels=_told(one.id, on, STATED["rnb parcels"], dice),
            )
            for one in rnb
        ),
        addresses=addresses,
        links=tuple((kind, *pair) for kind, pairs in truth.items() for pair in sorted(set(pairs))),
    )  # fmt: skip


def _parcel_of(edition: PlanEdition) -> dict[str, str]:
    """Building → parcel that holds most of it."""
    found = {}
    for building in edition.buildings:
        shares = [parcel.polygon.intersection(building.polygon).area for parcel in edition.parcels]
        for part in building.parts:
            found[part] = edition.parcels[int(np.argmax(shares))].parcel_id
    return found


def _told_late(village: Village, old_parcel: Mapping[str, str]) -> dict[str, str]:
    """The addresses have not heard of the division: the house on the divided lot still has its former parcel."""
    lot = village.divided[0]
    return {name: old_parcel[name] for name, on in village.lot_of.items() if on == lot and name in old_parcel}


def _topo(village: Village, former: Mapping[str, SampleBuilding]) -> list[Registered]:
    """BD TOPO: neighbours wall to wall now and then one building, some sheds missing."""
    dice = Dice(village.town.seed, "bourg topo")
    taken: set[str] = set()
    walls = {name: building.footprint for name, building in former.items()}
    groups: list[tuple[str, ...]] = []
    for name, building in former.items():
        if name in taken:
            continue
        free = (other for other in former if other not in taken and other != name)
        touching = [other for other in free if walls[other].distance(walls[name]) < 0.01]
        if name == village.church[0] or (touching and not building.is_light and dice.happens(0.3)):
            groups.append((name, touching[0]))
        elif not (building.is_light and dice.happens(0.3)):
            groups.append((name,))
        taken.update({name, *(groups[-1] if groups else ())})
    return [
        _registered(f"BATIMENT{n + 1:016d}", parts, former, dice, village, is_point=False)
        for n, parts in enumerate(groups, start=71_000_000)
    ]


def _rnb(village: Village, standing: Mapping[str, SampleBuilding]) -> list[Registered]:
    """RNB: every house by itself, half of the sheds missing, the newest house as a point."""
    dice = Dice(village.town.seed, "bourg rnb")
    found = []
    for parts in drawn_as_one(village, standing):
        if standing[parts[0]].is_light and dice.happens(0.5):
            continue
        is_point = parts[0] == village.built or dice.happens(0.06)
        found.append(_registered(_rnb_id(dice), parts, standing, dice, village, is_point=is_point))
    gone = {village.gone.building_id: village.gone}
    barn = _registered(_rnb_id(dice), tuple(gone), gone, dice, village, is_point=False)
    return [*found, replace(barn, is_gone=True)]


def _registered(
    key: str, parts: tuple[str, ...], known: Mapping[str, SampleBuilding], dice: Dice, village: Village, *,
    is_point: bool,
) -> Registered:  # fmt: skip
    buildings = [known[part] for part in parts]
    outline = outline_of(buildings)
    stray = MOVED_M if dice.happens(FAULTS) else 0.3
    shift = (OFFSET_M[0] + dice.between(-stray, stray), OFFSET_M[1] + dice.between(-stray, stray))
    ring = np.asarray(affinity.translate(outline, *shift).exterior.coords)[:-1]
    drawn = Polygon(np.round(ring + bell(dice.rng, ring.shape, DRAWN_M), 2))
    grid = buildings[0].footprint_grid()
    return Registered(
        id=key, parts=parts, outline=drawn, is_light=buildings[0].is_light, is_point=is_point,
        ridge_m=round(max(one.ridge_elevation_m for one in buildings), 1),
        eave_m=round(min(one.eave_elevation_m for one in buildings), 1),
        ground_m=round(float(village.town.terrain.elevation(grid[:, 0], grid[:, 1]).min()), 1),
    )  # fmt: skip


def _rnb_id(dice: Dice) -> str:
    return "".join(_ALPHABET[dice.index(len(_ALPHABET))] for _ in range(12))


def _addresses(
    village: Village, standing: Mapping[str, SampleBuilding], parcel_of: Mapping[str, str]
) -> tuple[Address, ...]:
    """One address for each lot with a house; the new house has a suffix (*bis*)."""
    town = village.town
    dice = Dice(town.seed, "bourg addresses")
    main: dict[int, str] = {}
    for name, index in village.lot_of.items():
        if name in standing and not standing[name].is_light:
            main.setdefault(index, name)
    places = [(name, town.lots[index], "") for index, name in sorted(main.items())]
    places.append((village.built, town.lots[village.divided[0]], "bis"))
    found, counts = [], dict.fromkeys(STREETS.values(), 0)
    numbers: dict[tuple[float, float], tuple[str, int]] = {}
    for name, lot, suffix in places:
        r, row = lot.rectangle, lot.block.row
        if row == 2:  # huts in the vines have no address
            continue
        faces_north = lot.faces_north or row == -1
        if suffix:
            street, number = numbers[r.centre]
        else:
            street = street_of(row, faces_north=faces_north)
            counts[street] += 1
            number = 2 * counts[street] - (0 if faces_north else 1)
            numbers[r.centre] = street, number
        front = r.v1 if faces_north else r.v0
        kind, out = (("segment", 4.0), ("entrée", -1.0))[dice.happens(0.75)]
        place = (r.centre[0] + dice.between(-2.0, 2.0), front + (out if faces_north else -out))
        if dice.happens(0.12):
            kind, place = "parcelle", r.centre
        if dice.happens(FAULTS):
            place = (place[0] + dice.between(-FAR_M, FAR_M), place[1])
        x, y = town.layout.frame.to_world(np.array([place]))[0]
        code = 10 * (list(STREETS.values()).index(street) + 1)
        key = f"{town.site.insee}_{code:04d}_{number:05d}" + (f"_{suffix}" if suffix else "")
        # The house on the divided lot tells a parcel that is no more: this one must not be left out by chance.
        states = dice.happens(STATED["address parcels"]) or village.lot_of[name] == village.divided[0]
        found.append(
            Address(
                id=key, number=number, suffix=suffix, street=street, x=round(float(x), 2), y=round(float(y), 2),
                position=kind, building=name, parcels=(parcel_of[name],) if states else (),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: one.id))


def _rows(register: Sequence[Registered]) -> list[Pair]:
    return [(one.id, part) for one in register for part in one.parts]


def _sharing(left: Iterable[Pair], right: Iterable[Pair]) -> list[Pair]:
    """Pairs of things that share a part."""
    holders: dict[str, list[str]] = {}
    for name, part in right:
        holders.setdefault(part, []).append(name)
    return sorted({(one, other) for one, part in left for other in holders.get(part, ())})


def _known(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one, other in sorted(pairs):
        found.setdefault(one, []).append(other)
    return found


def _told(key: str, known: Mapping[str, list[str]], share: float, dice: Dice) -> tuple[str, ...]:
    """The links of a thing that its register states, now and then those of another thing."""
    stated = tuple(other for other in known.get(key, ()) if dice.happens(share))
    if stated and dice.happens(FAULTS):
        return tuple(known[list(known)[dice.index(len(known))]])
    return stated
