"""Addresses (*adresses*) and buildings: candidates from where they stand, their plots, and what registers state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.candidates import (
    LEAD_M,
    Candidates,
    Features,
    best_other,
    candidates,
    joined,
    lead,
)
from jnt_pipeline.territory.identity.counterparts import Counterparts, absent_near, absent_on, as_one, n_within
from jnt_pipeline.territory.identity.outline_pairs import candidate_pairs
from jnt_pipeline.territory.identity.pair_tables import Shares, looked_up, pair_table
from jnt_pipeline.territory.identity.parameters import IdentityParameters
from jnt_pipeline.territory.identity.plots import Plots, on_plots
from jnt_pipeline.territory.identity.registers import Register, Statements, objects
from jnt_pipeline.territory.identity.rivals import rivals
from jnt_pipeline.territory.identity.scores import Model

__all__ = ["address_buildings"]

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

_SPREAD = 0.2  # share of a building on a plot from which on it stands there and does not just reach over
_SMALL = 1.3  # as a power of ten: 20 m², a shed or a garage


@dataclass(frozen=True, slots=True, kw_only=True)
class _Through:
    """What the RNB states of addresses, by (address, building)."""

    score: pd.Series
    """The building-rnb link of the RNB building that states the address."""
    rest: pd.Series
    """Share of that RNB building that is not this footprint, 0 to 1; 0 for a point: the address may be of the rest."""
    names: dict[tuple[int, int], str]
    """Id of that RNB building."""
    shared: pd.Series
    """1 where that RNB building has several addresses and several buildings: it cannot say which is whose."""
    absent: NDArray[np.bool_]
    """Shape (n addresses,): an RNB building in reach states the address, and the cadastre does not have it."""


def address_buildings(
    addresses: Register, buildings: Register, parcels: Register | None, shares: Shares | None,
    rnb: Register | None, to_rnb: Candidates | None, registers: Sequence[Counterparts],
    parameters: IdentityParameters, models: Mapping[str, Model],
) -> Candidates:  # fmt: skip
    """Candidates of ``address-building``: near the address, on its parcels, or of the RNB building that states it."""
    through = _through_rnb(addresses, rnb, to_rnb, parameters.max_declared_gap_m)
    plots = None if parcels is None else Plots.of(addresses, parcels, parameters.max_address_gap_m)
    i, j = candidate_pairs(addresses.shapes, buildings.shapes, parameters.max_address_gap_m)
    v_i, v_j = (through.score.index.get_level_values(level).to_numpy(dtype=np.intp) for level in (0, 1))
    s_i, s_j = _on_stated(plots, shares)
    v_i, v_j = np.concatenate([v_i, s_i]), np.concatenate([v_j, s_j])
    near = shapely.distance(addresses.shapes[v_i], buildings.shapes[v_j]) <= parameters.max_declared_gap_m
    i, j = joined(i, j, v_i[near], v_j[near], len(buildings))
    gap = shapely.distance(addresses.shapes[i], buildings.shapes[j])
    via = looked_up(through.score, i, j)
    leads = lead(gap, i, len(addresses)) / LEAD_M
    log_area = np.log10(np.clip(shapely.area(buildings.shapes[j]), 1, 1000))
    features = {
        "inside": (gap == 0).astype(float),
        "gap": np.minimum(gap, 40) / 10,
        "near": np.exp(-gap / 3),
        "lead": leads,
        "is_nearest": (leads > 0).astype(float),
        "via": via,
        "via_rest": via * looked_up(through.rest, i, j),
        "via_shared": via * looked_up(through.shared, i, j),
        "via_another": ((via == 0) & np.isin(i, i[via > 0])).astype(float),
        "via_absent": ((via == 0) & through.absent[i]).astype(float),
        "log_area": log_area,
        "is_small": (log_area < _SMALL).astype(float),
        "smaller": _smaller(buildings, shares, parameters.max_address_gap_m)[j],
        **_plot_features(plots, shares, i, j),
    }
    features |= _built_plot_features(features, gap, i, len(addresses))
    features["via_and_stated"] = via * features["on_stated_parcel"]
    features["via_and_own"] = via * features["on_own_parcel"]
    features |= rivals(features, i, j, addresses, len(buildings), models["address-building first"])
    features |= _register_features(features, registers, shares or Shares.none(), i, j, (len(addresses), len(buildings)))
    features["absent_near"] = absent_near(registers, addresses.shapes, i, gap, parameters.max_address_gap_m)
    features["absent_on_plot"] = (
        np.zeros(len(i)) if plots is None or parcels is None else absent_on(registers, plots.nearest, parcels)[i]
    )
    features["absent_and_off"] = features["absent_on_plot"] * (1 - _on_nearest(features))
    place = np.where(gap == 0, "inside", "nearest")
    is_stated = via > 0
    stated = np.where(gap > parameters.max_address_gap_m, "declared", np.char.add("declared+", place))
    evidence = {
        "distance_m": gap,
        "lead_m": leads * LEAD_M,
        "share_on_nearest_parcel": _on_nearest(features),
        "share_on_stated_parcel": np.where(features["states_parcel"] > 0, features["on_stated_parcel"], np.nan),
        "via": objects([through.names.get((int(a), int(b)), "") for a, b in zip(i, j, strict=True)]),
        "registers_know_another_here": np.where(features["absent_on_plot"] > 0, features["absent_on_plot"], np.nan),
        "stated_by": objects([["rnb"] if yes else None for yes in is_stated]),
    }
    judges = {"address-building": (np.ones(len(i), bool), features)}
    method = np.where(is_stated, stated, place).astype(object)
    return candidates(
        "address-building", (addresses.ids, buildings.ids), (i, j), judges, is_stated, method, evidence, models
    )


def _on_stated(plots: Plots | None, shares: Shares | None) -> tuple[Index, Index]:
    """Pairs of addresses and buildings that stand, with a third at least, on a parcel that the address file states."""
    if plots is None or shares is None:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    on = pd.DataFrame({"building": shares.building, "parcel": shares.parcel})[shares.share > 1 / 3]
    both = pd.DataFrame({"address": plots.stated.owner, "parcel": plots.stated.target}).merge(on, on="parcel")
    return both["address"].to_numpy(dtype=np.intp), both["building"].to_numpy(dtype=np.intp)


def _plot_features(plots: Plots | None, shares: Shares | None, i: Index, j: Index) -> dict[str, Floats]:
    """How the building lies on the parcel of the address and on those that its file states."""
    names = ("on_own_parcel", "on_facing_parcel", "facing_lead", "main_of_nearest", "on_stated_parcel",
             "main_of_stated", "states_parcel", "off_stated_parcel", "stated_and_own")  # fmt: skip
    if plots is None or shares is None:
        return dict.fromkeys(names, np.zeros(len(i)))
    on_nearest, main_of_nearest = on_plots(*plots.of_nearest(), shares, i, j)
    on_stated, main_of_stated = on_plots(plots.stated.owner, plots.stated.target, shares, i, j)
    is_own = plots.gap_m[i] == 0
    speaks = np.array([text != "" for text in plots.stated.texts], dtype=np.bool_)[i].astype(float)
    on_own = np.where(is_own, on_nearest, 0.0)
    return {
        "on_own_parcel": on_own,
        "on_facing_parcel": np.where(is_own, 0.0, on_nearest),
        "facing_lead": on_nearest * plots.lead_m[i] / LEAD_M,
        "main_of_nearest": main_of_nearest,
        "on_stated_parcel": on_stated,
        "main_of_stated": main_of_stated,
        "states_parcel": speaks,
        "off_stated_parcel": speaks * (on_stated < 0.05),
        "stated_and_own": on_stated * on_own,
    }


def _on_nearest(features: Features) -> Floats:
    """Share of the building on the parcel that the address lies on or faces, 0 to 1."""
    share: Floats = features["on_own_parcel"] + features["on_facing_parcel"]
    return share


def _built_plot_features(features: Features, gap: Floats, i: Index, n_addresses: int) -> dict[str, Floats]:
    """Which building of its plot an address meets first: the house stands before its barn, however large that is.

    ``behind``: by how much farther a building on the plot is than the first one there, 0 to 20 m. ``off_built_plot``:
    1 for a building beside a plot on which another one stands.
    """
    share = _on_nearest(features)
    on_plot = share > 1 / 3
    first = np.full(n_addresses, np.inf)
    np.minimum.at(first, i[on_plot], gap[on_plot])
    behind = np.zeros(len(i))
    behind[on_plot] = np.minimum(gap[on_plot] - first[i[on_plot]], 20) / 10
    return {"behind": behind, "off_built_plot": ((share < 0.05) & np.isfinite(first[i])).astype(float)}


def _register_features(
    features: Features, registers: Sequence[Counterparts], shares: Shares, i: Index, j: Index, n: tuple[int, int]
) -> dict[str, Floats]:
    """What BD TOPO and RNB say of a footprint, beside the best other footprint of the same address.

    A house of which the cadastre draws two parts is one building there; house and annexe are two. A footprint that is
    several buildings there has several addresses, which are no rivals.
    """
    best = best_other(features["first"], i, n[0])
    other = np.where(best >= 0, j[best], -1) if len(j) else j
    strength = 1 / (1 + np.exp(-features["rival_here"]))
    one, two = as_one(registers, j, other, n[1])
    several = np.minimum(n_within(registers, n[1])[j] - 1, 1)
    spread = (np.bincount(shares.building[shares.share > _SPREAD], minlength=n[1]) > 1)[j].astype(float)
    return {
        "with_best": one * strength,
        "beside_best": two * strength,
        "with_best_on_plot": one * strength * features["on_own_parcel"],
        "with_best_smaller": one * strength * features["smaller"],
        "disputed": np.minimum(one, two) * strength,
        "several": several,
        "rival_of_several": features["rival_there"] * several,
        "spread": spread,
        "loses_of_spread": (1 - features["wins_there"]) * spread,
    }


def _smaller(buildings: Register, shares: Shares | None, within_m: float) -> Floats:
    """By how much a building is smaller than the largest around it on its parcel, as a power of ten, 0 to 1.5."""
    area = np.clip(shapely.area(buildings.shapes), 1, None)
    largest = area.copy()
    if shares is not None:
        table = pd.DataFrame({"building": shares.building, "parcel": shares.parcel, "share": shares.share})
        table = table.sort_values(["building", "share", "parcel"], ascending=[True, False, True])
        table = table.drop_duplicates("building")
        main = np.full(len(buildings), -1)
        main[table["building"]] = table["parcel"]
        i, j = candidate_pairs(buildings.shapes, buildings.shapes, within_m)
        same = (main[i] >= 0) & (main[i] == main[j])
        np.maximum.at(largest, i[same], area[j[same]])
    smaller: Floats = np.clip(np.log10(largest / area), 0, 1.5)
    return smaller


def _through_rnb(addresses: Register, rnb: Register | None, to_rnb: Candidates | None, within_m: float) -> _Through:
    """What the RNB states of addresses, through its links to footprints that are more likely true than not."""
    empty = pd.DataFrame({"left": [], "right": [], "score": []})
    absent = np.zeros(len(addresses), dtype=np.bool_)
    if rnb is None or to_rnb is None:
        nothing = pair_table(empty, "score")
        return _Through(score=nothing, rest=nothing, names={}, shared=nothing, absent=absent)
    names = Statements.of(rnb.texts("address_ids"), addresses.ids)
    permanent = Statements.of(rnb.texts("address_ids"), addresses.texts("ban_id"))
    said = pd.DataFrame({"rnb": np.concatenate([names.owner, permanent.owner]),
                         "left": np.concatenate([names.target, permanent.target])})  # fmt: skip
    sure = to_rnb.score > 0.5
    rest = np.nan_to_num(1 - to_rnb.evidence["share_rnb"][sure])
    pairs = pd.DataFrame(
        {"right": to_rnb.left[sure], "rnb": to_rnb.right[sure], "score": to_rnb.score[sure], "rest": rest}
    )
    near = shapely.distance(addresses.shapes[said["left"]], rnb.shapes[said["rnb"]]) <= within_m
    absent[said["left"][near & ~said["rnb"].isin(pairs["rnb"])]] = True
    both = said.merge(pairs, on="rnb").sort_values(
        ["left", "right", "score", "rnb"], ascending=[True, True, False, True]
    )
    both = both.drop_duplicates(["left", "right"])
    n_addresses, n_buildings = (table.drop_duplicates().groupby("rnb")[side].size()
                                for table, side in ((said, "left"), (pairs[["rnb", "right"]], "right")))  # fmt: skip
    several = (both["rnb"].map(n_addresses) > 1) & (both["rnb"].map(n_buildings) > 1)
    both["shared"] = several.astype(float)
    ids = {(int(a), int(b)): str(rnb.ids[r]) for a, b, r in zip(both["left"], both["right"], both["rnb"], strict=True)}
    score, remains, shared = (pair_table(both, column) for column in ("score", "rest", "shared"))
    return _Through(score=score, rest=remains, names=ids, shared=shared, absent=absent)
