"""Where the Prefect flows are: beside the checkout, or inside the installed package."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from jnt_pipeline.errors import JntError

__all__ = ["load_flow_module"]


def load_flow_module(name: str) -> ModuleType:
    """Import one module of ``flows/``; raises ``JntError`` when the folder is not there."""
    here = Path(__file__).resolve().parent
    places = (here / "flows", here.parents[1] / "flows")
    for place in places:
        if (place / f"{name}.py").is_file():
            if str(place) not in sys.path:
                sys.path.insert(0, str(place))
            return import_module(name)
    raise JntError(
        "the flows are not installed", found=str(places[0]), remedy="reinstall jnt_pipeline, or use --engine local"
    )
