"""The description of a territory: mistakes are named by file, line and field."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from jnt_pipeline.config import TwinConfig, config_schema, read_config
from jnt_pipeline.errors import ConfigError

GOOD = """\
name: test
title: A test
reference: EPSG:2154+5720
sources:
  - kind: cadastre
    path: cadastre
    producer: DGFiP
    licence: Licence Ouverte 2.0
  - kind: lidar
    path: /somewhere/lidar
    producer: IGN
    licence: Licence Ouverte 2.0
rules:
  - {rule_id: high, title: High, severity: warning, observed_property: water_level, above: 3.2, clear: 3.0}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "twin.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_relative_paths_are_taken_from_the_folder_of_the_yaml(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, GOOD))
    assert config.sources[0].path == tmp_path / "cadastre"
    assert config.sources[1].path == Path("/somewhere/lidar")
    assert str(config.reference) == "EPSG:2154+5720"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("title: A test", "titel: A test", "line 2, titel: unknown field, did you mean title?"),
        ("    producer: IGN\n", "", "line 9, sources.1.producer: Field required"),
        ("kind: lidar", "kind: lidarr", "line 9, sources.1: Input tag 'lidarr'"),
        ("path: cadastre", "path: cadastre\n    colour: red", "line 7, sources.0.colour: unknown field"),
        ("EPSG:2154+5720", "Lambert-93", "line 3, reference.horizontal: String should match pattern"),
        ("above: 3.2", "above: 2.9", "line 14, rules.0"),
        ("name: test", "name: Te st", "line 1, name: String should match pattern"),
    ],
    ids=["misspelt", "missing", "kind", "unknown", "reference", "hysteresis", "name"],
)
def test_a_mistake_is_named_with_its_line_and_field(tmp_path: Path, old: str, new: str, line: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        read_config(write(tmp_path, GOOD.replace(old, new)))
    assert line in str(caught.value)
    assert str(tmp_path / "twin.yaml") in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 mistakes"):
        read_config(write(tmp_path, GOOD.replace("title: A test", "titel: A test")))


def test_an_unknown_kind_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'cadastre'.*'lidar'.*'bim'.*'sensors'"):
        read_config(write(tmp_path, GOOD.replace("kind: lidar", "kind: drone")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nname: b\n", "stated twice"),
        ("name: [a\n", "not valid YAML"),
        ("- a\n- b\n", "the whole file"),
        ("name: {{ name }}\n", "not valid YAML"),
        ("name: 2024-02-30\n", "not valid YAML"),
        ("", "the whole file"),
    ],
    ids=["twice", "broken", "a list", "unfilled template", "no such day", "empty"],
)
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        read_config(tmp_path / "nowhere.yaml")


def test_a_rule_stated_twice_is_refused(tmp_path: Path) -> None:
    rule = GOOD.splitlines()[-1]
    with pytest.raises(ConfigError, match="rule_id stated twice: high"):
        read_config(write(tmp_path, GOOD + rule + "\n"))


def test_every_field_has_a_description() -> None:
    schema = json.loads(config_schema())
    without = [
        f"{owner}.{name}"
        for owner, definition in {"TwinConfig": schema, **schema["$defs"]}.items()
        for name, field in definition.get("properties", {}).items()
        if "description" not in field and name != "kind"
    ]
    assert not without


def test_the_committed_schema_is_that_of_the_code(repository: Path) -> None:
    assert (repository / "config" / "schema.json").read_text(encoding="utf-8") == config_schema()


def test_the_committed_description_of_the_sample_fits_its_schema(repository: Path) -> None:
    text = (repository / "config" / "rive.yaml").read_text(encoding="utf-8")
    jsonschema.validate(yaml.safe_load(text), json.loads(config_schema()))
    assert isinstance(read_config(repository / "config" / "rive.yaml"), TwinConfig)


def test_a_mistake_inside_the_only_source_is_one_mistake(tmp_path: Path) -> None:
    text = GOOD.replace("    licence: Licence Ouverte 2.0\n  - kind: lidar", "  - kind: lidar")
    with pytest.raises(ConfigError, match="1 mistake in") as caught:
        read_config(write(tmp_path, text))
    assert "at least 1 item" not in str(caught.value)
