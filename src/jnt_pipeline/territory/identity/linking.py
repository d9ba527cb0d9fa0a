"""The identity graph (*graphe d'identité*): from the layers of one place to links between their things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.identity.address_candidates import address_buildings
from jnt_pipeline.territory.identity.building_candidates import building_candidates, through
from jnt_pipeline.territory.identity.candidates import Candidates, rows_of
from jnt_pipeline.territory.identity.counterparts import Counterparts
from jnt_pipeline.territory.identity.models import MODELS
from jnt_pipeline.territory.identity.offsets import local_offsets
from jnt_pipeline.territory.identity.pair_tables import Shares
from jnt_pipeline.territory.identity.parameters import IdentityParameters
from jnt_pipeline.territory.identity.place_candidates import address_parcels, rnb_parcels
from jnt_pipeline.territory.identity.registers import Register, Statements
from jnt_pipeline.territory.identity.scores import Model
from jnt_pipeline.territory.identity.unfound import Unfound, unfound
from jnt_pipeline.territory.links import join_links

__all__ = ["IDENTITY_LAYERS", "IDENTITY_LINK_TYPES", "Judgement", "judge", "link_identities"]

IDENTITY_LAYERS = {
    "footprints": "footprint_id",
    "parcels": "parcel_id",
    "topo_buildings": "topo_building_id",
    "rnb_buildings": "rnb_id",
    "addresses": "address_id",
}
"""Layers that are read, with their keys; any of them may be absent."""

IDENTITY_LINK_TYPES = (
    "building-topo", "building-rnb", "topo-rnb", "rnb-parcel", "address-building", "address-parcel",
)  # fmt: skip
"""Types of the links that are made."""


_STATEMENTS = (
    ("topo-rnb", "topo_buildings", "rnb_ids", "bdtopo", False),
    ("topo-rnb", "rnb_buildings", "topo_building_ids", "rnb", True),
    ("rnb-parcel", "rnb_buildings", "parcel_ids", "rnb", False),
    ("address-parcel", "addresses", "parcel_ids", "ban", False),
)
"""Link type, layer and column that state it, the register's name in evidence, whether it names sources."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All pairs that were looked at, each with its score."""

    pairs: tuple[Candidates, ...]
    unfound: tuple[Unfound, ...]
    """What registers state and nothing within ``max_declared_gap_m`` bears."""
    registers: Mapping[str, Register]
    parameters: IdentityParameters

    def links(self, linked_on: str, owned: Bounds | None = None) -> pd.DataFrame:
        """Pairs that score ``min_score`` or more, as rows of the table ``links``.

        ``owned`` (west, south, east, north): only links whose source has the middle of its envelope in that box, west
        and south edges included, so that the tables of cells side by side make up the table of the whole.
        """
        least = self.parameters.min_score
        return join_links(
            [rows_of(one, (one.score >= least) & self._owned(one, owned), linked_on) for one in self.pairs]
        )

    def contradictions(self, linked_on: str, owned: Bounds | None = None) -> pd.DataFrame:
        """Links that a register states and that are not made, in the columns of ``links``.

        With their score, less than ``min_score``; or with score 0 where the stated id is not within
        ``max_declared_gap_m``. ``owned`` as for ``links``; of the latter, by the place of the thing that states them.
        """
        least = self.parameters.min_score
        doubted = [
            rows_of(one, one.is_stated & (one.score < least) & self._owned(one, owned), linked_on) for one in self.pairs
        ]
        lost = [one.rows(self._inside(one.layer, owned)[one.speaker], linked_on) for one in self.unfound]
        return join_links([*doubted, *lost])

    def _owned(self, one: Candidates, owned: Bounds | None) -> Flags:
        name = {"building": "footprints", "topo": "topo_buildings", "rnb": "rnb_buildings", "address": "addresses"}
        return self._inside(name[one.link_type.split("-")[0]], owned)[one.left]

    def _inside(self, layer: str, owned: Bounds | None) -> Flags:
        shapes = self.registers[layer].shapes
        if owned is None:
            return np.ones(len(shapes), dtype=np.bool_)
        west, south, east, north = shapely.bounds(shapes).T
        x, y = (west + east) / 2, (south + north) / 2
        return np.asarray((x >= owned[0]) & (x < owned[2]) & (y >= owned[1]) & (y < owned[3]), dtype=np.bool_)


