"""What `jnt crs explain` says about a pair."""

from __future__ import annotations

from pathlib import Path

import pytest

from jnt_pipeline.crs import Explanation, explain, transformation
from jnt_pipeline.errors import MissingCrsError


def test_the_operation_that_would_be_used_is_the_one_that_is_used(grids: Path) -> None:
    told = explain("EPSG:5698", "EPSG:4979")
    assert told.source == "EPSG:2154+5720"
    assert told.source_name == "RGF93 v1 / Lambert-93 + NGF-IGN69 height"
    assert told.operation == transformation("EPSG:5698", "EPSG:4979").operation
    assert told.refusal == ""
    assert any("France continentale" in words for words in told.valid_in)
    assert [g.name for g in told.alternatives[0].grids] == ["fr_ign_RAF18.tif"]
    assert any(g.name == "fr_ign_RAF20.tif" for a in told.alternatives for g in a.grids)


def test_a_refused_operation_is_explained_and_not_raised(no_grids: Path) -> None:
    told = explain("EPSG:9785", "EPSG:9781")
    assert told.operation is None
    assert "fr_ign_RAF20.tif" in told.refusal
    assert "jnt grids sync" in told.refusal
    state = told.alternatives[0].grids[0]
    assert (state.state, state.territory, state.n_bytes) == ("missing", "Mainland France", 342_920)
    assert str(no_grids) in told.looked_in


def test_the_three_parameter_shift_of_ntf_is_shown_as_what_proj_proposes_and_not_used(grids: Path) -> None:
    told = explain("EPSG:27572", "EPSG:4326")
    assert told.operation is not None
    assert [g.name for g in told.operation.grids] == ["fr_ign_gr3df97a.tif"]
    assert any(not a.grids for a in told.alternatives)


def test_a_source_without_vertical_is_explained() -> None:
    told = explain("EPSG:2154", "EPSG:4979")
    assert "vertical reference" in told.refusal
    assert told.alternatives == ()


def test_a_place_narrows_the_choice() -> None:
    told = explain("EPSG:4230", "EPSG:4326", bbox=(1.0, 47.0, 3.0, 49.0))
    assert told.operation is not None
    assert len(told.alternatives) < len(explain("EPSG:4230", "EPSG:4326").alternatives)


def test_an_explanation_can_be_written_and_read_again(grids: Path) -> None:
    told = explain("EPSG:2154+5720", "EPSG:4978")
    assert Explanation.model_validate_json(told.model_dump_json()) == told


def test_an_unknown_code_is_an_error() -> None:
    with pytest.raises(MissingCrsError):
        explain("EPSG:999999", "EPSG:4326")


def test_a_place_with_latitude_first_is_told_that_longitude_comes_first(grids: Path) -> None:
    place = explain("EPSG:2154+5720", "EPSG:4979", bbox=(48.85, 2.35, 48.85, 2.35)).place
    assert place is not None
    assert place.is_inside is False
    assert place.outside.endswith("with its two axes swapped it would lie inside: longitude comes first")
    elsewhere = explain("EPSG:2154+5720", "EPSG:4979", bbox=(55.5, -21.1, 55.5, -21.1)).place
    assert elsewhere is not None
    assert "swapped" not in elsewhere.outside
