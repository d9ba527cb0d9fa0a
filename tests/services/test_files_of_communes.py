"""Cadastre and addresses of communes, against a server that files them as cadastre.data.gouv.fr and the BAN do."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from jnt_pipeline.errors import BadAnswerError, ConfigError, MovedAddressError
from jnt_pipeline.services import (
    BanDownload,
    CadastreEdigeoDownload,
    CadastreEtalabDownload,
    FetchReport,
    Session,
    fetch,
)
from jnt_pipeline.services.insee import cadastral_codes
from services.french_services import Reply, Server, packed, square

INDEX = b"""<html><head><title>Index of /data/etalab-cadastre/</title></head><body><pre>
<a href="../">../</a>
<a href="2025-12-01/">2025-12-01/</a>
<a href="/data/etalab-cadastre/2026-06-01/">2026-06-01/</a>
<a href="2026-03-01/">2026-03-01/</a>
<a href='latest/'>latest/</a></pre></body></html>"""
NEEDED = ("communes", "sections", "feuilles", "parcelles")
OTHERS = ("prefixes_sections", "batiments", "lieux_dits", "subdivisions_fiscales")


def etalab(server: Server, *codes: str, vintage: str = "2026-06-01", without: tuple[str, ...] = ()) -> None:
    server.file("/etalab/", INDEX)
    for code in codes:
        place = code[:3] if code.startswith("97") else code[:2]
        for layer in (*NEEDED, *OTHERS):
            if layer not in without:
                path = f"/etalab/{vintage}/geojson/communes/{place}/{code}/cadastre-{code}-{layer}.json.gz"
                server.file(path, packed(square(6.0, 47.0, id=code)))


def bring(server: Server, session: Session, folder: Path, *codes: str, refresh: bool = False) -> FetchReport:
    download = CadastreEtalabDownload(base_url=f"{server.url}/etalab", communes=codes)
    return fetch(download, folder, session=session, refresh=refresh)


def test_a_commune_is_eight_files_of_the_last_vintage_that_the_index_lists(
    server: Server, session: Session, tmp_path: Path
) -> None:
    etalab(server, "25354")
    report = bring(server, session, tmp_path, "25354")
    assert report.vintage == "2026-06-01"
    assert [file.name for file in report.files] == sorted(
        f"cadastre-25354-{layer}.json.gz" for layer in (*NEEDED, *OTHERS)
    )
    assert report.absent == ()


def test_latest_stays_what_it_was_until_a_refresh(server: Server, session: Session, tmp_path: Path) -> None:
    etalab(server, "25354")
    bring(server, session, tmp_path, "25354")
    etalab(server, "25354", vintage="2026-09-01")
    server.file("/etalab/", INDEX.replace(b"2026-06-01", b"2026-09-01"))
    again = bring(server, session, tmp_path, "25354")
    assert (again.vintage, again.n_requests) == ("2026-06-01", 0)
    newer = bring(server, session, tmp_path, "25354", refresh=True)
    assert newer.vintage == "2026-09-01"
    assert {file.state for file in newer.files} == {"unchanged"}  # fetched from the new address, the same bytes


def test_communes_overseas_and_in_corsica_are_filed_under_their_departement(
    server: Server, session: Session, tmp_path: Path
) -> None:
    etalab(server, "97411", "2B033")
    bring(server, session, tmp_path, "97411", "2b033")
    asked = {request.path for request in server.asked}
    assert "/etalab/2026-06-01/geojson/communes/974/97411/cadastre-97411-parcelles.json.gz" in asked
    assert "/etalab/2026-06-01/geojson/communes/2B/2B033/cadastre-2B033-parcelles.json.gz" in asked


def test_cities_with_arrondissements_and_islands_have_other_codes_in_the_cadastre() -> None:
    assert cadastral_codes(["69123"]) == tuple(str(code) for code in range(69381, 69390))
    assert len(cadastral_codes(["75056", "75101", "13055"])) == 20 + 16
    assert cadastral_codes(["97701", "97801"]) == ("97123", "97127")


def test_a_layer_that_a_commune_lacks_is_told_and_not_asked_for_each_time(
    server: Server, session: Session, tmp_path: Path
) -> None:
    etalab(server, "25354", without=("lieux_dits",))
    report = bring(server, session, tmp_path, "25354")
    assert [one.name for one in report.absent] == ["cadastre-25354-lieux_dits.json.gz"]
    assert "HTTP 404" in report.absent[0].reason
    assert len(report.files) == 7
    again = bring(server, session, tmp_path, "25354")
    assert (again.absent, again.n_requests) == (report.absent, 0)


def test_a_layer_without_a_feature_is_in_quarantine_and_told(server: Server, session: Session, tmp_path: Path) -> None:
    etalab(server, "25354")
    server.file("/etalab/2026-06-01/geojson/communes/25/25354/cadastre-25354-batiments.json.gz", packed())
    report = bring(server, session, tmp_path, "25354")
    assert [one.name for one in report.absent] == ["cadastre-25354-batiments.json.gz"]
    assert not (tmp_path / "cadastre-25354-batiments.json.gz").exists()
    assert (tmp_path / "quarantine" / "cadastre-25354-batiments.json.gz.refused").exists()


def test_a_commune_without_parcels_is_an_error(server: Server, session: Session, tmp_path: Path) -> None:
    etalab(server, "25354", without=("parcelles",))
    with pytest.raises(MovedAddressError, match="check the codes and the vintage"):
        bring(server, session, tmp_path, "25354")


def test_a_service_that_is_gone_says_where_to_state_its_new_address(
    server: Server, session: Session, tmp_path: Path
) -> None:
    with pytest.raises(MovedAddressError, match="`base_url`"):
        bring(server, session, tmp_path, "25354")


def test_an_index_without_any_vintage_is_an_error(server: Server, session: Session, tmp_path: Path) -> None:
    server.file("/etalab/", b"<html><title>Bienvenue</title><a href='/faq'>FAQ</a></html>")
    with pytest.raises(BadAnswerError, match="lists no vintage"):
        bring(server, session, tmp_path, "25354")


def test_what_is_no_longer_part_of_a_download_is_taken_out_of_the_folder_and_told(
    server: Server, session: Session, tmp_path: Path
) -> None:
    etalab(server, "25354", "25355")
    (tmp_path / "cadastre-25999-parcelles.json.gz").write_bytes(packed(square(0, 0)))  # the user's own
    bring(server, session, tmp_path, "25354", "25355")
    report = bring(server, session, tmp_path, "25354")
    assert len(report.absent) == 8
    assert all("no longer part of the download" in one.reason for one in report.absent)
    left = sorted(path.name.split("-")[1] for path in tmp_path.glob("*.json.gz"))
    assert left == ["25354"] * 8 + ["25999"]
    assert (tmp_path / "quarantine" / "cadastre-25355-parcelles.json.gz.refused").exists()
    assert bring(server, session, tmp_path, "25354").absent == ()


def test_old_vintages_are_asked_from_the_archive() -> None:
    download = CadastreEtalabDownload(communes=("25354",), vintage="2023-07-01", layers=("parcelles",))
    assert download.wanted("2023-07-01")[0].url == (
        "https://files.data.gouv.fr/cadastre/etalab-cadastre/2023-07-01/geojson/communes/25/25354/"
        "cadastre-25354-parcelles.json.gz"
    )
    assert download.wanted("2023-10-01")[0].url.startswith("https://cadastre.data.gouv.fr/data/etalab-cadastre/2023-10")


@pytest.mark.parametrize("code", ["2535", "99999", "25354A", "20004", "commune"])
def test_a_code_that_is_none_is_refused_before_anything_is_asked(
    code: str,
) -> None:
    with pytest.raises(ValueError, match=code):
        CadastreEtalabDownload(communes=("25354", code))


def test_a_download_without_communes_says_so(server: Server, session: Session, tmp_path: Path) -> None:
    etalab(server, "25354")
    with pytest.raises(ConfigError, match="`communes`"):
        bring(server, session, tmp_path)


def sheet(*members: str) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:bz2") as archive:
        for name in members:
            archive.addfile(tarfile.TarInfo(name))
    return raw.getvalue()


@pytest.mark.parametrize(("projection", "prefix"), [("legal", ""), ("cc", "cc-")])
def test_the_sheets_that_the_index_of_a_commune_lists_are_brought(
    projection: str, prefix: str, server: Server, session: Session, tmp_path: Path
) -> None:
    folder = "/pci/2026-06-01/edigeo/feuilles/25/25354/"
    links = [f"edigeo-{form}25354000{name}.tar.bz2" for form in ("", "cc-") for name in ("AB01", "0C02")]
    server.file("/pci/", INDEX)
    server.file(
        folder, "".join(f'<a href="{link}">{link}</a>' for link in (*links, "dxf-25354000AB01.tar.bz2")).encode()
    )
    for link in links:
        server.file(folder + link, sheet("E000AB01.THF", "EDAB01SE.GEO"))
    download = CadastreEdigeoDownload.model_validate(
        {"base_url": f"{server.url}/pci", "communes": ["25354"], "projection": projection}
    )
    report = fetch(download, tmp_path, session=session)
    assert [file.name for file in report.files] == [
        f"edigeo-{prefix}253540000C02.tar.bz2",
        f"edigeo-{prefix}25354000AB01.tar.bz2",
    ]
    assert report.vintage == "2026-06-01"
    assert fetch(download, tmp_path, session=session).n_requests == 0


def test_an_archive_without_a_sheet_and_a_commune_without_sheets_are_errors(
    server: Server, session: Session, tmp_path: Path
) -> None:
    folder = "/pci/2026-06-01/edigeo/feuilles/25/25354/"
    server.file("/pci/", INDEX)
    server.file(folder, b"<a href='../'>..</a>")
    download = CadastreEdigeoDownload(base_url=f"{server.url}/pci", communes=("25354",))
    with pytest.raises(BadAnswerError, match="no sheet of the commune 25354"):
        fetch(download, tmp_path, session=session)
    server.file(folder, b"<a href='edigeo-25354000AB01.tar.bz2'>x</a>")
    server.file(folder + "edigeo-25354000AB01.tar.bz2", sheet("README"))
    with pytest.raises(BadAnswerError, match="no EDIGÉO sheet in the archive"):
        fetch(download, tmp_path, session=session)


BAN = (
    "id;id_fantoir;numero;rep;nom_voie;code_postal;code_insee;nom_commune\n"
    "25354_0020_00001;;1;;Rue du Lac;25110;25354;Luxiol\n"
    '25355_0020_00001;;1;;"Rue; du Bas";25110;25355;Autre\n'
    '25354_0020_00003;;3;bis;"Rue du ""Lac""";25110;25354;Luxiol\n'
)