def link_identities(
    layers: Mapping[str, gpd.GeoDataFrame],
    parameters: IdentityParameters,
    *,
    linked_on: str,
    owned: Bounds | None = None,
) -> pd.DataFrame:
    """The links of ``IDENTITY_LINK_TYPES`` between base layers, in the columns of ``LINKS``.

    ``layers``: base layers by name (``IDENTITY_LAYERS``), all in one horizontal CRS in metres; what is absent gives no
    links. A building is called by its ``building_id`` where the footprints have that column, else by its
    ``footprint_id``. The score is the probability that the link is true (``docs/identity.md``); evidence says what it
    rests on. Things within ``reach_m`` of those in ``owned`` must be there, whole.
    """
    return judge(layers, parameters).links(linked_on, owned)


def judge(
    layers: Mapping[str, gpd.GeoDataFrame], parameters: IdentityParameters, models: Mapping[str, Model] = MODELS
) -> Judgement:
    """Look at every pair of things that may be linked."""
    _check_crs(layers)
    registers = {}
    for name, key in IDENTITY_LAYERS.items():
        if name in layers:
            is_named = name == "footprints" and "building_id" in layers[name].columns
            registers[name] = Register.of(layers[name], "building_id" if is_named else key)
    buildings, topo, rnb = (registers.get(name) for name in ("footprints", "topo_buildings", "rnb_buildings"))
    parcels, addresses = registers.get("parcels"), registers.get("addresses")
    found: dict[str, Candidates] = {}
    counterparts: list[Counterparts] = []
    if topo is not None and rnb is not None:
        stated = Statements.of(topo.texts("rnb_ids"), rnb.ids), Statements.of(rnb.texts("topo_building_ids"), topo.ids)
        found["topo-rnb"] = building_candidates("topo-rnb", (topo, rnb), stated, ("bdtopo", "rnb"), parameters, models)
    if buildings is not None and topo is not None:
        offsets = local_offsets(buildings.shapes, topo.shapes, parameters.max_offset_m)
        found["building-topo"] = building_candidates(
            "building-topo", (buildings, topo), (_silent(buildings), _silent(topo)), ("cadastre", "bdtopo"),
            parameters, models, offsets=offsets,
        )  # fmt: skip
        counterparts.append(Counterparts.of(found["building-topo"], topo, offsets))
    offsets_rnb = None
    if buildings is not None and rnb is not None:
        offsets_rnb = local_offsets(buildings.shapes, rnb.shapes, parameters.max_offset_m)
        chained = "topo-rnb" in found and "building-topo" in found
        found["building-rnb"] = building_candidates(
            "building-rnb", (buildings, rnb), (_silent(buildings), _silent(rnb)), ("cadastre", "rnb"),
            parameters, models, offsets=offsets_rnb,
            via=through(found["building-topo"], found["topo-rnb"]) if chained else {},
        )  # fmt: skip
        counterparts.append(Counterparts.of(found["building-rnb"], rnb, offsets_rnb))
    shares = Shares.of(buildings, parcels) if buildings is not None and parcels is not None else None
    to_rnb = found.get("building-rnb")
    if rnb is not None and parcels is not None:
        found["rnb-parcel"] = rnb_parcels(rnb, parcels, buildings, shares, to_rnb, offsets_rnb, parameters, models)
    if addresses is not None and buildings is not None:
        found["address-building"] = address_buildings(
            addresses, buildings, parcels, shares, rnb, to_rnb, counterparts, parameters, models
        )
    if addresses is not None and parcels is not None:
        found["address-parcel"] = address_parcels(
            addresses, parcels, shares, found.get("address-building"), parameters, models
        )
    lost = _unfound(found, registers, parameters)
    ordered = tuple(found[kind] for kind in IDENTITY_LINK_TYPES if kind in found)
    return Judgement(pairs=ordered, unfound=lost, registers=registers, parameters=parameters)


def _unfound(
    found: Mapping[str, Candidates], registers: Mapping[str, Register], parameters: IdentityParameters
) -> tuple[Unfound, ...]:
    lost = []
    for kind, layer, column, by, names_source in _STATEMENTS:
        if kind in found:
            stated = Statements.of(registers[layer].texts(column), np.empty(0, dtype=object))
            lost.append(
                unfound(
                    found[kind], stated, (layer, registers[layer]), by,
                    names_source=names_source, within_m=parameters.max_declared_gap_m,
                )
            )  # fmt: skip
    return tuple(lost)


def _silent(register: Register) -> Statements:
    return Statements.of(np.full(len(register), "", dtype=object), register.ids[:0])


def _check_crs(layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    stated = {name: layers[name].crs for name in IDENTITY_LAYERS if name in layers}
    if any(crs is None or crs != next(iter(stated.values())) for crs in stated.values()):
        raise AssemblyError(
            "layers of the identity graph are not in one horizontal CRS",
            where="identity",
            found=", ".join(f"{name}: {'none' if crs is None else crs.to_string()}" for name, crs in stated.items()),
            expected="the twin's CRS for all",
            remedy="normalise the layers into the twin's reference",
        )
