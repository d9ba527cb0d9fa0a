"""IFC models become outlines and heights where the hand puts them, or a named error."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shapely.geometry import Polygon, box

from bim_models import ModelMaker
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import (
    CrsError,
    EmptySourceError,
    JntError,
    MissingCrsError,
    MissingHeightReferenceError,
    SourceError,
    UnreadableError,
    UnsupportedError,
)
from jnt_pipeline.sources.bim import BimSource, check_ifc
from jnt_pipeline.sources.ifc_footprints import footprint_of

E0, N0, H0 = 1_842_000.0, 5_176_000.0, 170.0


def source(path: Path, **more: Any) -> BimSource:
    return BimSource(path=path, producer="Ville de Test", licence="Licence Ouverte 2.0", **more)


def read(path: Path, **more: Any) -> tuple[Layer, Layer]:
    declared = source(path, **more)
    (unit,) = declared.units(None)
    elements, buildings = declared.read(unit, None)
    return elements, buildings


def geometry(layer: Layer) -> gpd.GeoSeries:
    assert isinstance(layer.frame, gpd.GeoDataFrame)
    return layer.frame.geometry


def same(found: Any, expected: Polygon) -> bool:
    """Equal within a tenth of the 1 mm grid."""
    return bool(found.symmetric_difference(expected).area < 1e-4 * expected.length)


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    """A wall of 4 m × 0.2 m × 3 m, 1 m along local x, which points to grid north."""
    maker = ModelMaker()
    maker.georeference(axis=(0.0, 2.0))
    maker.box("wall", (1000, 0, 500), (4000, 200, 3000))
    return maker.save(tmp_path / "school.ifc")


def test_turned_wall_in_millimetres_stands_where_the_hand_puts_it(wall: Path) -> None:
    elements, buildings = read(wall)
    assert elements.reference == Reference(horizontal="EPSG:3946", vertical="EPSG:5720")
    row = elements.frame.iloc[0]
    assert same(row.geometry, box(E0 - 0.2, N0 + 1, E0, N0 + 5))
    assert (row.base_elevation_m, row.top_elevation_m) == pytest.approx((170.5, 173.5), abs=1e-9)
    assert row.element_id == f"school/{row.global_id}"
    assert (row.ifc_class, row.element_name, row.storey_name) == ("IfcWall", "wall", "Ground floor")
    building = buildings.frame.iloc[0]
    assert row.building_global_id == building.global_id
    assert (building.bim_building_name, building.ifc_schema, building.n_elements) == ("School", "IFC4", 1)
    assert (building.base_elevation_m, building.top_elevation_m) == pytest.approx((170.5, 173.5), abs=1e-9)


def test_layers_have_the_columns_of_their_schema_and_their_provenance(wall: Path) -> None:
    layers = read(wall)
    assert tuple(layer.name for layer in layers) == source(wall).layer_names
    for layer in layers:
        assert tuple(layer.frame.columns) == (*SCHEMAS[layer.name].column_names, "geometry")
        assert layer.provenance.producer == "Ville de Test"
        (file,) = layer.provenance.files
        assert file.name == "school.ifc"
        assert file.sha256 == hashlib.sha256(wall.read_bytes()).hexdigest()
        assert any("rotation 90.000000°" in note for note in layer.provenance.notes)


def test_feet_and_metres_tell_the_same_place(tmp_path: Path) -> None:
    feet = ModelMaker(foot=True, prefix=None)
    feet.georeference(scale=0.3048)
    feet.box("slab", (10, 20, 0), (100, 50, 1), "IfcSlab")
    metres = ModelMaker(prefix=None)
    metres.georeference(scale=1.0)
    metres.box("slab", (3.048, 6.096, 0), (30.48, 15.24, 0.3048), "IfcSlab")
    (a, _), (b, _) = read(feet.save(tmp_path / "a.ifc")), read(metres.save(tmp_path / "b.ifc"))
    assert same(a.frame.geometry.iloc[0], box(E0 + 3.048, N0 + 6.096, E0 + 33.528, N0 + 21.336))
    assert same(b.frame.geometry.iloc[0], a.frame.geometry.iloc[0])
    assert a.frame.top_elevation_m[0] == pytest.approx(b.frame.top_elevation_m[0], abs=1e-9)


def test_unstated_scale_between_millimetres_and_metres_keeps_true_size(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference(scale=None)
    maker.box("wall", (0, 0, 0), (4000, 200, 3000))
    elements, _ = read(maker.save(tmp_path / "m.ifc"))
    assert same(elements.frame.geometry.iloc[0], box(E0, N0, E0 + 4, N0 + 0.2))
    assert any(note.startswith("scale_missing") for note in elements.provenance.notes)


def test_map_unit_of_the_conversion_is_not_the_project_unit(tmp_path: Path) -> None:
    # Everything in millimetres, the map too: eastings are 1,842,000,000.
    maker = ModelMaker()
    maker.georeference(eastings=E0 * 1000, northings=N0 * 1000, height=H0 * 1000, scale=None, map_unit=None)
    maker.box("wall", (0, 0, 0), (4000, 200, 3000))
    elements, _ = read(maker.save(tmp_path / "m.ifc"))
    assert same(elements.frame.geometry.iloc[0], box(E0, N0, E0 + 4, N0 + 0.2))
    assert elements.frame.base_elevation_m[0] == pytest.approx(H0, abs=1e-9)


def test_height_is_not_added_twice_when_the_context_takes_it_back(tmp_path: Path) -> None:
    maker = ModelMaker(world_origin=(0.0, 0.0, 170_000.0), site_origin=(0.0, 0.0, 170_000.0))
    maker.georeference()
    maker.box("wall", (0, 0, 0), (4000, 200, 3000))
    elements, _ = read(maker.save(tmp_path / "m.ifc"))
    assert elements.frame.base_elevation_m[0] == pytest.approx(170.0, abs=1e-9)


def test_map_coordinates_in_the_placement_keep_their_millimetres(tmp_path: Path) -> None:
    maker = ModelMaker(site_origin=(E0 * 1000, N0 * 1000, 0.0))
    maker.georeference(eastings=0.0, northings=0.0)
    maker.box("wall", (1, 2, 0), (4000, 200, 3000))
    elements, _ = read(maker.save(tmp_path / "m.ifc"))
    west, south, east, north = elements.frame.geometry.iloc[0].bounds
    np.testing.assert_allclose((west, south, east, north), (E0 + 0.001, N0 + 0.002, E0 + 4.001, N0 + 0.202), atol=1e-6)


def test_grid_factor_in_the_scale_is_applied_and_heights_follow_it(tmp_path: Path) -> None:
    maker = ModelMaker(prefix=None)
    maker.georeference(name="EPSG:2154", eastings=842_000.0, northings=6_519_000.0, scale=0.99914)
    maker.box("slab", (0, 0, 0), (100, 100, 10), "IfcSlab")
    elements, _ = read(maker.save(tmp_path / "m.ifc"))
    assert same(elements.frame.geometry.iloc[0], box(842_000, 6_519_000, 842_099.914, 6_519_099.914))
    assert elements.frame.top_elevation_m[0] == pytest.approx(170 + 9.9914, abs=1e-9)


def test_what_has_no_outline_is_set_aside_with_its_reason_and_the_counts_add_up(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference()
    file = maker.file
    kept = maker.box("wall", (0, 0, 0), (4000, 200, 3000))
    broken = maker.box("broken", (0, 0, 0), (0, 200, 3000))
    space = maker.box("classroom", (0, 0, 0), (4000, 4000, 3000), "IfcSpace", None)
    opening = maker.box("hole", (1000, 0, 1000), (1000, 200, 1000), "IfcOpeningElement", None)
    file.createIfcRelVoidsElement(maker.gid(), None, None, None, kept, opening)
    door = file.createIfcDoor(maker.gid(), None, "door")
    axis_only = maker.box("axis", (0, 0, 0), (1, 1, 1))
    axis_only.Representation.Representations[0].RepresentationIdentifier = "Axis"
    pane = maker.box("pane", (0, 0, 0), (1000, 1, 1000), "IfcPlate")
    points = file.createIfcCartesianPointList3D([(0.0, 0.0, 0.0), (900.0, 0.0, 0.0), (900.0, 0.0, 900.0)])
    faces = file.createIfcTriangulatedFaceSet(points, None, False, [(1, 2, 3)])
    pane.Representation.Representations[0].Items = [faces]
    grid = file.createIfcAnnotation(maker.gid(), None, "arrow")
    elements, buildings = read(maker.save(tmp_path / "m.ifc"))
    expected = {
        broken.GlobalId: "geometry_failed", space.GlobalId: "left_out_space", opening.GlobalId: "left_out_opening",
        door.GlobalId: "no_geometry", axis_only.GlobalId: "no_geometry", pane.GlobalId: "no_footprint",
        grid.GlobalId: "left_out_annotation",
    }  # fmt: skip
    assert dict(zip(elements.rejected.record, elements.rejected.reason, strict=True)) == expected
    assert list(elements.frame.element_name) == ["wall"]
    assert elements.counts.read == 8
    assert buildings.frame.n_elements[0] == 1
    detail = elements.rejected.set_index("record").detail[broken.GlobalId]
    assert "zero sized profile" in detail  # ifcopenshell's own words


def test_body_is_outlined_and_not_the_clearance_around_it(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference()
    door = maker.box("door", (0, 0, 0), (1000, 200, 2000), "IfcDoor")
    zone = maker.box("zone", (0, 0, 0), (9000, 9000, 9000), "IfcDoor", None)
    clearance = zone.Representation.Representations[0]
    clearance.RepresentationIdentifier = "Clearance"
    door.Representation.Representations = [clearance, *door.Representation.Representations]
    elements, _ = read(maker.save(tmp_path / "m.ifc"))
    assert list(elements.frame.element_name) == ["door"]
    assert same(elements.frame.geometry.iloc[0], box(E0, N0, E0 + 1, N0 + 0.2))


def test_part_of_an_assembly_belongs_to_the_storey_of_the_whole(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference()
    stair = maker.file.createIfcStair(maker.gid(), None, "stair")
    maker.file.createIfcRelContainedInSpatialStructure(maker.gid(), None, None, None, [stair], maker.storey)
    flight = maker.box("flight", (0, 0, 0), (1000, 3000, 3000), "IfcStairFlight", None)
    maker.file.createIfcRelAggregates(maker.gid(), None, None, None, stair, [flight])
    loose = maker.box("loose", (0, 0, 0), (1000, 1000, 1000), within=None)
    elements, _ = read(maker.save(tmp_path / "m.ifc"))
    rows = elements.frame.set_index("element_name")
    assert rows.storey_name["flight"] == "Ground floor"
    assert rows.building_global_id["flight"] == maker.building.GlobalId
    assert pd.isna(rows.building_global_id["loose"])
    assert dict(elements.counts.rejected) == {"no_geometry": 1}  # the stair itself
    assert rows.global_id["loose"] == loose.GlobalId


def test_building_without_elements_is_set_aside(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference()
    maker.box("tree", (0, 0, 0), (1000, 1000, 1000), "IfcGeographicElement", maker.site)
    elements, buildings = read(maker.save(tmp_path / "m.ifc"))
    assert len(elements.frame) == 1
    assert buildings.frame.empty
    assert dict(buildings.counts.rejected) == {"no_geometry": 1}


def test_order_of_instances_and_name_of_the_file_change_nothing_but_the_ids(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference(axis=(0.8, 0.6))
    for i in range(7):
        maker.box(f"wall {i}", (i * 1000, i * 333, i * 100), (4000, 200, 3000))
    path = maker.save(tmp_path / "a.ifc")
    head, mark, rest = path.read_text().partition("DATA;\n")
    data, end, tail = rest.rpartition("ENDSEC;")
    (tmp_path / "b.ifc").write_text(head + mark + "\n".join(reversed(data.splitlines())) + "\n" + end + tail)
    (a, b), (c, d) = read(path), read(tmp_path / "b.ifc")
    for first, second, key in ((a, c, "element_id"), (b, d, "bim_building_id")):
        left, right = (f.frame.drop(columns=[key, "model_id"]) for f in (first, second))
        assert left.to_wkb().equals(right.to_wkb())
    assert list(a.frame.global_id) == sorted(a.frame.global_id)


def test_reading_prints_nothing(wall: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read(wall)
    assert capfd.readouterr() == ("", "")


def build(tmp_path: Path, schema: str = "IFC4", **georeference: Any) -> Path:
    maker = ModelMaker(schema=schema)
    if georeference.pop("georeferenced", True):
        maker.georeference(**georeference)
    maker.box("wall", (0, 0, 0), (4000, 200, 3000))
    return maker.save(tmp_path / "m.ifc")


@pytest.mark.parametrize(
    ("georeference", "error", "words"),
    [
        ({"georeferenced": False}, MissingCrsError, "IfcMapConversion"),
        ({"name": ""}, MissingCrsError, "EPSG:n"),
        ({"name": "Lambert"}, MissingCrsError, "crs"),
        ({"eastings": 0.0, "northings": 0.0}, SourceError, "zero_conversion"),
        ({"name": "EPSG:2154"}, SourceError, "outside_crs_area"),
        ({"vertical": None}, MissingHeightReferenceError, "vertical: EPSG:5720"),
        ({"vertical": "NGF"}, MissingHeightReferenceError, "'NGF'"),
    ],
)
def test_model_that_cannot_be_placed_says_what_to_add(
    tmp_path: Path, georeference: dict[str, Any], error: type[JntError], words: str
) -> None:
    with pytest.raises(error) as caught:
        read(build(tmp_path, **georeference))
    assert words in str(caught.value)
    assert "m.ifc" in str(caught.value)
    assert caught.value.remedy


def _circle(maker: ModelMaker) -> None:
    maker.building.ObjectPlacement.PlacementRelTo = maker.storey.ObjectPlacement


def _no_axes(maker: ModelMaker) -> None:
    maker.context.WorldCoordinateSystem = None
    maker.storey.ObjectPlacement.RelativePlacement.Location = None


def _conversion_to_nowhere(maker: ModelMaker) -> None:
    maker.file.by_type("IfcMapConversion")[0].TargetCRS = None


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (_circle, "malformed_placement"),
        (_no_axes, "malformed_placement"),
        (_conversion_to_nowhere, "grf002_unknown_crs_name"),
    ],
)
def test_malformed_model_is_named_before_the_geometry_engine_sees_it(
    tmp_path: Path, damage: Callable[[ModelMaker], None], code: str
) -> None:
    maker = ModelMaker()
    maker.georeference()
    maker.box("wall", (0, 0, 0), (4000, 200, 3000))
    damage(maker)
    path = maker.save(tmp_path / "m.ifc")
    assert code in check_ifc(path).codes
    with pytest.raises(JntError, match=code):
        read(path)


def test_element_without_global_id_is_set_aside(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference()
    for name in ("wall", "nameless"):
        wall = maker.box(name, (0, 0, 0), (4000, 200, 3000))
    path = maker.save(tmp_path / "m.ifc")
    path.write_text(path.read_text().replace(f"('{wall.GlobalId}'", "($"))
    elements, _ = read(path)
    assert list(elements.frame.element_name) == ["wall"]
    assert dict(elements.counts.rejected) == {"missing_global_id": 1}


def test_declared_datum_serves_where_the_model_names_none_and_is_noted(tmp_path: Path) -> None:
    elements, _ = read(build(tmp_path, vertical=None), vertical="EPSG:5721")
    assert elements.reference == Reference(horizontal="EPSG:3946", vertical="EPSG:5721")
    assert any("declared EPSG:5721" in note for note in elements.provenance.notes)


def test_declared_datum_that_contradicts_the_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CrsError, match="EPSG:5720 in the model, EPSG:5758 declared"):
        read(build(tmp_path), vertical="EPSG:5758")


def test_declared_crs_overrides_an_unknown_name(tmp_path: Path) -> None:
    elements, _ = read(build(tmp_path, name="grille locale", vertical=None), crs="EPSG:3946+5720")
    assert elements.reference == Reference(horizontal="EPSG:3946", vertical="EPSG:5720")
    assert any("grille locale" in note for note in elements.provenance.notes)
    with pytest.raises(SourceError, match="outside_crs_area"):
        read(build(tmp_path, name="grille locale"), crs="EPSG:2154+5720")
    with pytest.raises(ValidationError, match="contradicts"):
        source(tmp_path, crs="EPSG:3946+5720", vertical="EPSG:5758")


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4X3_ADD2"])
def test_other_schemas_are_refused_by_name_and_never_half_read(tmp_path: Path, schema: str) -> None:
    path = build(tmp_path)
    path.write_text(path.read_text().replace("'IFC4'", f"'{schema}'"))
    with pytest.raises(UnsupportedError, match=schema):
        read(path)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("geonovum/OWL 20230717.ifc", SourceError, "inconsistent_map_unit"),
        ("geonovum/Van Brienenoordbrug-IFC4X3.ifc", UnsupportedError, "IFC4X3_ADD2"),
        ("four_walls/4walls1floorSite.ifc", UnsupportedError, "IFC2X3"),
        ("bad/UT_GeoRef_1.ifc", UnsupportedError, "IFC4X3_RC2"),
        ("bad/4walls1floorSite.ifcxml", UnsupportedError, "ifcXML"),
        ("bad/FormallyIllegalFile.ifc", UnreadableError, "-1.#INF"),
        ("bad/PR-Twin-Branch-PavementElements.ifc", MissingCrsError, "grf002_unknown_crs_name"),
        (
            "georeferencing_rules/grf003/fail-grf003-scenario01-building_without_georeferencing.ifc",
            MissingCrsError,
            "grf003_not_georeferenced",
        ),
    ],
)
def test_real_files_that_must_not_enter_the_twin(shared: Path, name: str, error: type[JntError], words: str) -> None:
    with pytest.raises(error) as caught:
        read(shared / "data" / "bim" / name, vertical="EPSG:5709")
    assert words in str(caught.value)
    assert caught.value.remedy


@pytest.mark.shared
def test_owl_with_its_map_unit_corrected_stands_at_its_level_nap(shared: Path, tmp_path: Path) -> None:
    # What the authoring tool should have written: the map unit of the numbers is the millimetre.
    text = (shared / "data/bim/geonovum/OWL 20230717.ifc").read_text(encoding="latin-1")
    assert text.count("$,$,$,#128)") == 1
    (tmp_path / "owl.ifc").write_text(text.replace("$,$,$,#128)", "$,$,$,#43)"), encoding="latin-1")
    elements, buildings = read(tmp_path / "owl.ifc", vertical="EPSG:5709")
    rows = elements.frame.set_index("element_name")
    cube = rows.loc["kubus_nulpunt1:kubus:848461"]
    # The storey is called NAP and the cube stands on it: 0 m, not 4.25 m and not 8.5 m.
    assert cube.base_elevation_m == pytest.approx(0.0, abs=1e-6)
    assert cube.top_elevation_m == pytest.approx(1.5, abs=1e-6)
    # The other cube touches the origin of the conversion with a corner.
    corner = rows.geometry["kubus_nulpunt2:kubus:851819"].distance(gpd.points_from_xy([93869.354], [435604.867])[0])
    assert corner < 0.01
    assert buildings.frame.n_elements[0] == 3


def test_units_are_one_per_model_and_their_names_are_safe(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("École n° 1.ifc", "sub/b.IFCZIP", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    units = source(tmp_path).units(None)
    assert [unit.name for unit in units] == ["b", "cole_n_1"]
    assert [unit.files[0].name for unit in units] == ["b.IFCZIP", "École n° 1.ifc"]


def test_folder_without_models_and_doubled_names_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such"):
        source(tmp_path / "absent").units(None)
    with pytest.raises(EmptySourceError, match="no IFC model"):
        source(tmp_path).units(None)
    (tmp_path / "sub").mkdir()
    for name in ("a.ifc", "sub/a.ifc"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SourceError, match="same name"):
        source(tmp_path).units(None)


def test_model_of_containers_alone_is_empty(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference()
    with pytest.raises(EmptySourceError, match="no element"):
        read(maker.save(tmp_path / "m.ifc"))


@settings(max_examples=50)
@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(-2_000_000, 2_000_000), st.booleans())
def test_outline_of_a_prism_is_its_base_whatever_the_winding(w: int, d: int, at: int, flipped: bool) -> None:
    x, y, x2, y2 = at / 1000, 6_000_000 + at / 1000, (at + w) / 1000, 6_000_000 + (at + d) / 1000
    points = np.array([(x, y), (x2, y), (x2, y2), (x, y2)] * 2)
    lid = [(0, 1, 2), (0, 2, 3), (4, 6, 5), (4, 7, 6), (0, 1, 5), (0, 5, 4), (1, 2, 6), (1, 6, 5)]
    triangles = np.array([t[::-1] if flipped else t for t in lid])
    outline = footprint_of(points, triangles, 0.001)
    assert outline is not None
    assert outline.is_valid
    np.testing.assert_allclose(outline.bounds, (x, y, x2, y2), atol=1e-6)
    assert outline.area == pytest.approx(w * d * 1e-6, abs=1e-7)


def test_outline_keeps_courtyards_and_separate_parts() -> None:
    ring = [(0, 0), (9, 0), (9, 9), (0, 9), (3, 3), (6, 3), (6, 6), (3, 6), (20, 0), (21, 0), (20, 1)]
    faces = [(0, 1, 5), (0, 5, 4), (1, 2, 6), (1, 6, 5), (2, 3, 7), (2, 7, 6), (3, 0, 4), (3, 4, 7), (8, 9, 10)]
    outline = footprint_of(np.array(ring, dtype=float), np.array(faces), 0.001)
    assert outline is not None
    assert outline.area == pytest.approx(81 - 9 + 0.5)
    assert len(getattr(outline, "geoms", [outline])) == 2
    assert footprint_of(np.zeros((3, 2)), np.array([(0, 1, 2)]), 0.001) is None
    assert footprint_of(np.zeros((0, 2)), np.zeros((0, 3), dtype=int), 0.001) is None
