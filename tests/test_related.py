"""What the plan relates stays related when the ids of its things survive an edition."""

from __future__ import annotations

from pathlib import Path

import jnt_pipeline as jnt
from edigeo_plans import parcel, sheet, square
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.pipeline import run
from jnt_pipeline.samples.edigeo import PlanObject, write_sheet
from source_files import OWNER


def edition(folder: Path, width: float, yard: str = "yard") -> None:
    """A house, ``width`` metres long, on the first of two parcels."""
    house = square(10, 10, 10).union(square(width, 10, 10)).envelope
    folder.mkdir(exist_ok=True)
    write_sheet(
        folder,
        sheet(
            parcel(1, square(0, 0, 50)),
            parcel(2, square(50, 0, 50), TEX=yard),
            PlanObject(name="BATIMENT", geometry=house, attributes={"DUR": "01"}, parcels=("0010000A0001",)),
        ),
    )


def related(twin: Path) -> tuple[set[str], set[str]]:
    """Ids of the footprints, and those that the relations name."""
    opened = jnt.open(twin)
    relations = opened.layer("cadastral_relations").to_pandas()
    assert relations["relation_id"].tolist() == (relations["source_id"] + ">" + relations["parcel_id"]).tolist()
    assert relations["parcel_id"].tolist() == ["380010000A0001"]
    return set(opened.layer("footprints").to_pandas()["footprint_id"]), set(relations["source_id"])


def test_relations_follow_the_ids_that_survive(tmp_path: Path) -> None:
    source = {"kind": "cadastre", "path": tmp_path / "sheets", **OWNER}
    settings = {"name": "here", "title": "Here", "reference": "EPSG:2154+5720", "sources": [source]}
    config = TwinConfig.model_validate({**settings, "publication": [{"kind": "geoparquet"}]})
    edition(tmp_path / "sheets", 10)
    run(config, tmp_path / "twin", until="export")
    first, named = related(tmp_path / "twin")
    assert named == first
    edition(tmp_path / "sheets", 13)  # longer: the place gives another id, the house keeps the one that it had
    made = run(config, tmp_path / "twin", until="export").units.made
    assert any(unit.startswith("related/") for unit in made)
    assert related(tmp_path / "twin") == (first, first)
    assert not run(config, tmp_path / "twin", until="export").units.made
    edition(tmp_path / "sheets", 13, yard="garden")
    run(config, tmp_path / "twin", until="export")
    assert related(tmp_path / "twin") == (first, first)
