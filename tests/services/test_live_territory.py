"""A territory whose sources come from services: the first run brings the files, the next asks for nothing."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from pydantic import TypeAdapter

import jnt_pipeline as jnt
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.errors import MovedAddressError
from jnt_pipeline.pipeline import RunReport, plan, run
from jnt_pipeline.services import Budgets, Session
from jnt_pipeline.stages.fetch import Fetching
from services.french_services import Reply, Server, Time

CODE = "45999"
LAYERS = ("communes", "sections", "parcelles", "batiments")
FOLDER = f"geojson/communes/45/{CODE}"


class Etalab:
    """The cadastre of the sample territory, as the service delivers it by vintage."""

    def __init__(self, server: Server, sample: Path):
        self.server, self.sample, self.vintages = server, sample, list[str]()

    def publish(self, vintage: str, *, without: bytes = b"") -> None:
        """A new vintage; ``without``: a line of the parcels that it no longer has."""
        self.vintages.append(vintage)
        index = "".join(f'<a href="{one}/">{one}/</a>' for one in self.vintages).encode()
        self.server.pages["/etalab/"] = lambda _: Reply(200, index)
        for layer in LAYERS:
            name = f"cadastre-{CODE}-{layer}.json.gz"
            content = gzip.decompress((self.sample / name).read_bytes())
            if layer == "parcelles" and without:
                lines = content.splitlines()
                content = b"\n".join(line for line in lines if without not in line)
                content = content.replace(b"},\n]}", b"}\n]}")
            self.server.file(f"/etalab/{vintage}/{FOLDER}/{name}", gzip.compress(content, mtime=0))


@pytest.fixture
def etalab(server: Server, repository: Path) -> Etalab:
    service = Etalab(server, repository / "sample_data" / "rive" / "cadastre")
    service.publish("2026-03-01")
    return service


@pytest.fixture
def config(etalab: Etalab, tmp_path: Path) -> TwinConfig:
    download = {
        "service": "cadastre_etalab",
        "communes": [CODE],
        "base_url": f"{etalab.server.url}/etalab",
        "layers": [*LAYERS, "lieux_dits"],
    }
    source = {"kind": "cadastre", "path": tmp_path / "data", "producer": "DGFiP", "licence": "LO", "download": download}
    return TypeAdapter(TwinConfig).validate_python(
        {"name": "rive", "title": "Rive", "reference": "EPSG:2154+5720", "sources": [source]}
    )


@pytest.fixture
def make(config: TwinConfig, time: Time, tmp_path: Path):  # type: ignore[no-untyped-def]
    budgets = Budgets({"127.0.0.1": 1000.0}, clock=time.clock, sleep=time.sleep)

    def made(*, refresh: bool = False) -> RunReport:
        fetching = Fetching(refresh=refresh, session=lambda: Session(budgets=budgets, sleep=time.sleep))
        return run(config, tmp_path / "twin", until="assemble", fetching=fetching)

    return made


def test_the_first_run_brings_what_the_sources_need_and_tells_what_is_not_there(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (fetched,) = make().fetched
    names = {file.name for file in fetched.files}
    assert names == {f"cadastre-{CODE}-{layer}.json.gz" for layer in LAYERS}
    assert [one.name for one in fetched.absent] == [f"cadastre-{CODE}-lieux_dits.json.gz"]
    parcels = jnt.open(tmp_path / "twin").layer("parcels")
    assert parcels.counts.kept > 50
    assert parcels.provenance.vintage == "2026-03-01"


def test_with_everything_here_no_request_is_made_and_nothing_is_made_again(make, etalab: Etalab) -> None:  # type: ignore[no-untyped-def]
    make()
    n_asked = len(etalab.server.asked)
    again = make()
    assert len(etalab.server.asked) == n_asked
    assert not again.units.made


def test_refreshing_brings_the_new_vintage_and_only_that(make, etalab: Etalab, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    make()
    first = jnt.open(tmp_path / "twin").layer("parcels").to_geopandas()
    gone = str(first["parcel_id"].iloc[0])
    etalab.publish("2026-06-01", without=gone.encode())
    assert not make().units.made
    report = make(refresh=True)
    assert report.fetched[0].vintage == "2026-06-01"
    parcels = jnt.open(tmp_path / "twin").layer("parcels")
    assert gone not in set(parcels.to_geopandas()["parcel_id"])
    assert (len(first) - parcels.counts.kept, parcels.provenance.vintage) == (1, "2026-06-01")


def test_a_dry_run_asks_no_service_and_agrees_with_the_run(  # type: ignore[no-untyped-def]
    make, config: TwinConfig, etalab: Etalab, tmp_path: Path
) -> None:
    make()
    n_asked = len(etalab.server.asked)
    assert plan(config, tmp_path / "twin", until="assemble") == {}
    assert len(etalab.server.asked) == n_asked


def test_a_service_that_moved_stops_the_run_before_anything_is_made(make, etalab: Etalab, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    etalab.server.pages.clear()
    with pytest.raises(MovedAddressError, match="base_url"):
        make()
    assert not (tmp_path / "twin" / "manifest").exists()
