"""The command that writes a sample: same bytes, bounded arguments, no stranger's file touched."""

from __future__ import annotations

import gzip
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnt_pipeline.errors import ConfigError
from jnt_pipeline.samples import SAMPLES, SampleReport, bourg, lagon, make_sample, rive, sample_config
from jnt_pipeline.samples.extent import sample_extent
from jnt_pipeline.samples.recipe import AnyRecipe
from jnt_pipeline.samples.sites import LAGON, RIVE, Site
from samples.conftest import Made

RECIPES: dict[str, AnyRecipe] = {"bourg": bourg.RECIPE, "lagon": lagon.RECIPE, "rive": rive.RECIPE}

MAKE = """
import sys
from pathlib import Path
from jnt_pipeline.samples import make_sample
make_sample(sys.argv[1], Path(sys.argv[2]))
"""


def _content(path: Path) -> bytes:
    """Bytes of a file; of a gzip file, its header and what it holds (deflate is not the same in every zlib).

    Of a GeoPackage all but the version of SQLite that wrote it (bytes 96 to 99).
    """
    raw = path.read_bytes()
    if path.suffix == ".gpkg":
        return raw[:96] + raw[100:]
    return raw[:10] + gzip.decompress(raw) if path.suffix == ".gz" else raw


@pytest.mark.parametrize("name", SAMPLES)
def test_committed_sample_is_what_the_generator_makes_byte_for_byte(
    repository: Path, tmp_path: Path, name: str
) -> None:
    # Another process, with another hash seed, locale, time zone and folder, must give the same bytes.
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "LC_ALL": "C", "TZ": "Pacific/Auckland"}
    subprocess.run([sys.executable, "-c", MAKE, name, str(tmp_path)], check=True, env=environment, cwd=tmp_path)
    committed = repository / "sample_data" / name
    expected = RECIPES[name].files(None)
    assert sorted(p.relative_to(committed).as_posix() for p in committed.rglob("*") if p.is_file()) == list(expected)
    different = [file for file in expected if _content(committed / file) != _content(tmp_path / file)]
    assert different == []


@pytest.mark.parametrize("name", SAMPLES)
def test_committed_sample_is_small_enough_for_a_repository(repository: Path, name: str) -> None:
    assert sum(p.stat().st_size for p in (repository / "sample_data" / name).rglob("*") if p.is_file()) < 8_000_000


@pytest.mark.parametrize("name", SAMPLES)
def test_committed_description_is_what_the_generator_writes(repository: Path, name: str) -> None:
    committed = (repository / "config" / f"{name}.yaml").read_text(encoding="utf-8")
    assert committed == sample_config(name, f"../sample_data/{name}")


def test_made_again_in_place_it_is_the_same_and_another_seed_is_another_town(tmp_path: Path) -> None:
    def contents(folder: Path, seed: int) -> dict[str, bytes]:
        report = make_sample("rive", folder, seed=seed, density=1)
        return {name: (folder / name).read_bytes() for name in report.files}

    first, again, other = contents(tmp_path / "a", 5), contents(tmp_path / "a", 5), contents(tmp_path / "b", 6)
    assert first == again
    # Only the list of datastreams and the outline of the commune owe nothing to chance.
    alike = {"sensors/datastreams.csv", "cadastre/cadastre-45999-communes.json.gz"}
    assert {name for name in first if first[name] == other[name]} == alike


