from __future__ import annotations

import gzip
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import CrsError, EmptySourceError, JntError, MissingCrsError, SourceError, UnsupportedError
from jnt_pipeline.sources.address_places import legal_projection
from jnt_pipeline.sources.addresses import AddressesSource, AddressFile, read_addresses
from jnt_pipeline.sources.check import check_file
from register_files import BAL_COLUMNS, BAL_ROW, BAN_COLUMNS, BAN_ROW, write_table
from source_files import OWNER

ADDRESS_UUID = "3c87abe4-887b-46ee-9192-5c1b35a06625"


def read(path: Path, **fields: object) -> AddressFile:
    return read_addresses(path, AddressesSource.model_validate({"path": path, **OWNER, **fields}))


def codes(found: AddressFile) -> list[str]:
    return [finding.code for finding in found.findings]


@pytest.fixture
def real(shared: Path) -> Path:
    return shared / "data/base_layers"


def test_an_address_of_the_ban_takes_the_names_of_the_schema(tmp_path: Path) -> None:
    found = read(write_table(tmp_path / "adresses-04.csv", BAN_COLUMNS, BAN_ROW))
    row = found.layer.frame.iloc[0]
    assert (found.layout, row["address_id"], row["insee_code"]) == ("BAN", "04001_pk624e_00001", "04001")
    assert (row["postcode"], row["commune_name"], row["street_name"]) == ("04510", "Aiglun", "Impasse de la Treille")
    assert (row["house_number"], row["house_suffix"], row["position_type"]) == (1, "bis", "entrance")
    assert row["is_certified"]
    assert row["parcel_ids"] == "040010000B0487|040010000B0488"
    assert str(found.layer.reference) == "EPSG:2154"
    assert (row["geometry"].x, row["geometry"].y) == (951088.5, 6335099.35)


