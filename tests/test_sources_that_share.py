"""Sources that share a folder or a layer: said before anything is asked for or made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from jnt_pipeline.config import TwinConfig
from jnt_pipeline.errors import ConfigError
from jnt_pipeline.stages.fetch import Fetching, fetch_sources
from jnt_pipeline.stages.ingest import plan_ingest


def described(*sources: dict[str, Any]) -> TwinConfig:
    origin = {"producer": "p", "licence": "l"}
    return TypeAdapter(TwinConfig).validate_python(
        {
            "name": "rive",
            "title": "Rive",
            "reference": "EPSG:2154+5720",
            "sources": [{**origin, **one} for one in sources],
        }
    )


def cadastre(path: Path, commune: str) -> dict[str, Any]:
    # nobody listens at this address: a request would fail as a ServiceError
    download = {"service": "cadastre_etalab", "communes": [commune], "base_url": "http://127.0.0.1:9"}
    return {"kind": "cadastre", "path": path, "download": download}


def test_two_downloads_that_fill_one_folder_are_refused_before_a_request(tmp_path: Path) -> None:
    config = described(cadastre(tmp_path / "data", "25354"), cadastre(tmp_path / "x" / ".." / "data", "38004"))
    with pytest.raises(ConfigError, match="two downloads fill one folder") as caught:
        fetch_sources(config, Fetching())
    assert "another `path`" in caught.value.remedy


def trees(path: Path, **changes: Any) -> dict[str, Any]:
    columns = {"tree_id": {"from": "NUM", "required": True}, "height_m": {"from": "H", "kind": "number"}}
    return {
        "kind": "vector",
        "layer": "my_trees",
        "key": "tree_id",
        "shape": "point",
        "columns": columns,
        "path": path,
    } | (changes)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"shape": "polygon"}, "shape: point and polygon"),
        ({"key": "", "columns": {"tree_id": {"from": "NUM"}}}, "key: tree_id and none"),
        ({"columns": {"tree_id": {"from": "NUM"}, "height_m": {"from": "H"}}}, "height_m: number and text"),
    ],
)
def test_two_sources_say_the_same_of_a_layer_they_share(tmp_path: Path, changes: dict[str, Any], found: str) -> None:
    files = tmp_path / "a.geojson", tmp_path / "b.geojson"
    for file in files:
        file.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(ConfigError, match="different things of the layer my_trees") as caught:
        plan_ingest(described(trees(files[0]), trees(files[1], **changes)))
    assert caught.value.found == found
    names = [one.unit.name for one in plan_ingest(described(trees(files[0]), trees(files[1])))]
    assert len(names) == len(set(names)) == 2
