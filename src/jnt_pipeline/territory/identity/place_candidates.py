"""Parcels and addresses: candidates from where things stand, from what registers state, and through buildings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.candidates import LEAD_M, Candidates, Features, candidates, joined, lead, rival
from jnt_pipeline.territory.identity.offsets import Offsets, moved
from jnt_pipeline.territory.identity.outline_pairs import candidate_pairs
from jnt_pipeline.territory.identity.parameters import IdentityParameters
from jnt_pipeline.territory.identity.registers import Register, Stated, Statements, objects, statements
from jnt_pipeline.territory.identity.scores import Model

__all__ = ["Shares", "address_buildings", "address_parcels", "rnb_parcels"]

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Models = Mapping[str, Model]

_MOST_ODDS = 8.0  # a probability of 0.9997: what is surer is no surer
_SMALL = 1.3  # as a power of ten: 20 m², a shed or a garage
_ENOUGH = 0.1  # a tenth of a building on a parcel: more says no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How buildings of the cadastre lie on parcels: rows (building, parcel), sorted."""

    building: Index
    parcel: Index
    area_m2: Floats
    share: Floats
    """Share of the building, 0 to 1."""

    @staticmethod
    def of(buildings: Register, parcels: Register) -> Shares:
        """All overlaps with an area."""
        i, j = candidate_pairs(buildings.shapes, parcels.shapes, 0.0)
        area = shapely.area(shapely.intersection(buildings.shapes[i], parcels.shapes[j]))
        keep = area > 0
        i, j, area = i[keep], j[keep], area[keep]
        return Shares(building=i, parcel=j, area_m2=area, share=area / shapely.area(buildings.shapes[i]))


def rnb_parcels(
    rnb: Register, parcels: Register, buildings: Register | None, shares: Shares | None,
    to_buildings: Candidates | None, offsets: Offsets | None, parameters: IdentityParameters, models: Models,
) -> Candidates:  # fmt: skip
    """Candidates of ``rnb-parcel``: the outline on the parcel, and the cadastral buildings that the RNB building is."""
    shapes = rnb.shapes if offsets is None else moved(rnb.shapes, -offsets.xy)
    stated = Statements.of(rnb.texts("parcel_ids"), parcels.ids), _silent(parcels)
    through = _through_buildings(to_buildings, shares, buildings)
    i, j = candidate_pairs(shapes, parcels.shapes, 0.0)
    i, j = joined(i, j, through.index.get_level_values(0).to_numpy(), through.index.get_level_values(1).to_numpy(),
                  len(parcels))  # fmt: skip
    i, j = _with_stated(i, j, stated[0], shapes, parcels, parameters)
    said = statements(*stated, i, j)
    area = shapely.area(shapes[i])
    common = shapely.area(shapely.intersection(shapes[i], parcels.shapes[j]))
    share = np.divide(common, area, out=np.zeros(len(i)), where=area > 0)
    gap = shapely.distance(shapes[i], parcels.shapes[j])
    via = _looked_up(through, i, j)
    is_point = rnb.is_point[i]
    features = {
        "share": share,
        "enough": np.minimum(share, _ENOUGH) / _ENOUGH,
        "inside": (gap == 0).astype(float),
        "gap": np.minimum(gap, 10),
        "via": via,
        "via_enough": np.minimum(via, _ENOUGH) / _ENOUGH,
        "no_via": (~np.isin(i, through.index.get_level_values(0))).astype(float),
        **_statement_features(said),
    }
    place = np.where(is_point, np.where(gap == 0, "inside", "nearest"), "geometry")
    evidence = {
        "share_rnb": np.where(is_point, np.nan, share),
        "common_m2": np.where(is_point, np.nan, common),
        "distance_m": np.where(gap > 0, gap, np.nan),
        "share_footprints": np.where(via > 0, via, np.nan),
        **_stated_evidence(said, stated[0], i, "rnb"),
    }
    judges = {"rnb-parcel": (~is_point, features), "rnb-parcel point": (is_point, features)}
    method = _method(place, said, gap > 0)
    return candidates("rnb-parcel", (rnb.ids, parcels.ids), (i, j), judges, said.by_any, method, evidence, models)


