"""A twin that is run again on newer files: what changed is told, ids survive, and nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import jnt_pipeline as jnt
from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.pipeline import RunReport, run
from jnt_pipeline.store import Workspace
from jnt_pipeline.twin import needed_units
from source_files import building, parcel, square, write_collection

P1, P2, P3 = (f"38001000AB000{number}" for number in (1, 2, 3))
HOUSE, BARN, OTHER = square(5.6, 45.5, 0.00015), square(5.6005, 45.5), square(5.7, 45.5)
UNDULATION = {"value_m": 49.0, "accuracy_m": 1.0, "source": "tests"}


def rectangle(west: float, south: float, width: float, height: float) -> dict[str, Any]:
    east, north = west + width, south + height
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


EXTENDED = rectangle(5.6, 45.5, 0.00018, 0.00015)


def config(folder: Path, vintage: str) -> TwinConfig:
    source = {"kind": "cadastre", "path": folder, "producer": "tests", "licence": "none", "vintage": vintage}
    return TwinConfig.model_validate(
        {
            "name": "here",
            "title": "Here",
            "reference": "EPSG:2154+5720",
            "undulation": UNDULATION,
            "sources": [source],
            "publication": [{"kind": "geoparquet"}],
        }
    )


def first_edition(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    write_collection(folder / "cadastre-38001-batiments.json", building(HOUSE), building(BARN))
    write_collection(folder / "cadastre-38001-parcelles.json", parcel(P1, rectangle(5.6, 45.5, 0.001, 0.001)))
    write_collection(folder / "cadastre-38002-batiments.json", building(OTHER, commune="38002"))


def second_edition(folder: Path) -> None:
    """The house is extended, the barn gone, the parcel divided."""
    write_collection(folder / "cadastre-38001-batiments.json", building(EXTENDED))
    halves = parcel(P2, rectangle(5.6, 45.5, 0.0006, 0.001)), parcel(P3, rectangle(5.6006, 45.5, 0.0004, 0.001))
    write_collection(folder / "cadastre-38001-parcelles.json", *halves)


class Village:
    """A territory whose files are replaced, and its twin."""

    def __init__(self, folder: Path):
        self.files, self.twin = folder / "cadastre", folder / "twin"
        first_edition(self.files)
        self.run("2025-01-01")

    def run(self, vintage: str) -> RunReport:
        return run(config(self.files, vintage), self.twin)

    def layer(self, name: str) -> Any:
        return jnt.open(self.twin).layer(name).to_pandas()

    def ids(self) -> dict[str, str]:
        """Id of the building by the rounded area of its footprint."""
        frame = self.layer("buildings")
        return {f"{area:.0f}": str(one) for area, one in zip(frame["area_m2"], frame["building_id"], strict=True)}


@pytest.fixture
def village(tmp_path: Path) -> Village:
    return Village(tmp_path)


def test_the_first_edition_has_no_changes(village: Village) -> None:
    assert "changes" not in jnt.open(village.twin).layers


def test_the_next_edition_tells_what_changed_with_evidence(village: Village) -> None:
    second_edition(village.files)
    village.run("2026-01-01")
    changes = village.layer("changes").sort_values(["layer", "change_type"])
    assert changes[["layer", "change_type"]].to_numpy().tolist() == [
        ["footprints", "modified"],
        ["footprints", "removed"],
        ["parcels", "split"],
    ]
    split = changes[changes["layer"] == "parcels"].iloc[0]
    assert (json.loads(split["old_ids"]), json.loads(split["new_ids"])) == ([P1], [P2, P3])
    assert json.loads(split["evidence"])["iou"] == pytest.approx(1, abs=1e-3)
    assert (split["old_vintage"], split["new_vintage"]) == ("2025-01-01", "2026-01-01")


def test_an_extended_house_keeps_its_id_in_every_layer(village: Village) -> None:
    before = village.ids()
    second_edition(village.files)
    village.run("2026-01-01")
    house = max(before, key=float)
    assert before[house] in set(village.ids().values())
    assert before[house] in set(village.layer("footprints")["footprint_id"])
    links = village.layer("links")
    assert set(links.loc[links["source_id"] == before[house], "target_id"]) == {P2}


def test_the_edition_before_gives_its_ids_back(village: Village) -> None:
    before = village.ids()
    second_edition(village.files)
    village.run("2026-01-01")
    first_edition(village.files)
    village.run("2025-01-01")
    assert village.ids() == before


def test_an_id_survives_an_edition_that_changes_something_else(village: Village) -> None:
    second_edition(village.files)
    village.run("2026-01-01")
    ids = village.ids()
    write_collection(village.files / "cadastre-38002-batiments.json", building(square(5.71, 45.5), commune="38002"))
    village.run("2026-01-01")
    assert {area: one for area, one in village.ids().items() if one in set(ids.values())} != {}
    assert ids[max(ids, key=float)] in set(village.ids().values())


def test_running_again_changes_nothing_and_tells_nothing_twice(village: Village) -> None:
    second_edition(village.files)
    told = village.run("2026-01-01").delivery
    assert told is not None
    assert told.changes_told == 3
    again = village.run("2026-01-01")
    assert not again.units.made
    with Feed.open(village.twin / "feed.sqlite") as feed:
        types = [event.type for event in feed.events().events]
    assert types.count("fr.jnt.layer.changed.v1") == 3


def test_changes_that_were_published_and_never_delivered_are_told_before_the_next_edition(village: Village) -> None:
    second_edition(village.files)
    run(config(village.files, "2026-01-01"), village.twin, until="export")
    first_edition(village.files)
    village.run("2026-06-01")
    with Feed.open(village.twin / "feed.sqlite") as feed:
        told = [json.loads(event.body)["data"] for event in feed.events().events]
    assert {one["new_vintage"] for one in told} == {"2026-01-01", "2026-06-01"}
    assert len(told) == 6


def test_only_the_commune_that_changed_is_made_again(village: Village) -> None:
    second_edition(village.files)
    made = village.run("2026-01-01").units.made
    of_units = {name for name in made if name.split("/")[0] in {"ingest", "buildings", "renamed"}}
    (cell_here,) = {name for name in of_units if name.startswith("buildings/")}
    assert of_units == {"ingest/cadastre-38001", "renamed/footprints-cadastre-38001", cell_here}


def test_another_date_on_the_same_files_tells_no_change_and_makes_no_part_again(village: Village) -> None:
    made = village.run("2026-01-01").units.made
    assert {unit.split("/")[0] for unit in made} == {"links", "quality", "export"}
    twin = jnt.open(village.twin)
    assert "changes" not in twin.layers
    assert {twin.layer(name).provenance.vintage for name in ("parcels", "footprints", "buildings")} == {"2026-01-01"}


def test_a_commune_that_is_added_was_not_built(village: Village) -> None:
    write_collection(village.files / "cadastre-38003-batiments.json", building(square(5.8, 45.5), commune="38003"))
    village.run("2025-01-01")
    assert village.layer("changes").empty


def test_the_first_and_the_last_building_of_a_commune_are_told(village: Village) -> None:
    write_collection(village.files / "cadastre-38002-batiments.json")
    village.run("2026-01-01")
    assert village.layer("changes")["change_type"].tolist() == ["removed"]
    first_edition(village.files)
    village.run("2027-01-01")
    assert village.layer("changes")["change_type"].tolist() == ["created"]


def test_a_newer_vintage_of_the_same_things_tells_nothing(village: Village) -> None:
    before = village.ids()
    told = village.run("2026-01-01").delivery
    assert "changes" not in jnt.open(village.twin).layers
    assert village.ids() == before
    assert told is not None
    assert told.changes_told == 0


def test_a_wider_area_that_shows_the_same_does_not_silence_the_next_edition(village: Village) -> None:
    wide = {"bbox": (800_000.0, 6_400_000.0, 1_000_000.0, 6_600_000.0)}
    run(config(village.files, "2025-01-01").model_copy(update={"area": AreaOfInterest(**wide)}), village.twin)
    assert "changes" not in jnt.open(village.twin).layers
    second_edition(village.files)
    run(config(village.files, "2026-01-01").model_copy(update={"area": AreaOfInterest(**wide)}), village.twin)
    assert len(village.layer("changes")) == 3


def test_cleaning_keeps_the_edition_before(village: Village) -> None:
    second_edition(village.files)
    village.run("2026-01-01")
    with Workspace.open(village.twin) as opened:
        opened.clean(needed_units(opened))
    assert not village.run("2026-01-01").units.made


def test_the_same_editions_give_the_same_twin_whatever_was_between(village: Village, tmp_path: Path) -> None:
    second_edition(village.files)
    village.run("2026-01-01")
    (tmp_path / "other").mkdir()
    other = Village(tmp_path / "other")
    second_edition(other.files)
    run(config(other.files, "2026-01-01"), other.twin, until="ingest")
    other.run("2026-01-01")
    files = {path.name: path.read_bytes() for path in (village.twin / "publication" / "geoparquet").iterdir()}
    assert {path.name: path.read_bytes() for path in (other.twin / "publication" / "geoparquet").iterdir()} == files
