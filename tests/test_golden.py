"""Golden digests: an output that changes without a bump of its step's version is found out.

Digests are of the content on a millimetre (a centimetre for rasters), so that another build of a library does not
change them. After a wanted change: bump the version of the step, then ``make golden``.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely

import jnt_pipeline as jnt
from jnt_pipeline.crs.grids import GRIDS_VARIABLE, use_grid_folders
from jnt_pipeline.store import canonical_json
from published import manifest

GOLDEN = Path(__file__).parent / "golden"


def test_outputs_of_rive_change_only_with_the_version_of_their_step(repository: Path, tmp_path: Path) -> None:
    compare("rive", repository, tmp_path)


def test_outputs_of_lagon_change_only_with_the_version_of_their_step(
    repository: Path, tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(GRIDS_VARIABLE, str(shared / "geodesy" / "grids"))
        compare("lagon", repository, tmp_path)
    use_grid_folders()


def compare(name: str, repository: Path, tmp_path: Path) -> None:
    """Make the committed sample and compare it with the digests that are kept."""
    jnt.run(repository / "config" / f"{name}.yaml", tmp_path / "twin", until="export")
    kept = GOLDEN / f"{name}.json"
    found = {
        name.removesuffix(".json"): unit(tmp_path / "twin", line) for name, line in manifest(tmp_path / "twin").items()
    }
    if os.environ.get("JNT_GOLDEN") == "write":
        kept.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    golden = json.loads(kept.read_text(encoding="utf-8"))
    assert sorted(found) == sorted(golden)
    silent = [
        name for name in found if found[name] != golden[name] and found[name]["version"] == golden[name]["version"]
    ]
    assert not silent, "these outputs changed: bump the version of their step, then `make golden`"
    assert found == golden, "the version was bumped: run `make golden`"


def unit(workspace: Path, line: str) -> dict[str, object]:
    """Version of a unit and digest of its content."""
    record = json.loads(line)
    folder = workspace / "units" / record["stage"] / record["unit"] / record["key"]
    contents = {output: content(folder / output) for output in sorted(record["outputs"])}
    return {"version": record["version"], "digest": hashlib.sha256(canonical_json(contents)).hexdigest()[:16]}


def content(path: Path) -> object:
    """What a file says, to the millimetre; other files by their names alone."""
    if path.suffix == ".parquet":
        return frame_digest(path)
    if path.suffix == ".tif":
        with rasterio.open(path) as dataset:
            values = np.nan_to_num(dataset.read(1), nan=-9999.0)
        return hashlib.sha256(np.round(values * 100).astype(np.int64).tobytes()).hexdigest()
    if path.name.endswith(".city.json"):
        return hashlib.sha256(path.read_bytes()).hexdigest()  # whole millimetres by nature
    return None


def frame_digest(path: Path) -> str:
    try:
        frame: pd.DataFrame = gpd.read_parquet(path)
        shapes = shapely.set_precision(np.asarray(frame.geometry), 0.001, mode="pointwise")
        columns = frame.drop(columns=["geometry", "bbox"], errors="ignore")
        geometry = shapely.to_wkb(shapely.normalize(shapes)).tolist()
    except ValueError:  # a plain table
        columns, geometry = pd.read_parquet(path), []
    digest = hashlib.sha256(b"".join(geometry))
    digest.update(columns.to_csv(index=False, float_format="%.3f").encode())
    return digest.hexdigest()
