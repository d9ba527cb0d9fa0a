"""How coordinates came to be travels to every publication; a new exporter is under these tests unasked.

The readers here decode the published files on their own; they share no code with the exporters.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import rasterio

from builders import UNDULATION, tiny_territory
from jnt_pipeline.provenance import GridUse, Operation
from jnt_pipeline.publication import AnyExporter
from jnt_pipeline.territory.model import StoredPublication, Territory
from publication_checks import read_glb

EXPORTERS: dict[str, Any] = {exporter().kind: exporter for exporter in typing.get_args(typing.get_args(AnyExporter)[0])}
KINDS = sorted(EXPORTERS)

GRID = GridUse(
    name="fr_ign_gr3df97a.tif",
    sha256="63" * 32,
    edition="gr3df97a",
    relation="NTF to RGF93",
    licence="Licence Ouverte 2.0",
    attribution="Source: IGN, grilles de conversion",
)
BROUGHT_IN = Operation(
    source="EPSG:27572+5720",
    target="EPSG:2154+5720",
    description="NTF to RGF93, by hand",
    accuracy_m=0.5,
    grids=(GRID,),
)
OUT_M = 1.0 + UNDULATION.accuracy_m
"""EPSG states 1 m for RGF93 v1 to WGS 84; the declared undulation of the tiny twin adds its 0.2 m."""


def _geoparquet(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(pq.read_metadata(folder / "buildings.parquet").metadata[b"jnt"])
    return found


def _cog(folder: Path) -> dict[str, Any]:
    with rasterio.open(folder / "dtm.tif") as dataset:
        tags = dataset.tags()
    return {
        **{key.lower(): tags[key] for key in ("HORIZONTAL_CRS", "VERTICAL_CRS", "ATTRIBUTION")},
        **{key.lower(): json.loads(tags[key]) for key in ("PROVENANCE", "ACCURACY_M", "DECLARED_UNDULATION")},
    }


def _cityjson(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "tiny.city.json").read_text())["metadata"]["jnt"]
    return found


def _tiles(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "tileset.json").read_text())["asset"]["extras"]
    return found


def _stac(folder: Path) -> dict[str, Any]:
    """The item of the tileset: what it describes went the longest way."""
    found = json.loads((folder / "tiny" / "3dtiles-buildings" / "3dtiles-buildings.json").read_text())["properties"]
    return {key.removeprefix("jnt:"): value for key, value in found.items()}


READERS: dict[str, tuple[Callable[[Path], dict[str, Any]], bool]] = {
    "geoparquet": (_geoparquet, False),
    "cog": (_cog, False),
    "cityjson": (_cityjson, False),
    "3dtiles": (_tiles, True),
    "stac": (_stac, True),
}
"""Per exporter: how to read its origin, and whether what it tells of left the twin's reference."""


def moved_twin(folder: Path, operation: Operation) -> Territory:
    """The tiny twin, all of it brought in by one operation."""
    twin = tiny_territory(folder)
    layers = {
        name: dataclasses.replace(layer, provenance=layer.provenance.with_operation(operation))
        for name, layer in twin.layers.items()
    }
    rasters = {
        name: dataclasses.replace(raster, provenance=raster.provenance.with_operation(operation))
        for name, raster in twin.rasters.items()
    }
    return dataclasses.replace(twin, layers=layers, rasters=rasters)


def publish(twin: Territory, out: Path) -> dict[str, dict[str, Any]]:
    """The origin that a reader finds in each publication."""
    stored: dict[str, StoredPublication] = {}
    for kind in sorted(KINDS, key=lambda kind: (EXPORTERS[kind]().describes_publications, kind)):
        (out / kind).mkdir(parents=True)
        publication = EXPORTERS[kind]().write(dataclasses.replace(twin, publications=dict(stored)), out / kind)
        stored[kind] = StoredPublication(
            kind=kind, folder=out / kind, files=publication.files, operations=publication.operations
        )
    return {kind: read(out / kind) for kind, (read, _) in READERS.items()}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def origins(tmp_path_factory: pytest.TempPathFactory, out: Path) -> dict[str, dict[str, Any]]:
    return publish(moved_twin(tmp_path_factory.mktemp("twin"), BROUGHT_IN), out)


def test_every_exporter_has_a_reader_here() -> None:
    assert sorted(READERS) == KINDS, "a new exporter needs a line in READERS"


@pytest.mark.parametrize("kind", KINDS)
def test_operations_are_told_in_order_with_the_edition_of_their_grids(kind: str, origins: dict[str, Any]) -> None:
    operations = origins[kind]["provenance"]["operations"]
    assert [operation["source"] for operation in operations] == (
        ["EPSG:27572+5720", "EPSG:2154+5720"] if READERS[kind][1] else ["EPSG:27572+5720"]
    )
    assert operations[0] == BROUGHT_IN.model_dump(mode="json")
    (grid,) = operations[0]["grids"]
    assert (grid["name"], grid["sha256"], grid["edition"]) == (GRID.name, GRID.sha256, "gr3df97a")


@pytest.mark.parametrize("kind", KINDS)
def test_accuracy_is_that_of_the_whole_way_and_both_references_are_there(kind: str, origins: dict[str, Any]) -> None:
    origin = origins[kind]
    assert origin["accuracy_m"] == pytest.approx(0.5 + OUT_M if READERS[kind][1] else 0.5)
    assert (origin["horizontal_crs"], origin["vertical_crs"]) == ("EPSG:2154", "EPSG:5720")


@pytest.mark.parametrize("kind", KINDS)
def test_the_licence_of_the_grids_is_honoured_wherever_their_results_are_published(
    kind: str, origins: dict[str, Any]
) -> None:
    expected = "Fictional data, jnt_pipeline; Source: IGN, grilles de conversion Licence Ouverte 2.0."
    assert origins[kind]["attribution"] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_declared_undulation_travels_with_its_accuracy_and_source(kind: str, origins: dict[str, Any]) -> None:
    assert origins[kind]["declared_undulation"] == UNDULATION.model_dump(mode="json")
    operations = origins[kind]["provenance"]["operations"]
    used = [operation["undulation"] for operation in operations if operation["undulation"]]
    assert used == ([UNDULATION.model_dump(mode="json") | {"vertical": "EPSG:5720"}] if READERS[kind][1] else [])


def test_a_tile_alone_says_whose_data_it_is_and_how_well_it_lies(origins: dict[str, Any], out: Path) -> None:
    for path in (out / "3dtiles" / "tiles").iterdir():
        asset = read_glb(path).document["asset"]
        assert asset["copyright"].endswith("Source: IGN, grilles de conversion Licence Ouverte 2.0.")
        assert asset["extras"]["accuracy_m"] == pytest.approx(0.5 + OUT_M)


def test_the_operation_behind_a_box_on_the_globe_is_told(origins: dict[str, Any]) -> None:
    operation = origins["stac"]["extent_operation"]
    assert (operation["source"], operation["target"], operation["accuracy_m"]) == ("EPSG:2154", "EPSG:4326", 1.0)


def test_an_accuracy_that_nobody_stated_is_never_invented(tmp_path: Path) -> None:
    unstated = BROUGHT_IN.model_copy(update={"accuracy_m": None})
    found = publish(moved_twin(tmp_path / "twin", unstated), tmp_path / "out")
    assert {kind: origin["accuracy_m"] for kind, origin in found.items()} == dict.fromkeys(KINDS)
    with rasterio.open(tmp_path / "out" / "cog" / "dtm.tif") as dataset:
        assert dataset.tags()["ACCURACY"] == "not stated"
