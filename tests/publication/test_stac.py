"""STAC: a catalogue whose links, sizes, checksums, places and dates are true."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pyproj
import pystac
import pytest

from builders import FULL, X0, Y0, tiny_territory
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ExportError
from jnt_pipeline.publication.cityjson import write_cityjson
from jnt_pipeline.publication.cog import write_cogs
from jnt_pipeline.publication.extents import globe_bounds, interval_of_layer
from jnt_pipeline.publication.stac import write_stac
from jnt_pipeline.publication.tiles3d import write_3dtiles
from jnt_pipeline.territory.model import StoredPublication, Territory


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Territory:
    """The tiny twin with three publications beside each other."""
    twin = tiny_territory(tmp_path_factory.mktemp("twin"))
    out = tmp_path_factory.mktemp("publication")
    publications = {}
    for kind, write in (("cog", write_cogs), ("cityjson", write_cityjson), ("3dtiles", write_3dtiles)):
        (out / kind).mkdir()
        files = write(twin, out / kind).files  # type: ignore[operator]
        publications[kind] = StoredPublication(kind=kind, folder=out / kind, files=files)
    return replace(twin, publications=publications)


@pytest.fixture(scope="module")
def folder(twin: Territory) -> Path:
    folder = twin.publications["cog"].folder.parent / "stac"
    folder.mkdir()
    write_stac(twin, folder)
    return folder


def items(folder: Path) -> dict[str, pystac.Item]:
    catalogue = pystac.Catalog.from_file(str(folder / "catalog.json"))
    return {item.id: item for item in catalogue.get_items(recursive=True)}


def test_every_published_file_is_one_asset_with_its_true_size_and_checksum(twin: Territory, folder: Path) -> None:
    found = {}
    for item in items(folder).values():
        for asset in item.assets.values():
            path = Path(asset.get_absolute_href() or "").resolve()
            content = path.read_bytes()
            assert asset.extra_fields["file:size"] == len(content)
            assert asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
            found[path] = asset.media_type
    expected = {
        (publication.folder / file.path).resolve(): file.media_type
        for publication in twin.publications.values()
        for file in publication.files
    }
    assert found == expected


def test_all_links_are_relative_so_that_the_tree_can_move(folder: Path) -> None:
    for path in folder.rglob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        hrefs = [link["href"] for link in document["links"]]
        hrefs += [asset["href"] for asset in document.get("assets", {}).values()]
        for href in hrefs:
            assert href.startswith("."), href
            assert (path.parent / href).resolve().is_file(), href


def test_boxes_on_the_globe_hold_the_corners_and_little_more(folder: Path) -> None:
    to_degrees = pyproj.Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)
    # Solids of the buildings layer: footprints from 5,5 to 104,44 m.
    longitude, latitude = to_degrees.transform([X0 + 5, X0 + 5, X0 + 104, X0 + 104], [Y0 + 5, Y0 + 44, Y0 + 5, Y0 + 44])
    west, south, east, north = items(folder)["cityjson-buildings"].bbox or []
    assert west == pytest.approx(min(longitude), abs=2e-7)
    assert west <= min(longitude)
    assert east >= max(longitude)
    assert east == pytest.approx(max(longitude), abs=2e-7)
    assert (south, north) == pytest.approx((min(latitude), max(latitude)), abs=2e-7)


def test_the_bulge_of_a_long_side_is_inside_the_box() -> None:
    """A side of 60 km across the central meridian bows by about 70 m on the globe: corners alone would miss it."""
    to_degrees = pyproj.Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)
    west, south, east, north = 670_000.0, 6_500_000.0, 730_000.0, 6_560_000.0
    corners = [to_degrees.transform(x, y)[1] for x in (west, east) for y in (south, north)]
    middle = to_degrees.transform(700_000, north)[1]
    assert middle - max(corners) > 50 / 111_000  # degrees of latitude
    assert globe_bounds((west, south, east, north), FULL)[3] >= middle


def test_dates_come_from_vintages(folder: Path) -> None:
    for item in items(folder).values():
        assert item.datetime is None
        assert item.properties["start_datetime"] == "2024-06-01T00:00:00Z"
        assert item.properties["end_datetime"] == "2024-06-30T23:59:59Z"


def test_licence_producer_and_both_references_are_said(folder: Path) -> None:
    for name, item in items(folder).items():
        above_ground = name == "cog-dhm"  # it counts from no datum
        assert item.properties["license"] == "etalab-2.0"
        assert item.properties["jnt:attribution"] == "Fictional data, jnt_pipeline"
        assert item.properties["providers"][0]["name"] == "The jnt_pipeline tests"
        assert item.properties["proj:code"] == ("EPSG:2154" if above_ground else "EPSG:5698")
        assert item.properties["jnt:vertical_crs"] == (None if above_ground else "EPSG:5720")
        assert item.properties["jnt:declared_undulation"]["value_m"] == 49.9
    tileset = items(folder)["3dtiles-buildings"].assets["tileset.json"]
    assert tileset.extra_fields["proj:code"] == "EPSG:4978"


def test_grids_of_rasters_are_in_their_assets(folder: Path) -> None:
    asset = items(folder)["cog-dtm"].assets["dtm.tif"]
    assert asset.extra_fields["proj:shape"] == [120, 240]
    assert asset.extra_fields["proj:transform"] == [0.5, 0, X0 - 0.25, 0, -0.5, Y0 + 60.25]
    assert asset.roles == ["data"]
    assert items(folder)["cog-dtm"].assets["dtm.png"].roles == ["overview"]


def test_without_single_code_the_whole_definition_is_given(twin: Territory, tmp_path: Path) -> None:
    """A place of La Réunion: UTM 40S and Réunion 1989 heights."""
    reunion = Reference(horizontal="EPSG:2975", vertical="EPSG:5758")
    layer = replace(twin.layer("datastreams"), reference=None)
    there = replace(
        twin, reference=reunion, layers={"datastreams": layer}, rasters={},
        bbox=(338_000.0, 7_690_000.0, 339_000.0, 7_691_000.0),
        publications={"cityjson": twin.publications["cityjson"]},
    )  # fmt: skip
    write_stac(there, tmp_path)
    (item,) = items(tmp_path).values()
    assert item.properties["proj:code"] is None
    assert [part["id"]["code"] for part in item.properties["proj:projjson"]["components"]] == [2975, 5758]


def test_a_layer_without_vintage_is_dated_by_its_own_columns(twin: Territory) -> None:
    def interval(name: str) -> list[str]:
        layer = twin.layer(name)
        undated = replace(layer, provenance=layer.provenance.model_copy(update={"vintage": ""}))
        found = interval_of_layer(undated)
        return [] if found is None else [moment.isoformat() for moment in found]

    assert interval("observations") == ["2024-06-01T00:00:00+00:00", "2024-06-01T23:00:00+00:00"]
    assert interval("point_clouds") == ["2022-03-04T00:00:00+00:00", "2022-03-05T23:59:59+00:00"]
    assert interval("parcels") == ["2012-03-01T00:00:00+00:00", "2024-01-15T23:59:59+00:00"]
    assert interval("buildings") == []


def test_a_twin_without_any_date_is_refused_with_the_remedy(twin: Territory, tmp_path: Path) -> None:
    layer = twin.layer("buildings")
    undated = replace(layer, provenance=layer.provenance.model_copy(update={"vintage": "édition du jour"}))
    less = replace(twin, layers={"buildings": undated}, rasters={})
    with pytest.raises(ExportError, match="state vintage"):
        write_stac(less, tmp_path)


def test_a_published_file_that_is_gone_is_named(twin: Territory, tmp_path: Path) -> None:
    lost = replace(twin.publications["cityjson"], folder=tmp_path / "nowhere")
    with pytest.raises(ExportError, match=r"cityjson/tiny\.city\.json"):
        write_stac(replace(twin, publications={"cityjson": lost}), tmp_path)
