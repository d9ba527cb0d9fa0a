"""Parcels: candidates from where things stand, from what registers state, and through buildings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.territory.identity.candidates import LEAD_M, Candidates, candidates, joined, lead
from jnt_pipeline.territory.identity.offsets import Offsets, moved
from jnt_pipeline.territory.identity.outline_pairs import candidate_pairs
from jnt_pipeline.territory.identity.pair_tables import Shares, looked_up, pair_table, silent
from jnt_pipeline.territory.identity.parameters import IdentityParameters
from jnt_pipeline.territory.identity.registers import Register, Stated, Statements, objects, statements
from jnt_pipeline.territory.identity.rivals import MOST_ODDS, rivals
from jnt_pipeline.territory.identity.scores import Model

__all__ = ["address_parcels", "rnb_parcels"]

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Models = Mapping[str, Model]

_ENOUGH = 0.1  # a tenth of a building on a parcel: more says no more


def rnb_parcels(
    rnb: Register, parcels: Register, buildings: Register | None, shares: Shares | None,
    to_buildings: Candidates | None, offsets: Offsets | None, parameters: IdentityParameters, models: Models,
) -> Candidates:  # fmt: skip
    """Candidates of ``rnb-parcel``: the outline on the parcel, and the cadastral buildings that the RNB building is."""
    shapes = rnb.shapes if offsets is None else moved(rnb.shapes, -offsets.xy)
    stated = Statements.of(rnb.texts("parcel_ids"), parcels.ids), silent(parcels)
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
    via = looked_up(through, i, j)
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


def address_parcels(
    addresses: Register, parcels: Register, shares: Shares | None, to_buildings: Candidates | None,
    parameters: IdentityParameters, models: Models,
) -> Candidates:  # fmt: skip
    """Candidates of ``address-parcel``: around the address, stated by its file, or under its building."""
    stated = Statements.of(addresses.texts("parcel_ids"), parcels.ids), silent(parcels)
    through = _under_buildings(to_buildings, shares)
    i, j = candidate_pairs(addresses.shapes, parcels.shapes, parameters.max_address_gap_m)
    i, j = joined(i, j, through.index.get_level_values(0).to_numpy(), through.index.get_level_values(1).to_numpy(),
                  len(parcels))  # fmt: skip
    i, j = _with_stated(i, j, stated[0], addresses.shapes, parcels, parameters)
    gap = shapely.distance(addresses.shapes[i], parcels.shapes[j])
    said = statements(*stated, i, j)
    via = looked_up(through, i, j)
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
    features |= rivals(features, i, j, addresses, len(parcels), models["address-parcel first"])
    # Who else wants a large parcel may live anywhere along it, and out of reach.
    bounds = shapely.bounds(parcels.shapes)
    is_large = (bounds[:, 2:] - bounds[:, :2]).max(axis=1, initial=0) > parameters.max_extent_m
    features["rival_there"] = np.where(is_large[j], -MOST_ODDS, features["rival_there"])
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


def _through_buildings(to_buildings: Candidates | None, shares: Shares | None, buildings: Register | None) -> pd.Series:
    """Share of the cadastral buildings of an RNB building that lies on a parcel, by (rnb, parcel)."""
    if to_buildings is None or shares is None or buildings is None:
        return pair_table(pd.DataFrame({"left": [], "right": [], "share": []}), "share")
    sure = to_buildings.score > 0.5
    pairs = pd.DataFrame({"left": to_buildings.right[sure], "building": to_buildings.left[sure]})
    pairs["whole"] = shapely.area(buildings.shapes[pairs["building"]])
    pairs["whole"] = pairs.groupby("left")["whole"].transform("sum")
    on = pd.DataFrame({"building": shares.building, "right": shares.parcel, "area": shares.area_m2})
    both = pairs.merge(on, on="building").sort_values(["left", "right", "building"])
    both["share"] = both["area"] / both["whole"]
    return pair_table(both.groupby(["left", "right"], as_index=False)[["share"]].sum(), "share")


def _under_buildings(to_buildings: Candidates | None, shares: Shares | None) -> pd.Series:
    """The largest score of a building of the address times its share on a parcel, by (address, parcel)."""
    if to_buildings is None or shares is None:
        return pair_table(pd.DataFrame({"left": [], "right": [], "share": []}), "share")
    sure = to_buildings.score > 0.5
    pairs = pd.DataFrame(
        {"left": to_buildings.left[sure], "building": to_buildings.right[sure], "score": to_buildings.score[sure]}
    )
    on = pd.DataFrame({"building": shares.building, "right": shares.parcel, "share": shares.share})
    both = pairs.merge(on, on="building")
    both["share"] *= both["score"]
    return pair_table(both.groupby(["left", "right"], as_index=False)[["share"]].max(), "share")
