"""Aliases (*identifiants équivalents*): the ids that other registers give a building, and which of them name it."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import pandas as pd

from jnt_pipeline.base_layers.schema import Column
from jnt_pipeline.territory.identity.parameters import IdentityParameters

__all__ = ["IDENTITIES", "identities", "renamed", "with_national_ids"]

IDENTITIES: tuple[Column, ...] = (
    Column("building_id", "text", "Id of the building in the twin.", required=True),
    Column("register", "text", "footprint, rnb, bdtopo, bdnb or ban.", required=True),
    Column("registered_id", "text", "Id that the register gives it.", required=True),
    Column(
        "relation",
        "text",
        "same (one to one), contains (several of the register make up the building), part_of (the register's covers "
        "several buildings), overlaps (both), or address.",
        required=True,
    ),
    Column("score", "number", "How sure the link is, 0 to 1.", required=True),
)
"""What the table ``identities`` holds; (building_id, register, registered_id) is unique and the order of the rows."""

_REGISTERS = {"building-topo": "bdtopo", "building-rnb": "rnb"}
_COLUMNS = {"building-rnb": "rnb_id", "building-topo": "cleabs"}


def with_national_ids(
    footprints: gpd.GeoDataFrame, links: pd.DataFrame, parameters: IdentityParameters
) -> gpd.GeoDataFrame:
    """Footprints with the columns ``rnb_id`` and ``cleabs`` that ``building_ids`` reads.

    ``links`` of the whole twin, whose buildings are called by ``footprint_id``. An id is given where building and
    registered building are linked to each other alone and the score is ``sure_score`` or more; columns of these names
    that are there already are kept where no link says otherwise.
    """
    named = footprints.copy()
    for kind, column in _COLUMNS.items():
        rows = _related(links, kind)
        sure = rows[(rows["relation"] == "same") & (rows["score"] >= parameters.sure_score)]
        ids = footprints["footprint_id"].map(sure.set_index("source_id")["target_id"]).astype("str")
        before = named[column].astype("str") if column in named.columns else pd.Series(pd.NA, named.index, dtype="str")
        named[column] = ids.where(ids.notna(), before)
    return named


def renamed(links: pd.DataFrame, building_ids: Mapping[str, str]) -> pd.DataFrame:
    """Links whose buildings, called by ``footprint_id``, are called by their ``building_id``; sorted anew."""
    table = links.copy()
    of_source = table["link_type"].str.startswith("building-")
    of_target = table["link_type"].str.endswith("-building")
    for column, which in (("source_id", of_source), ("target_id", of_target)):
        ids = table.loc[which, column]
        table.loc[which, column] = ids.map(building_ids).where(ids.isin(list(building_ids)), ids).astype("str")
    return table.sort_values(["link_type", "source_id", "target_id"], ignore_index=True)


def identities(buildings: pd.DataFrame, links: pd.DataFrame, rnb_buildings: pd.DataFrame | None = None) -> pd.DataFrame:
    """The table ``identities``: a row for every id by which a register knows a building.

    ``buildings``: columns ``building_id`` and ``footprint_id``; ``links``: their links, by ``building_id``;
    ``rnb_buildings``: for the BDNB ids that the RNB states.
    """
    own = pd.DataFrame(
        {"building_id": buildings["building_id"], "register": "footprint", "registered_id": buildings["footprint_id"],
         "relation": "same", "score": 1.0}
    )  # fmt: skip
    tables = [own]
    for kind, register in _REGISTERS.items():
        rows = _related(links, kind).rename(columns={"source_id": "building_id", "target_id": "registered_id"})
        tables.append(rows.assign(register=register)[own.columns])
    if rnb_buildings is not None and "bdnb_ids" in rnb_buildings.columns:
        stated = rnb_buildings[["rnb_id", "bdnb_ids"]].dropna()
        stated = stated.assign(bdnb_ids=stated["bdnb_ids"].astype("str").str.split("|")).explode("bdnb_ids")
        rows = tables[-1].merge(stated, left_on="registered_id", right_on="rnb_id")
        rows = rows[rows["bdnb_ids"].str.strip() != ""]
        tables.append(rows.assign(register="bdnb", registered_id=rows["bdnb_ids"].str.strip())[own.columns])
    at = links[links["link_type"] == "address-building"]
    at = at.rename(columns={"target_id": "building_id", "source_id": "registered_id"})
    tables.append(at.assign(register="ban", relation="address")[own.columns])
    key = ["building_id", "register", "registered_id"]
    table = pd.concat([rows for rows in tables if len(rows)] or [own], ignore_index=True)
    table = table.sort_values([*key, "score"], ascending=[True, True, True, False]).drop_duplicates(key)
    types = {column.name: "str" if column.kind == "text" else "float64" for column in IDENTITIES}
    return table.astype(types).reset_index(drop=True)


def _related(links: pd.DataFrame, kind: str) -> pd.DataFrame:
    rows = links[links["link_type"] == kind]
    many_targets = rows["source_id"].duplicated(keep=False)
    many_sources = rows["target_id"].duplicated(keep=False)
    relation = pd.Series("same", index=rows.index, dtype="str")
    relation = relation.mask(many_targets, "contains").mask(many_sources, "part_of")
    return rows.assign(relation=relation.mask(many_targets & many_sources, "overlaps"))
