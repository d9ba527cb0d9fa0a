"""Invalid polygons are repaired where the source asks for it and there is no doubt; every repair is on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jnt_pipeline as jnt
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.pipeline import run
from source_files import parcel, write_collection

W, S, SIZE = 5.6, 45.5, 0.001


def ring(*corners: tuple[float, float]) -> dict[str, Any]:
    """A polygon from corners in parts of a square of some 80 by 110 metres."""
    points = [[W + x * SIZE, S + y * SIZE] for x, y in corners]
    return {"type": "Polygon", "coordinates": [[*points, points[0]]]}


SPIKE = ring((0, 0), (1, 0), (1, 1), (1.5, 1), (1, 1), (0, 1))
"""A square with a line that goes out and back: one meaning."""
BOW_TIE = ring((0, 0), (1, 1), (1, 0), (0, 1))
"""Two triangles, or a square drawn in the wrong order: two meanings."""


def made(folder: Path, *, repair: bool) -> jnt.Territory:
    files = folder / "files"
    files.mkdir()
    write_collection(
        files / "cadastre-38001-parcelles.json",
        parcel("38001000AB0001", ring((0, 2), (1, 2), (1, 3), (0, 3))),
        parcel("38001000AB0002", SPIKE),
        parcel("38001000AB0003", BOW_TIE),
    )
    source = {"kind": "cadastre", "path": files, "producer": "tests", "licence": "none", "repair": repair}
    config = {"name": "here", "title": "Here", "reference": "EPSG:2154+5720", "sources": [source]}
    run(TwinConfig.model_validate(config), folder / "twin", until="ingest")
    return jnt.open(folder / "twin")


def test_without_being_asked_nothing_is_repaired(tmp_path: Path) -> None:
    twin = made(tmp_path, repair=False)
    assert twin.layer("parcels").counts.rejected == {"invalid_geometry": 2}
    assert "repairs" not in twin.layers


def test_what_has_one_meaning_is_repaired_and_told_and_the_rest_set_aside(tmp_path: Path) -> None:
    twin = made(tmp_path, repair=True)
    parcels = twin.layer("parcels")
    assert (parcels.counts.kept, parcels.counts.rejected) == (2, {"invalid_geometry": 1})
    assert any("1 invalid polygons repaired on request, 1 left" in note for note in parcels.provenance.notes)
    repairs = twin.layer("repairs").to_pandas()
    assert repairs[["layer", "record", "is_repaired"]].to_numpy().tolist() == [
        ["parcels", "38001000AB0002", True],
        ["parcels", "38001000AB0003", False],
    ]
    (spike,) = repairs[repairs["is_repaired"]].to_dict("records")
    mended = parcels.to_geopandas().set_index("parcel_id").geometry["38001000AB0002"]
    assert spike["area_after_m2"] == round(mended.area, 3)
