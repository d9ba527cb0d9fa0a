"""Bad input: each mistake has its error or its rejection, its exit code, and leaves nothing half-written."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import laspy
import numpy as np
import pandas as pd
import pyproj
import pytest
import yaml

import bad_registers
import jnt_pipeline as jnt
from jnt_pipeline import cli
from towns import Town


@dataclass(frozen=True)
class Case:
    """One row of the table in docs/bad-input.md."""

    title: str
    source: str
    """Kind of source that is left in the description; ``its own``: none, the mistake brings its source."""
    spoil: Callable[[Path, dict[str, object]], None]
    """Changes the files (folder of the town) or the description."""
    outcome: str
    """Class of the error, or ``set aside: reason``."""
    exit_code: int
    says: str
    """What the error says, or the table of records set aside."""
    message: str
    """Place or number that the user reads."""


def _tile(folder: Path) -> Path:
    return sorted((folder / "lidar").glob("*.laz"))[0]


def _only_tile(folder: Path, name: str | None = None) -> Path:
    """Keep one tile, perhaps under another name."""
    first, *others = sorted((folder / "lidar").glob("*.laz"))
    for other in others:
        other.unlink()
    return first.rename(first.with_name(name)) if name else first


def no_crs(folder: Path, _: dict[str, object]) -> None:
    tile = _only_tile(folder)
    las = laspy.read(tile)
    las.vlrs.clear()
    las.evlrs.clear() if las.evlrs else None
    las.header.global_encoding.wkt = False
    las.write(tile)


def no_vertical(folder: Path, _: dict[str, object]) -> None:
    _only_tile(folder, "tile.laz")


def truncated(folder: Path, _: dict[str, object]) -> None:
    tile = _only_tile(folder)
    tile.write_bytes(tile.read_bytes()[:100_000])


def no_conversion(folder: Path, _: dict[str, object]) -> None:
    model = folder / "bim" / "ecole.ifc"
    lines = model.read_text().splitlines()
    kept = [line for line in lines if "IFCMAPCONVERSION" not in line and "IFCPROJECTEDCRS" not in line]
    assert len(kept) == len(lines) - 2
    model.write_text("\n".join(kept) + "\n")


def ifc2x3(folder: Path, _: dict[str, object]) -> None:
    model = folder / "bim" / "ecole.ifc"
    model.write_text(model.read_text().replace("FILE_SCHEMA(('IFC4'))", "FILE_SCHEMA(('IFC2X3'))"))


def torn_step(folder: Path, _: dict[str, object]) -> None:
    model = folder / "bim" / "ecole.ifc"
    model.write_text(model.read_text()[:20_000])


def _features(folder: Path, layer: str, change: Callable[[dict[str, object]], None]) -> None:
    path = folder / "cadastre" / f"cadastre-45999-{layer}.json.gz"
    collection = json.loads(gzip.decompress(path.read_bytes()))
    change(collection)
    path.write_bytes(gzip.compress(json.dumps(collection).encode(), mtime=0))


def broken_ring(folder: Path, _: dict[str, object]) -> None:
    def change(collection: dict[str, object]) -> None:
        feature = collection["features"][3]  # type: ignore[index]
        feature["geometry"] = {"type": "Polygon", "coordinates": [[[1.9, 47.9], [1.91, 47.9], [1.9, 47.9]]]}

    _features(folder, "parcelles", change)


def _moved(feature: dict[str, object], change: Callable[[float, float], tuple[float, float]]) -> None:
    """Other numbers for one feature."""
    geometry = feature["geometry"]
    rings = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]  # type: ignore[index]
    moved = [[[list(change(*position[:2])) for position in ring] for ring in polygon] for polygon in rings]
    geometry["coordinates"] = moved[0] if geometry["type"] == "Polygon" else moved  # type: ignore[index]


def _swap(lon: float, lat: float) -> tuple[float, float]:
    return lat, lon


def _into_lambert_93(lon: float, lat: float) -> tuple[float, float]:
    return pyproj.Transformer.from_crs(4171, 2154, always_xy=True).transform(lon, lat)  # type: ignore[no-any-return]


def swapped_parcel(folder: Path, _: dict[str, object]) -> None:
    _features(folder, "parcelles", lambda collection: _moved(collection["features"][0], _swap))  # type: ignore[index]


def impossible_parcel(folder: Path, _: dict[str, object]) -> None:
    _features(
        folder,
        "parcelles",
        lambda collection: _moved(collection["features"][0], lambda lon, lat: (lon, lat + 100)),  # type: ignore[index]
    )


def parcel_abroad(folder: Path, _: dict[str, object]) -> None:
    _features(
        folder,
        "parcelles",
        lambda collection: _moved(collection["features"][0], lambda lon, lat: (lon + 30, lat)),  # type: ignore[index]
    )


def mixed_parcels(folder: Path, _: dict[str, object]) -> None:
    def change(collection: dict[str, object]) -> None:
        for feature in collection["features"][::5]:  # type: ignore[index]
            _moved(feature, _into_lambert_93)

    _features(folder, "parcelles", change)


def swapped_parcels(folder: Path, _: dict[str, object]) -> None:
    def change(collection: dict[str, object]) -> None:
        for feature in collection["features"]:  # type: ignore[attr-defined]
            _moved(feature, _swap)

    for layer in ("parcelles", "communes", "sections", "batiments"):
        _features(folder, layer, change)


def features_of_two_references(folder: Path, _: dict[str, object]) -> None:
    def change(collection: dict[str, object]) -> None:
        collection["features"][0]["crs"] = {"type": "name", "properties": {"name": "EPSG:2154"}}  # type: ignore[index]

    _features(folder, "parcelles", change)


def two_records_of_reference(folder: Path, _: dict[str, object]) -> None:
    tile = _only_tile(folder)
    las = laspy.read(tile)
    keys = laspy.vlrs.known.GeoKeyDirectoryVlr()
    keys.parse_record_data(np.array([1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 3946], dtype="<u2").tobytes())
    las.vlrs.append(keys)
    las.write(tile)


def no_json(folder: Path, _: dict[str, object]) -> None:
    path = folder / "cadastre" / "cadastre-45999-parcelles.json.gz"
    path.write_bytes(gzip.compress(b"<html>404</html>", mtime=0))


def torn_gz(folder: Path, _: dict[str, object]) -> None:
    path = folder / "cadastre" / "cadastre-45999-parcelles.json.gz"
    path.write_bytes(path.read_bytes()[:-200])


def bad_timestamp(folder: Path, _: dict[str, object]) -> None:
    table = folder / "sensors" / "observations.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, lines[1].replace("2026-03", "26/3")]) + "\n")


def missing_column(folder: Path, _: dict[str, object]) -> None:
    table = folder / "sensors" / "observations.csv"
    table.write_text(table.read_text().replace("phenomenon_at", "date", 1))


def empty_folder(folder: Path, _: dict[str, object]) -> None:
    shutil.rmtree(folder / "cadastre")
    (folder / "cadastre").mkdir()


def unknown_key(_: Path, config: dict[str, object]) -> None:
    config["titel"] = config.pop("title")


def no_grid(_: Path, config: dict[str, object]) -> None:
    del config["undulation"]
    config["publication"] = [{"kind": "3dtiles"}]


CASES = (
    Case(
        "LiDAR without a CRS", "lidar", no_crs, "MissingCrsError", 1, "no usable coordinate reference system", "LHD_FXX"
    ),
    Case(
        "LiDAR heights without a vertical datum",
        "lidar",
        no_vertical,
        "MissingHeightReferenceError",
        1,
        "heights without a vertical reference",
        "tile.laz",
    ),
    Case("Truncated LAZ", "lidar", truncated, "UnreadableError", 3, "the file is truncated or damaged", "LHD_FXX"),
    Case(
        "IFC without georeferencing",
        "bim",
        no_conversion,
        "MissingCrsError",
        1,
        "the model cannot be placed (approximate): IfcBuilding without georeferencing",
        "ecole.ifc",
    ),
    Case(
        "IFC of another schema",
        "bim",
        ifc2x3,
        "UnsupportedError",
        3,
        "schema IFC2X3 is not read into the twin",
        "IFC2X3",
    ),
    Case("Torn IFC file", "bim", torn_step, "UnreadableError", 3, "the file stops before its end", "ecole.ifc"),
    Case(
        "Parcel with a broken ring",
        "cadastre",
        broken_ring,
        "set aside: broken_ring",
        0,
        "ring 0 has 3 positions, at least 4 are needed",
        "1 broken_ring",
    ),
    Case(
        "LiDAR whose records state two references",
        "lidar",
        two_records_of_reference,
        "MixedReferencesError",
        1,
        "the records of the file state two different references",
        "LHD_FXX",
    ),
    Case(
        "GeoJSON whose features state two references",
        "cadastre",
        features_of_two_references,
        "MixedReferencesError",
        1,
        "the features of one file state different references",
        "EPSG:2154",
    ),
    Case(
        "A fifth of the parcels in another reference",
        "cadastre",
        mixed_parcels,
        "MixedReferencesError",
        1,
        "the records of one layer are in several references",
        "Lambert-93 (EPSG:2154)",
    ),
    Case(
        "One parcel with its axes swapped",
        "cadastre",
        swapped_parcel,
        "set aside: swapped_axes",
        0,
        "with its two axes swapped",
        "1 swapped_axes",
    ),
    Case(
        "One parcel at a latitude of 148",
        "cadastre",
        impossible_parcel,
        "set aside: impossible_coordinates",
        0,
        "no place on Earth",
        "1 impossible_coordinates",
    ),
    Case(
        "One parcel in another country",
        "cadastre",
        parcel_abroad,
        "set aside: outside_crs_area",
        0,
        "longitude 31",
        "1 outside_crs_area",
    ),
    Case(
        "Cadastre with latitude first",
        "cadastre",
        swapped_parcels,
        "SwappedAxesError",
        1,
        "5 of 5 points lie outside the area where the operation is valid, with their two axes swapped",
        "exchange the two columns",
    ),
    Case(
        "Cadastre file that is no JSON",
        "cadastre",
        no_json,
        "UnreadableError",
        3,
        "not a JSON document, or one that is cut short",
        "parcelles.json.gz",
    ),
    Case(
        "Torn gzip file",
        "cadastre",
        torn_gz,
        "UnreadableError",
        3,
        "the gzip archive is damaged or cut short",
        "parcelles.json.gz",
    ),
    Case(
        "Folder without any file of the source",
        "cadastre",
        empty_folder,
        "EmptySourceError",
        1,
        "no cadastral file",
        "cadastre",
    ),
    Case(
        "CSV with a bad timestamp",
        "sensors",
        bad_timestamp,
        "set aside: bad_timestamp",
        0,
        "not an RFC 3339 instant with its offset",
        "2 bad_timestamp",
    ),
    Case(
        "CSV without a column",
        "sensors",
        missing_column,
        "SourceError",
        1,
        "missing column phenomenon_at",
        "phenomenon_at",
    ),
    Case(
        "Half an EDIGÉO archive",
        "its own",
        bad_registers.cut_sheet,
        "UnreadableError",
        3,
        "the archive is damaged or cut short",
        "edigeo-71999000AB01.tar.bz2",
    ),
    Case(
        "EDIGÉO sheet without some of its members",
        "its own",
        bad_registers.lone_thf,
        "MissingMembersError",
        3,
        "members missing beside the THF: EDAB01T1.VEC, EDAB01T2.VEC, EDAB01T3.VEC, EDAB01S1.VEC",
        "E000AB01.THF",
    ),
    Case(
        "A web page saved as a GeoPackage",
        "its own",
        bad_registers.page_for_geopackage,
        "UnreadableError",
        3,
        "a web page, not a file of features",
        "trees.gpkg",
    ),
    Case(
        "Mapping of a column that the file does not have",
        "its own",
        bad_registers.mapping_of_no_column,
        "ConfigError",
        2,
        "the mapping names a column that the file does not have: esence",
        "did you mean essence?",
    ),
    Case(
        "Raster that does not say what it shows",
        "its own",
        bad_registers.raster_of_no_surface,
        "SourceError",
        1,
        "nothing says what the raster shows",
        "heights.tif",
    ),
    Case(
        "Heights above the ground declared as terrain",
        "its own",
        bad_registers.heights_as_terrain,
        "SourceError",
        1,
        "heights above the ground are declared as elevations",
        "surface: dtm declared, MNH in the name",
    ),
    Case(
        "Raster named for another kilometre",
        "its own",
        bad_registers.another_kilometre,
        "SourceError",
        1,
        "the raster lies elsewhere than its name states",
        "NORTH-WEST corner is 619000, 6755000",
    ),
    Case(
        "Planning layer in XML that is no GML",
        "its own",
        bad_registers.plan_of_no_gml,
        "UnsupportedError",
        3,
        "an XML document that is no GML: it holds no feature type",
        "ZONE_URBA.gml",
    ),
    Case(
        "Addresses with x and y exchanged",
        "its own",
        bad_registers.exchanged_axes,
        "CrsError",
        1,
        "x, y and lon, lat state different places",
        "with x and y exchanged, they agree",
    ),
    Case(
        "BAL without names of streets",
        "its own",
        bad_registers.nameless_streets,
        "SourceError",
        1,
        "missing column voie_nom (toponyme from BAL 1.5 on)",
        "bal.csv",
    ),
    Case(
        "Malformed RNB id",
        "its own",
        bad_registers.wrong_rnb_id,
        "set aside: bad_rnb_id",
        0,
        "is not of the form",
        "1 bad_rnb_id",
    ),
    Case(
        "Unknown key in the description",
        "sensors",
        unknown_key,
        "ConfigError",
        2,
        "2 mistakes in the description of the territory",
        "did you mean title?",
    ),
    Case(
        "No grid, and no declared undulation",
        "sensors",
        no_grid,
        "MissingGridError",
        1,
        "the best operation needs a grid that this machine does not have: fr_ign_RAF18.tif",
        "jnt grids sync",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_each_mistake_has_its_outcome(
    case: Case, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JNT_PROJ_GRIDS", str(tmp_path / "no-grids"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "no-grids"))
    shutil.copytree(town.folder, tmp_path / "rive")
    config = yaml.safe_load(town.config.read_text())
    config["sources"] = [source for source in config["sources"] if source["kind"] == case.source]
    config["publication"] = [{"kind": "geoparquet"}]
    case.spoil(tmp_path / "rive", config)
    (tmp_path / "twin.yaml").write_text(yaml.safe_dump(config))
    workspace = tmp_path / "twin"

    monkeypatch.setattr(sys, "argv", ["jnt", "run", str(tmp_path / "twin.yaml"), "--workspace", str(workspace)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()

    if case.outcome.startswith("set aside: "):
        assert (end.value.code or 0) == case.exit_code == 0
        monkeypatch.setattr(sys, "argv", ["jnt", "status", str(workspace)])
        with pytest.raises(SystemExit):
            cli.main()
        assert case.message in capsys.readouterr().out
        twin = jnt.open(workspace)
        rejected = pd.concat([layer.rejected() for layer in twin.layers.values()])
        reason = case.outcome.removeprefix("set aside: ")
        assert case.says in rejected.loc[rejected["reason"] == reason, "detail"].iloc[-1]
        return
    assert end.value.code == case.exit_code
    assert case.message in said.err
    assert re.search(r"remedy: +\S", said.err)
    with pytest.raises(jnt.JntError) as caught:
        jnt.run(tmp_path / "twin.yaml", workspace)
    assert type(caught.value).__name__ == case.outcome
    assert caught.value.what == case.says
    # Nothing half-written: no publication, nothing in progress, and every unit that is there has its manifest.
    assert not (workspace / "publication").exists() or not list((workspace / "publication").iterdir())
    assert not (workspace / "twin.json").exists()
    if workspace.exists():
        assert not list((workspace / "scratch").iterdir())
        units = {path.parent.name for path in workspace.glob("units/*/*/*")}
        assert units == {path.stem for path in workspace.glob("manifest/*/*.json")}


def test_the_table_in_the_docs_is_this_one(repository: Path) -> None:
    text = (repository / "docs" / "bad-input.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \| (\d) \| (.+?) \|", text, re.MULTILINE)
    assert rows == [(case.title, case.outcome, str(case.exit_code), case.says) for case in CASES]
