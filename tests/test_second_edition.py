"""Later editions of a twin: what is away for one comes back with its ids, and a run that dies changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import jnt_pipeline as jnt
from jnt_pipeline import disk
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.hypervisor.feed import Feed
from jnt_pipeline.pipeline import run
from jnt_pipeline.runner import LocalRunner
from jnt_pipeline.store import Unit, Workspace
from published import events, published
from source_files import OWNER, building, parcel, square, write_collection, write_network

STATIONS = "S1,Pont Vieux,river gauge,5.6,45.5,250\n"
OBSERVATIONS = "D1,2024-01-01T00:00:00Z,1.25\n"
HOUSE, EXTENDED, WIDER = (square(5.6, 45.5, size) for size in (0.00015, 0.00018, 0.0002))


class Village:
    """Two communes with a cadastre, and a river gauge; a twin that follows them."""

    def __init__(self, folder: Path):
        self.files, self.network, self.twin = folder / "cadastre", folder / "network", folder / "twin"

    def settle(self) -> None:
        """Write the first files."""
        self.files.mkdir(parents=True)
        self.draw(HOUSE)
        plot = parcel("38001000AB0001", square(5.6, 45.5, 0.001))
        write_collection(self.files / "cadastre-38001-parcelles.json", plot)
        write_collection(self.files / "cadastre-38002-batiments.json", building(square(5.7, 45.5), commune="38002"))
        write_network(self.network, STATIONS, observations=OBSERVATIONS)

    def draw(self, house: object) -> None:
        write_collection(self.files / "cadastre-38001-batiments.json", building(house))

    def config(self, vintage: str, *, with_cadastre: bool = True, reference: str = "EPSG:2154+5720") -> TwinConfig:
        cadastre = {"kind": "cadastre", "path": self.files, **OWNER, "vintage": vintage}
        network = {"kind": "sensors", "path": self.network, "vertical": "EPSG:5720", **OWNER}
        return TwinConfig.model_validate(
            {
                "name": "here",
                "title": "Here",
                "reference": reference,
                "undulation": {"value_m": 49.0, "accuracy_m": 1.0, "source": "tests"},
                "sources": [cadastre, network] if with_cadastre else [network],
                "publication": [{"kind": "geoparquet"}],
            }
        )

    def ids(self) -> set[str]:
        return set(jnt.open(self.twin).layer("buildings").to_pandas()["building_id"])

    def told(self) -> int:
        with Feed.open(self.twin / "feed.sqlite") as feed:
            return [event.type for event in feed.events().events].count("fr.jnt.layer.changed.v1")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A village whose house was extended between its first two editions, and its ids: the house has that of before."""
    folder = tmp_path_factory.mktemp("village")
    village = Village(folder / "village")
    village.settle()
    run(village.config("2025"), village.twin)
    ids = village.ids()
    village.draw(EXTENDED)
    run(village.config("2026"), village.twin)
    assert village.ids() == ids
    assert village.told() == 1
    return folder / "village", ids


@pytest.fixture
def village(extended: tuple[Path, set[str]], tmp_path: Path) -> Village:
    shutil.copytree(extended[0], tmp_path / "village", symlinks=True)
    return Village(tmp_path / "village")


def test_a_commune_that_one_edition_lacks_comes_back_with_its_ids_though_drawn_anew(
    village: Village, extended: tuple[Path, set[str]]
) -> None:
    held = {path: path.read_bytes() for path in village.files.glob("cadastre-38001-*")}
    for path in held:
        path.unlink()
    run(village.config("2027"), village.twin)
    assert len(village.ids()) == 1
    for path, content in held.items():
        path.write_bytes(content)
    village.draw(WIDER)
    run(village.config("2028"), village.twin)
    assert village.ids() == extended[1]
    assert village.told() == 1, "a commune that was not delivered was neither pulled down nor built"


def test_a_source_that_one_run_leaves_out_comes_back_with_its_ids(
    village: Village, extended: tuple[Path, set[str]]
) -> None:
    run(village.config("2026", with_cadastre=False), village.twin)
    assert "footprints" not in jnt.open(village.twin).layers
    run(village.config("2026"), village.twin)
    assert village.ids() == extended[1]
    editions = json.loads((village.twin / "twin.json").read_bytes())["editions"]
    assert editions["footprints"]["number"] == 4, "first, extended, away, back: no number is given twice"
    assert village.told() == 1


def test_another_reference_of_the_twin_keeps_the_ids_and_is_said(
    village: Village, extended: tuple[Path, set[str]], caplog: pytest.LogCaptureFixture
) -> None:
    run(village.config("2026", reference="EPSG:3946+5720"), village.twin)
    assert "was in EPSG:2154+5720 and is now in EPSG:3946+5720" in caplog.text
    assert village.ids() == extended[1]
    run(village.config("2026"), village.twin)
    assert village.ids() == extended[1]
    assert village.told() == 1, "nothing was built because a plane changed"


def test_an_id_that_a_redrawn_thing_keeps_is_not_given_to_what_stands_at_its_first_place(
    village: Village, extended: tuple[Path, set[str]]
) -> None:
    """The other delivery draws the house as it once was: its derived key is the id that the house has to this day."""
    here = building(square(5.7, 45.5), commune="38002")
    write_collection(village.files / "cadastre-38002-batiments.json", here, building(HOUSE))
    run(village.config("2027"), village.twin)
    (house,) = {one for one in extended[1] if one.startswith("38001")}
    assert village.ids() == {*extended[1], f"{house}-2"}


class Death(BaseException):
    """The power goes off."""


def killed(monkeypatch: pytest.MonkeyPatch, is_moment: Callable[[str], bool], work: Callable[[], object]) -> None:
    """Do ``work`` until something takes its place on the disk under a name that is the moment to die."""
    replace = disk.replace

    def dying(source: Path, target: Path) -> None:
        if is_moment(target.as_posix()):
            raise Death
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "replace", dying)
        with pytest.raises(Death):
            work()


MOMENTS = {
    "during ingest": "manifest/ingest/cadastre-38001.json",
    "after the change set": "units/renamed/",
    "before the twin shows it": "/twin.json",
    "before it is known as delivered": "index/deliver.json",
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_an_edition_that_dies_and_is_run_again_is_that_of_a_run_that_never_died(
    moment: str, village: Village, whole: tuple[dict[str, str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    village.draw(WIDER)
    killed(monkeypatch, lambda target: moment in target, lambda: run(village.config("2027"), village.twin))
    run(village.config("2027"), village.twin)
    assert (published(village.twin), events(village.twin)) == whole


@pytest.fixture(scope="module")
def whole(
    extended: tuple[Path, set[str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], list[str]]:
    """Files and events of the third edition, made without an accident."""
    root = tmp_path_factory.mktemp("whole") / "village"
    shutil.copytree(extended[0], root, symlinks=True)
    village = Village(root)
    village.draw(WIDER)
    run(village.config("2027"), village.twin, runner=LocalRunner(workers=2))
    assert village.told() == 2
    return published(village.twin), events(village.twin)


def test_processes_that_outlive_a_killed_run_have_a_folder_that_no_other_run_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = Unit(stage="ingest", name="u", version=1, parameters={}, inputs={})
    with Workspace.open(tmp_path / "twin") as workspace:
        mine = workspace.scratch_folder(unit)
        monkeypatch.setattr("os.getpid", lambda: 1)
        assert workspace.scratch_folder(unit) != mine
