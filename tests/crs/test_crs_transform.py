"""Rules of design §6: heights are never guessed, and one operation is used and recorded."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jnt_pipeline.crs import (
    DeclaredUndulation,
    Reference,
    canonical,
    transform,
    transform_geometries,
    transformation,
)
from jnt_pipeline.errors import (
    BallparkError,
    CrsError,
    MissingCrsError,
    MissingGridError,
    MissingHeightReferenceError,
    OutsideAreaError,
)

PARIS = np.array([[652_469.02, 6_862_035.26, 35.0]])  # Lambert-93, near the Louvre
DECLARED = DeclaredUndulation(value_m=44.25, accuracy_m=0.05, source="read from RAF20 at Paris, test")


# ---- what a reference must say ------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["EPSG:4979", "EPSG:4978", "EPSG:2154+5720", "EPSG:5698", "EPSG:9781"])
@pytest.mark.parametrize("source", ["EPSG:2154", "EPSG:4326", "EPSG:3946"])
def test_heights_cannot_come_from_a_source_without_vertical(source: str, target: str) -> None:
    with pytest.raises(MissingHeightReferenceError, match="says nothing about its own"):
        transformation(source, target)


def test_a_compound_code_is_the_same_reference_as_its_two_parts(grids: Path) -> None:
    assert transformation("EPSG:5698", "EPSG:4979") is transformation("EPSG:2154+5720", "EPSG:4979")
    assert transformation("EPSG:5698", "EPSG:2154+5720").is_identity


def test_a_lon_lat_copy_of_a_system_is_the_same_reference_as_its_original() -> None:
    assert transformation("EPSG:7084", "EPSG:4171").is_identity


@pytest.mark.parametrize("text", ["EPSG:4979+5720", "EPSG:5720", "EPSG:2154+4326", "EPSG:5698+5721", "EPSG:4978+5720"])
def test_a_reference_that_contradicts_itself_is_refused(text: str) -> None:
    with pytest.raises(CrsError, match="contradicts itself"):
        transformation(text, "EPSG:2154+5720")


@pytest.mark.parametrize("text", ["", "2154", "Lambert-93", "EPSG:999999", "EPSG:2154+NGF"])
def test_a_text_that_is_no_known_reference_is_refused(text: str) -> None:
    with pytest.raises(MissingCrsError):
        transformation(text, "EPSG:2154")


def test_heights_are_not_dropped_nor_left_without_reference_in_silence() -> None:
    flat = transformation("EPSG:2154+5720", "EPSG:4326")
    assert flat.apply(PARIS[:, :2]).shape == (1, 2)
    with pytest.raises(MissingHeightReferenceError, match="the target says nothing"):
        flat.apply(PARIS)


def test_a_third_column_between_flat_references_stays_bit_for_bit() -> None:
    got = transformation("EPSG:2154", "EPSG:4326").apply(PARIS)
    assert got[0, 2].tobytes() == PARIS[0, 2].tobytes()


# ---- heights that do not change -----------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["EPSG:9794+5720", "EPSG:3949+5720", "EPSG:25831+5720", "EPSG:4326+5720"])
def test_same_vertical_on_both_sides_leaves_heights_bit_for_bit(target: str, no_grids: Path) -> None:
    points = np.repeat(PARIS, 3, axis=0)
    points[:, 2] = [0.1 + 0.2, -12.345678901234567, 4806.0]
    chosen = transformation("EPSG:2154+5720", target)
    got = chosen.apply(points)
    assert got[:, 2].tobytes() == points[:, 2].tobytes()
    assert not np.array_equal(got[:, :2], points[:, :2])
    assert "heights unchanged, EPSG:5720" in chosen.operation.description
    assert chosen.apply(points[:, :2]).shape == (3, 2)  # records without heights travel in the same layer


def test_same_reference_is_the_identity_bit_for_bit_and_never_the_same_memory() -> None:
    got, operation = transform(PARIS, "EPSG:2154+5720", "EPSG:2154+5720")
    assert got.tobytes() == PARIS.tobytes()
    assert not np.shares_memory(got, PARIS)
    assert operation.accuracy_m == 0.0
    assert operation.grids == ()


def test_v1_and_v2b_differ_by_millimetres_and_are_not_one_reference() -> None:
    chosen = transformation("EPSG:2154", "EPSG:9794")
    moved = chosen.apply(PARIS[:, :2]) - PARIS[:, :2]
    assert 0.001 < np.hypot(*moved[0]) < 0.010  # about 3 mm at Paris (reference, 4.4)
    assert chosen.operation.accuracy_m == pytest.approx(0.055)


# ---- the operation that is used and recorded ----------------------------------------------------------------


def test_v1_codes_use_raf18_and_v2b_codes_raf20_and_each_operation_says_so(grids: Path) -> None:
    v1 = transformation("EPSG:2154+5720", "EPSG:4979").operation
    v2b = transformation("EPSG:9794+5720", "EPSG:4979").operation
    assert [g.name for g in v1.grids] == ["fr_ign_RAF18.tif"]
    assert [g.name for g in v2b.grids] == ["fr_ign_RAF20.tif"]
    for operation in (v1, v2b):
        digest = hashlib.sha256((grids / operation.grids[0].name).read_bytes()).hexdigest()
        assert operation.grids[0].sha256 == digest


def test_corsica_v1_uses_rac23_towards_wgs84_as_proj_ranks_it(grids: Path) -> None:
    operation = transformation("EPSG:2154+5721", "EPSG:4979").operation
    assert [g.name for g in operation.grids] == ["fr_ign_RAC23.tif"]


PAIRS = [
    ("EPSG:2154+5720", "EPSG:4979"),
    ("EPSG:2154+5720", "EPSG:4978"),
    ("EPSG:9794+5720", "EPSG:9781"),
    ("EPSG:3949+5720", "EPSG:4964"),
    ("EPSG:27572+5720", "EPSG:4979"),
    ("EPSG:27572+5720", "EPSG:2154+5720"),
    ("EPSG:27572", "EPSG:4326"),
    ("EPSG:2154", "EPSG:9794"),
    ("EPSG:4978", "EPSG:4979"),
    ("EPSG:4326+5720", "EPSG:4978"),
    ("EPSG:2154+5720", "EPSG:9782+5720"),
]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_the_pipeline_on_record_alone_gives_the_same_points(source: str, target: str, grids: Path) -> None:
    """A reader of the provenance can run what it says, and finds what was written."""
    lonlat = np.random.default_rng(1).uniform([1.5, 48.0, 0.0], [3.5, 49.5, 100.0], (50, 3))
    into = transformation("EPSG:4979", source) if transformation(source, source).source.vertical else None
    if into is not None:
        points = into.apply(lonlat)
    elif source == "EPSG:4978":
        points = transformation("EPSG:4979", source).apply(lonlat)
    else:
        points = transformation("EPSG:4326", source).apply(lonlat[:, :2])
    chosen = transformation(source, target)
    by_record = pyproj.Transformer.from_pipeline(chosen.operation.pipeline).transform(*points.T)
    assert np.abs(chosen.apply(points) - np.column_stack(by_record)).max() <= 1e-8


def test_a_declared_undulation_is_on_record_as_a_pipeline_that_can_be_run() -> None:
    chosen = transformation("EPSG:2154+5720", "EPSG:4978", undulation=DECLARED)
    by_record = pyproj.Transformer.from_pipeline(chosen.operation.pipeline).transform(*PARIS.T)
    assert np.abs(chosen.apply(PARIS) - np.column_stack(by_record)).max() <= 1e-8


@given(
    lon=st.floats(-4.4, 7.5),
    lat=st.floats(43.7, 49.3),
    height=st.floats(-50.0, 4800.0),
    pair=st.sampled_from(PAIRS[:5]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_there_and_back_again_is_the_same_place(
    lon: float, lat: float, height: float, pair: tuple[str, str], grids: Path
) -> None:
    # A box whose every point is inside the outline of the mainland, sea included.
    try:
        start = transformation("EPSG:9781", pair[0]).apply(np.array([[lon, lat, height]]))
    except OutsideAreaError:
        return
    end = transformation(*pair).apply(start)
    back = transformation(pair[1], pair[0]).apply(end)
    # EPSG:4978 in PROJ: built on WGS 84's ellipsoid, taken apart on GRS80's, 0.1 mm apart. NTF: height zero is not the
    # same point on its ellipsoid and on GRS80, 0.4 mm there and back. Elsewhere rounding and iterations alone.
    tolerance_m = 2e-4 if "EPSG:4978" in pair else 6e-4 if "27572" in pair[0] else 1e-5
    assert np.abs(back - start).max() <= tolerance_m


def test_the_best_operation_is_refused_rather_than_replaced_when_only_a_lesser_grid_is_there(
    no_grids: Path, shared: Path
) -> None:
    # With RAF20 alone PROJ would serve 2154+5720 by another way, without a word.
    shutil.copy(shared / "geodesy" / "grids" / "fr_ign_RAF20.tif", no_grids)
    with pytest.raises(MissingGridError, match="fr_ign_RAF18"):
        transformation("EPSG:2154+5720", "EPSG:4979")
    assert transformation("EPSG:9794+5720", "EPSG:4979").operation.accuracy_m == pytest.approx(1.01)


def test_a_grid_that_arrives_during_the_process_is_found(no_grids: Path, shared: Path) -> None:
    with pytest.raises(MissingGridError):
        transformation("EPSG:9794+5720", "EPSG:4979")
    shutil.copy(shared / "geodesy" / "grids" / "fr_ign_RAF20.tif", no_grids)
    assert transformation("EPSG:9794+5720", "EPSG:4979").moves_heights


def test_a_truncated_grid_is_refused_before_any_height(no_grids: Path, shared: Path) -> None:
    bad = shared / "data" / "geodesy_tests" / "bad" / "truncated_fr_ign_RAF20.tif"
    shutil.copy(bad, no_grids / "fr_ign_RAF20.tif")
    with pytest.raises(MissingGridError) as caught:
        transformation("EPSG:9794+5720", "EPSG:4979")
    assert "fr_ign_RAF20.tif" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("pair", [("EPSG:2154+5719", "EPSG:2154+5720"), ("EPSG:5490+5795", "EPSG:5488")])
def test_vertical_datums_that_nothing_relates_are_refused(pair: tuple[str, str], grids: Path) -> None:
    with pytest.raises(BallparkError):
        transformation(*pair)


def test_a_foreign_pair_is_served_by_proj_under_the_same_rules(no_grids: Path) -> None:
    # Belgium, Lambert 2008 to Lambert 72's datum-free neighbour ETRS89: no grid, EPSG's own operation.
    chosen = transformation("EPSG:3812", "EPSG:4258")
    got = chosen.apply(np.array([[649_328.0, 665_262.0]]))
    # EPSG: false origin of 3812 is 4°21'33.177"E 50°47'52.134"N.
    assert np.abs(got - [[4.359215833, 50.797815]]).max() < 1e-8
    with pytest.raises(MissingGridError, match="uk_os_OSTN15"):
        transformation("EPSG:27700", "EPSG:4326")  # PROJ alone would take a 2 m shift
    with pytest.raises(OutsideAreaError):
        chosen.apply(np.array([[649_328.0, 1_665_262.0]]))


def test_an_area_chooses_the_operation_of_the_place() -> None:
    everywhere = transformation("EPSG:4230", "EPSG:4326")
    here = transformation("EPSG:4230", "EPSG:4326", area=(1.0, 47.0, 3.0, 49.0))
    assert everywhere.operation.accuracy_m == 10.0
    assert here.area == (1.0, 47.0, 3.0, 49.0)
    assert here.operation.accuracy_m is not None
    assert here.operation.accuracy_m <= 10.0


# ---- declared undulation ------------------------------------------------------------------------------------


def test_a_declared_undulation_is_added_and_no_grid_is_looked_at(no_grids: Path) -> None:
    chosen = transformation("EPSG:2154+5720", "EPSG:4979", undulation=DECLARED)
    got = chosen.apply(PARIS)
    assert got[0, 2] == 35.0 + 44.25
    plane = transformation("EPSG:2154", "EPSG:4326").apply(PARIS[:, :2])
    assert np.abs(got[:, :2] - plane).max() <= 1e-12
    back = transformation("EPSG:4979", "EPSG:2154+5720", undulation=DECLARED).apply(got)
    assert np.abs(back - PARIS).max() <= 1e-7


def test_a_declared_undulation_gives_the_same_bytes_with_and_without_grids(
    grids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = transformation("EPSG:2154+5720", "EPSG:4978", undulation=DECLARED)
    with_grids = there.apply(PARIS), there.operation
    monkeypatch.setenv("JNT_PROJ_GRIDS", "")
    here = transformation("EPSG:2154+5720", "EPSG:4978", undulation=DECLARED)
    assert with_grids[0].tobytes() == here.apply(PARIS).tobytes()
    assert with_grids[1] == here.operation
    assert here.operation.grids == ()


def test_a_declared_undulation_says_who_declared_it_and_adds_its_accuracy() -> None:
    operation = transformation("EPSG:2154+5720", "EPSG:4979", undulation=DECLARED).operation
    assert "read from RAF20 at Paris, test" in operation.description
    assert "+44.250 m" in operation.description
    # RGF93 v1 to WGS 84 is stated 1 m by EPSG, the declaration 0.05 m.
    assert operation.accuracy_m == pytest.approx(1.05)


def test_a_declared_undulation_does_not_touch_heights_that_need_none() -> None:
    chosen = transformation("EPSG:2154+5720", "EPSG:9794+5720", undulation=DECLARED)
    assert chosen.apply(PARIS)[0, 2] == 35.0
    assert "declared" not in chosen.operation.description


def test_a_declared_undulation_holds_where_the_vertical_datum_does() -> None:
    chosen = transformation("EPSG:2154+5720", "EPSG:4979", undulation=DECLARED)
    turin = transformation("EPSG:4326", "EPSG:2154").apply(np.array([[7.69, 45.07]]))
    with pytest.raises(OutsideAreaError, match="France continentale"):
        chosen.apply(np.column_stack((turin, [240.0])))


def test_a_declared_undulation_refuses_heights_in_feet() -> None:
    with pytest.raises(CrsError, match="metres upwards"):
        transformation("EPSG:2991+6360", "EPSG:4979", undulation=DECLARED)


def test_a_declared_undulation_does_not_replace_the_grid_of_ntf(no_grids: Path) -> None:
    with pytest.raises(MissingGridError, match="gr3df97a"):
        transformation("EPSG:27572+5720", "EPSG:4979", undulation=DECLARED)


# ---- arrays -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_columns", [2, 3])
def test_no_points_give_no_points(n_columns: int) -> None:
    got = transformation("EPSG:2154", "EPSG:4326").apply(np.empty((0, n_columns)))
    assert got.shape == (0, n_columns)
    assert got.dtype == np.float64


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_coordinate_that_is_not_finite_is_refused_with_its_row(bad: float, column: int) -> None:
    points = np.repeat(PARIS, 3, axis=0)
    points[1, column] = bad
    with pytest.raises(CrsError, match="1 of 3 points") as caught:
        transformation("EPSG:2154", "EPSG:4326").apply(points)
    assert "point 1" in caught.value.found


def test_a_masked_coordinate_is_not_read_from_below_its_mask() -> None:
    points = np.ma.array(np.repeat(PARIS, 2, axis=0), mask=[[False] * 3, [False, True, False]])
    with pytest.raises(CrsError, match="1 of 2 points") as caught:
        transformation("EPSG:2154", "EPSG:4326").apply(points)
    assert "point 1" in caught.value.found
    assert transformation("EPSG:2154", "EPSG:4326").apply(points[:1]).shape == (1, 3)


@pytest.mark.parametrize("shape", [(3,), (4, 1), (4, 4), (2, 2, 2)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(CrsError, match="not a table"):
        transformation("EPSG:2154", "EPSG:4326").apply(np.zeros(shape))


def test_heights_that_are_needed_and_absent_are_named() -> None:
    chosen = transformation("EPSG:2154+5720", "EPSG:4979", undulation=DECLARED)
    with pytest.raises(MissingHeightReferenceError, match="the points have none"):
        chosen.apply(PARIS[:, :2])


def test_the_input_is_not_changed() -> None:
    points = np.asfortranarray(np.repeat(PARIS, 4, axis=0))
    before = points.copy()
    transformation("EPSG:2154+5720", "EPSG:4979", undulation=DECLARED).apply(points)
    assert np.array_equal(points, before)


# ---- geometries ---------------------------------------------------------------------------------------------


def test_geometries_keep_none_empty_order_and_their_own_z() -> None:
    plain = shapely.from_wkt("POLYGON ((652000 6862000, 652100 6862000, 652100 6862100, 652000 6862000))")
    raised = shapely.from_wkt("LINESTRING Z (652000 6862000 35.5, 652100 6862000 -1000)")
    array = np.array([plain, None, raised, shapely.from_wkt("POLYGON EMPTY")], dtype=object)
    chosen = transformation("EPSG:2154", "EPSG:4326")
    got = transform_geometries(array, chosen)
    assert got[1] is None
    assert got[3].is_empty
    assert not shapely.has_z(got[0])
    assert shapely.get_coordinates(got[2], include_z=True)[:, 2].tolist() == [35.5, -1000.0]
    expected = chosen.apply(shapely.get_coordinates(plain))
    assert np.array_equal(shapely.get_coordinates(got[0]), expected)
    assert array[0].equals(plain)


def test_geometries_move_their_z_with_a_transformation_of_heights_and_must_have_one() -> None:
    chosen = transformation("EPSG:2154+5720", "EPSG:4979", undulation=DECLARED)
    raised = np.array([shapely.Point(652_469, 6_862_035, 35.0)], dtype=object)
    assert transform_geometries(raised, chosen)[0].z == 35.0 + 44.25
    with pytest.raises(MissingHeightReferenceError):
        transform_geometries(np.array([shapely.Point(652_469, 6_862_035)], dtype=object), chosen)


def test_no_geometries_give_no_geometries() -> None:
    got = transform_geometries(np.empty(0, dtype=object), transformation("EPSG:2154", "EPSG:4326"))
    assert got.shape == (0,)


def test_geometries_with_m_keep_their_z_and_lose_their_m() -> None:
    texts = ["LINESTRING ZM (652000 6862000 3 4, 652100 6862000 5 6)", "POINT M (652000 6862000 4)"]
    chosen = transformation("EPSG:2154+5720", "EPSG:4979", undulation=DECLARED)
    raised = transform_geometries(np.array([shapely.from_wkt(texts[0])], dtype=object), chosen)
    assert shapely.get_coordinates(raised, include_z=True)[:, 2].tolist() == [3.0 + 44.25, 5.0 + 44.25]
    for got in transform_geometries(shapely.from_wkt(texts), transformation("EPSG:2154", "EPSG:4326")):
        assert not shapely.has_m(got)
        assert np.isfinite(shapely.get_coordinates(got, include_z=bool(shapely.has_z(got)))).all()


# ---- processes and threads ----------------------------------------------------------------------------------


def test_a_transformation_travels_to_another_process_and_stays_the_same(grids: Path) -> None:
    chosen = transformation("EPSG:9794+5720", "EPSG:4978")
    again = pickle.loads(pickle.dumps(chosen))
    assert again.operation == chosen.operation
    assert again.apply(PARIS).tobytes() == chosen.apply(PARIS).tobytes()


def test_a_transformation_is_refused_in_a_process_that_lacks_its_grid(
    grids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = pickle.dumps(transformation("EPSG:9794+5720", "EPSG:4978"))
    monkeypatch.setenv("JNT_PROJ_GRIDS", "")
    with pytest.raises(MissingGridError):
        pickle.loads(sent)


def test_threads_share_a_transformation_even_if_they_used_proj_before_the_grids(grids: Path) -> None:
    """PROJ has one context per thread: one made before the grid folders were known must learn them."""
    ready, go = threading.Barrier(5), threading.Event()
    points = np.repeat(PARIS, 2000, axis=0) + np.linspace(0, 1000, 2000)[:, np.newaxis]

    def work(_: int) -> bytes:
        pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3857").transform(48.0, 2.0)
        ready.wait(30)
        go.wait(30)
        return transformation("EPSG:9794+5720", "EPSG:4978").apply(points).tobytes()

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(work, i) for i in range(4)]
        ready.wait(30)
        expected = transformation("EPSG:9794+5720", "EPSG:4978").apply(points).tobytes()
        go.set()
        assert {future.result() for future in waiting} == {expected}


def test_a_fresh_process_without_grids_refuses_heights_and_never_prints_a_number(tmp_path: Path) -> None:
    code = (
        "import numpy as np\n"
        "from jnt_pipeline.crs import transform\n"
        "from jnt_pipeline.errors import MissingGridError\n"
        "for pair in (('EPSG:9785', 'EPSG:9781'), ('EPSG:27572', 'EPSG:4326')):\n"
        "    try:\n"
        "        print(transform(np.array([[2.35, 48.85, 0.0]]), *pair))\n"
        "    except MissingGridError as error:\n"
        "        print('refused', error.where)\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JNT_", "PROJ_"))}
    environment["XDG_DATA_HOME"] = str(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120, check=True
    )
    assert [line.split()[0] for line in run.stdout.splitlines()] == ["refused", "refused"]


def test_a_reference_is_read_in_lower_case_and_between_blanks_too() -> None:
    assert canonical(" epsg:2154+5720\n") == canonical("EPSG:2154+EPSG:5720")


def test_a_reference_given_as_value_or_text_is_the_same_question() -> None:
    value = Reference(horizontal="EPSG:2154")
    assert transformation(value, "EPSG:4326") is transformation("EPSG:2154", "EPSG:4326")


def test_the_plane_does_not_depend_on_the_height_that_travels_with_it(grids: Path) -> None:
    low = np.array([[600_000.0, 2_200_000.0, 0.0]])
    high = np.array([[600_000.0, 2_200_000.0, 4000.0]])
    flat = transformation("EPSG:27572", "EPSG:2154").apply(low[:, :2])
    with_heights = transformation("EPSG:27572+5720", "EPSG:2154+5720")
    assert np.array_equal(with_heights.apply(low)[:, :2], flat)
    assert np.array_equal(with_heights.apply(high)[:, :2], flat)