def test_packed_files_latin_letters_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    plain = write_table(tmp_path / "a.csv", BAL_COLUMNS, BAL_ROW)
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + plain.read_bytes(), mtime=0))
    latin = write_table(tmp_path / "c.csv", BAL_COLUMNS, BAL_ROW, encoding="latin-1")
    assert read(packed).layer.frame["position_type"].tolist() == ["entrance"]
    assert read(latin).layer.frame["position_type"].tolist() == ["entrance"]
    assert codes(read(latin)) == ["not_utf8"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "n", "layout", "expected"),
    [
        ("bal/1.3-valid.csv", 1, "BAL 1.1 to 1.3", []),
        ("bal/1.3-valid-uid_adresse.csv", 1, "BAL 1.1 to 1.3", []),
        ("bal/1.4-valid.csv", 2, "BAL 1.4", []),
        ("bal/1.4-good-dependance-id-ban.csv", 1, "BAL 1.4", []),
        ("bal/1.5-valid.csv", 2, "BAL 1.5", ["street_in_toponyme"]),
        ("bal/1.5-without-ban-ids.csv", 2, "BAL 1.5", ["street_in_toponyme"]),
        ("bal/toponyme-replacing-voie_nom.csv", 1, "BAL 1.5", ["street_in_toponyme"]),
        ("bal/sample.csv", 15, "BAL 1.1 to 1.3", ["unknown_positions", "unknown_dates", "irregular_keys"]),
        ("bal/aliases.csv", 1, "BAL 1.1 to 1.3", ["other_column_names", "unknown_dates", "irregular_keys"]),
        ("bal/1.4-valid-relax.csv", 1, "BAL 1.1 to 1.3", ["other_column_names"]),
        ("bal/locales.csv", 2, "BAL 1.1 to 1.3", ["regional_languages"]),
        ("buildings_addresses/ban_import_test_data.csv", 50, "BAN", []),
        ("buildings_addresses/ban_with_ids_test_data.csv", 4, "BAN", ["irregular_keys"]),
        ("buildings_addresses/bal_import_test_data.csv", 8, "BAL 1.3", ["contradicting_coordinates", "irregular_keys"]),
        ("bad/ban_with_ids_duplicate_ban_id.csv", 2, "BAN", ["shared_ban_id"]),
        ("bad/bal/1.4-incoherent-id-ban.csv", 1, "BAL 1.4", ["reused_ban_id"]),
        ("bad/bal/1.4-no-ids-ban-every.csv", 2, "BAL 1.4", ["some_ban_ids"]),
        ("bad/bal/1.4-cog-no-match-id_ban_commune.csv", 2, "BAL 1.4", ["contradicting_commune_ids"]),
        ("bad/bal/1.4-bad-dependance-id-ban.csv", 1, "BAL 1.4", ["missing_parent_ban_id"]),
    ],
)
def test_real_tables_are_accepted_with_what_is_unusual_in_them(
    real: Path, file: str, n: int, layout: str, expected: list[str]
) -> None:
    found = read(real / file)
    assert (found.layer.counts.read, found.layer.counts.kept, found.layout) == (n, n, layout)
    assert codes(found) == expected
    report = check_file(real / file)
    assert (report.kind, report.facts["n_records"], report.facts["layout"]) == ("addresses", n, layout)
    assert set(expected) <= set(report.codes)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("1.3-invalid-uid_adresse.csv", "bad_ban_id"),
        ("1.3-incoherent-uid_adresse.csv", "incomplete_ban_ids"),
        ("1.4-bad-id-ban-adresse.csv", "bad_ban_id"),
    ],
)
def test_rows_with_malformed_identifiers_are_refused(real: Path, file: str, reason: str) -> None:
    found = read(real / "bad/bal" / file)
    assert (found.layer.counts.kept, found.layer.counts.rejected) == (0, {reason: 1})
    report = check_file(real / "bad/bal" / file)
    assert (report.verdict, report.codes[0]) == ("defects", reason)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "error", "words", "code"),
    [
        ("junk.ascii.csv", UnsupportedError, "not a table of addresses", "not_read"),
        ("without_row.csv", EmptySourceError, "no row", "empty"),
        ("without-voie_nom-nor-toponyme.csv", SourceError, "missing column voie_nom", "unusable"),
    ],
)
def test_tables_that_are_no_addresses_are_refused(
    real: Path, file: str, error: type[JntError], words: str, code: str
) -> None:
    with pytest.raises(error, match=rf"(?s){file}.*{words}"):
        read(real / "bad/bal" / file)
    report = check_file(real / "bad/bal" / file)
    assert report.codes == (code,)
    assert report.verdict != "sound"


@pytest.mark.shared
def test_metres_and_degrees_of_a_row_are_one_place(real: Path) -> None:
    # the README of the data: (539416.13, 6225601.11) is (1.028392, 43.111637)
    layer = read(real / "bal/1.3-valid.csv").layer
    point = normalise(layer, Reference(horizontal="EPSG:4326")).frame.geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx((1.028392, 43.111637), abs=1e-6)


def test_where_degrees_lie_elsewhere_the_metres_near_the_commune_are_taken_and_said(tmp_path: Path) -> None:
    row = BAN_ROW.replace("6.135212;44.070028", "-0.52;44.83")
    found = read(write_table(tmp_path / "a.csv", BAN_COLUMNS, row))
    assert str(found.layer.reference) == "EPSG:2154"
    assert codes(found) == ["contradicting_coordinates"]
    assert "04001_pk624e_00001" in found.findings[0].message
    assert found.layer.provenance.notes[0].startswith("places from x, y in EPSG:2154: 1 of 1 records")


@pytest.mark.parametrize("metres", ["151088.5;6835099.35", "9e30;9e30"])
def test_where_metres_lie_elsewhere_or_nowhere_the_degrees_are_taken(tmp_path: Path, metres: str) -> None:
    row = BAN_ROW.replace("951088.5;6335099.35", metres)
    found = read(write_table(tmp_path / "a.csv", BAN_COLUMNS, row))
    assert str(found.layer.reference) == "EPSG:4326"
    assert found.layer.frame.geometry.iloc[0].x == 6.135212
    assert "lon, lat are taken" in found.findings[0].message