def test_report_names_every_file_with_its_size(other_town: SampleReport) -> None:
    found = {
        path.relative_to(other_town.folder).as_posix(): path.stat().st_size
        for path in other_town.folder.rglob("*")
        if path.is_file()
    }
    assert found == other_town.files


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"name": "atlantis"}, "name"),
        ({"size_km": 0.1}, "size_km"),
        ({"size_km": 400.0}, "size_km"),
        ({"size_km": math.nan}, "size_km"),
        ({"density": 0.0}, "density"),
        ({"density": math.inf}, "density"),
        ({"seed": -1}, "seed"),
    ],
)
def test_absurd_argument_is_refused_by_name_before_anything_is_written(
    tmp_path: Path, arguments: dict[str, object], where: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        make_sample(**{"name": "rive", "out": tmp_path / "out", **arguments})  # type: ignore[arg-type]
    assert refusal.value.where == where
    assert refusal.value.remedy
    assert not (tmp_path / "out").exists()


def test_folder_with_files_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(ConfigError, match=r"thesis\.odt"):
        make_sample("rive", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.odt"]


def test_tiles_of_another_size_would_mix_and_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lidar").mkdir()
    (tmp_path / "lidar" / RIVE.tile_name((617, 6755))).write_bytes(b"")
    with pytest.raises(ConfigError, match="0617_6755"):
        make_sample("rive", tmp_path)


def test_one_kilometre_is_two_whole_tiles_named_by_their_north_west_corner() -> None:
    extent = sample_extent(RIVE, 1.0)
    assert extent.bounds == (618000, 6754000, 620000, 6755000)
    assert [RIVE.tile_name(tile) for tile in extent.tiles] == [
        "LHD_FXX_0618_6755_PTS_LAMB93_IGN69.laz",
        "LHD_FXX_0619_6755_PTS_LAMB93_IGN69.laz",
    ]


def test_tiles_of_la_reunion_are_named_by_their_projection_and_heights() -> None:
    extent = sample_extent(LAGON, 1.0)
    assert extent.bounds == (321000, 7658000, 323000, 7659000)
    assert [LAGON.tile_name(tile) for tile in extent.tiles] == [
        "LHD_REU_0321_7659_PTS_RGR92UTM40S_REUN89.laz",
        "LHD_REU_0322_7659_PTS_RGR92UTM40S_REUN89.laz",
    ]


def test_a_large_coast_grows_inland_and_no_further_out_to_sea() -> None:
    assert sample_extent(LAGON, 3.0).bounds == (321000, 7656000, 325000, 7659000)


@given(st.sampled_from([LAGON, RIVE]), st.floats(0.5, 5.0))
def test_tiles_cover_the_extent_and_each_meets_it(site: Site, size_km: float) -> None:
    extent = sample_extent(site, size_km)
    west, south, east, north = extent.bounds
    tiles = extent.tiles
    assert min(column for column, _ in tiles) * 1000 <= west
    assert (max(column for column, _ in tiles) + 1) * 1000 >= east
    assert (min(row for _, row in tiles) - 1) * 1000 <= south
    assert max(row for _, row in tiles) * 1000 >= north
    assert all(
        c * 1000 < east and (c + 1) * 1000 > west and (r - 1) * 1000 < north and r * 1000 > south for c, r in tiles
    )


def test_config_names_existing_folders_and_rules_that_the_engine_accepts(made: Made) -> None:
    import yaml

    from jnt_pipeline.hypervisor.rules import ThresholdRule

    config = yaml.safe_load(sample_config(made.name, str(made.folder)))
    assert [source["kind"] for source in config["sources"]] == ["cadastre", "lidar", "bim", "sensors"]
    assert all(Path(source["path"]).is_dir() for source in config["sources"])
    rules = [ThresholdRule.model_validate(rule) for rule in config["rules"]]
    assert len(rules) == {"rive": 5, "lagon": 7}[made.name]
    assert any(rule.below is not None for rule in rules)


def test_declared_undulation_agrees_with_the_official_grid(shared: Path) -> None:
    # Independent oracle: IGN's grid RAF20 read with rasterio, bilinear, at the middle of the sample.
    import numpy as np
    import pyproj
    import rasterio
    import yaml

    declared = yaml.safe_load(sample_config("rive", "x"))["undulation"]
    lon, lat = pyproj.Transformer.from_crs(2154, 4171, always_xy=True).transform(619000, 6754500)
    with rasterio.open(shared / "geodesy" / "grids" / "fr_ign_RAF20.tif") as grid:
        west, north = grid.transform.c, grid.transform.f
        column, row = (lon - west) / grid.transform.a - 0.5, (lat - north) / grid.transform.e - 0.5
        c, r = math.floor(column), math.floor(row)
        corner = grid.read(1, window=((r, r + 2), (c, c + 2))).astype(float)
    fx, fy = column - c, row - r
    undulation = np.array([1 - fy, fy]) @ corner @ np.array([1 - fx, fx])
    # The value is rounded to the centimetre; the tiles vary by less than a centimetre about their middle.
    assert abs(undulation - declared["value_m"]) < 0.01
    assert declared["accuracy_m"] == pytest.approx(0.05)


def test_the_coast_declares_no_undulation() -> None:
    """It is there to be brought to the ellipsoid by the official grid."""
    import yaml

    config = yaml.safe_load(sample_config("lagon", "x"))
    assert config["reference"] == "EPSG:2975+5758"
    assert "undulation" not in config


def test_samples_are_described_in_one_line() -> None:
    assert set(SAMPLES) == set(RECIPES)
    assert all("\n" not in text for text in SAMPLES.values())
