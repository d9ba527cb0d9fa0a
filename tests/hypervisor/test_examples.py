"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["byte_ranges", "cursor", "instants", "page.french", "rules"])
def test_the_examples_of_a_module_give_what_they_say(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"jnt_pipeline.hypervisor.{name}"))

    assert results.attempted > 0
    assert results.failed == 0
