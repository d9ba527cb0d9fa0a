"""Quality rules: each one passes where it should and finds what was put in, with numbers worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from shapely import Polygon
from shapely.geometry import box

from jnt_pipeline.base_layers.quality import QUALITY_COLUMNS, RULES, LayerOrigin, QualityParameters, judge, summary
from jnt_pipeline.provenance import Counts, Provenance

CRS = "EPSG:2154"
X, Y = 930_000.0, 6_700_000.0


def at(west: float, south: float, east: float, north: float) -> Polygon:
    return box(X + west, Y + south, X + east, Y + north)


def parcels(*rows: tuple[str, Polygon], **columns: Any) -> gpd.GeoDataFrame:
    """(id, outline) rows; registered and drawn areas agree unless ``columns`` say otherwise."""
    ids, shapes = [row[0] for row in rows], [row[1] for row in rows]
    frame = gpd.GeoDataFrame(
        {
            "parcel_id": pd.array(ids, dtype="str"),
            "insee_code": [name[:5] for name in ids],
            "section_id": [name[:10] for name in ids],
            "registered_area_m2": pd.array([round(shape.area) for shape in shapes], dtype="Int64"),
            "area_m2": [shape.area for shape in shapes],
            "is_surveyed": pd.array([None] * len(ids), dtype="boolean"),
            "created_on": "2010-01-01",
            "updated_on": "2015-01-01",
        },
        geometry=shapes,
        crs=CRS,
    )
    return frame.assign(**columns)


def origin(vintage: str = "2026-06-01", read: int = 2, **rejected: int) -> LayerOrigin:
    provenance = Provenance(producer="tests", licence="none", vintage=vintage)
    return LayerOrigin(
        provenance=provenance, counts=Counts(read=read, kept=read - sum(rejected.values()), rejected=rejected)
    )


def rows(
    rule: str,
    layers: dict[str, gpd.GeoDataFrame],
    origins: dict[str, LayerOrigin] | None = None,
    **parameters: Any,
) -> list[dict[str, Any]]:
    table = judge(layers, origins or {}, QualityParameters(**parameters))
    found = table[table["rule_code"] == rule].to_dict("records")
    return [{**row, "values": json.loads(row["values"])} for row in found]


def one(rule: str, layers: dict[str, gpd.GeoDataFrame], *arguments: Any, **parameters: Any) -> dict[str, Any]:
    (row,) = rows(rule, layers, *arguments, **parameters)
    return row


AB1, AB2 = "25354000AB0001", "25354000AB0002"
ZB1 = "25354000ZB0001"
OTHER = "25355000AB0001"
CLEAN = parcels((AB1, at(0, 0, 10, 10)), (AB2, at(10, 0, 20, 10)))


# --- records ------------------------------------------------------------------------------------------------------


def test_records_set_aside_are_told_by_reason() -> None:
    aside = origin(read=10, invalid_geometry=2, duplicate_id=1)
    row = one("records_set_aside", {"parcels": CLEAN}, {"parcels": aside})
    assert (row["n_judged"], row["n_found"]) == (10, 3)
    assert row["message"] == "3 of 10 records set aside: duplicate_id 1, invalid_geometry 2"
    assert one("records_set_aside", {"parcels": CLEAN}, {"parcels": origin()})["n_found"] == 0


def test_an_id_on_two_records_is_an_error() -> None:
    twice = parcels((AB1, at(0, 0, 10, 10)), (AB1, at(10, 0, 20, 10)), (AB2, at(20, 0, 30, 10)))
    row = one("duplicate_ids", {"parcels": twice})
    assert (row["severity"], row["n_found"], row["record_ids"]) == ("error", 2, f"{AB1}|{AB1}")
    assert row["message"] == "1 id on 2 records"
    assert one("duplicate_ids", {"parcels": CLEAN})["message"] == "every id once"


def test_a_layer_of_somebodys_own_file_has_no_id_that_rules_know() -> None:
    trees = gpd.GeoDataFrame({"species": ["oak", "oak"]}, geometry=[at(0, 0, 1, 1), at(2, 0, 3, 1)], crs=CRS)
    assert rows("duplicate_ids", {"trees": trees}) == []
    assert one("records_set_aside", {"trees": trees}, {"trees": origin()})["n_found"] == 0


def test_the_same_outline_is_found_wherever_it_begins() -> None:
    turned = Polygon([(X + 10, Y), (X + 10, Y + 10), (X, Y + 10), (X, Y)])  # the square of AB1 from another corner
    row = one(
        "identical_outlines", {"parcels": parcels((AB1, at(0, 0, 10, 10)), (AB2, turned), (ZB1, at(50, 0, 60, 9)))}
    )
    assert (row["n_found"], row["record_ids"]) == (2, f"{AB1}|{AB2}")
    assert (row["where_x"], row["where_y"]) == (X + 5, Y + 5)
    assert one("identical_outlines", {"parcels": CLEAN})["n_found"] == 0


def test_ids_of_another_form_are_told_by_their_fault() -> None:
    frame = parcels(
        (AB1, at(0, 0, 10, 10)),
        ("2018350001AB0001", at(10, 0, 20, 10)),  # a year in front
        ("2535400004null", at(20, 0, 30, 10)),
        ("2A004000AB0012", at(30, 0, 40, 10)),  # Corsica is as it should be
        ("97411000AB0012", at(40, 0, 50, 10)),  # and overseas
        (AB2, at(50, 0, 60, 10)),
        section_id=["25354000AB", "2018350001", "2535400004", "2A004000AB", "97411000AB", "25354000ZB"],
    )
    row = one("id_grammar", {"parcels": frame})
    assert row["record_ids"] == f"2018350001AB0001|2535400004null|{AB2}"
    assert row["values"] == {"n_year_in_front": 1, "n_null": 1, "n_not_of_parent": 1}
    assert row["severity"] == "error"
    assert one("id_grammar", {"parcels": CLEAN})["n_found"] == 0


@pytest.mark.parametrize(
    ("layer", "key", "good", "bad"),
    [
        ("communes", "insee_code", "2B033", "2C033"),
        ("sections", "section_id", "253540000C", "25354000C"),
        ("sheets", "sheet_id", "25354000AB01", "25354000AB1"),
        ("former_communes", "prefix_id", "25354012", "25354"),
        ("tax_subdivisions", "tax_subdivision_id", "25354000AB0001-A", "25354000AB0001"),
        ("topo_buildings", "topo_building_id", "BATIMENT0000000012345678", "BATIMENT12345678"),
        ("rnb_buildings", "rnb_id", "PFHSZVXE8ZZA", "PFHSZVXE8ZZO"),
    ],
)
def test_every_register_has_its_grammar(layer: str, key: str, good: str, bad: str) -> None:
    frame = gpd.GeoDataFrame({key: [good, bad]}, geometry=[at(0, 0, 1, 1), at(2, 0, 3, 1)], crs=CRS)
    assert one("id_grammar", {layer: frame})["record_ids"] == bad


def test_dates_that_are_none_or_come_too_late_or_in_the_wrong_order() -> None:
    frame = parcels(
        *((f"25354000AB{n:04d}", at(10 * n, 0, 10 * n + 10, 10)) for n in range(6)),
        created_on=["2010-01-01", "Absent", "2023-02-30", "1204-05-06", "2020-01-02", None],
        updated_on=["2010-01-01", "2010-01-01", None, None, "2020-01-01", "2026-06-02"],
    )
    origins = {"parcels": origin("2026-06-01")}
    row = one("impossible_dates", {"parcels": frame}, origins)
    assert row["record_ids"] == "25354000AB0001|25354000AB0002|25354000AB0003"
    assert row["values"]["n_absent"] == 1
    assert one("dates_after_edition", {"parcels": frame}, origins)["record_ids"] == "25354000AB0005"
    assert one("created_after_updated", {"parcels": frame}, origins)["record_ids"] == "25354000AB0004"
    assert rows("dates_after_edition", {"parcels": frame}, {"parcels": origin("summer")}) == []
    for rule in ("impossible_dates", "dates_after_edition", "created_after_updated"):
        assert one(rule, {"parcels": CLEAN}, origins)["n_found"] == 0


# --- edges --------------------------------------------------------------------------------------------------------


def test_parcels_that_share_their_boundary_overlap_nowhere() -> None:
    for rule in ("overlaps_in_sheet", "overlaps_across_sheets", "overlaps_across_communes", "gaps_between_sheets"):
        assert one(rule, {"parcels": CLEAN})["n_found"] == 0


def test_an_overlap_inside_a_sheet_is_measured() -> None:
    # 0.5 m by 10 m, and a parcel wholly on top of another: 2 m by 2 m.
    frame = parcels((AB1, at(0, 0, 10.5, 10)), (AB2, at(10, 0, 20, 10)), ("25354000AB0003", at(2, 2, 4, 4)))
    row = one("overlaps_in_sheet", {"parcels": frame})
    assert (row["n_found"], row["severity"]) == (2, "warning")
    assert row["values"]["overlap_m2"] == 9.0
    assert row["values"]["sheets"] == [
        {"sheets": ["25354000AB", "25354000AB"], "n_pairs": 2, "overlap_m2": 9.0, "length_m": 14.5}
    ]
    assert row["record_ids"] == f"{AB1}|{AB2}|25354000AB0003"
    assert 10 < row["where_x"] - X < 10.5
    assert one("overlaps_across_sheets", {"parcels": frame})["n_found"] == 0


def test_slivers_are_counted_and_not_found() -> None:
    frame = parcels((AB1, at(0, 0, 10.02, 10)), (AB2, at(10, 0, 20, 10)))
    row = one("overlaps_in_sheet", {"parcels": frame})
    assert (row["n_found"], row["values"]["n_slivers"]) == (0, 1)
    assert one("overlaps_in_sheet", {"parcels": frame}, sliver_width_m=0.01)["n_found"] == 1


def test_overlaps_across_sheets_and_communes_name_the_two_sheets() -> None:
    frame = parcels((AB1, at(0, 0, 12, 10)), (ZB1, at(10, 0, 20, 10)), (OTHER, at(-30, 0, 2, 10)))
    row = one("overlaps_across_sheets", {"parcels": frame})
    assert row["values"]["sheets"] == [
        {"sheets": ["25354000AB", "25354000ZB"], "n_pairs": 1, "overlap_m2": 20.0, "length_m": 12.0}
    ]
    row = one("overlaps_across_communes", {"parcels": frame})
    assert (row["n_found"], row["values"]["sheets"][0]["sheets"]) == (1, ["25354000AB", "25355000AB"])
    assert row["values"]["overlap_m2"] == 20.0


def test_a_narrow_gap_between_sheets_is_measured_and_a_road_is_none() -> None:
    frame = parcels((AB1, at(0, 0, 10, 50)), (ZB1, at(10.4, 0, 20, 50)), (OTHER, at(24, 0, 30, 50)))
    row = one("gaps_between_sheets", {"parcels": frame})
    assert row["n_found"] == 1
    (gap,) = row["values"]["sheets"]
    assert gap == {"sheets": ["25354000AB", "25354000ZB"], "n_gaps": 1, "gap_m2": 20.0, "length_m": 50.4}
    assert 10 < row["where_x"] - X < 10.4
    assert one("gaps_between_sheets", {"parcels": frame}, gap_max_m=0.3)["n_found"] == 0
    assert one("gaps_between_sheets", {"parcels": frame}, gap_max_m=5)["n_found"] == 2


def test_several_sheets_of_a_section_are_told_apart_by_the_index_of_sheets() -> None:
    frame = parcels((AB1, at(0, 0, 12, 10)), (AB2, at(10, 0, 20, 10)))
    sheets = gpd.GeoDataFrame(
        {"sheet_id": ["25354000AB01", "25354000AB02"], "insee_code": "25354", "section_id": "25354000AB"},
        geometry=[at(0, 0, 11, 10), at(11, 0, 20, 10)],
        crs=CRS,
    )
    assert one("overlaps_in_sheet", {"parcels": frame})["n_found"] == 1
    row = one("overlaps_across_sheets", {"parcels": frame, "sheets": sheets})
    assert row["values"]["sheets"][0]["sheets"] == ["25354000AB01", "25354000AB02"]
    only = sheets.iloc[:1]
    assert one("overlaps_in_sheet", {"parcels": frame, "sheets": only})["values"]["sheets"][0]["sheets"] == [
        "25354000AB01",
        "25354000AB01",
    ]


# --- areas --------------------------------------------------------------------------------------------------------


def test_registered_areas_are_never_an_error_of_one_parcel() -> None:
    frame = parcels(
        (AB1, at(0, 0, 10, 10)),
        (AB2, at(10, 0, 20, 10)),
        ("25354000AB0003", at(20, 0, 30, 10)),
        registered_area_m2=pd.array([100, 50, None], dtype="Int64"),  # drawn 100 each: 0 %, 100 %, unknown
    )
    row = one("registered_area_of_parcels", {"parcels": frame})
    assert (row["severity"], row["n_found"], row["record_ids"]) == ("info", 1, AB2)
    assert row["values"] == {"max_pct": 100.0, "median_pct": 50.0, "n_unknown": 1, "p95_pct": 95.0}
    nothing = frame.assign(registered_area_m2=pd.array([None] * 3, dtype="Int64"))
    assert rows("registered_area_of_parcels", {"parcels": nothing}) == []


def test_registered_areas_are_judged_by_the_total_of_the_sheet() -> None:
    # Sheet AB: 90 + 110 registered for 200 drawn. Sheet ZB: 98 for 100, 2.04 %.
    frame = parcels(
        (AB1, at(0, 0, 10, 10)),
        (AB2, at(10, 0, 20, 10)),
        (ZB1, at(20, 0, 30, 10)),
        registered_area_m2=pd.array([90, 110, 98], dtype="Int64"),
    )
    row = one("registered_area_of_sheets", {"parcels": frame})
    assert (row["n_judged"], row["n_found"], row["record_ids"]) == (2, 1, "25354000ZB")
    assert row["values"]["sheets"] == [
        {"sheet": "25354000ZB", "registered_m2": 98.0, "drawn_m2": 100.0, "difference_pct": 2.04}
    ]
    assert one("registered_area_of_sheets", {"parcels": frame}, sheet_area_tolerance_pct=2.1)["n_found"] == 0


def test_tax_subdivisions_cover_their_parcel() -> None:
    parts = gpd.GeoDataFrame(
        {
            "tax_subdivision_id": [f"{AB1}-A", f"{AB1}-B", f"{AB2}-A", f"{ZB1}-A"],
            "parcel_id": [AB1, AB1, AB2, ZB1],
        },
        geometry=[at(0, 0, 6, 10), at(6, 0, 10, 10), at(10, 0, 15, 10), at(40, 0, 50, 10)],
        crs=CRS,
    )
    row = one("subdivisions_cover_parcel", {"parcels": CLEAN, "tax_subdivisions": parts})
    assert row["record_ids"] == f"{AB2}-A|{ZB1}-A"
    assert row["values"] == {"n_parcels": 1, "n_without_parcel": 1}
    assert one("subdivisions_cover_parcel", {"parcels": CLEAN, "tax_subdivisions": parts.iloc[:2]})["n_found"] == 0


# --- completeness -------------------------------------------------------------------------------------------------


def named(key: str, *names: str, shape: Polygon | None = None, **columns: Any) -> gpd.GeoDataFrame:
    shapes = [shape or at(-100, -100, 100, 100)] * len(names)
    return gpd.GeoDataFrame({key: list(names)}, geometry=shapes, crs=CRS).assign(**columns)


def test_what_the_index_announces_must_be_there() -> None:
    sections = named("section_id", "25354000AB", "25354000ZC")
    sheets = named("sheet_id", "25354000AB01", "25354000ZC01", section_id=["25354000AB", "25354000ZC"])
    communes = named("insee_code", "25354", "25355")
    layers = {"parcels": CLEAN, "sections": sections, "sheets": sheets, "communes": communes}
    assert one("sections_without_parcels", layers)["record_ids"] == "25354000ZC"
    assert one("sheets_without_parcels", layers)["record_ids"] == "25354000ZC01"
    assert one("communes_without_parcels", layers)["record_ids"] == "25355"
    assert one("parcels_without_section", layers)["n_found"] == 0
    assert one("parcels_without_section", {**layers, "sections": sections.iloc[1:]})["n_found"] == 2
    assert rows("expected_sheets", layers) == []
    row = one("expected_sheets", layers, expected_sheets=("25354000AB01", "25354000AC01"))
    assert (row["severity"], row["record_ids"], row["n_judged"]) == ("error", "25354000AC01", 2)
    assert row["values"] == {"n_not_expected": 1}


def test_parcels_lie_in_their_commune_within_what_borders_are_worth() -> None:
    communes = named("insee_code", "25354", shape=at(0, 0, 100, 100))
    frame = parcels(
        (AB1, at(0, 0, 10, 10)), (AB2, at(130, 0, 140, 10)), (ZB1, at(150, 0, 160, 10)), (OTHER, at(0, 20, 9, 30))
    )
    row = one("parcels_outside_commune", {"parcels": frame, "communes": communes})
    assert row["record_ids"] == ZB1  # 55 m away; the point of AB2 is 35 m away
    assert row["values"] == {"max_distance_m": 55.0, "n_unknown_commune": 1}
    assert (
        one("parcels_outside_commune", {"parcels": frame, "communes": communes}, commune_tolerance_m=60)["n_found"] == 0
    )


def test_buildings_on_no_parcel_are_told_the_largest_first() -> None:
    footprints = gpd.GeoDataFrame(
        {"footprint_id": ["a", "b", "c"]}, geometry=[at(5, 5, 25, 8), at(30, 0, 31, 1), at(40, 0, 43, 3)], crs=CRS
    )
    row = one("buildings_outside_parcels", {"parcels": CLEAN, "footprints": footprints})
    assert (row["record_ids"], row["values"]) == ("c|b", {"area_m2": 10.0})
    assert one("buildings_outside_parcels", {"parcels": CLEAN, "footprints": footprints.iloc[:1]})["n_found"] == 0


# --- editions -----------------------------------------------------------------------------------------------------


def test_editions_that_differ_are_told() -> None:
    layers = {"parcels": CLEAN, "sections": named("section_id", "25354000AB")}
    same = {name: origin("2026-06-01") for name in layers}
    assert one("editions_of_cadastre", layers, same)["n_found"] == 0
    mixed = {**same, "sections": origin("2025-09-01")}
    row = one("editions_of_cadastre", layers, mixed)
    assert (row["n_found"], row["record_ids"]) == (1, "sections")
    assert row["message"] == "parcels of 2026-06-01, sections of 2025-09-01"
    joined = rows("editions_of_layer", layers, {"parcels": origin("2025-09-01; 2026-06-01"), "sections": origin("")})
    assert [(row["layer"], row["n_found"], row["message"]) for row in joined] == [
        ("parcels", 2, "edition 2025-09-01, 2026-06-01"),
        ("sections", 1, "no edition is stated"),
    ]


def test_lidar_flown_before_a_building_was_there_is_told_with_both_years() -> None:
    clouds = gpd.GeoDataFrame(
        {"tile_id": ["old", "undated"], "acquired_on": ["2021-03-01/2021-03-09", None]},
        geometry=[at(0, 0, 100, 100), at(0, 0, 200, 100)],
        crs=CRS,
    )
    footprints = gpd.GeoDataFrame(
        {"footprint_id": ["before", "after", "elsewhere"], "created_on": ["2012-05-01", "2023-05-01", "2024-05-01"]},
        geometry=[at(0, 0, 5, 5), at(10, 0, 15, 5), at(150, 0, 155, 5)],
        crs=CRS,
    )
    row = one("flown_before_built", {"point_clouds": clouds, "footprints": footprints}, {"footprints": origin()})
    assert row["record_ids"] == "after"
    assert row["message"] == (
        "1 building of 2 under LiDAR created after the flight: in the 2026 cadastre, flown in 2021"
    )
    older = footprints.assign(created_on="2012-05-01")
    assert one("flown_before_built", {"point_clouds": clouds, "footprints": older})["n_found"] == 0


# --- the table ----------------------------------------------------------------------------------------------------


def test_the_table_is_the_same_whatever_the_order_of_layers_and_records() -> None:
    frame = parcels((AB1, at(0, 0, 12, 10)), (ZB1, at(10, 0, 20, 10)), (AB2, at(0, 5, 5, 30)))
    sections = named("section_id", "25354000AB", "25354000ZB")
    origins = {"parcels": origin(), "sections": origin()}
    first = judge({"parcels": frame, "sections": sections}, origins)
    second = judge({"sections": sections[::-1], "parcels": frame[::-1]}, origins)
    pd.testing.assert_frame_equal(first, second)
    assert tuple(first.columns) == QUALITY_COLUMNS


def test_nothing_gives_an_empty_table_and_empty_layers_pass() -> None:
    assert tuple(judge({}, {}).columns) == QUALITY_COLUMNS
    nothing = {"parcels": CLEAN.iloc[:0], "sheets": named("sheet_id", section_id=[]), "communes": named("insee_code")}
    table = judge(nothing, {})
    assert len(table) > 5
    assert (table["n_found"] == 0).all()


def test_the_first_twenty_ids_are_told_and_all_are_counted() -> None:
    frame = parcels(*((f"bad{n:03d}", at(20 * n, 0, 20 * n + 10, 10)) for n in range(30)))
    row = one("id_grammar", {"parcels": frame})
    assert row["n_found"] == 30
    assert row["record_ids"].split("|") == [f"bad{n:03d}" for n in range(20)]


def test_the_summary_counts_rules_by_severity() -> None:
    table = judge({"parcels": parcels((AB1, at(0, 0, 10, 10)), (AB1, at(10, 0, 20, 10)))}, {})
    counts = summary(table)
    assert counts["error"] == 1
    assert sum(counts.values()) == len(table)


def test_every_rule_says_what_it_is() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.code.isidentifier()
        assert all(text.strip() for text in (rule.title, rule.meaning, rule.source))


def test_parameters_are_bounded_and_described() -> None:
    assert all(field.description for field in QualityParameters.model_fields.values())
    for wrong in ({"gap_max_m": 0}, {"sliver_width_m": -1}, {"sheet_area_tolerance_pct": 0}, {"gap": 1}):
        with pytest.raises(ValidationError):
            QualityParameters(**wrong)


def test_a_coverage_of_many_parcels_is_judged_without_a_loop_over_them() -> None:
    """10,000 parcels of 10 sheets; one overlap of 1 m² inside a sheet is found among them."""
    n = 100
    west, south = (axis.ravel() * 10.0 for axis in np.meshgrid(np.arange(n), np.arange(n)))
    sheet = (west // 100).astype(int)
    ids = [f"25354000{chr(65 + s)}A{i:04d}" for i, s in enumerate(sheet)]
    shapes = [at(w, s, w + 10, s + 10) for w, s in zip(west, south, strict=True)]
    w, s = west[5000], south[5000]
    shapes[5000] = at(w, s, w + 10.1, s + 10)
    frame = parcels(*zip(ids, shapes, strict=True))
    row = one("overlaps_in_sheet", {"parcels": frame})
    assert (row["n_found"], row["values"]["overlap_m2"]) == (1, 1.0)
    assert one("sheet_edges", {"parcels": frame})["values"]["shared_m"] == 9 * n * 10


def test_the_page_of_docs_tells_every_rule_and_threshold(repository: Path) -> None:
    page = " ".join((repository / "docs" / "quality.md").read_text(encoding="utf-8").split())
    for rule in RULES:
        assert f"### {rule.title} `{rule.code}`, {rule.severity}, on" in page
        assert f"{rule.meaning} Source: {rule.source}." in page
    for name, field in QualityParameters.model_fields.items():
        assert f"| `{name}` | {field.default or 'none'} | {field.description} |" in page
