"""Generated towns that tests run the pipeline on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jnt_pipeline as jnt
from jnt_pipeline.samples import make_sample, sample_config

__all__ = ["Town", "build_town"]

SEED, DENSITY = 31, 5.0
"""Another town than the committed one, thinner to be quick."""


@dataclass(frozen=True)
class Town:
    """A generated town, its description and its twin."""

    folder: Path
    config: Path
    workspace: Path
    report: jnt.RunReport

    def truth(self, name: str) -> Path:
        return self.folder / "truth" / name


def build_town(root: Path) -> Town:
    """Generate the files and run the pipeline over them."""
    make_sample("rive", root / "rive", seed=SEED, density=DENSITY)
    config = root / "rive.yaml"
    config.write_text(sample_config("rive", "rive"), encoding="utf-8")
    report = jnt.run(config, root / "twin")
    return Town(folder=root / "rive", config=config, workspace=root / "twin", report=report)
