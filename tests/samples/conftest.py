"""One town of another seed, made once: thinner than the committed one, so that the tests stay quick."""

from __future__ import annotations

from pathlib import Path

import pytest

from jnt_pipeline.samples import SampleReport, make_sample


@pytest.fixture(scope="session")
def other_town(tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    return make_sample("rive", tmp_path_factory.mktemp("samples") / "rive-77", seed=77, density=4)


@pytest.fixture(scope="session")
def folder(other_town: SampleReport) -> Path:
    return other_town.folder
