"""The real sheets of a commune as a twin: what they hold, and what one changed sheet touches."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

import jnt_pipeline as jnt
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.pipeline import RunReport, run

SHEETS = ("AB01", "AK01", "ZB01", "ZC01", "ZE01")


def config(path: Path, vintage: str) -> TwinConfig:
    source = {"kind": "cadastre", "path": path, "producer": "DGFiP", "licence": "Licence Ouverte 2.0"}
    return TwinConfig.model_validate(
        {
            "name": "luxiol",
            "title": "Luxiol",
            "reference": "EPSG:2154+5720",
            "sources": [{**source, "vintage": vintage}],
            "publication": [{"kind": "geoparquet"}],
        }
    )


def with_other_area(archive: bytes) -> bytes:
    """The sheet with another registered area (SUPF) for its first parcel, and nothing else changed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=out, mode="w:bz2") as new:
        for member in old.getmembers():
            file = old.extractfile(member)
            assert file is not None
            content = file.read()
            if member.name.endswith("T1.VEC"):
                content, n = re.subn(rb"(SUPF_id\r\nATVSR\d\d:\+)(\d)", _next_digit, content, count=1)
                assert n == 1
            new.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _next_digit(found: re.Match[bytes]) -> bytes:
    return found[1] + str(int(found[2]) % 9 + 1).encode()


def made_of(report: RunReport, *steps: str) -> set[str]:
    return {unit for unit in report.units.made if unit.split("/")[0] in steps}


@pytest.fixture(scope="module")
def luxiol(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folder of the sheets, and the twin made of them; tests copy both."""
    folder = tmp_path_factory.mktemp("luxiol")
    shutil.copytree(shared / "data" / "cadastre" / "edigeo_25354", folder / "sheets")
    run(config(folder / "sheets", "2025-03-01"), folder / "twin")
    return folder / "sheets", folder / "twin"


@pytest.fixture(scope="module")
def refreshed(luxiol: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    """The twin after the next edition, in which one sheet, ZE01, has another registered area; tests only read it."""
    folder = tmp_path_factory.mktemp("refreshed")
    sheets, twin = folder / "sheets", folder / "twin"
    shutil.copytree(luxiol[0], sheets)
    shutil.copytree(luxiol[1], twin, symlinks=True)
    sheet = sheets / "edigeo-25354000ZE01.tar.bz2"
    sheet.write_bytes(with_other_area(sheet.read_bytes()))
    return twin, run(config(sheets, "2025-09-01"), twin)


def test_the_twin_holds_what_the_sheets_hold(luxiol: tuple[Path, Path]) -> None:
    twin = jnt.open(luxiol[1])
    kept = {name: twin.layer(name).counts.kept for name in ("parcels", "buildings", "communes", "sections", "sheets")}
    assert kept == {"parcels": 363, "buildings": 195, "communes": 1, "sections": 5, "sheets": 5}
    assert twin.layer("communes").counts.rejected == {"repeated_record": 4}


def test_a_changed_sheet_touches_its_cone_only(refreshed: tuple[Path, RunReport]) -> None:
    _, report = refreshed
    assert made_of(report, "ingest") == {"ingest/cadastre-25354000ZE01"}
    # Its own parts, and none of the other sheets': what it holds is told after what they hold.
    assert all(unit.endswith("25354000ZE01") for unit in made_of(report, "distinct"))
    buildings = made_of(report, "buildings")
    assert len(buildings) < 3, "the cells of its four buildings, not those of the village"


def test_the_change_is_told_and_nothing_else(refreshed: tuple[Path, RunReport]) -> None:
    twin, report = refreshed
    (change,) = jnt.open(twin).layer("changes").to_pandas().to_dict("records")
    assert (change["layer"], change["change_type"]) == ("parcels", "modified")
    assert "25354000ZE" in change["new_ids"]
    assert "registered_area_m2" in change["what"]
    assert (change["old_vintage"], change["new_vintage"]) == ("2025-03-01", "2025-09-01")
    assert jnt.open(twin).layer("parcels").provenance.vintage == "2025-09-01"
    assert report.delivery is not None
    assert report.delivery.changes_told == 1


def test_a_sheet_of_a_zip_of_the_departement_is_a_unit_of_its_own(luxiol: tuple[Path, Path], tmp_path: Path) -> None:
    zipped = tmp_path / "dep25.zip"

    def pack(changed: str) -> None:
        with zipfile.ZipFile(zipped, "w") as archive:
            for sheet in SHEETS:
                name = f"edigeo-25354000{sheet}.tar.bz2"
                content = (luxiol[0] / name).read_bytes()
                archive.writestr(f"25354/{name}", with_other_area(content) if sheet == changed else content)

    pack("")
    first = run(config(zipped, "2025-03-01"), tmp_path / "twin", until="ingest")
    assert len(made_of(first, "ingest")) == len(SHEETS)
    pack("ZE01")
    again = run(config(zipped, "2025-03-01"), tmp_path / "twin", until="ingest")
    assert made_of(again, "ingest") == {"ingest/cadastre-25354000ZE01"}