def test_five_decimals_of_degrees_contradict_no_metres(tmp_path: Path) -> None:
    row = BAN_ROW.replace("6.135212;44.070028", "6.13521;44.07003")
    assert codes(read(write_table(tmp_path / "a.csv", BAN_COLUMNS, row))) == []


def test_rows_without_metres_make_the_file_one_of_degrees(tmp_path: Path) -> None:
    other = BAN_ROW.replace("_00001", "_00002").replace("951088.5;6335099.35", ";")
    layer = read(write_table(tmp_path / "a.csv", BAN_COLUMNS, BAN_ROW, other)).layer
    assert str(layer.reference) == "EPSG:4326"
    assert layer.frame.geometry.notna().tolist() == [True, True]


@pytest.mark.parametrize(
    ("departements", "expected"),
    [
        ({"04", "2A"}, "EPSG:2154"),
        ({"974"}, "EPSG:2975"),
        ({"971", "972"}, "EPSG:5490"),
        ({"973"}, "EPSG:2972"),
        ({"976"}, "EPSG:4471"),
        ({"04", "974"}, None),
        (set(), None),
    ],
)
def test_metres_are_in_the_legal_projection_of_one_territory(departements: set[str], expected: str | None) -> None:
    assert legal_projection(departements) == expected


def test_metres_alone_need_a_commune_or_a_declared_projection(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.csv", "cle_interop;voie_nom;numero;x;y", "key;Rue;1;539416.13;6225601.11")
    with pytest.raises(MissingCrsError, match=r"(?s)a\.csv.*projection:"):
        read(path)
    assert str(read(path, projection="EPSG:2154").layer.reference) == "EPSG:2154"


def test_a_decimal_comma_is_a_number_and_a_word_is_none(tmp_path: Path) -> None:
    comma = BAL_ROW.replace("539416.13;6225601.11", "539416,13;6225601,11")
    word = BAL_ROW.replace("539416.13", "ici").replace("_00009", "_00010")
    layer = read(write_table(tmp_path / "a.csv", BAL_COLUMNS, comma, word)).layer
    assert layer.frame.geometry.iloc[0].x in {539416.13, 1.028392}
    assert layer.counts.read == layer.counts.kept + sum(layer.counts.rejected.values()) == 2


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (";9;", ";9 bis;", "bad_house_number"),
        (";31591;", ";1591;", "bad_insee_code"),
        ("2020-11-09", "2020-11-09;x", "broken_row"),
    ],
)
def test_what_cannot_be_read_is_set_aside_with_its_reason(tmp_path: Path, old: str, new: str, reason: str) -> None:
    path = write_table(tmp_path / "a.csv", BAL_COLUMNS, BAL_ROW, BAL_ROW.replace("_00009", "_00011").replace(old, new))
    layer = read(path).layer
    assert (layer.counts.read, layer.counts.kept, layer.counts.rejected) == (2, 1, {reason: 1})


def test_parcels_that_are_no_ids_are_left_out_and_said(tmp_path: Path) -> None:
    row = BAN_ROW.replace("040010000B0488", "B488")
    found = read(write_table(tmp_path / "a.csv", BAN_COLUMNS, row))
    assert found.layer.frame["parcel_ids"].tolist() == ["040010000B0487"]
    assert codes(found) == ["bad_parcel_ids"]


@pytest.mark.shared
def test_names_in_regional_languages_stay(real: Path) -> None:
    frame = read(real / "bal/locales.csv").layer.frame
    assert frame["local_street_names"].tolist() == [
        "bre=Nom de la rue en breton",
        "bre=Nom de la rue en breton|eus=Nom de la voie en basque",
    ]


@pytest.mark.shared
def test_permanent_identifiers_come_from_either_layout(real: Path) -> None:
    for name in ("1.3-valid-uid_adresse", "1.4-valid"):
        assert set(read(real / f"bal/{name}.csv").layer.frame["ban_id"]) == {ADDRESS_UUID}
    ids = read(real / "buildings_addresses/ban_with_ids_test_data.csv").layer.frame["ban_id"]
    assert ids.notna().tolist() == [True, True, False, True]
    assert ids.iloc[0] == "a1b2c3d4-e5f6-7890-abcd-ef1234567890"


