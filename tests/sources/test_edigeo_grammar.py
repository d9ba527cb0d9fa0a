"""The exchange grammar and the lot: charsets, long texts, damage, missing members, which sheets a path holds."""

from __future__ import annotations

import bz2
import random
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pyogrio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edigeo_plans import SHEET, changed, layers_of, packed, parcel, sheet, square
from jnt_pipeline.errors import (
    EmptySourceError,
    JntError,
    MissingMembersError,
    SourceError,
    UnreadableError,
    UnsupportedError,
)
from jnt_pipeline.samples.edigeo import PlanObject, sheet_members, write_sheet, write_sheet_folder
from jnt_pipeline.sources.edigeo import is_edigeo, read_edigeo, sheets_of
from jnt_pipeline.sources.edigeo.grammar import parse_member

ONE = parcel(1, square(0, 0, 10), SUPF=100.0)


def member(*records: str, name: str = "X.VEC", end: str = "EOMT 00:\r\n") -> bytes:
    lines = [f"BOMT {len(name):02d}:{name}", "CSET 03:IRV", "", "RTYSA03:FEA", "RIDSA01:a", *records]
    return ("\r\n".join(lines) + "\r\n" + end).encode("latin-1")


def value(*records: str) -> str:
    (descriptor,) = parse_member(member(*records), "X.VEC")
    return descriptor.first("ATV")


def test_a_text_of_more_than_72_characters_goes_on_in_records_next() -> None:
    assert (
        value("TEXT 06:8859-1", "ATVST72:" + "é" * 72, "NEXT 72:" + "b" * 72, "NEXT 01:c") == "é" * 72 + "b" * 72 + "c"
    )


def test_a_text_of_more_than_72_characters_may_go_on_in_records_of_its_own_name() -> None:
    assert value("ATVST72:" + "a" * 72, "ATVST02:bc") == "a" * 72 + "bc"


def test_gdal_cuts_such_a_text_after_72_characters_and_says_nothing(tmp_path: Path) -> None:
    place = PlanObject(name="LIEUDIT", geometry=square(0, 0, 10), attributes={"TEX": "x" * 80})
    plan = sheet(ONE, place)
    thf = write_sheet_folder(tmp_path, plan)
    vectors = thf.parent / "ED0A01S1.VEC"
    vectors.write_bytes(vectors.read_bytes().replace(b"NEXT 08:", b"ATVST08:"))
    assert len(pyogrio.read_dataframe(thf, layer="LIEUDIT_id")["TEX"][0]) == 72
    assert layers_of(thf)["localities"].frame["locality_name"].tolist() == ["x" * 80]


def test_two_attributes_of_72_characters_and_less_are_not_joined() -> None:
    content = member("ATPCP07:a;b;c;d", "ATVST72:" + "a" * 72, "ATPCP07:a;b;c;e", "ATVST01:b")
    (descriptor,) = parse_member(content, "X.VEC")
    assert descriptor.every("ATV") == ["a" * 72, "b"]


@pytest.mark.parametrize(
    ("announced", "byte", "text"),
    [
        ("8859-1", 0xE9, "é"),
        ("8859-5", 0xE9, "щ"),
        ("646-FRANCE", 0x7B, "é"),
        ("IRV", 0xE9, "é"),
        ("8859-1", 0x85, "\x85"),
    ],
)
def test_a_charset_is_announced_for_the_next_value(announced: str, byte: int, text: str) -> None:
    # the last one is a line end to str.splitlines
    content = member(f"TEXT {len(announced):02d}:{announced}", f"ATVST03:a{chr(byte)}b", "ATVST01:" + chr(0xE9))
    (descriptor,) = parse_member(content, "X.VEC")
    assert descriptor.every("ATV") == [f"a{text}b", "é"]  # the charset does not stay for the value after


@pytest.mark.parametrize("charset", ["JEC", "8859-15", "UTF-8", ""])
def test_an_unknown_charset_is_named(charset: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"X.VEC, line 6[\s\S]*{charset or 'no name'}"):
        parse_member(member(f"TEXT {len(charset):02d}:{charset}", "ATVST01:a"), "X.VEC")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (member("ATVST05:abc"), "line 6"),
        (member("ATVST02:abc"), "line 6"),
        (member("ATVSTxx:abc"), "line 6"),
        (member("NEXT 01:a"), "line 6"),
        (member("nothing of the kind"), "line 6"),
        (member(end=""), "cut short"),
        (member(name="Y.VEC"), "another one"),
        (member(end="EOMT 00:\r\nATVST01:a\r\n"), "line 7"),
        (b"", "not an EDIG"),
        ("été".encode() * 9, "line 1"),
    ],
)
def test_damage_is_named_with_its_line(content: bytes, told: str) -> None:
    with pytest.raises(UnreadableError, match=rf"X.VEC[\s\S]*{told}|{told}"):
        parse_member(content, "X.VEC")


