"""The page of sources tells every kind, and its example is one that the toolkit accepts."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

from jnt_pipeline import sources
from jnt_pipeline.sources.vector import VectorSource

DECLARATIONS: tuple[type[BaseModel], ...] = get_args(get_args(sources.AnySource)[0])


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "sources.md").read_text(encoding="utf-8")


def _kinds() -> list[str]:
    return [declaration.model_fields["kind"].default for declaration in DECLARATIONS]


def _rows(page: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:3] == "| `"]


def test_the_table_has_one_row_for_each_kind(page: str) -> None:
    assert sorted(row[0].strip("`") for row in _rows(page)) == sorted(_kinds())


def test_the_fields_and_layers_of_the_table_are_those_of_the_declarations(page: str) -> None:
    by_kind = dict(zip(_kinds(), DECLARATIONS, strict=True))
    for kind, _, layers, fields in _rows(page):
        declaration = by_kind[kind.strip("`")]
        stated = set(re.findall(r"`([a-z_]+)`", fields))
        assert stated <= set(declaration.model_fields), kind
        if declaration is VectorSource:
            continue
        names = declaration(path="x", producer="p", licence="l").layer_names  # type: ignore[attr-defined]
        assert set(re.findall(r"`([a-z_]+[a-z])`", layers)) <= set(names), kind


def test_the_example_declares_every_kind_and_is_valid(page: str) -> None:
    block = textwrap.dedent(re.search(r"^    sources:\n(?:    .*\n)+", page, re.MULTILINE)[0])  # type: ignore[index]
    declared = TypeAdapter(list[sources.AnySource]).validate_python(yaml.safe_load(block)["sources"])
    assert [source.kind for source in declared] == _kinds_in_order(page)


def _kinds_in_order(page: str) -> list[str]:
    return [row[0].strip("`") for row in _rows(page)]
