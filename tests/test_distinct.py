"""A record that several deliveries hold is kept once; only the parts that lose a record are made again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jnt_pipeline.config import TwinConfig
from jnt_pipeline.pipeline import run
from jnt_pipeline.store import Workspace
from jnt_pipeline.twin import INGESTED, TwinIndex
from source_files import feature, parcel, square, write_collection

COMMUNE = {"id": "38001", "nom": "Ici"}


def config(folder: Path) -> TwinConfig:
    source = {"kind": "cadastre", "path": folder, "producer": "tests", "licence": "none"}
    return TwinConfig.model_validate(
        {"name": "here", "title": "Here", "reference": "EPSG:2154+5720", "sources": [source]}
    )


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    """Three deliveries: the second repeats a parcel and the commune of the first, the third differs in its commune."""
    folder = tmp_path / "cadastre"
    folder.mkdir()
    here, elsewhere = square(5.6, 45.5), square(5.7, 45.5)
    write_collection(folder / "cadastre-38001-parcelles.json", parcel("38001000AB0001"), parcel("38001000AB0002"))
    write_collection(folder / "cadastre-38001-communes.json", feature(here, **COMMUNE))
    write_collection(folder / "cadastre-38002-parcelles.json", parcel("38001000AB0002"), parcel("38002000AB0001"))
    write_collection(folder / "cadastre-38002-communes.json", feature(here, **COMMUNE))
    write_collection(folder / "cadastre-38003-communes.json", feature(elsewhere, **COMMUNE))
    write_collection(folder / "cadastre-38003-parcelles.json", parcel("38003000AB0001"))
    return folder


def ingested(workspace: Path) -> TwinIndex:
    return TwinIndex.read(Workspace.at(workspace), INGESTED)


def test_a_parcel_in_two_deliveries_stays_once_and_is_counted(delivery: Path, tmp_path: Path) -> None:
    run(config(delivery), tmp_path / "twin", until="ingest")
    index = ingested(tmp_path / "twin")
    parcels = index.territory(Workspace.at(tmp_path / "twin")).layer("parcels")
    assert sorted(parcels.to_geopandas()["parcel_id"]) == [
        "38001000AB0001",
        "38001000AB0002",
        "38002000AB0001",
        "38003000AB0001",
    ]
    assert (parcels.counts.read, parcels.counts.kept, parcels.counts.rejected) == (5, 4, {"duplicate_id": 1})
    (row,) = parcels.rejected().itertuples()
    assert (row.record, row.reason) == ("38001000AB0002", "duplicate_id")
    assert "cadastre-38001" in row.detail


def test_a_commune_on_each_sheet_is_no_fault_unless_it_differs(delivery: Path, tmp_path: Path) -> None:
    run(config(delivery), tmp_path / "twin", until="ingest")
    communes = ingested(tmp_path / "twin").layers["communes"]
    assert communes.counts.kept == 1
    assert communes.counts.rejected == {"repeated_record": 1, "conflicting_record": 1}


def test_only_the_parts_that_lose_a_record_are_made_again(delivery: Path, tmp_path: Path) -> None:
    report = run(config(delivery), tmp_path / "twin", until="ingest")
    assert sorted(name for name in report.units.made if name.startswith("distinct/")) == [
        "distinct/communes-cadastre-38002",
        "distinct/communes-cadastre-38003",
        "distinct/parcels-cadastre-38002",
    ]


def test_a_changed_delivery_touches_no_other(delivery: Path, tmp_path: Path) -> None:
    run(config(delivery), tmp_path / "twin", until="ingest")
    write_collection(delivery / "cadastre-38003-parcelles.json", parcel("38003000AB0009"))
    report = run(config(delivery), tmp_path / "twin", until="ingest")
    assert sorted(report.units.made) == ["ingest/cadastre-38003"]
    again = run(config(delivery), tmp_path / "twin", until="ingest")
    assert not again.units.made


def test_the_result_does_not_depend_on_what_was_made_before(delivery: Path, tmp_path: Path) -> None:
    run(config(delivery), tmp_path / "first", until="ingest")
    first = ingested(tmp_path / "first").model_dump(mode="json", exclude={"units"})
    write_collection(delivery / "cadastre-38002-parcelles.json", parcel("38002000AB0001"))
    run(config(delivery), tmp_path / "first", until="ingest")
    run(config(delivery), tmp_path / "second", until="ingest")
    second = ingested(tmp_path / "second").model_dump(mode="json", exclude={"units"})
    assert ingested(tmp_path / "first").model_dump(mode="json", exclude={"units"}) == second
    assert first != second
    assert json.dumps(second)