def ban(server: Server, text: str = BAN) -> BanDownload:
    server.file("/ban/latest/csv/adresses-25.csv.gz", gzip.compress(text.encode(), mtime=0))
    return BanDownload(base_url=f"{server.url}/ban", communes=("25354",))


def test_the_addresses_of_a_commune_are_cut_from_the_file_of_its_departement(
    server: Server, session: Session, tmp_path: Path
) -> None:
    report = fetch(ban(server), tmp_path, session=session)
    whole, cut = report.files
    assert (cut.name, cut.n_records, cut.is_kept) == ("adresses-25354.csv.gz", 2, False)
    assert (whole.name, whole.is_kept) == ("adresses-25.csv.gz.kept", True)
    lines = gzip.decompress((tmp_path / cut.name).read_bytes()).decode().splitlines()
    assert [line.split(";")[0] for line in lines] == ["id", "25354_0020_00001", "25354_0020_00003"]
    assert lines[2].split(";")[4] == '"Rue du ""Lac"""'
    assert fetch(ban(server), tmp_path, session=session).n_requests == 0


def test_a_refresh_cuts_again_when_the_departement_has_changed(
    server: Server, session: Session, tmp_path: Path
) -> None:
    first = fetch(ban(server), tmp_path, session=session)
    same = fetch(ban(server), tmp_path, session=session, refresh=True)
    assert [file.state for file in same.files] == ["unchanged", "present"]
    more = BAN + "25354_0020_00005;;5;;Rue du Lac;25110;25354;Luxiol\n"
    changed = fetch(ban(server, more), tmp_path, session=session, refresh=True)
    assert [file.state for file in changed.files] == ["renewed", "renewed"]
    assert (first.files[1].n_records, changed.files[1].n_records) == (2, 3)