def test_a_member_saved_as_utf_8_is_noticed_by_the_length_of_its_records(tmp_path: Path) -> None:
    plan = sheet(PlanObject(name="LIEUDIT", geometry=square(0, 0, 9), attributes={"TEX": "Forêt"}))
    members = sheet_members(plan)
    members["ED0A01S1.VEC"] = members["ED0A01S1.VEC"].decode("latin-1").encode()
    with pytest.raises(UnreadableError, match=r"ED0A01S1.VEC, line \d+: .*another encoding"):
        read_edigeo(packed(tmp_path / f"edigeo-{SHEET}.tar.bz2", members))


def test_lost_records_are_noticed_by_the_numbers_announced(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"PAR Arc_1 has lost records[\s\S]*4 COR[\s\S]*5, as PTC says"):
        read_edigeo(changed(tmp_path, sheet(ONE), "ED0A01T1.VEC", "CORCC23:+900010.00;+6500010.00;\r\n", ""))


@pytest.mark.parametrize("missing", ["ED0A01SE.QAL", "ED0A01SE.GEO", "ED0A01T1.VEC", "ED0A01SE.DIC"])
def test_missing_members_are_named_where_gdal_reads_less_without_a_word(tmp_path: Path, missing: str) -> None:
    thf = write_sheet_folder(tmp_path, sheet(ONE))
    (thf.parent / missing).unlink()
    with pytest.raises(MissingMembersError, match=f"members missing beside the THF: {missing}"):
        read_edigeo(thf)
    if missing != "ED0A01SE.QAL":
        assert "PARCELLE_id" not in [name for name, _ in pyogrio.list_layers(thf)]


def test_a_member_that_comes_twice_is_named(tmp_path: Path) -> None:
    members = list(sheet_members(sheet(ONE)).items())
    with pytest.raises(UnreadableError, match=r"comes twice[\s\S]*ED0A01T2.VEC"):
        read_edigeo(packed(tmp_path / f"edigeo-{SHEET}.tar.bz2", [*members, ("ED0A01t2.vec", b"")]))


@pytest.mark.shared
def test_the_bad_files_of_the_readme_are_refused(shared: Path) -> None:
    bad = shared / "data" / "cadastre" / "bad"
    with pytest.raises(
        UnreadableError, match=r"truncated_edigeo-25354000AB01\.tar\.bz2: the archive is damaged or cut short"
    ):
        read_edigeo(bad / "truncated_edigeo-25354000AB01.tar.bz2")
    with pytest.raises(MissingMembersError, match=r"ED0B02SE.GEN[\s\S]*ED0B02S1.VEC"):
        read_edigeo(bad / "thf_without_members" / "E0000B02.THF", insee_code="38004")


@pytest.mark.parametrize("length", [0, 3, 100, -1])
def test_a_cut_archive_is_refused(tmp_path: Path, length: int) -> None:
    path = write_sheet(tmp_path, sheet(ONE))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UnreadableError):
        read_edigeo(path)


def test_an_archive_that_is_no_tar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"edigeo-{SHEET}.tar.bz2"
    path.write_bytes(bz2.compress(b"hello"))
    with pytest.raises(UnreadableError, match="damaged"):
        read_edigeo(path)


def test_what_the_thf_does_not_announce_is_told(tmp_path: Path) -> None:
    members = {**sheet_members(sheet(ONE)), "LISEZMOI.TXT": b"bonjour"}
    layers = layers_of(packed(tmp_path / f"edigeo-{SHEET}.tar.bz2", members))
    assert "files that the THF does not announce, not read: LISEZMOI.TXT" in layers["parcels"].provenance.notes


def test_the_zip_of_a_departement_lists_its_sheets_and_gives_them_one_by_one(tmp_path: Path) -> None:
    other = "380020000A01"
    plan = sheet(ONE)
    with zipfile.ZipFile(tmp_path / "dep38.zip", "w") as archive:
        archive.write(write_sheet(tmp_path, plan), f"38001/edigeo-{SHEET}.tar.bz2")
        for name, content in sheet_members(plan).items():
            archive.writestr(f"dep38/38002/edigeo-{other}/{name}", content.replace(b"0010000A", b"0020000A"))
    found = sheets_of(tmp_path / "dep38.zip")
    assert [one.sheet_id for one in found] == [SHEET, other]
    assert [one.insee_code for one in found] == ["38001", "38002"]
    parcels = [one for one in read_edigeo(tmp_path / "dep38.zip") if one.name == "parcels"]
    assert [one.frame["parcel_id"].tolist() for one in parcels] == [["380010000A0001"], ["380020000A0001"]]
    assert parcels[0].provenance.files[0].name == f"dep38.zip!edigeo-{SHEET}.tar.bz2"
    assert len(parcels[1].provenance.files) == 10


