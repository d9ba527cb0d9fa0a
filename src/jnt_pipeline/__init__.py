"""Territorial digital twins (*jumeaux numériques de territoires*): from base layers up to the hypervisor.

>>> import jnt_pipeline as jnt
>>> report = jnt.run("config/rive.yaml", workspace="twin-rive")      # doctest: +SKIP
>>> twin = jnt.open("twin-rive")                                     # doctest: +SKIP
>>> twin.buildings[["building_id", "height_m", "roof_elevation_m"]]  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jnt_pipeline import crs
    from jnt_pipeline.config import TwinConfig, read_config
    from jnt_pipeline.errors import JntError
    from jnt_pipeline.pipeline import RunReport, run
    from jnt_pipeline.samples import make_sample
    from jnt_pipeline.sources.check import check_file
    from jnt_pipeline.territory.model import Territory
    from jnt_pipeline.twin import open_twin as open  # the name people look for

__all__ = [
    "JntError",
    "RunReport",
    "Territory",
    "TwinConfig",
    "check_file",
    "crs",
    "make_sample",
    "open",
    "read_config",
    "run",
]

__version__ = _version("jnt-pipeline")

_HOMES = {
    "JntError": "errors",
    "RunReport": "pipeline",
    "Territory": "territory.model",
    "TwinConfig": "config",
    "check_file": "sources.check",
    "make_sample": "samples",
    "open_twin": "twin",
    "read_config": "config",
    "run": "pipeline",
}
"""Module of each public name: imported when first asked for, so that ``import jnt_pipeline`` costs nothing."""


def __getattr__(name: str) -> object:
    if name == "crs":
        return import_module("jnt_pipeline.crs")
    wanted = "open_twin" if name == "open" else name
    if wanted not in _HOMES:
        raise AttributeError(f"module 'jnt_pipeline' has no attribute {name!r}")
    return getattr(import_module(f"jnt_pipeline.{_HOMES[wanted]}"), wanted)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