def test_the_same_addresses_give_the_same_bytes(server: Server, session: Session, tmp_path: Path) -> None:
    reports = [fetch(ban(server), tmp_path / name, session=session) for name in ("a", "b")]
    assert reports[0].files[1].sha256 == reports[1].files[1].sha256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BAN.replace("25354", "25356"), "no address of 25354"),
        ("numero,voie\n1,Rue\n", "not a file of addresses"),
    ],
)
def test_a_file_without_the_commune_or_of_something_else_is_an_error(
    text: str, words: str, server: Server, session: Session, tmp_path: Path
) -> None:
    with pytest.raises(BadAnswerError, match=words):
        fetch(ban(server, text), tmp_path, session=session)
    assert not (tmp_path / "adresses-25354.csv.gz").exists()


def test_a_cut_file_of_addresses_never_gets_its_name(server: Server, session: Session, tmp_path: Path) -> None:
    download = ban(server)
    whole = gzip.compress(BAN.encode() * 50, mtime=0)
    server.pages["/ban/latest/csv/adresses-25.csv.gz"] = lambda _: Reply(200, whole[:-20])
    with pytest.raises(BadAnswerError, match="cut short"):
        fetch(download, tmp_path, session=session)
    assert not (tmp_path / "adresses-25.csv.gz.kept").exists()