def address_buildings(
    addresses: Register, buildings: Register, parcels: Register | None, shares: Shares | None,
    rnb: Register | None, to_rnb: Candidates | None, parameters: IdentityParameters, models: Models,
) -> Candidates:  # fmt: skip
    """Candidates of ``address-building``: near the address, on its parcels, or of the RNB building that states it."""
    through, names, shared = _through_rnb(addresses, rnb, to_rnb)
    i, j = candidate_pairs(addresses.shapes, buildings.shapes, parameters.max_address_gap_m)
    v_i, v_j = (through.index.get_level_values(level).to_numpy(dtype=np.intp) for level in (0, 1))
    near = shapely.distance(addresses.shapes[v_i], buildings.shapes[v_j]) <= parameters.max_declared_gap_m
    i, j = joined(i, j, v_i[near], v_j[near], len(buildings))
    gap = shapely.distance(addresses.shapes[i], buildings.shapes[j])
    via = _looked_up(through, i, j)
    on_stated, states_parcels, on_own = _on_parcels(addresses, buildings, parcels, shares, i, j)
    leads = lead(gap, i, len(addresses)) / LEAD_M
    log_area = np.log10(np.clip(shapely.area(buildings.shapes[j]), 1, 1000))
    features = {
        "inside": (gap == 0).astype(float),
        "gap": np.minimum(gap, 40) / 10,
        "near": np.exp(-gap / 3),
        "lead": leads,
        "is_nearest": (leads > 0).astype(float),
        "on_stated_parcel": on_stated,
        "off_stated_parcel": states_parcels * (on_stated < 0.05),
        "on_own_parcel": on_own,
        "via": via,
        "via_shared": via * _looked_up(shared, i, j),
        "via_another": ((via == 0) & np.isin(i, v_i[near])).astype(float),
        "via_and_stated": via * on_stated,
        "via_and_own": via * on_own,
        "stated_and_own": on_stated * on_own,
        "log_area": log_area,
        "is_small": (log_area < _SMALL).astype(float),
        "smaller": _smaller(buildings, shares, parameters.max_address_gap_m)[j],
    }
    features |= _rivals(features, i, j, (len(addresses), len(buildings)), models["address-building first"])
    place = np.where(gap == 0, "inside", "nearest")
    is_stated = via > 0
    stated = np.where(gap > parameters.max_address_gap_m, "declared", np.char.add("declared+", place))
    evidence = {
        "distance_m": gap,
        "lead_m": leads * LEAD_M,
        "share_on_stated_parcel": np.where(states_parcels > 0, on_stated, np.nan),
        "via": objects([names.get((int(a), int(b)), "") for a, b in zip(i, j, strict=True)]),
        "stated_by": objects([["rnb"] if yes else None for yes in is_stated]),
    }
    judges = {"address-building": (np.ones(len(i), bool), features)}
    method = np.where(is_stated, stated, place).astype(object)
    return candidates(
        "address-building", (addresses.ids, buildings.ids), (i, j), judges, is_stated, method, evidence, models
    )


def address_parcels(
    addresses: Register, parcels: Register, shares: Shares | None, to_buildings: Candidates | None,
    parameters: IdentityParameters, models: Models,
) -> Candidates:  # fmt: skip
    """Candidates of ``address-parcel``: around the address, stated by its file, or under its building."""
    stated = Statements.of(addresses.texts("parcel_ids"), parcels.ids), _silent(parcels)
    through = _under_buildings(to_buildings, shares)
    i, j = candidate_pairs(addresses.shapes, parcels.shapes, parameters.max_address_gap_m)
    i, j = joined(i, j, through.index.get_level_values(0).to_numpy(), through.index.get_level_values(1).to_numpy(),
                  len(parcels))  # fmt: skip
    i, j = _with_stated(i, j, stated[0], addresses.shapes, parcels, parameters)
    gap = shapely.distance(addresses.shapes[i], parcels.shapes[j])
    said = statements(*stated, i, j)
    via = _looked_up(through, i, j)
    features = {
        "inside": (gap == 0).astype(float),
        "gap": np.minimum(gap, 40) / 10,
        "near": np.exp(-gap / 3),
        "lead": lead(gap, i, len(addresses)) / LEAD_M,
        "via": via,
        "via_enough": np.minimum(via, _ENOUGH) / _ENOUGH,
        "no_via": (~np.isin(i, through.index.get_level_values(0))).astype(float),
        **_statement_features(said),
    }
    features |= _rivals(features, i, j, (len(addresses), len(parcels)), models["address-parcel first"])
    # Who else wants a large parcel may live anywhere along it, and out of reach.
    bounds = shapely.bounds(parcels.shapes)
    is_large = (bounds[:, 2:] - bounds[:, :2]).max(axis=1, initial=0) > parameters.max_extent_m
    features["rival_there"] = np.where(is_large[j], -_MOST_ODDS, features["rival_there"])
    features["wins_there"] = np.where(is_large[j], 1.0, features["wins_there"])
    place = np.where(gap == 0, "inside", "nearest")
    evidence = {
        "distance_m": gap,
        "share_of_building": np.where(via > 0, via, np.nan),
        **_stated_evidence(said, stated[0], i, "ban"),
    }
    judges = {"address-parcel": (np.ones(len(i), bool), features)}
    method = _method(place, said, gap > parameters.max_address_gap_m)
    return candidates(
        "address-parcel", (addresses.ids, parcels.ids), (i, j), judges, said.by_any, method, evidence, models
    )