def test_a_damaged_sheet_in_the_zip_of_a_departement_is_named(tmp_path: Path) -> None:
    whole = write_sheet(tmp_path, sheet(ONE)).read_bytes()
    with zipfile.ZipFile(tmp_path / "dep38.zip", "w") as archive:
        archive.writestr(f"38001/edigeo-{SHEET}.tar.bz2", whole)
        archive.writestr("38002/edigeo-380020000A01.tar.bz2", whole[:-100])
    with pytest.raises(UnreadableError) as caught:
        read_edigeo(tmp_path / "dep38.zip")
    assert caught.value.where == "dep38.zip!38002/edigeo-380020000A01.tar.bz2"


def test_names_tell_the_sheet_then_folders_then_the_option(tmp_path: Path) -> None:
    plan = sheet(ONE)
    thf = write_sheet_folder(tmp_path, plan)
    lone = tmp_path / "lone"
    lone.mkdir()
    for file in thf.parent.iterdir():
        (lone / file.name).write_bytes(file.read_bytes())
    (tmp_path / "dep" / "38001" / "x").mkdir(parents=True)
    for file in lone.iterdir():
        (tmp_path / "dep" / "38001" / "x" / file.name).write_bytes(file.read_bytes())
    assert [one.sheet_id for one in sheets_of(thf)] == [SHEET]
    assert [one.sheet_id for one in sheets_of(lone)] == [SHEET[5:]]
    assert [one.sheet_id for one in sheets_of(lone, insee_code="38001")] == [SHEET]
    assert [one.sheet_id for one in sheets_of(tmp_path / "dep")] == [SHEET]
    with pytest.raises(SourceError, match=r"nothing tells the commune[\s\S]*declare `insee_code`"):
        read_edigeo(lone)
    with pytest.raises(SourceError, match="the name tells another commune than `insee_code`"):
        sheets_of(thf, insee_code="38002")


def test_a_sheet_of_another_commune_or_number_than_its_name_is_refused(tmp_path: Path) -> None:
    path = write_sheet(tmp_path, sheet(ONE))
    for wrong in ("380020000A01", "380010000A02"):
        with pytest.raises(SourceError, match=r"not the one that its name[\s\S]*commune 001, sheet 0000A01"):
            read_edigeo(path.rename(tmp_path / f"edigeo-{wrong}.tar.bz2"))
        (tmp_path / f"edigeo-{wrong}.tar.bz2").rename(path)


def test_the_same_sheet_twice_is_refused(tmp_path: Path) -> None:
    path = write_sheet(tmp_path, sheet(ONE))
    (tmp_path / f"edigeo-cc-{SHEET}.tar.bz2").write_bytes(path.read_bytes())
    with pytest.raises(SourceError, match=f"sheet {SHEET} comes twice"):
        sheets_of(tmp_path)


def test_other_files_are_not_taken_for_sheets(tmp_path: Path) -> None:
    (tmp_path / f"dxf-{SHEET}.tar.bz2").write_bytes(bz2.compress(b"dxf"))
    (tmp_path / "cadastre-38001-parcelles.json").write_text("{}")
    assert not is_edigeo(tmp_path)
    with pytest.raises(EmptySourceError, match="no EDIGÉO sheet"):
        sheets_of(tmp_path)
    path = write_sheet(tmp_path, sheet(ONE))
    assert is_edigeo(tmp_path)
    assert is_edigeo(path)
    assert not is_edigeo(tmp_path / "cadastre-38001-parcelles.json")


DAMAGE = st.sampled_from(["lost", "repeated", "moved", "byte", "value"])


@settings(max_examples=40)
@given(member=st.sampled_from(sorted(sheet_members(sheet(ONE)))), kind=DAMAGE, seed=st.integers(0, 2**32 - 1))
def test_no_damage_escapes_as_another_exception_and_counts_always_add_up(member: str, kind: str, seed: int) -> None:
    chance = random.Random(seed)
    members = sheet_members(sheet(ONE, parcel(2, square(10, 0, 10))))
    lines = members[member].split(b"\r\n")
    i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
    if kind == "lost":
        del lines[i]
    elif kind == "repeated":
        lines.insert(i, lines[j])
    elif kind == "moved":
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == "byte" and lines[i]:
        place = chance.randrange(len(lines[i]))
        lines[i] = lines[i][:place] + bytes([chance.randrange(256)]) + lines[i][place + 1 :]
    elif kind == "value" and lines[i]:
        new = chance.choice([b"", b"nan", b"+1e400;+2;", b"a;b;c;d", b"-1", b"\xff\xfe"])
        lines[i] = lines[i][:5] + b"%02d:" % len(new) + new
    members[member] = b"\r\n".join(lines)
    with TemporaryDirectory() as folder:
        try:
            layers = read_edigeo(packed(Path(folder) / f"edigeo-{SHEET}.tar.bz2", members))
        except JntError:
            return
    assert all(layer.counts.read == layer.counts.kept + len(layer.rejected) for layer in layers)
