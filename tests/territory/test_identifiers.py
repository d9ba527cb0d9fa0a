"""Identifiers of buildings: the best that is known, and unique."""

from __future__ import annotations

import geopandas as gpd
import pytest
from shapely.geometry import box

from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.identifiers import building_ids


def frame(**columns: list[str | None]) -> gpd.GeoDataFrame:
    n = len(next(iter(columns.values())))
    return gpd.GeoDataFrame(columns, geometry=[box(i, 0, i + 1, 1) for i in range(n)], crs="EPSG:2154")


def test_without_a_national_id_a_building_takes_the_id_of_its_footprint() -> None:
    ids = building_ids(frame(footprint_id=["38001-a", "38001-b"]))
    assert ids.tolist() == ["38001-a", "38001-b"]
    assert (ids.name, str(ids.dtype)) == ("building_id", "str")


def test_rnb_comes_before_cleabs_and_cleabs_before_the_footprint() -> None:
    ids = building_ids(
        frame(
            footprint_id=["f1", "f2", "f3", "f4"],
            rnb_id=["RNB1", None, "", " RNB4 "],
            cleabs=["BATIMENT1", "BATIMENT2", None, "BATIMENT4"],
        )
    )
    assert ids.tolist() == ["RNB1", "BATIMENT2", "f3", "RNB4"]


def test_an_id_that_two_footprints_share_names_neither() -> None:
    ids = building_ids(frame(footprint_id=["f1", "f2", "f3"], rnb_id=["R", "R", "S"], cleabs=["B1", "B2", "B3"]))
    assert ids.tolist() == ["B1", "B2", "S"]


def test_the_index_is_kept() -> None:
    assert building_ids(frame(footprint_id=["f1", "f2"]).set_index([[5, 2]])).index.tolist() == [5, 2]


@pytest.mark.parametrize("missing", [None, ""])
def test_a_footprint_without_id_is_refused(missing: str | None) -> None:
    with pytest.raises(AssemblyError, match=r"has no id(.|\n)*1 of 2"):
        building_ids(frame(footprint_id=["f1", missing]))


def test_a_footprint_id_used_twice_is_refused_by_name() -> None:
    with pytest.raises(AssemblyError, match="f2: ids of buildings are not unique"):
        building_ids(frame(footprint_id=["f1", "f2", "f2"]))


def test_a_national_id_equal_to_the_id_of_another_footprint_is_refused() -> None:
    with pytest.raises(AssemblyError, match="f2"):
        building_ids(frame(footprint_id=["f1", "f2"], rnb_id=["f2", None]))
