"""The map conversion of a model, by hand and against ifcopenshell; and every contradiction by name."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import ifcopenshell.util.geolocation
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim_models import ModelMaker
from jnt_pipeline.sources.bim_check import check_ifc
from jnt_pipeline.sources.ifc_crs_names import NamedCrs, horizontal_of, vertical_of
from jnt_pipeline.sources.ifc_georeferencing import MapConversion
from jnt_pipeline.sources.ifc_map_position import position_of
from jnt_pipeline.sources.intake import IntakeReport

finite = st.floats(-1e4, 1e4)
LIFTED = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 4250.0), (0.0, 0.0, 0.0, 1.0))


def conversion(**changes: Any) -> MapConversion:
    values: dict[str, Any] = {
        "eastings": 1000.0, "northings": 2000.0, "orthogonal_height": 30.0, "project_unit_m": 1.0, "map_unit_m": 1.0,
    }  # fmt: skip
    return MapConversion(**values | changes)


def report_on(tmp_path: Path, maker: ModelMaker, **georeference: Any) -> IntakeReport:
    maker.georeference(**georeference)
    maker.box("wall", (0, 0, 0), (4, 0.2, 3))
    return check_ifc(maker.save(tmp_path / "model.ifc"))


def test_quarter_turn_in_millimetres_lands_where_the_hand_puts_it() -> None:
    # x axis points to grid north: 4 m along x go north, 2 m along y go west; 3 m up.
    turned = conversion(x_axis_abscissa=0.0, x_axis_ordinate=7.0, scale=0.001, project_unit_m=0.001)
    np.testing.assert_allclose(turned.to_map(np.array([[4000.0, 2000.0, 3000.0]])), [[998.0, 2004.0, 33.0]], atol=1e-9)
    assert turned.rotation_deg == 90
    assert turned.grid_factor == pytest.approx(1.0, abs=1e-12)


def test_grid_factor_is_what_the_scale_holds_beside_the_units() -> None:
    assert conversion(scale=0.99914).grid_factor == pytest.approx(0.99914)
    feet = conversion(scale=0.3048 * 0.9999, project_unit_m=0.3048)
    assert feet.grid_factor == pytest.approx(0.9999)
    assert feet.unit_ratio == pytest.approx(0.3048)


def test_unstated_scale_is_the_ratio_of_the_units() -> None:
    unstated = conversion(project_unit_m=0.001)
    np.testing.assert_allclose(unstated.to_map(np.array([[5000.0, 0.0, 0.0]])), [[1005.0, 2000.0, 30.0]], atol=1e-9)


def test_height_of_the_context_is_taken_back_before_the_conversion_adds_it() -> None:
    # The case of a Revit export: context 4,250 mm up, OrthogonalHeight 4,250 mm; z = 0 is the datum.
    lifted = conversion(
        eastings=0.0,
        northings=1.0,
        orthogonal_height=4250.0,
        project_unit_m=0.001,
        map_unit_m=0.001,
        world_origin=LIFTED,
    )
    assert lifted.to_map(np.array([[0.0, 0.0, 0.0]]))[0, 2] == 0.0


def test_null_axis_is_read_as_east_and_numbers_must_be_usable() -> None:
    assert conversion(x_axis_abscissa=0.0, x_axis_ordinate=0.0).rotation_deg == 0
    assert conversion(x_axis_abscissa=0.0, x_axis_ordinate=0.0).axis_is_degenerate
    for bad in ({"scale": 0.0}, {"scale": -1.0}, {"eastings": math.nan}, {"map_unit_m": 0.0}):
        with pytest.raises(ValueError, match=r"finite|scale|units"):
            conversion(**bad)


@given(finite, finite, finite, st.floats(-5, 5), st.floats(-5, 5), st.floats(1e-4, 10))
def test_conversion_agrees_with_ifcopenshell(
    x: float, y: float, z: float, abscissa: float, ordinate: float, scale: float
) -> None:
    ours = conversion(x_axis_abscissa=abscissa, x_axis_ordinate=ordinate, scale=scale).to_map(np.array([[x, y, z]]))
    axis = (abscissa, ordinate) if abscissa or ordinate else (1.0, 0.0)
    theirs = ifcopenshell.util.geolocation.xyz2enh(x, y, z, 1000.0, 2000.0, 30.0, *axis, scale)
    np.testing.assert_allclose(ours[0], theirs, atol=1e-6)  # 1e5 units × 1e-12 of a double, with room


@given(finite, finite, st.floats(-math.pi, math.pi), st.floats(0.1, 9))
def test_length_of_the_axis_vector_does_not_matter(x: float, y: float, angle: float, length: float) -> None:
    axes = [(math.cos(angle), math.sin(angle)), (length * math.cos(angle), length * math.sin(angle))]
    one, other = (conversion(x_axis_abscissa=a, x_axis_ordinate=o).to_map(np.array([[x, y, 0.0]])) for a, o in axes)
    np.testing.assert_allclose(one, other, atol=1e-8)


def test_world_origin_is_removed_as_ifcopenshell_does(tmp_path: Path) -> None:
    maker = ModelMaker(world_origin=(1000.0, -2000.0, 500.0))
    maker.georeference(axis=(0.6, 0.8))
    theirs = ifcopenshell.util.geolocation.auto_xyz2enh(maker.file, 3000.0, 4000.0, 5000.0)
    ours = conversion(
        eastings=1_842_000.0, northings=5_176_000.0, orthogonal_height=170.0, x_axis_abscissa=0.6,
        x_axis_ordinate=0.8, scale=0.001, project_unit_m=0.001,
        world_origin=((1.0, 0.0, 0.0, 1000.0), (0.0, 1.0, 0.0, -2000.0), (0.0, 0.0, 1.0, 500.0), (0.0, 0.0, 0.0, 1.0)),
    ).to_map(np.array([[3000.0, 4000.0, 5000.0]]))  # fmt: skip
    # Local 2, 6, 4.5 m: E = 0.6·2 − 0.8·6, N = 0.8·2 + 0.6·6, H = 170 + 4.5.
    np.testing.assert_allclose(ours, [[1_842_000 - 3.6, 5_176_000 + 5.2, 174.5]], atol=1e-8)
    np.testing.assert_allclose(ours[0], theirs, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("EPSG:2154", "EPSG:2154"), ("epsg:3946", "EPSG:3946"), (" EPSG:2975 ", "EPSG:2975"),
        ("RGF93 / Lambert-93", "EPSG:2154"), ("RGF93-CC49", "EPSG:3949"), ("IGNF:RGF93CC42", "EPSG:3942"),
        ("Lambert II étendu", "EPSG:27572"), ("EPSG:5698", "EPSG:2154"),
    ],
)  # fmt: skip
def test_names_of_producers_become_codes(name: str, code: str) -> None:
    named = horizontal_of(name)
    assert isinstance(named, NamedCrs)
    assert named.code == code
    assert named.is_code == name.strip().upper().startswith("EPSG:")


@pytest.mark.parametrize("name", ["", "EPSG:1234", "3857", "EPSG:4326", "EPSG:5720", "Lambert", "local"])
def test_other_names_are_never_guessed(name: str) -> None:
    assert isinstance(horizontal_of(name), str)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NGF-IGN69", "EPSG:5720"), ("IGN69", "EPSG:5720"), ("EPSG:5720", "EPSG:5720"), ("NGF - IGN 78", "EPSG:5721"),
        ("Réunion 1989", "EPSG:5758"), ("EPSG:5698", "EPSG:5720"), ("NAP", "EPSG:5709"),
        ("EPSG:2154", None), ("NGF", None), ("", None), ("EPSG:99999", None),
    ],
)  # fmt: skip
def test_vertical_datums_by_name_or_code(text: str, code: str | None) -> None:
    assert vertical_of(text) == code


def test_position_holds_to_the_area_of_use_and_knows_the_grid() -> None:
    lyon = position_of("EPSG:2154", 842_000.0, 6_519_000.0)
    assert lyon is not None
    # Reference table for Lyon: −860 ppm and +1.34° (counted from true to grid north there).
    assert (lyon.grid_scale - 1) * 1e6 == pytest.approx(-860, abs=6)
    assert abs(lyon.convergence_deg) == pytest.approx(1.33, abs=0.03)
    assert position_of("EPSG:2154", 1_842_000.0, 5_176_000.0) is None
    assert position_of("EPSG:2154", 842_000_000.0, 6_519_000_000.0) is None


def test_lambert_93_without_grid_factor_is_warned_with_the_number(tmp_path: Path) -> None:
    report = report_on(
        tmp_path, ModelMaker(prefix=None), name="EPSG:2154", eastings=842_000.0, northings=6_519_000.0, scale=1.0
    )
    text = next(f.message for f in report.findings if f.code == "grid_scale_ignored")
    assert "-86" in text
    assert "17 cm less on the map" in text
    assert report.facts["georeferencing"] == "georeferenced"


def test_conical_zone_and_stated_grid_factor_are_not_warned(tmp_path: Path) -> None:
    assert report_on(tmp_path, ModelMaker(), scale=0.001).verdict == "sound"
    maker = ModelMaker(prefix=None)
    report = report_on(tmp_path, maker, name="EPSG:2154", eastings=842_000.0, northings=6_519_000.0, scale=0.99914)
    assert report.verdict == "sound"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"name": "EPSG:2154"}, "outside_crs_area", "EPSG:3946"),  # coordinates of CC46 declared Lambert-93
        ({"eastings": 5_176_000.0, "northings": 1_842_000.0}, "outside_crs_area", "swapped"),
        ({"eastings": 1_842_000_000.0, "northings": 5_176_000_000.0}, "outside_crs_area", "millimetres"),
        ({"name": "EPSG:2154", "eastings": 794_000.0, "northings": 2_087_000.0}, "outside_crs_area", "EPSG:27572"),
        ({"scale": 1.0}, "scale_contradicts_units", "1000"),
        ({"name": "EPSG:1234"}, "grf002_unknown_crs_name", "EPSG:1234"),
        ({"name": ""}, "grf002_unknown_crs_name", "empty"),
        ({"name": "Lambert"}, "grf002_unknown_crs_name", "Lambert"),
        ({"name": "EPSG:4326"}, "grf002_unknown_crs_name", "not a projected"),
        ({"map_unit": None}, "scale_contradicts_units", "0.001"),
    ],
)  # fmt: skip
def test_contradictions_are_errors(tmp_path: Path, changes: dict[str, Any], code: str, words: str) -> None:
    report = report_on(tmp_path, ModelMaker(), **changes)
    finding = next(f for f in report.findings if f.code == code)
    assert finding.severity == "error"
    assert words in finding.message
    assert finding.remedy
    assert report.facts["georeferencing"] != "georeferenced"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "RGF93-CC46"}, "crs_name_free_text"),
        ({"scale": None}, "scale_missing"),
        ({"vertical": None}, "missing_vertical_datum"),
        ({"vertical": "zero of the site"}, "unknown_vertical_datum"),
        ({"axis": (0.0, 0.0)}, "degenerate_axis"),
        ({"eastings": 0.0, "northings": 0.0}, "zero_conversion"),
    ],
)
def test_oddities_are_warnings(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    report = report_on(tmp_path, ModelMaker(), **changes)
    assert next(f.severity for f in report.findings if f.code == code) == "warning"
    assert report.verdict == "defects"


def test_map_unit_whose_name_and_factor_disagree_is_refused(tmp_path: Path) -> None:
    maker = ModelMaker()
    report = report_on(tmp_path, maker, map_unit=maker.conversion_unit("METRE", 0.3048))
    assert "inconsistent_map_unit" in report.codes
    assert report.facts["georeferencing"] == "inconsistent"


def test_bare_number_as_conversion_factor_is_a_malformed_unit(tmp_path: Path) -> None:
    maker = ModelMaker(foot=True, prefix=None)
    maker.georeference(scale=0.3048)
    path = maker.save(tmp_path / "bare.ifc")
    path.write_text(path.read_text().replace("IFCLENGTHMEASURE(0.3048)", "0.3048"))
    assert "malformed_unit" in check_ifc(path).codes


def test_site_position_far_from_the_conversion_is_told_with_the_distance(tmp_path: Path) -> None:
    # The conversion lies at 45.76941° N, 4.82586° E (CC46); 36″ of latitude are 1,111 m.
    maker = ModelMaker(latitude=(45, 46, 45, 878000), longitude=(4, 49, 33, 90000))
    report = report_on(tmp_path, maker)
    assert "1111 m" in next(f.message for f in report.findings if f.code == "site_position_contradicts")
    assert report.facts["georeferencing_levels_agree"] is False


def test_site_position_at_the_conversion_agrees(tmp_path: Path) -> None:
    maker = ModelMaker(latitude=(45, 46, 9, 878000), longitude=(4, 49, 33, 90000))
    report = report_on(tmp_path, maker)
    assert report.verdict == "sound"
    assert report.facts["georeferencing_levels_agree"] is True


def test_angle_of_mixed_signs_is_warned_and_not_compared(tmp_path: Path) -> None:
    report = report_on(tmp_path, ModelMaker(latitude=(45, 46, 9, 0), longitude=(-1, 15, 48, 0)))
    assert "mixed_sign_angle" in report.codes
    assert "site_position_contradicts" not in report.codes


@pytest.mark.parametrize(("turn", "inverted"), [(60.0, False), (-30.0, True)])
def test_true_north_against_the_rotation(tmp_path: Path, turn: float, inverted: bool) -> None:
    # Rotation of 30°: north lies at (sin 30°, cos 30°) in local axes, give or take the convergence.
    north = (math.sin(math.radians(turn)), math.cos(math.radians(turn)))
    axis = (math.cos(math.radians(30)), math.sin(math.radians(30)))
    report = report_on(tmp_path, ModelMaker(true_north=north), axis=axis)
    text = next(f.message for f in report.findings if f.code == "rotation_contradicts_true_north")
    assert ("inverted" in text) is inverted


def test_true_north_used_as_grid_north_is_worth_knowing(tmp_path: Path) -> None:
    axis = (math.cos(math.radians(30)), math.sin(math.radians(30)))
    report = report_on(tmp_path, ModelMaker(true_north=(axis[1], axis[0])), axis=axis)
    assert report.codes == ("true_north_is_grid_north",)
    assert report.verdict == "sound"


def test_map_coordinates_in_the_placement_and_in_the_conversion_are_a_double_shift(tmp_path: Path) -> None:
    maker = ModelMaker(site_origin=(1_842_000_000.0, 5_176_000_000.0, 0.0))
    report = report_on(tmp_path, maker)
    assert "georeferenced_twice" in report.codes
    assert report.facts["georeferencing"] == "inconsistent"
    assert report.facts["georeferencing_levels"] == [30, 50]


def test_height_in_the_placement_and_in_the_conversion_is_warned(tmp_path: Path) -> None:
    assert "height_maybe_twice" in report_on(tmp_path, ModelMaker(site_origin=(0.0, 0.0, 170_000.0))).codes
    taken_back = ModelMaker(site_origin=(0.0, 0.0, 170_000.0), world_origin=(0.0, 0.0, 170_000.0))
    assert "height_maybe_twice" not in report_on(tmp_path, taken_back).codes


def test_contexts_that_lead_to_different_places_are_refused(tmp_path: Path) -> None:
    maker = ModelMaker()
    other = maker.file.createIfcGeometricRepresentationContext(None, "Plan", 2, 1e-5, maker.axes(0, 0, 0), None)
    maker.georeference(name="EPSG:2154", eastings=842_000.0, northings=6_519_000.0, context=other)
    assert "grf001_contexts_disagree" in report_on(tmp_path, maker).codes


def test_plan_context_without_conversion_is_usual_in_ifc4(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.file.createIfcGeometricRepresentationContext(None, "Plan", 2, 1e-5, maker.axes(0, 0, 0), None)
    report = report_on(tmp_path, maker)
    assert report.codes == ("context_without_operation",)
    assert report.verdict == "sound"
