"""The ``jnt`` command: what people type, what they read, and the exit code."""

from __future__ import annotations

import io
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.main

from jnt_pipeline import cli
from towns import Town


class Said:
    """What a command printed, and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def jnt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run the command in this process."""

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["jnt", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        code = end.value.code
        return Said(code if isinstance(code, int) else 0 if code is None else 1, captured.out, captured.err)

    return run


def all_commands() -> list[tuple[str, ...]]:
    """The path of every command that does something."""

    def below(command: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            return [path]
        return [found for name, child in inner.items() for found in below(child, (*path, name))]

    return below(typer.main.get_command(cli.app), ())


def test_the_contract_of_names_holds() -> None:
    names = {" ".join(path) for path in all_commands()}
    assert names >= {
        "demo", "sample make", "init", "run", "check", "clean", "status", "export", "serve",
        "crs explain", "crs transform", "grids list", "grids sync", "schema", "doctor",
    }  # fmt: skip


@pytest.mark.parametrize("path", all_commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(jnt, path: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    said = jnt(*path, "--help")
    assert said.code == 0
    assert re.search(r"Example:.*jnt " + path[0], said.out, re.DOTALL)


def test_help_starts_without_the_heavy_engines() -> None:
    code = (
        "import sys; sys.argv = ['jnt', '--help']\n"
        "from jnt_pipeline.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'geopandas', 'rasterio', 'numba', 'ifcopenshell', 'prefect', 'fastapi'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_run_status_and_clean(jnt, town: Town, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    workspace = tmp_path / "twin"
    shutil.copytree(town.workspace, workspace, symlinks=True)
    assert "nothing to make" in jnt("run", town.config, "--workspace", workspace, "--dry-run").out
    shutil.rmtree(workspace / "units" / "links")
    said = jnt("run", town.config, "--workspace", workspace, "--dry-run")
    assert "links/links: would be made; what depends on it follows (output missing" in said.out
    said = jnt("run", town.config, "--workspace", workspace, "--explain")
    assert said.code == 0
    assert "links/links: made (output missing" in said.out
    n_units = len(list((workspace / "manifest").glob("*/*.json")))
    assert f"1 units made, {n_units - 1} there already" in said.out
    status = json.loads(jnt("status", workspace, "--json").out)
    assert {layer["layer"] for layer in status["layers"]} >= {"parcels", "buildings", "links", "stations"}
    assert all(layer["read"] == layer["kept"] + sum(layer["rejected"].values()) for layer in status["layers"])
    assert not any(publication["stale"] for publication in status["publications"].values())
    table = jnt("status", workspace)
    assert "EPSG:2154+5720" in table.out
    assert "declared undulation: 44.86 m" in table.out
    assert "given back" in jnt("clean", workspace).out
    assert jnt("run", town.config, "--workspace", workspace).out.startswith(
        f"{workspace}: 0 units made, {n_units} there"
    )


def test_stale_publications_are_told(jnt, town: Town, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shutil.copytree(town.folder.parent, tmp_path / "town", symlinks=True)
    config, workspace = tmp_path / "town" / "rive.yaml", tmp_path / "town" / "twin"
    config.write_text(config.read_text() + "buildings: {roof_percentile: 50}\n")
    assert jnt("run", config, "--workspace", workspace, "--until", "assemble").code == 0
    status = json.loads(jnt("status", workspace, "--json").out)
    stale = {kind for kind, publication in status["publications"].items() if publication["stale"]}
    assert stale == {"geoparquet", "cityjson", "3dtiles", "stac"}  # rasters did not change
    assert "STALE" in jnt("status", workspace).out


def test_export_alone(jnt, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    workspace = Path("twin")  # relative, as people type it
    monkeypatch.chdir(tmp_path)
    shutil.copytree(town.workspace, workspace, symlinks=True)
    shutil.rmtree(workspace / "units" / "export" / "stac")
    assert jnt("export", workspace, "--to", "stac").out.strip() == "twin/publication/stac"
    said = jnt("export", workspace, "--to", "cityjson")
    assert said.out.strip() == str(workspace / "publication" / "cityjson")
    said = jnt("export", workspace, "--to", "dxf")
    assert said.code == 2
    assert "'cityjson'" in said.err


def test_check_takes_the_reference_that_the_user_declares(jnt, repository: Path) -> None:  # type: ignore[no-untyped-def]
    stations = repository / "sample_data" / "rive" / "sensors" / "stations.csv"
    tile = next((repository / "sample_data" / "rive" / "lidar").glob("*.laz"))
    assert jnt("check", str(stations)).code != 0
    assert jnt("check", str(stations), "--vertical", "epsg:5720").code == 0
    wrong = jnt("check", str(tile), "--crs", "EPSG:3946+5720")
    assert wrong.code == 1
    assert "look like Lambert-93" in " ".join(wrong.out.split())
    nothing = jnt("check", str(stations), "--vertical", "EPSG:2154")
    assert nothing.code == 1
    assert "is no vertical system" in nothing.err


def test_check_says_what_a_file_holds_and_ends_with_its_verdict(jnt, town: Town, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    tile = next((town.folder / "lidar").glob("*.laz"))
    said = jnt("check", tile, "--json")
    assert said.code == 0
    (report,) = json.loads(said.out)
    assert report["kind"] == "lidar"
    torn = tmp_path / tile.name
    torn.write_bytes(tile.read_bytes()[:5000])
    said = jnt("check", torn, tile)
    assert said.code == 3
    assert "UNREADABLE" in said.out
    assert "remedy" in said.out


def test_an_error_is_one_block_without_traceback(jnt, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    said = jnt("run", tmp_path / "none.yaml")
    assert said.code == 2
    assert said.err.startswith("jnt: error:")
    assert "none.yaml" in said.err
    assert "remedy:" in said.err
    assert "Traceback" not in said.err + said.out


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jnt_pipeline", "--debug", "status", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" in ended.stderr
    assert ended.returncode == 1


def test_an_unknown_option_is_a_usage_error(jnt) -> None:  # type: ignore[no-untyped-def]
    assert jnt("run", "x.yaml", "--colour").code == 2


def test_transform_reads_lines_and_says_the_operation(jnt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(sys, "stdin", io.StringIO("# IGN's point 1\n652760.737 7033791.243\n652760.737;7033791.243\n"))
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171")
    lines = said.out.splitlines()
    assert len(lines) == 2
    longitude, latitude = map(float, lines[0].split())
    assert longitude == pytest.approx(2.3365066, abs=2e-8)  # 1 mm
    assert latitude == pytest.approx(50.399936575, abs=2e-8)
    assert "operation:" in said.err
    bad = tmp_path / "points.txt"
    bad.write_text("1 2\n1 two\n")
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", bad)
    assert said.code == 3
    assert "points.txt, line 1" in said.err or "points.txt, line 2" in said.err


def test_explain_names_the_grid_that_is_missing(jnt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("JNT_PROJ_GRIDS", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    said = jnt("crs", "explain", "EPSG:2154+5720", "EPSG:4979")
    assert said.code == 0
    assert "REFUSED" in said.out
    assert "jnt grids sync fr_ign_RAF18.tif" in said.out
    assert "four numbers" in jnt("crs", "explain", "EPSG:2154", "EPSG:4326", "--bbox", "1,2").err


def test_grids_doctor_and_schema_speak_json(jnt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("JNT_PROJ_GRIDS", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    grids = json.loads(jnt("grids", "list", "--json").out)
    assert {grid["state"] for grid in grids} == {"missing"}
    assert "fr_ign_RAF20.tif" in {grid["name"] for grid in grids}
    findings = {row["what"]: row for row in json.loads(jnt("doctor", "--json").out)}
    assert findings["fr_ign_RAF20.tif"]["remedy"] == "jnt grids sync fr_ign_RAF20.tif"
    assert findings["Python"]["is_fine"]
    assert json.loads(jnt("schema").out)["title"] == "Territory of jnt_pipeline"


@pytest.mark.parametrize("name", ["rive", "lagon"])
def test_sample_make_writes_files_and_a_description_that_runs(jnt, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "small"
    said = jnt("sample", "make", name, "--seed", 3, "--size-km", 0.5, "--density", 1, "--out", out)
    assert said.code == 0
    config = tmp_path / f"{name}.yaml"
    assert str(config) in said.out
    assert jnt("run", config, "--workspace", tmp_path / "twin", "--until", "ingest").code == 0
    assert jnt("sample", "make", "nowhere").code == 2


def test_serve_refuses_another_address_than_loopback(jnt, town: Town) -> None:  # type: ignore[no-untyped-def]
    said = jnt("serve", town.workspace, "--host", "0.0.0.0")
    assert said.code == 1
    assert "loopback" in said.err


def test_a_dry_run_changes_nothing(jnt, town: Town, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shutil.copytree(town.folder.parent, tmp_path / "town", symlinks=True)
    config, workspace = tmp_path / "town" / "rive.yaml", tmp_path / "town" / "twin"
    config.write_text(config.read_text().replace("  - kind: cog\n", "").replace("(synthetic)", "(edited)", 1))

    def state() -> dict[str, int]:
        return {str(path): path.lstat().st_mtime_ns for path in sorted(workspace.rglob("*")) if not path.is_dir()}

    before = state()
    assert "export/" in jnt("run", config, "--workspace", workspace, "--dry-run").out
    assert state() == before
    assert "ingest/" in jnt("run", config, "--workspace", tmp_path / "new", "--dry-run").out
    assert not (tmp_path / "new").exists()


def test_demo_makes_the_sample_and_says_what_to_open(jnt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    said = jnt("demo", "--folder", "demo")
    assert said.code == 0
    assert "serve demo/twin" in said.out
    assert "demo/twin/publication/3dtiles/tileset.json" in said.out
    assert (tmp_path / "demo/twin/publication/3dtiles/tileset.json").is_file()
    assert jnt("run", "demo/rive.yaml", "--workspace", "demo/twin").out.startswith("demo/twin: 0 units made")


def test_serve_answers_until_it_is_stopped(town: Town) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jnt_pipeline", "serve", str(town.workspace), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                layers = httpx.get(f"http://127.0.0.1:{port}/v1/layers", timeout=5, trust_env=False)
                break
            except httpx.TransportError:
                assert server.poll() is None
                assert time.monotonic() < end
                time.sleep(0.2)
        assert layers.status_code == 200
        assert "parcels" in layers.text
    finally:
        server.send_signal(signal.SIGINT)
        said, _ = server.communicate(timeout=30)
    assert f"http://127.0.0.1:{port}" in said


def test_sync_names_a_grid_that_is_not_known_and_a_server_that_does_not_answer(  # type: ignore[no-untyped-def]
    jnt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    said = jnt("grids", "sync", "no_such_grid.tif")
    assert said.code == 1
    assert "no_such_grid.tif" in said.err
    monkeypatch.setattr("jnt_pipeline.crs.grid_sync.N_ATTEMPTS", 1)
    said = jnt("grids", "sync", "fr_ign_RAC23.tif", "--from", "http://127.0.0.1:9")
    assert said.code == 1
    assert "127.0.0.1:9" in said.err


@pytest.mark.parametrize("command", ["clean", "status", "export", "serve"])
def test_a_folder_that_is_no_workspace_is_refused(jnt, command: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    said = jnt(command, tmp_path, *(["--to", "cog"] if command == "export" else []))
    assert said.code == 1
    assert "not a workspace" in said.err
    assert not list(tmp_path.iterdir())


def test_clean_keeps_what_an_unfinished_run_has_made(jnt, town: Town, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shutil.copytree(town.workspace, tmp_path / "twin", symlinks=True)
    planned = {}
    for line in sorted((tmp_path / "twin" / "manifest").glob("*/*.json")):
        planned[f"{line.parent.name}/{line.stem}"] = json.loads(line.read_text())["key"]
    for index in ("twin.json", "index/assemble.json", "index/ingest.json"):
        (tmp_path / "twin" / index).unlink()  # as if no stage had come to its end
    (tmp_path / "twin" / "index" / "planned.json").write_text(json.dumps(planned))
    assert "0.0 MB given back" in jnt("clean", tmp_path / "twin").out
    assert (
        f"0 units made, {len(planned)} there already" in jnt("run", town.config, "--workspace", tmp_path / "twin").out
    )


def test_a_damaged_index_is_named_and_mended_by_the_next_run(jnt, town: Town, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shutil.copytree(town.workspace, tmp_path / "twin", symlinks=True)
    for name in ("twin.json", "index/deliver.json"):
        path = tmp_path / "twin" / name
        path.write_bytes(path.read_bytes()[:50])
    said = jnt("status", tmp_path / "twin")
    assert said.code == 1
    assert "damaged" in said.err
    assert jnt("run", town.config, "--workspace", tmp_path / "twin").code == 0
    assert jnt("status", tmp_path / "twin").code == 0


def test_init_writes_a_description_that_the_run_accepts(jnt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    from jnt_pipeline.config import read_config

    monkeypatch.chdir(tmp_path)
    said = jnt("init", "25354", "25047", "--out", "two.yaml", "--title", "Luxiol et Baume")
    assert said.code == 0
    assert "jnt run two.yaml" in said.out
    config = read_config(tmp_path / "two.yaml")
    assert config.title == "Luxiol et Baume"
    assert str(config.reference) == "EPSG:2154+5720"
    assert {"cadastre", "lidar", "bdtopo", "rnb", "addresses"} <= {source.kind for source in config.sources}
    assert all(source.download and source.path.is_relative_to(tmp_path) for source in config.sources)


def test_init_refuses_what_is_no_commune_and_leaves_a_file_alone(jnt, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    assert "99354" in jnt("init", "99354").err
    (tmp_path / "mine.yaml").write_text("mine")
    said = jnt("init", "25354", "--out", "mine.yaml")
    assert said.code == 2
    assert "there already" in said.err
    assert (tmp_path / "mine.yaml").read_text() == "mine"