def test_a_commune_is_known_by_the_key_where_no_column_states_it(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.csv", "cle_interop;voie_nom;numero;long;lat", "31591_0001_00002;Rue;2;1.0;43.1",
                       "A7482_6956_11;Rue;11;7.7;48.5", "00000_5513_52;Rue;52;7.7;48.6")  # fmt: skip
    codes_found = read(path).layer.frame["insee_code"]
    assert codes_found.iloc[0] == "31591"
    assert codes_found.iloc[1:].isna().all()


def test_of_several_positions_of_one_address_the_entrance_stays(tmp_path: Path) -> None:
    other = BAL_ROW.replace("_00009", "_00008")
    path = write_table(tmp_path / "a.csv", BAL_COLUMNS, BAL_ROW.replace("entrée", "bâtiment"), other, BAL_ROW)
    native = read(path).layer.frame
    assert native["address_id"].str[-1].tolist() == ["9", "9", "8"]
    assert native["position_type"].tolist() == ["entrance", "building", "entrance"]
    layer = normalise(read(path).layer, Reference(horizontal="EPSG:2154"))
    assert (layer.counts.kept, layer.counts.rejected) == (2, {"duplicate_id": 1})
    assert layer.frame["position_type"].tolist() == ["entrance", "entrance"]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["1.4-valid", "1.5-valid", "1.5-without-ban-ids"])
def test_an_address_written_twice_is_accepted_and_told(real: Path, name: str) -> None:
    report = check_file(real / f"bal/{name}.csv")
    assert (report.verdict, report.exit_code) == ("sound", 0)
    (told,) = [finding for finding in report.findings if finding.code == "further_positions"]
    assert told.severity == "info"
    assert told.message.startswith("1 position of addresses beside the best one")


def test_an_address_that_is_written_twice_and_differs_is_no_repetition(tmp_path: Path) -> None:
    other = BAL_ROW.replace("entrée", "segment").replace("539416.13;6225601.11", "539417.13;6225601.11")
    assert other != BAL_ROW
    path = write_table(tmp_path / "a.csv", BAL_COLUMNS, BAL_ROW, other)
    assert (check_file(path).verdict, "further_positions" in check_file(path).codes) == ("sound", True)
    path = write_table(tmp_path / "a.csv", BAL_COLUMNS, BAL_ROW, other, BAL_ROW.replace("Rue des", "Allée des"))
    report = check_file(path)
    assert report.verdict == "defects"
    assert [code for code in report.codes if code != "coordinates"] == ["further_positions", "duplicate_id"]


@pytest.mark.shared
def test_a_record_with_two_faults_is_counted_once(real: Path) -> None:
    """Rows of streets, with neither key nor place: the first reason counts, as in the twin."""
    report = check_file(real / "bal/locales.csv")
    assert [(f.code, f.message) for f in report.findings if f.severity == "warning"] == [
        ("missing_address_id", "2 records set aside: record 0, record 1")
    ]
    layer = normalise(read(real / "bal/locales.csv").layer, Reference(horizontal="EPSG:2154"))
    assert (layer.counts.read, layer.counts.kept, layer.counts.rejected) == (2, 0, {"missing_address_id": 2})


def with_exchanged_axes(path: Path, to: Path) -> Path:
    """A table of the BAN whose values of x and y stand under each other's name."""
    head, rows = path.read_text(encoding="utf-8").split("\n", 1)
    to.write_text(head.replace(";x;y;", ";y;x;") + "\n" + rows, encoding="utf-8")
    return to


@pytest.mark.shared
def test_exchanged_axes_of_most_rows_are_an_error_that_says_so(real: Path, tmp_path: Path) -> None:
    path = with_exchanged_axes(real / "buildings_addresses/ban_import_test_data.csv", tmp_path / "ban.csv")
    with pytest.raises(CrsError, match=r"ban\.csv: x, y and lon, lat state different places") as refused:
        read(path)
    assert "50 of 50 rows more than 10 m apart (x, y in EPSG:2154, legal there)" in str(refused.value)
    assert "with x and y exchanged, they agree" in str(refused.value)
    report = check_file(path)
    assert (report.verdict, report.codes) == ("defects", ("contradictory_reference",))


