"""Aliases: which ids of registers name a building, and the table of all of them."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
from shapely.geometry import box

from jnt_pipeline.territory.identifiers import building_ids
from jnt_pipeline.territory.identity.aliases import IDENTITIES, identities, renamed, with_national_ids
from jnt_pipeline.territory.identity.parameters import IdentityParameters
from jnt_pipeline.territory.links import LINK_COLUMNS, join_links

DEFAULTS = IdentityParameters()


def links(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    table = [(kind, source, target, "geometry", score, "2026-04-01", "") for kind, source, target, score in rows]
    frame = pd.DataFrame(table, columns=list(LINK_COLUMNS))
    return frame.astype({name: "float64" if name == "score" else "str" for name in LINK_COLUMNS})


def footprints(*ids: str) -> gpd.GeoDataFrame:
    shapes = [box(i, 0, i + 1, 1) for i in range(len(ids))]
    return gpd.GeoDataFrame({"footprint_id": pd.Series(ids, dtype="str")}, geometry=shapes, crs="EPSG:2154")


def names(*rows: tuple[str, str, str, float]) -> list[str]:
    ids: list[str] = building_ids(with_national_ids(footprints("F", "G"), links(*rows), DEFAULTS)).tolist()
    return ids


def test_a_building_sure_and_one_to_one_takes_the_id_of_the_rnb_else_of_bd_topo() -> None:
    assert names(
        ("building-rnb", "F", "R1", 0.99), ("building-topo", "F", "B1", 0.99), ("building-topo", "G", "B2", 0.95)
    ) == ["R1", "B2"]  # fmt: skip


def test_a_doubtful_link_names_nothing() -> None:
    assert names(("building-rnb", "F", "R1", 0.89)) == ["F", "G"]


def test_an_id_that_covers_two_buildings_and_a_building_with_two_ids_are_named_by_neither() -> None:
    assert names(("building-rnb", "F", "R1", 0.99), ("building-rnb", "G", "R1", 0.99)) == ["F", "G"]
    assert names(("building-rnb", "F", "R1", 0.99), ("building-rnb", "F", "R2", 0.6)) == ["F", "G"]


def test_ids_that_the_footprints_bring_stay_where_no_link_says_otherwise() -> None:
    brought = footprints("F", "G").assign(rnb_id=["OLD1", "OLD2"])
    named = with_national_ids(brought, links(("building-rnb", "F", "R1", 0.99)), DEFAULTS)
    assert named["rnb_id"].tolist() == ["R1", "OLD2"]


def test_links_are_renamed_on_the_side_where_the_building_is() -> None:
    table = links(("building-topo", "F", "B1", 0.9), ("address-building", "A", "F", 0.9), ("topo-rnb", "F", "F", 0.9))
    rows = renamed(table, {"F": "R1"})[["link_type", "source_id", "target_id"]].to_numpy().tolist()
    assert rows == [["address-building", "A", "R1"], ["building-topo", "R1", "B1"], ["topo-rnb", "F", "F"]]


def test_every_alias_of_a_building_is_listed_with_its_relation_and_score() -> None:
    buildings = pd.DataFrame({"building_id": ["R1", "G"], "footprint_id": ["F", "G"]})
    table = identities(
        buildings,
        links(
            ("building-rnb", "R1", "R1", 0.99), ("building-topo", "R1", "B1", 0.8), ("building-topo", "R1", "B2", 0.7),
            ("building-topo", "G", "B2", 0.6), ("address-building", "A", "G", 0.9),
        ),
        pd.DataFrame({"rnb_id": ["R1"], "bdnb_ids": ["bdnb-bc-1|bdnb-bc-2"]}),
    )  # fmt: skip
    assert table.columns.tolist() == [column.name for column in IDENTITIES]
    assert list(table.itertuples(index=False, name=None)) == [
        ("G", "ban", "A", "address", 0.9),
        ("G", "bdtopo", "B2", "part_of", 0.6),
        ("G", "footprint", "G", "same", 1.0),
        ("R1", "bdnb", "bdnb-bc-1", "same", 0.99),
        ("R1", "bdnb", "bdnb-bc-2", "same", 0.99),
        ("R1", "bdtopo", "B1", "contains", 0.8),
        ("R1", "bdtopo", "B2", "overlaps", 0.7),
        ("R1", "footprint", "F", "same", 1.0),
        ("R1", "rnb", "R1", "same", 0.99),
    ]


def test_without_links_each_building_has_its_footprint_alone() -> None:
    buildings = pd.DataFrame({"building_id": ["F"], "footprint_id": ["F"]})
    table = identities(buildings, join_links([]))
    assert list(table.itertuples(index=False, name=None)) == [("F", "footprint", "F", "same", 1.0)]
