"""The Prefect engine: the same manifest and the same bytes as the local one, and errors told the same way."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from jnt_pipeline.errors import JntError
from jnt_pipeline.flow_files import load_flow_module
from published import events, manifest, published
from towns import Town

FLOWS = ("fetch", "ingest", "assemble", "publish", "territory")


def run_with_prefect(config: Path, workspace: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jnt_pipeline", "run", config, "--workspace", workspace, "--engine", "prefect"]
    home = workspace.parent / "prefect-home"
    return subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PREFECT_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_the_prefect_engine_gives_the_same_bytes_and_manifest(town: Town, tmp_path: Path) -> None:
    ended = run_with_prefect(town.config, tmp_path / "twin")
    assert ended.returncode == 0, ended.stderr
    assert published(tmp_path / "twin") == published(town.workspace)
    assert manifest(tmp_path / "twin") == manifest(town.workspace)
    assert events(tmp_path / "twin") == events(town.workspace)
    assert "5 alerts raised, 5 cleared" in ended.stdout


def test_an_error_in_a_flow_is_told_as_the_local_engine_tells_it(town: Town, tmp_path: Path) -> None:
    config = yaml.safe_load(town.config.read_text())
    config["sources"] = [source for source in config["sources"] if source["kind"] == "sensors"]
    config["sources"][0]["path"] = "nowhere"
    (tmp_path / "twin.yaml").write_text(yaml.safe_dump(config))
    ended = run_with_prefect(tmp_path / "twin.yaml", tmp_path / "twin")
    assert ended.returncode != 0
    assert "jnt: error:" in ended.stderr
    assert "nowhere" in ended.stderr
    assert not (tmp_path / "twin" / "twin.json").exists()


def test_flows_are_short_and_hold_no_rule_of_the_trade(repository: Path) -> None:
    for name in FLOWS:
        text = (repository / "flows" / f"{name}.py").read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 60, name
        tree = ast.parse(text)
        decorated = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list]
        assert [function.name for function in decorated] == [name]


def test_a_flow_module_that_is_not_there_is_named() -> None:
    with pytest.raises(JntError, match="--engine local"):
        load_flow_module("no_such_flow")


def test_the_server_of_the_environment_is_used_and_left_alone(town: Town, tmp_path: Path) -> None:
    """A named server that does not answer is an error: no other one is started behind the user's back."""
    ended = run_with_prefect(town.config, tmp_path / "twin", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert ended.returncode != 0
    assert not (tmp_path / "twin" / "twin.json").exists()
    assert "127.0.0.1:9" in ended.stderr
