"""From the producers' files to `jnt status`, the index and the events: the operations are told all the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console

from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.reports import print_status, twin_status
from towns import Town

WGS84_TO_RGF93_M = 1.0
"""EPSG, RGF93 v1 to WGS 84 (1): what it takes to bring Etalab's degrees to Lambert-93."""
UNDULATION_M = 0.05
"""Declared by the sample."""


@pytest.fixture(scope="module")
def status(town: Town) -> dict[str, Any]:
    return twin_status(town.workspace)


def test_the_status_tells_how_each_layer_came_in_and_each_publication_went_out(status: dict[str, Any]) -> None:
    layers = {layer["layer"]: layer for layer in status["layers"]}
    assert layers["parcels"]["accuracy_m"] == WGS84_TO_RGF93_M
    assert layers["parcels"]["operations"][0]["source"] == "EPSG:4326"
    assert layers["point_clouds"]["accuracy_m"] == 0.0
    (out,) = status["publications"]["3dtiles"]["operations"]
    assert (out["source"], out["target"]) == ("EPSG:2154+5720", "EPSG:4978")
    assert out["accuracy_m"] == pytest.approx(WGS84_TO_RGF93_M + UNDULATION_M)
    assert out["undulation"]["accuracy_m"] == UNDULATION_M
    assert status["grids"] == []  # the sample declares its undulation, so that it needs none


def test_the_status_is_readable(status: dict[str, Any]) -> None:
    grid = {
        "name": "fr_ign_RAF20.tif", "sha256": "dc0cc2a3" * 8, "edition": "RAF20 (2020)", "relation": "",
        "licence": "Licence Ouverte 2.0", "attribution": "Source: IGN",
    }  # fmt: skip
    console = Console(width=110, record=True, file=None, quiet=False)
    with console.capture() as captured:
        print_status(console, {**status, "grids": [grid]})
    text = captured.get()
    assert "publication 3dtiles: 5 files, EPSG:2154+5720 → EPSG:4978 ± 1.05 m" in text
    assert "grid fr_ign_RAF20.tif: edition RAF20 (2020), SHA-256 dc0cc2a3dc0cc2a3…" in text
    assert "Source: IGN Licence Ouverte 2.0" in text
    row = next(line for line in text.splitlines() if "point_clouds" in line)
    assert "as given" in row


def test_the_index_of_the_twin_keeps_the_operations_of_every_publication(town: Town) -> None:
    index = json.loads((town.workspace / "twin.json").read_text())
    assert [one["target"] for one in index["publications"]["3dtiles"]["operations"]] == ["EPSG:4978"]
    assert [one["target"] for one in index["publications"]["stac"]["operations"]] == ["EPSG:4326"]
    assert index["publications"]["cityjson"]["operations"] == []


def test_the_catalogue_and_the_tileset_tell_the_whole_way(town: Town) -> None:
    root = town.workspace / "publication"
    (path,) = root.glob("stac/*/3dtiles-buildings/*.json")
    item = json.loads(path.read_text())["properties"]
    extras = json.loads((root / "3dtiles" / "tileset.json").read_text())["asset"]["extras"]
    moves = [(one["source"], one["target"]) for one in extras["provenance"]["operations"]]
    assert moves[0] == ("EPSG:4326", "EPSG:2154")
    assert moves[-1] == ("EPSG:2154+5720", "EPSG:4978")
    assert item["jnt:provenance"]["operations"] == extras["provenance"]["operations"]
    whole = pytest.approx(2 * WGS84_TO_RGF93_M + UNDULATION_M)
    assert (item["jnt:accuracy_m"], extras["accuracy_m"]) == (whole, whole)


def test_events_say_by_which_operations_their_place_came(town: Town) -> None:
    with Feed.open(town.workspace / "feed.sqlite") as feed:
        positions = [event.document["data"]["station"]["position"] for event in feed.events().events]
    assert positions
    for position in positions:
        assert position["operations"][0]["source"].startswith("EPSG:4")
        assert (position["operations"][-1]["source"], position["operations"][-1]["target"]) == (
            "EPSG:2154",
            "EPSG:4326",
        )
        assert position["accuracy_m"] == pytest.approx(2 * WGS84_TO_RGF93_M)
        assert position["vertical_datum"] == "EPSG:5720"