def _rivals(features: Features, i: Index, j: Index, n: tuple[int, int], first: Model) -> dict[str, Floats]:
    """How a pair stands among others of the same address (here), and of the same building or parcel (there).

    By the scores that a first model gives, which knows of no rivals, as log odds; and whether the pair beats the best.
    """
    score = first.score(features, len(i))
    own, here, there = (_log_odds(part) for part in (score, rival(score, i, n[0]), rival(score, j, n[1])))
    return {
        "first": own,
        "rival_here": here,
        "rival_there": there,
        "wins_here": 1 / (1 + np.exp(here - own)),
        "wins_there": 1 / (1 + np.exp(there - own)),
    }


def _log_odds(score: Floats) -> Floats:
    sure = np.clip(score, 1e-6, 1 - 1e-6)
    odds: Floats = np.clip(np.log(sure / (1 - sure)), -_MOST_ODDS, _MOST_ODDS)
    return odds


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


def _silent(register: Register) -> Statements:
    return Statements.of(np.full(len(register), "", dtype=object), register.ids[:0])


def _with_stated(
    i: Index, j: Index, stated: Statements, shapes: NDArray[np.object_], parcels: Register,
    parameters: IdentityParameters,
) -> tuple[Index, Index]:  # fmt: skip
    near = shapely.distance(shapes[stated.owner], parcels.shapes[stated.target]) <= parameters.max_declared_gap_m
    return joined(i, j, stated.owner[near], stated.target[near], len(parcels))


def _statement_features(said: Stated) -> dict[str, Floats]:
    return {"stated": said.by_left.astype(float), "elsewhere": said.elsewhere_left.astype(float)}


def _stated_evidence(said: Stated, stated: Statements, i: Index, name: str) -> dict[str, NDArray[np.object_]]:
    instead = np.where(said.elsewhere_left, stated.texts[i] if len(i) else "", "").astype(object)
    by = objects([[name] if yes else None for yes in said.by_left])
    return {"stated_by": by, "stated_instead": instead}


def _method(place: NDArray[np.str_], said: Stated, is_far: NDArray[np.bool_]) -> NDArray[np.object_]:
    stated = np.where(is_far, "declared", np.char.add("declared+", place.astype(str)))
    return np.where(said.by_any, stated, place).astype(object)


def _looked_up(table: pd.Series, i: Index, j: Index) -> Floats:
    values: Floats = table.reindex(pd.MultiIndex.from_arrays([i, j])).fillna(0.0).to_numpy(dtype=np.float64)
    return values


def _series(frame: pd.DataFrame, value: str) -> pd.Series:
    table: pd.Series = frame.set_index(["left", "right"])[value]
    return table


def _through_buildings(to_buildings: Candidates | None, shares: Shares | None, buildings: Register | None) -> pd.Series:
    """Share of the cadastral buildings of an RNB building that lies on a parcel, by (rnb, parcel)."""
    if to_buildings is None or shares is None or buildings is None:
        return _series(pd.DataFrame({"left": [], "right": [], "share": []}), "share")
    sure = to_buildings.score > 0.5
    pairs = pd.DataFrame({"left": to_buildings.right[sure], "building": to_buildings.left[sure]})
    pairs["whole"] = shapely.area(buildings.shapes[pairs["building"]])
    pairs["whole"] = pairs.groupby("left")["whole"].transform("sum")
    on = pd.DataFrame({"building": shares.building, "right": shares.parcel, "area": shares.area_m2})
    both = pairs.merge(on, on="building").sort_values(["left", "right", "building"])
    both["share"] = both["area"] / both["whole"]
    return _series(both.groupby(["left", "right"], as_index=False)[["share"]].sum(), "share")