@pytest.mark.shared
@pytest.mark.parametrize("projection", ["EPSG:3944", "EPSG:27572", "EPSG:2972"])
def test_a_wrong_projection_that_is_declared_is_an_error_that_names_the_legal_one(real: Path, projection: str) -> None:
    with pytest.raises(CrsError, match=f"x, y in {projection}, declared") as refused:
        read(real / "buildings_addresses/ban_import_test_data.csv", projection=projection)
    assert "with x, y in EPSG:2154, legal there, they agree" in str(refused.value)


def contradicting(n_right: int, n_wrong: int) -> list[str]:
    """Rows of one street; the wrong ones lie 0.001° of latitude, 111 m, beside their x, y."""
    rows = [BAL_ROW.replace("_00009", f"_{i:05}") for i in range(n_right + n_wrong)]
    return rows[:n_right] + [row.replace("43.111637", "43.112637") for row in rows[n_right:]]


@pytest.mark.parametrize(
    ("n_right", "n_wrong", "is_refused"), [(0, 3, True), (1, 9, True), (2, 8, False), (0, 2, False), (9, 1, False)]
)
def test_contradicting_places_are_an_error_only_where_hardly_any_row_agrees(
    tmp_path: Path, n_right: int, n_wrong: int, is_refused: bool
) -> None:
    path = write_table(tmp_path / "a.csv", BAL_COLUMNS, *contradicting(n_right, n_wrong))
    if is_refused:
        with pytest.raises(CrsError, match=rf"(?s){n_wrong} of {n_right + n_wrong} rows.*by 111 m in the median"):
            read(path)
        return
    layer = read(path).layer
    words = "records" if n_wrong > 1 else "record"
    (told,) = [note for note in layer.provenance.notes if note.startswith("warning: ")]
    assert told.startswith(f"warning: {n_wrong} {words} whose x, y (EPSG:2154) and lon, lat lie more than 2 m apart")
    assert layer.counts.kept == n_right + n_wrong


def test_two_files_of_one_name_are_an_error(tmp_path: Path) -> None:
    for name in ("a.csv", "A.csv.gz"):
        (tmp_path / name).write_text("")
    with pytest.raises(SourceError, match="two files are called a"):
        AddressesSource.model_validate({"path": tmp_path, **OWNER}).units(None)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "n", "unit", "reference"),
    [
        ("adresses_bdnb_7.csv", 4, "metres", "EPSG:2154"),
        ("batiment_construction_bdnb_7.csv", 4, "metres", "EPSG:2154"),
        ("rel_batiment_groupe_adresse_7.csv", 3, "metres", "EPSG:2154"),
        ("bdnb_2023_01_addresses.csv", 4, "degrees", "EPSG:4326"),
        ("bdnb_2023_01_bdgs.csv", 3, "degrees", "EPSG:4326"),
    ],
)
def test_tables_of_the_bdnb_are_in_degrees_or_metres_file_by_file(
    real: Path, file: str, n: int, unit: str, reference: str
) -> None:
    report = check_file(real / "buildings_addresses" / file)
    facts = report.facts
    assert (report.kind, facts["n_records"], facts["unit"], facts["reference"]) == ("bdnb", n, unit, reference)


def test_a_table_of_the_bdnb_in_both_units_is_told(tmp_path: Path) -> None:
    path = write_table(tmp_path / "b.csv", "cle_interop_adr;geom", "38517_0345_00007;POINT(5.48 45.29)",
                       "38517_0345_00008;POINT(848187.5 6563153.5)")  # fmt: skip
    report = check_file(path)
    assert report.codes == ("mixed_references",)
    assert "1 of 2 in degrees" in report.findings[0].message


def test_the_layer_is_a_frame_of_points_in_its_reference(tmp_path: Path) -> None:
    frame = read(write_table(tmp_path / "a.csv", BAN_COLUMNS, BAN_ROW)).layer.frame
    assert isinstance(frame, gpd.GeoDataFrame)
    assert np.isfinite(frame.total_bounds).all()
