"""What every exporter promises; a new one in ``AnyExporter`` is under these tests unasked."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from builders import tiny_territory
from jnt_pipeline.errors import ExportError
from jnt_pipeline.publication import AnyExporter
from jnt_pipeline.publication.protocol import Publication
from jnt_pipeline.territory.model import StoredPublication, Territory
from publication_checks import (
    TESTS,
    check_cityjson,
    check_cogs,
    check_geoparquet,
    check_stac,
    check_tileset,
)

EXPORTERS: dict[str, Any] = {exporter().kind: exporter for exporter in typing.get_args(typing.get_args(AnyExporter)[0])}
KINDS = sorted(EXPORTERS)

OFFICIAL: dict[str, tuple[Callable[[Path], str], str]] = {
    "geoparquet": (check_geoparquet, "EPSG:2154"),
    "cog": (check_cogs, "EPSG:5698"),
    "cityjson": (
        lambda folder: check_cityjson(folder / "tiny.city.json"),
        "https://www.opengis.net/def/crs/EPSG/0/5698",
    ),
    "3dtiles": (check_tileset, "EPSG:4978"),
    # Parcels and footprints of the cadastre have no heights; buildings, stations and rasters have.
    "stac": (check_stac, "EPSG:2154, EPSG:5698"),
}
"""Per exporter: validation against its standard, and the CRS that a reader finds in it."""


def export(kind: str, territory: Territory, folder: Path) -> Publication:
    folder.mkdir(parents=True)
    return EXPORTERS[kind]().write(territory, folder)  # type: ignore[no-any-return]


def export_all(territory: Territory, folder: Path) -> dict[str, Publication]:
    """All exporters, those that describe publications last."""
    written: dict[str, Publication] = {}
    stored: dict[str, StoredPublication] = {}
    for kind in sorted(KINDS, key=lambda kind: (EXPORTERS[kind]().describes_publications, kind)):
        if EXPORTERS[kind]().describes_publications:
            territory = dataclasses.replace(territory, publications=dict(stored))
        written[kind] = export(kind, territory, folder / kind)
        stored[kind] = StoredPublication(kind=kind, folder=folder / kind, files=written[kind].files)
    return written


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def twin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("twin")


@pytest.fixture(scope="module")
def twin(twin_folder: Path) -> Territory:
    return tiny_territory(twin_folder)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("publication")


@pytest.fixture(scope="module")
def before(twin: Territory, twin_folder: Path) -> dict[str, str]:
    return digests(twin_folder)


@pytest.fixture(scope="module")
def written(twin: Territory, before: dict[str, str], out: Path) -> dict[str, Publication]:
    return export_all(twin, out)


def test_every_exporter_has_a_validation_in_this_contract() -> None:
    assert sorted(OFFICIAL) == KINDS, "a new exporter needs a line in OFFICIAL"


@pytest.mark.parametrize("kind", KINDS)
def test_the_yaml_block_gives_the_exporter_and_a_mistyped_key_is_refused(kind: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(AnyExporter)
    assert adapter.validate_python({"kind": kind}) == EXPORTERS[kind]()
    assert EXPORTERS[kind]().version >= 1
    with pytest.raises(ValidationError, match="levle"):
        adapter.validate_python({"kind": kind, "levle": 1})


@pytest.mark.parametrize("kind", KINDS)
def test_the_listed_files_are_exactly_the_files_on_disk(kind: str, written: dict[str, Publication], out: Path) -> None:
    listed = [file.path for file in written[kind].files]
    assert sorted(listed) == sorted(digests(out / kind))
    assert len(set(listed)) == len(listed) > 0
    assert all(file.title and "/" in file.media_type for file in written[kind].files)
    assert {file.role for file in written[kind].files} <= {"data", "metadata", "thumbnail", "overview"}


def test_nothing_is_written_outside_the_folders_of_the_exporters(
    written: dict[str, Publication], before: dict[str, str], twin_folder: Path, out: Path
) -> None:
    assert digests(twin_folder) == before
    assert sorted(path.name for path in out.iterdir()) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_counts_in_are_counts_out_and_left_out(kind: str, written: dict[str, Publication]) -> None:
    publication = written[kind]
    assert publication.records_in.keys() == publication.records_out.keys()
    for layer, n_in in publication.records_in.items():
        left_out = sum(n for key, n in publication.left_out.items() if key.split(":")[0] == layer)
        assert n_in == publication.records_out[layer] + left_out, layer
    assert sum(publication.records_in.values()) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_publication_passes_the_validation_of_its_standard_and_states_its_crs(
    kind: str, written: dict[str, Publication], out: Path
) -> None:
    check, crs = OFFICIAL[kind]
    assert check(out / kind) == crs


@pytest.mark.parametrize("kind", KINDS)
def test_no_path_of_this_machine_is_published(
    kind: str, written: dict[str, Publication], out: Path, twin_folder: Path
) -> None:
    for path in (out / kind).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(twin_folder).encode() not in content, path.name
            assert str(out).encode() not in content, path.name


def test_same_twin_gives_same_bytes_in_another_process_time_zone_and_hash_seed(
    written: dict[str, Publication], out: Path, tmp_path: Path
) -> None:
    """The other process builds the twin again in another folder, and knows nothing of this one."""
    code = (
        "import sys; from pathlib import Path; from builders import tiny_territory\n"
        "import contracts_exporters as contract\n"
        "folder = Path(sys.argv[1])\n"
        "contract.export_all(tiny_territory(folder / 'twin'), folder / 'out')\n"
    )
    (tmp_path / "contracts_exporters.py").write_bytes(Path(__file__).read_bytes())
    environment = os.environ | {
        "PYTHONHASHSEED": "4242", "TZ": "Pacific/Noumea", "LC_ALL": "C", "PROJ_NETWORK": "OFF",
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(tmp_path)]),
    }  # fmt: skip
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True)
    assert digests(tmp_path / "out") == digests(out)


def test_a_relative_folder_serves_as_well(
    written: dict[str, Publication], out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    export_all(tiny_territory(Path("twin")), Path("published"))
    assert digests(tmp_path / "published") == digests(out)


@pytest.mark.parametrize("kind", KINDS)
def test_an_exporter_runs_on_what_it_reads_alone_and_writes_the_same_bytes(
    kind: str, twin: Territory, written: dict[str, Publication], out: Path, tmp_path: Path
) -> None:
    exporter = EXPORTERS[kind]()
    reads = exporter.reads(tuple(twin.layers), tuple(twin.rasters))
    assert set(reads) <= {*twin.layers, *twin.rasters}
    publications = {}
    if exporter.describes_publications:
        publications = {
            other: StoredPublication(kind=other, folder=out / other, files=written[other].files)
            for other in KINDS
            if not EXPORTERS[other]().describes_publications
        }
    less = dataclasses.replace(
        twin,
        layers={name: layer for name, layer in twin.layers.items() if name in reads},
        rasters={name: raster for name, raster in twin.rasters.items() if name in reads},
        publications=publications,
    )
    export(kind, less, tmp_path / kind)
    assert digests(tmp_path / kind) == digests(out / kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_twin_without_records_is_published_empty(kind: str, tmp_path: Path) -> None:
    publication = export(kind, tiny_territory(tmp_path / "twin", empty=True), tmp_path / "out")
    assert sum(publication.records_in.values()) == 0
    assert sorted(file.path for file in publication.files) == sorted(digests(tmp_path / "out"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_twin_without_layers_is_published_empty_or_refused_by_name(kind: str, tmp_path: Path) -> None:
    bare = dataclasses.replace(tiny_territory(tmp_path / "twin", empty=True), layers={})
    refused = None
    try:
        publication = export(kind, bare, tmp_path / "out")
    except ExportError as error:
        refused = error
    if refused is None:
        assert sum(publication.records_out.values()) == 0
    else:
        assert (refused.where, refused.expected) == ("tiny", "buildings")
        assert refused.remedy


def test_json_of_all_publications_has_no_number_that_json_lacks(written: dict[str, Publication], out: Path) -> None:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is not JSON")

    for path in out.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
