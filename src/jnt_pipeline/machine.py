"""What this machine has and lacks: versions, grids, room (``jnt doctor``)."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyproj

from jnt_pipeline.crs.grids import KNOWN_GRIDS, installed_grids, use_grid_folders

__all__ = ["machine_findings"]

_PACKAGES = ("pyproj", "rasterio", "geopandas", "laspy", "lazrs", "ifcopenshell", "numba", "prefect", "fastapi")
_METROPOLE = ("fr_ign_RAF18.tif", "fr_ign_RAF20.tif", "fr_ign_RAC23.tif", "fr_ign_gr3df97a.tif")
"""Grids of mainland France and Corsica: heights (RGF93 v1 and v2b), Corsican heights, NTF."""


def machine_findings() -> list[dict[str, Any]]:
    """One finding for each thing that was looked at: ``what``, ``found``, ``is_fine``, ``remedy``."""
    findings = [
        _finding("Python", platform.python_version(), sys.version_info >= (3, 11), "install Python 3.11 or newer"),
        _finding("PROJ", pyproj.proj_version_str, True, ""),
    ]
    for name in _PACKAGES:
        try:
            findings.append(_finding(name, version(name), True, ""))
        except PackageNotFoundError:
            findings.append(_finding(name, "not installed", False, "reinstall jnt_pipeline"))
    folders = ", ".join(str(folder) for folder in use_grid_folders())
    installed = {grid.name: grid for grid in installed_grids()}
    findings.append(_finding("grid folders", folders, True, ""))
    for name in _METROPOLE:
        grid = installed.get(name)
        found = "missing" if grid is None else "intact" if grid.is_intact else "damaged"
        findings.append(_finding(name, found, found == "intact", f"jnt grids sync {name}"))
    damaged = [name for name, grid in installed.items() if grid.is_intact is False and name not in _METROPOLE]
    found = f"{sum(name in KNOWN_GRIDS for name in installed)} of {len(KNOWN_GRIDS)}"
    findings.append(_finding("French grids", found, not damaged, f"jnt grids sync {' '.join(damaged)}"))
    free = shutil.disk_usage(Path.cwd()).free
    findings.append(_finding("room on this disk", f"{free / 1e9:.1f} GB", free > 1e9, "make room"))
    return findings


def _finding(what: str, found: str, is_fine: bool, remedy: str) -> dict[str, Any]:
    return {"what": what, "found": found, "is_fine": is_fine, "remedy": "" if is_fine else remedy}