def _under_buildings(to_buildings: Candidates | None, shares: Shares | None) -> pd.Series:
    """The largest score of a building of the address times its share on a parcel, by (address, parcel)."""
    if to_buildings is None or shares is None:
        return _series(pd.DataFrame({"left": [], "right": [], "share": []}), "share")
    sure = to_buildings.score > 0.5
    pairs = pd.DataFrame(
        {"left": to_buildings.left[sure], "building": to_buildings.right[sure], "score": to_buildings.score[sure]}
    )
    on = pd.DataFrame({"building": shares.building, "right": shares.parcel, "share": shares.share})
    both = pairs.merge(on, on="building")
    both["share"] *= both["score"]
    return _series(both.groupby(["left", "right"], as_index=False)[["share"]].max(), "share")


def _through_rnb(
    addresses: Register, rnb: Register | None, to_rnb: Candidates | None
) -> tuple[pd.Series, dict[tuple[int, int], str], pd.Series]:
    """For (address, building): score of the building-rnb link whose RNB building states the address, and its id.

    Third, 1 where that RNB building has several addresses and several buildings: it cannot say which is whose.
    """
    empty = pd.DataFrame({"left": [], "right": [], "score": []})
    if rnb is None or to_rnb is None:
        return _series(empty, "score"), {}, _series(empty, "score")
    names = Statements.of(rnb.texts("address_ids"), addresses.ids)
    permanent = Statements.of(rnb.texts("address_ids"), addresses.texts("ban_id"))
    said = pd.DataFrame({"rnb": np.concatenate([names.owner, permanent.owner]),
                         "left": np.concatenate([names.target, permanent.target])})  # fmt: skip
    sure = to_rnb.score > 0.5
    pairs = pd.DataFrame({"right": to_rnb.left[sure], "rnb": to_rnb.right[sure], "score": to_rnb.score[sure]})
    both = said.merge(pairs, on="rnb").sort_values(
        ["left", "right", "score", "rnb"], ascending=[True, True, False, True]
    )
    both = both.drop_duplicates(["left", "right"])
    n_addresses, n_buildings = (table.drop_duplicates().groupby("rnb")[side].size()
                                for table, side in ((said, "left"), (pairs[["rnb", "right"]], "right")))  # fmt: skip
    several = (both["rnb"].map(n_addresses) > 1) & (both["rnb"].map(n_buildings) > 1)
    both["shared"] = several.astype(float)
    ids = {(int(a), int(b)): str(rnb.ids[r]) for a, b, r in zip(both["left"], both["right"], both["rnb"], strict=True)}
    return _series(both, "score"), ids, _series(both, "shared")


def _on_parcels(
    addresses: Register, buildings: Register, parcels: Register | None, shares: Shares | None, i: Index, j: Index
) -> tuple[Floats, Floats, Floats]:
    """For pairs: share of the building on the stated parcels, whether any is stated, share on the address's parcel."""
    if parcels is None or shares is None:
        return np.zeros(len(i)), np.zeros(len(i)), np.zeros(len(i))
    stated = Statements.of(addresses.texts("parcel_ids"), parcels.ids)
    a, p = candidate_pairs(addresses.shapes, parcels.shapes, 0.0)
    on = pd.DataFrame({"right": shares.building, "parcel": shares.parcel, "share": shares.share})
    found = []
    for owner, parcel in ((stated.owner, stated.target), (a, p)):
        both = pd.DataFrame({"left": owner, "parcel": parcel}).drop_duplicates().merge(on, on="parcel")
        both = both.sort_values(["left", "right", "parcel"])
        sums = both.groupby(["left", "right"], as_index=False)[["share"]].sum()
        found.append(np.clip(_looked_up(_series(sums, "share"), i, j), 0, 1))
    speaks = np.array([text != "" for text in stated.texts], dtype=np.bool_)
    return found[0], speaks[i].astype(float) if len(i) else np.zeros(0), found[1]
