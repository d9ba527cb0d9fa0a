"""``jnt crs explain`` and ``jnt grids``, as people type them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jnt_pipeline.crs.grid_needs import grids_of_territories, grids_used_from, need_of
from jnt_pipeline.crs.grids import user_grid_folder

Jnt = Callable[..., Any]
LICENCE = "Licence Ouverte / Open Licence 2.0 (Etalab)"


# --- explain -------------------------------------------------------------------------------------------------


def test_explain_tells_operation_accuracy_grid_with_edition_checksum_and_licence(jnt: Jnt, grids: Path) -> None:
    said = jnt("crs", "explain", "EPSG:9794+5720", "EPSG:9781")
    assert said.code == 0
    assert "Lambert-93 (RGF93 v2b) + NGF-IGN69" in said.out
    assert "accuracy     0.01 m" in said.out  # EPSG's figure for RGF93 v2b to NGF-IGN69 height (5)
    assert "fr_ign_RAF20.tif: present, edition RAF20 (2020), 342,920 bytes, SHA-256 dc0cc2a38f0ea102" in said.out
    assert LICENCE in said.out
    assert "Source: IGN, grilles de conversion géodésique" in said.out
    assert "France continentale" in said.out
    assert "→ used" in said.out


@pytest.mark.parametrize(
    ("place", "territory", "is_inside"),
    [
        (("--point", "2.35,48.85"), "France continentale", True),
        (("--bbox", "2.2,48.8,2.5,48.95"), "France continentale", True),
        (("--point", "7.68,45.07"), "", False),  # Turin: inside EPSG's rectangle
        (("--point", "8.74,41.92"), "Corse", False),  # Ajaccio: other heights
        (("--bbox", "7.0,45.0,7.8,45.2"), "", False),  # from the Alps into Piedmont
        (("--territory", "corse"), "Corse", False),
        (("--territory", "France continentale"), "France continentale", True),
    ],
)
def test_explain_says_whether_the_operation_holds_at_a_place(
    jnt: Jnt, grids: Path, place: tuple[str, str], territory: str, is_inside: bool
) -> None:
    told = json.loads(jnt("crs", "explain", "EPSG:2154+5720", "EPSG:4965", *place, "--json").out)["place"]
    assert (told["territory"], told["is_inside"]) == (territory, is_inside)
    assert ("France continentale" in told["outside"]) is not is_inside


def test_a_refused_operation_is_explained_with_the_grid_the_remedy_and_the_fallback_of_others(
    jnt: Jnt, no_grids: Path
) -> None:
    said = jnt("crs", "explain", "EPSG:2975+5758", "EPSG:4971", "--territory", "REU")
    assert said.code == 0
    assert "REFUSED" in said.out
    assert "fr_ign_RAR07_bl.tif: MISSING" in said.out
    assert "jnt grids sync fr_ign_RAR07_bl.tif" in said.out
    assert "without fr_ign_RAR07_bl.tif the transformation is refused here" in said.out
    assert "needs fr_ign_RAR07_bl.tif, which this machine does not have" in said.out
    assert "(La Réunion): not judged" in said.out


def test_a_label_never_runs_into_its_text(jnt: Jnt, grids: Path) -> None:
    said = jnt("crs", "explain", "EPSG:27572+5720", "EPSG:4979")  # two grids, so the longest label
    assert "\nwithout them without " in said.out


def test_grids_are_not_blamed_for_a_refusal_that_they_do_not_cause(jnt: Jnt, grids: Path) -> None:
    said = jnt("crs", "explain", "EPSG:2154+5720", "EPSG:2975+5758")
    assert "REFUSED" in said.out
    assert "without " not in said.out


def test_a_damaged_grid_is_called_damaged(jnt: Jnt, no_grids: Path) -> None:
    (no_grids / "fr_ign_RAR07_bl.tif").write_bytes(b"damaged")
    told = json.loads(jnt("crs", "explain", "EPSG:2975+5758", "EPSG:4971", "--json").out)
    assert told["operation"] is None
    assert [grid["state"] for grid in told["grids"]] == ["damaged"]


def test_each_proposal_that_is_not_used_says_why(jnt: Jnt, grids: Path) -> None:
    ranked = json.loads(jnt("crs", "explain", "EPSG:2154+5720", "EPSG:4979", "--json").out)["alternatives"]
    assert [one["is_used"] for one in ranked] == [True, *[False] * (len(ranked) - 1)]
    assert all("ranked" in one["why_not"] for one in ranked[1:])
    ntf = json.loads(jnt("crs", "explain", "EPSG:27572", "EPSG:4326", "--json").out)
    helmert = [one for one in ntf["alternatives"] if not one["grids"]]
    assert all(not one["is_used"] and one["why_not"] for one in helmert)
    assert [grid["name"] for grid in ntf["grids"]] == ["fr_ign_gr3df97a.tif"]


def test_what_proj_would_do_without_the_grid_is_what_proj_does(jnt: Jnt, grids: Path, tmp_path: Path) -> None:
    """Oracle: pyproj in another process, with all grids but RAF18, at Paris."""
    told = json.loads(jnt("crs", "explain", "EPSG:2154+5720", "EPSG:4979", "--json").out)["without_grids"]
    less = tmp_path / "less"
    shutil.copytree(grids, less, ignore=shutil.ignore_patterns("fr_ign_RAF18.tif"))
    code = (
        "import sys, pyproj; pyproj.network.set_network_enabled(False); pyproj.datadir.append_data_dir(sys.argv[1])\n"
        "t = pyproj.Transformer.from_crs('EPSG:2154+5720', 'EPSG:4979', always_xy=True)\n"
        "t.transform(652301.56, 6861302.73, 0.0); print(t.get_last_used_operation().description)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(less)], capture_output=True, text=True, check=True)
    assert f"« {ended.stdout.strip()} »" in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--bbox", "1,2"), "four numbers"),
        (("--bbox", "3,48,2,49"), "west before east"),
        (("--bbox", "1,2,3,nan"), "not a box in degrees"),
        (("--point", "2.35"), "two numbers"),
        (("--point", "652760,7033791"), "not a point in degrees"),
        (("--territory", "Atlantide"), "no French territory of that name"),
        (("--territory", "REU", "--point", "55,-21"), "more than one place"),
    ],
)
def test_a_place_that_is_none_is_a_usage_error(jnt: Jnt, options: tuple[str, ...], words: str) -> None:
    said = jnt("crs", "explain", "EPSG:2154", "EPSG:4326", *options)
    assert said.code == 2
    assert words in said.err
    assert said.out == ""


def test_an_unknown_code_is_an_error_and_not_an_explanation(jnt: Jnt) -> None:
    said = jnt("crs", "explain", "EPSG:999999", "EPSG:4326")
    assert said.code == 1
    assert "EPSG:999999" in said.err


# --- what needs which grid -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("EPSG:2975+5758", {"RAR07_bl"}),
        ("EPSG:27572+5720", {"gr3df97a", "RAF18"}),  # NTF leaves by RGF93 v1
        ("EPSG:5698", {"RAF18"}),
        ("EPSG:9794+5720", {"RAF20"}),
        ("EPSG:9794+5721", {"RAC23"}),
        ("EPSG:5490+9130", {"RALD2016"}),
        ("EPSG:2154", set()),
        ("EPSG:4979", set()),
    ],
)
def test_the_grids_of_a_reference_are_those_by_which_it_leaves(reference: str, expected: set[str]) -> None:
    assert set(grids_used_from(reference)) == {f"fr_ign_{name}.tif" for name in expected}


@pytest.mark.parametrize("reference", ["EPSG:2975+5758", "EPSG:27572+5720", "EPSG:5698", "EPSG:9794+5720"])
def test_with_these_grids_alone_the_way_to_the_globe_is_open(
    jnt: Jnt, no_grids: Path, shared: Path, reference: str
) -> None:
    for name in grids_used_from(reference):
        shutil.copy(shared / "geodesy" / "grids" / name, no_grids / name)
    told = json.loads(jnt("crs", "explain", reference, "EPSG:4979", "--json").out)
    assert told["operation"] is not None, told["refusal"]
    assert {grid["name"] for grid in told["grids"]} <= set(grids_used_from(reference))


def test_grids_of_former_editions_are_needed_by_nothing() -> None:
    assert need_of("fr_ign_RAF09.tif") == need_of("fr_ign_ggg00v2.tif") == ""
    assert need_of("fr_ign_RAF20.tif") == "NGF-IGN69 on RGF93 v2b"
    assert "fr_ign_RAF09.tif" not in grids_of_territories()
    assert all(need_of(name) for name in grids_of_territories())


# --- list ----------------------------------------------------------------------------------------------------


def test_list_shows_state_edition_need_and_licence(jnt: Jnt, no_grids: Path, shared: Path) -> None:
    shutil.copy(shared / "geodesy" / "grids" / "fr_ign_RAC23.tif", no_grids)
    (no_grids / "fr_ign_RAF20.tif").write_bytes(b"damaged")
    said = jnt("grids", "list", "--territory", "FXX")
    assert said.code == 0
    lines = {line.split()[0]: line for line in said.out.splitlines() if "fr_ign" in line}
    assert {name: line.split()[1] for name, line in lines.items()} == {
        "fr_ign_RAC23.tif": "present",
        "fr_ign_RAF18.tif": "missing",
        "fr_ign_RAF20.tif": "DAMAGED",
        "fr_ign_gr3df97a.tif": "missing",
    }
    assert "NGF-IGN78 on RGF93 v2b (2023)" in lines["fr_ign_RAC23.tif"]
    assert LICENCE in said.out
    assert "To show with what you publish: Source: IGN" in said.out


def test_list_as_json_carries_all_that_a_redistributor_needs(jnt: Jnt, grids: Path) -> None:
    rows = json.loads(jnt("grids", "list", "--json").out)
    assert len(rows) == 51
    assert {row["state"] for row in rows} == {"present"}
    raf20 = next(row for row in rows if row["name"] == "fr_ign_RAF20.tif")
    assert (raf20["edition"], raf20["n_bytes"], raf20["licence"]) == ("RAF20 (2020)", 342_920, LICENCE)
    assert raf20["path"] == str(grids / "fr_ign_RAF20.tif")
    assert {row["name"] for row in rows if row["is_default"]} == set(grids_of_territories())


def test_a_reference_without_any_need_says_so(jnt: Jnt, no_grids: Path) -> None:
    assert jnt("grids", "list", "--for", "EPSG:2154").out == "No grid is needed for EPSG:2154.\n"
    assert json.loads(jnt("grids", "list", "--for", "EPSG:2154", "--json").out) == []
    assert jnt("grids", "list", "--for", "EPSG:0").code == 1


# --- sync ----------------------------------------------------------------------------------------------------


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(shared: Path) -> Iterator[str]:
    """A server on the loopback that has all the grids."""
    handler = partial(_Quiet, directory=str(shared / "geodesy" / "grids"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy between the tests and the loopback."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def test_sync_brings_what_a_reference_needs_and_the_way_is_open(jnt: Jnt, no_grids: Path, address: str) -> None:
    assert "REFUSED" in jnt("crs", "explain", "EPSG:2975+5758", "EPSG:4971").out
    said = jnt("grids", "sync", "--for", "EPSG:2975+5758", "--from", address)
    assert said.code == 0
    assert f"fr_ign_RAR07_bl.tif: downloaded, {user_grid_folder() / 'fr_ign_RAR07_bl.tif'}" in said.out
    assert said.out.index(LICENCE) < said.out.index("downloaded"), "the licence is shown before anything is fetched"
    assert os.listdir(user_grid_folder()) == ["fr_ign_RAR07_bl.tif"]
    assert "→ used" in jnt("crs", "explain", "EPSG:2975+5758", "EPSG:4971").out
    again = jnt("grids", "sync", "--for", "EPSG:2975+5758", "--from", "http://127.0.0.1:9")
    assert again.code == 0
    assert "present" in again.out


def test_sync_without_a_name_brings_what_french_territories_need(jnt: Jnt, no_grids: Path, address: str) -> None:
    assert jnt("grids", "sync", "--from", address).code == 0
    assert set(os.listdir(user_grid_folder())) == set(grids_of_territories())
    assert jnt("grids", "sync", "--all", "--from", address).code == 0
    assert len(os.listdir(user_grid_folder())) == 51


def test_sync_leaves_a_grid_where_it_is_in_another_folder(jnt: Jnt, grids: Path) -> None:
    said = jnt("grids", "sync", "fr_ign_RAF20.tif", "--from", "http://127.0.0.1:9")
    assert said.code == 0
    assert said.out == f"fr_ign_RAF20.tif: present, {grids / 'fr_ign_RAF20.tif'}\n"


def test_sync_resumes_and_replaces_a_damaged_grid_of_its_own_folder(
    jnt: Jnt, no_grids: Path, address: str, shared: Path
) -> None:
    folder = user_grid_folder()
    folder.mkdir(parents=True)
    (folder / "fr_ign_RAC23.tif").write_bytes(b"damaged")
    whole = (shared / "geodesy" / "grids" / "fr_ign_RAC23.tif").read_bytes()
    said = jnt("grids", "sync", "fr_ign_RAC23.tif", "--from", address)
    assert said.code == 0
    assert (folder / "fr_ign_RAC23.tif").read_bytes() == whole


def test_sync_does_not_end_well_while_a_damaged_copy_comes_first(jnt: Jnt, no_grids: Path, address: str) -> None:
    (no_grids / "fr_ign_RAC23.tif").write_bytes(b"damaged")
    said = jnt("grids", "sync", "fr_ign_RAC23.tif", "--from", address)
    assert said.code == 1
    assert str(no_grids / "fr_ign_RAC23.tif") in said.err
    assert "remove the damaged copy" in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("no_such_grid.tif",), 1, "no_such_grid.tif"),
        (("--all", "--territory", "Corse"), 2, "--all leaves nothing to choose"),
        (("--territory", "Atlantide"), 2, "no French territory"),
        (("--for", "lambert"), 1, "not a reference"),
        (("fr_ign_RAC23.tif", "--from", "gopher://nowhere"), 1, "gopher://nowhere"),
    ],
)
def test_sync_names_what_it_cannot_do(
    jnt: Jnt, no_grids: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.setattr("jnt_pipeline.crs.grid_sync.N_ATTEMPTS", 1)
    said = jnt("grids", "sync", *arguments)
    assert (said.code, words in said.err) == (code, True), said.err
    assert not user_grid_folder().exists() or not os.listdir(user_grid_folder())
