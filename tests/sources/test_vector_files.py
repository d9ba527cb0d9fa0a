"""Vector files of any format: described, read in batches; a cut file never passes for a whole one."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from feature_files import write_features
from jnt_pipeline.errors import SourceError, UnreadableError, UnsupportedError
from jnt_pipeline.sources.vector_files import Features, layer_names, open_features


def plots(n: int = 400) -> gpd.GeoDataFrame:
    boxes = shapely.box(range(n), 0, [i + 1 for i in range(n)], 1)
    return gpd.GeoDataFrame({"name": [f"é{i}" for i in range(n)], "code": ["01004"] * n}, geometry=boxes, crs=2154)


def written(folder: Path, suffix: str) -> Path:
    path = folder / f"plots.{suffix}"
    if suffix == "parquet":
        plots().to_parquet(path, write_covering_bbox=True)
    elif suffix == "geojson.gz":
        plots().to_file(folder / "plots.geojson", driver="GeoJSON")
        path.write_bytes(gzip.compress((folder / "plots.geojson").read_bytes()))
    elif suffix == "zip":
        plots().to_file(folder / "plots.shp")
        with zipfile.ZipFile(path, "w") as archive:
            for part in sorted(folder.glob("plots.*")):
                if part != path:
                    archive.write(part, f"sub/{part.name}")
    else:
        plots().to_file(path)
    return path


def names(features: Features) -> list[str]:
    return [name for batch in features.batches(records_at_once=150) for name in batch["name"].to_pylist()]


SUFFIXES = ["gpkg", "shp", "geojson", "geojson.gz", "gml", "fgb", "parquet", "zip"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_same_records(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix)
    before = sorted(tmp_path.iterdir())
    features = open_features(path)
    assert features.reference is not None
    assert (features.reference.horizontal, features.n_features) == ("EPSG:2154", 400)
    assert str(features.columns.field("code").type) in {
        "string",
        "large_string",
    }  # a GML without scheme would give a number
    assert sorted(names(features)) == sorted(f"é{i}" for i in range(400))
    (batch, *_) = features.batches()
    assert shapely.from_wkb(batch["geometry"][0].as_py()).area == 1.0
    assert sorted(tmp_path.iterdir()) == before  # GDAL would leave a .gfs beside a GML


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_cut_file_is_refused_by_its_name(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix)
    content = path.read_bytes()
    for size in (len(content) * 3 // 4, len(content) - 20):
        path.write_bytes(content[:size])
        with pytest.raises(UnreadableError) as caught:
            names(open_features(path))
        assert path.name in caught.value.where


@pytest.mark.parametrize("part", ["shx", "dbf"])
def test_a_shapefile_with_a_cut_part_is_refused(tmp_path: Path, part: str) -> None:
    path = written(tmp_path, "shp")
    other = path.with_suffix(f".{part}")
    other.write_bytes(other.read_bytes()[:-10])
    with pytest.raises(UnreadableError, match=other.name):
        open_features(path)


def test_a_geopackage_with_a_hole_ends_before_its_last_record_and_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plots.gpkg"
    plots(20_000).to_file(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 65_536] = bytes(65_536)
    path.write_bytes(content)
    with pytest.raises(UnreadableError):
        names(open_features(path))


def test_several_layers_have_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "two.gpkg"
    plots().to_file(path, layer="a")
    plots(3).to_file(path, layer="b")
    assert layer_names(path) == ("a", "b")
    assert open_features(path, layer="b").n_features == 3
    for wanted in (None, "c"):
        with pytest.raises(SourceError, match="a, b"):
            open_features(path, layer=wanted)


@pytest.mark.parametrize(
    ("encoding", "declared", "note"),
    [("UTF-8", "", "holds UTF-8"), ("UTF-8", "ISO-8859-1", "holds UTF-8"), ("ISO-8859-1", "UTF-8", "does not hold it")],
)
def test_the_text_of_a_shapefile_is_read_as_what_it_is(tmp_path: Path, encoding: str, declared: str, note: str) -> None:
    path = tmp_path / "plots.shp"
    plots().to_file(path, encoding=encoding)
    path.with_suffix(".cpg").unlink()
    if declared:
        path.with_suffix(".cpg").write_text(declared)
    features = open_features(path)
    assert names(features)[:2] == ["é0", "é1"]
    assert any(note in one for one in features.notes)


def test_real_buildings_are_read_with_their_accents(shared: Path) -> None:
    folder = shared / "data" / "base_layers" / "bdtopo_v3_12174"
    features = open_features(folder / "BATIMENT.shp")
    assert (features.n_features, features.reference and features.reference.horizontal) == (2273, "EPSG:2154")
    usages = [usage for batch in features.batches() for usage in batch["USAGE1"].to_pylist()]
    assert (usages.count("Résidentiel"), usages.count("Indifférencié")) == (1090, 920)
    roads = open_features(folder / "TRONCON_DE_ROUTE.shp")
    assert sum(batch.num_rows for batch in roads.batches()) == 1094
    assert any("missing" in note for note in roads.notes)


def test_a_gml_that_is_none_is_refused(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "INVALID.gml"
    shutil.copyfile(shared / "data" / "base_layers" / "bad" / "INVALID.gml", path)
    with pytest.raises(UnsupportedError, match=r"INVALID.*is no GML"):
        open_features(path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("plots.gpkg", b"", "the file is empty"),
        ("plots.gpkg", b"<!DOCTYPE html><html>Not found</html>", "a web page"),
        ("plots.shp", b"  <HTML>moved</HTML>", "a web page"),
        ("plots.geojson.gz", gzip.compress(gzip.compress(b"{}")), "inside a gzip archive"),
    ],
    ids=["empty", "page", "page as shp", "packed twice"],
)
def test_what_is_no_file_of_features_is_told_in_plain_words(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableError, match=told) as caught:
        open_features(tmp_path / name)
    assert name in str(caught.value)


def test_a_shapefile_without_its_index_names_the_file_that_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path, ".shp")
    path.with_suffix(".shx").unlink()
    with pytest.raises(UnreadableError, match=f"no {path.stem}.shx"):
        open_features(path)


MIXED = [
    shapely.Polygon([(0, 0, 5), (9, 0, 5), (9, 9, 5)]),
    shapely.MultiPolygon([shapely.Polygon([(20, 0, 7), (29, 0, 7), (29, 9, 7)])]),
]


def mixed_with_heights(tmp_path: Path, name: str) -> Path:
    """Polygons and multipolygons with heights in one layer, declared as any geometry."""
    path = tmp_path / name
    write_features(path, MIXED, {"CODE": ["01", "02"]}, promote_to_multi=name.endswith(".gpkg"))
    if name.endswith(".gpkg"):
        with closing(sqlite3.connect(path)) as base, base:
            base.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'GEOMETRY', z = 1")
    return path


@pytest.mark.parametrize("name", ["a.gpkg", "a.gml", "without_scheme.gml"])
def test_any_geometry_with_heights_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    """pyogrio has no word for such a layer; the file itself stays as it is, and alone."""
    path = mixed_with_heights(tmp_path, name)
    if name.startswith("without"):
        path.with_suffix(".xsd").unlink()
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert layer_names(path) == (path.stem,)
    features = open_features(path)
    (batch,) = list(features.batches())
    shapes = shapely.from_wkb(batch["geometry"].to_pylist())
    assert [shapely.get_coordinates(one, include_z=True)[0].tolist() for one in shapes] == [[0, 0, 5], [20, 0, 7]]
    assert (features.n_features, batch["CODE"].to_pylist()) == (2, ["01", "02"])
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "told"), [("plots.shp", "index of the shapefile is missing"), ("plots.gpkg", "the file is cut short")]
)
def test_the_names_of_the_layers_of_a_broken_file_are_refused_in_words_of_ours(
    tmp_path: Path, name: str, told: str
) -> None:
    path = written(tmp_path, name.split(".")[1])
    if path.suffix == ".shp":
        path.with_suffix(".shx").unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableError, match=told) as caught:
        layer_names(path)
    assert "SHAPE_RESTORE_SHX" not in str(caught.value)
    assert "sqlite3" not in str(caught.value)


def test_a_file_that_is_of_no_format_is_shown_by_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "trees.json"
    path.write_text('System check identified some issues:\n{"type": "FeatureCollection", "features": []}')
    for opened in (layer_names, open_features):
        with pytest.raises(UnreadableError) as caught:
            opened(path)
        assert caught.value.found == "a file that begins with 'System check identified some issues:'"
