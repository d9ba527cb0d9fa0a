"""What every source promises, held over every member of ``AnySource`` without being asked."""

from __future__ import annotations

import builtins
import json
import typing
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError
from shapely.geometry import LineString

from bim_models import ModelMaker
from feature_files import squares, write_features
from jnt_pipeline.base_layers.layers import REJECTED_COLUMNS, Layer
from jnt_pipeline.base_layers.streams import LayerStream, collected
from jnt_pipeline.errors import JntError
from jnt_pipeline.sources import AnySource
from jnt_pipeline.sources.files import fingerprint
from jnt_pipeline.sources.protocol import Source, SourceDeclaration, SourceUnit
from raster_files import write_ascii_grid
from register_files import (
    BAL_COLUMNS,
    BAL_ROW,
    BAN_COLUMNS,
    BAN_ROW,
    BOW_TIE,
    RNB_COLUMNS,
    RNB_ROWS,
    street_line,
    street_object,
    write_answer,
    write_street_map,
    write_table,
    zone,
)
from source_files import (
    TILE_NAME,
    building,
    feature,
    parcel,
    points_on_grid,
    square,
    write_collection,
    write_network,
    write_tile,
)

ADAPTER: TypeAdapter[AnySource] = TypeAdapter(AnySource)
MEMBERS: tuple[type[SourceDeclaration], ...] = typing.get_args(typing.get_args(AnySource)[0])
KINDS = tuple(member.model_fields["kind"].default for member in MEMBERS)
IN_THE_TOWN = ("cadastre", "lidar", "bim", "sensors")
"""Kinds that the sample town ``rive`` has files of."""


def cadastre_sample(folder: Path) -> dict[str, object]:
    write_collection(
        folder / "cadastre-38001-parcelles.json", parcel(), parcel("04null"), parcel("38001000AB0014", {"type": "Cube"})
    )
    write_collection(folder / "cadastre-38001-batiments.json", building(square(5.6, 45.5)), building(None))
    write_collection(folder / "cadastre-38002-communes.json", feature(square(5.7, 45.5), id="38002", nom="Ailleurs"))
    return {}


def bdtopo_sample(folder: Path) -> dict[str, object]:
    ids = ["BATIMENT0000000000000001", None]
    write_features(folder / "BATIMENT.shp", squares(2), {"ID": ids, "HAUTEUR": [5.5, None], "Z_MIN_SOL": [30.0, None]})
    road = {"cleabs": ["TRONROUT0000000000000001"], "nature": ["Route à 1 chaussée"]}
    write_features(
        folder / "rest.gpkg", [LineString([(650_000, 6_860_000), (650_100, 6_860_000)])], road, layer="troncon_de_route"
    )
    return {}


def addresses_sample(folder: Path) -> dict[str, object]:
    write_table(folder / "31591.csv", BAL_COLUMNS, BAL_ROW, BAL_ROW.replace("31591;", "591;"), BAL_ROW + ";more")
    write_table(folder / "adresses-04.csv", BAN_COLUMNS, BAN_ROW)
    return {}


def rnb_sample(folder: Path) -> dict[str, object]:
    write_table(folder / "RNB_09.csv", RNB_COLUMNS, *RNB_ROWS, "NTXFHPYC6CRC;nowhere;;constructed;[];;;[]", "1;2")
    building_of_api = {"rnb_id": "NTXFHPYC6CRD", "is_active": False, "point": {"type": "Point", "coordinates": [1, 43]}}
    (folder / "page.json").write_text(json.dumps({"next": None, "results": [building_of_api, 3]}))
    return {}


def urban_planning_sample(folder: Path) -> dict[str, object]:
    write_answer(folder / "ZONE_URBA.gml", zone(), zone(BOW_TIE, 2))
    write_answer(folder / "legend.gml", zone().replace("ZONE_URBA", "LEGEND"))
    return {}


def pcrs_sample(folder: Path) -> dict[str, object]:
    members = (
        street_object("FacadePCRS", 1, street_line(268.5, 269.0), idObjet="a", thematique="02"),
        street_object("FacadePCRS", 2, street_line(268.5, 269.0), idObjet="b", thematique="02"),
        street_object("AffleurantPCRS", 3, "", idObjet="c", thematique="10"),
    )
    write_street_map(folder / "tile.gml", *members)
    return {"vertical": "EPSG:5720"}


def vector_sample(folder: Path) -> dict[str, object]:
    columns = {"NO": ["T1", "T2", "T3"], "HAUTEUR": ["3,5", "tall", None]}
    write_features(folder / "trees.gpkg", [one.centroid for one in squares(3)], columns)
    height = {"from": "hauteur", "kind": "number", "unit": "m"}
    return {"layer": "trees", "key": "tree_id", "columns": {"tree_id": {"from": "no"}, "height_m": height}}


def lidar_sample(folder: Path) -> dict[str, object]:
    write_tile(folder / TILE_NAME, points_on_grid(), np.arange(100) % 4 + 1)
    east = points_on_grid()
    east[:, 0] += 1000
    write_tile(folder / TILE_NAME.replace("0650", "0651"), east, 2)
    write_tile(folder / TILE_NAME.replace("0650", "0652"), points_on_grid()[:1], 2)
    return {}


def elevation_sample(folder: Path) -> dict[str, object]:
    name = "RGEALTI_FXX_0900_6500_MNT_LAMB93_IGN69.asc"
    write_ascii_grid(folder / name, np.arange(100.0, 136.0).reshape(6, 6), west=899_999.5, north=6_500_000.5)
    write_ascii_grid(folder / name.replace("0900", "0901"), np.full((6, 6), -9999.0), west=900_999.5, north=6_500_000.5)
    return {}


def bim_sample(folder: Path) -> dict[str, object]:
    model = ModelMaker()
    model.georeference()
    model.box("wall", (1000, 0, 500), (4000, 200, 3000))
    model.save(folder / "school.ifc")
    return {}


def sensors_sample(folder: Path) -> dict[str, object]:
    rows = "D1,2024-01-01T00:00:00Z,1\nD1,naive,2\nD9,2024-01-01T00:00:00Z,3\nD1\n"
    write_network(folder, observations=rows)
    thing = {"@iot.id": 1, "name": "T", "Locations": [], "Datastreams": []}
    (folder / "air.json").write_text(json.dumps({"value": [thing]}))
    return {"vertical": "EPSG:5720"}


SAMPLES: dict[str, Callable[[Path], dict[str, object]]] = {
    "cadastre": cadastre_sample,
    "elevation": elevation_sample,
    "bdtopo": bdtopo_sample,
    "rnb": rnb_sample,
    "addresses": addresses_sample,
    "urban_planning": urban_planning_sample,
    "pcrs": pcrs_sample,
    "vector": vector_sample,
    "lidar": lidar_sample,
    "bim": bim_sample,
    "sensors": sensors_sample,
}
"""One small folder of each kind, with records at fault where the kind has any; a new source adds its own."""


def declared(kind: str, path: Path, **fields: object) -> Source:
    owner = {"producer": "the tests", "licence": "none, synthetic", "attribution": "© tests", "vintage": "2024"}
    return ADAPTER.validate_python({"kind": kind, "path": path, **owner, **fields})


@pytest.fixture(params=KINDS)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    kind = request.param
    assert kind in SAMPLES, f"the source {kind!r} needs a sample in this file"
    folder = tmp_path / kind
    folder.mkdir()
    return declared(kind, folder, **SAMPLES[kind](folder))


def read_all(source: Source) -> list[tuple[str, Layer]]:
    return [(unit.name, layer) for unit in source.units(None) for layer in layers_of(source, unit)]


def layers_of(source: Source, unit: SourceUnit) -> list[Layer]:
    """The layers of a unit, those that come as streams read to their end."""
    return [collected(one) if isinstance(one, LayerStream) else one for one in source.read(unit, None)]


def test_units_have_unique_names_safe_as_file_names_and_existing_files(sample: Source) -> None:
    units = sample.units(None)
    names = [unit.name for unit in units]
    assert names == sorted(set(names))
    for unit in units:
        assert unit.files
        assert all(file.is_file() for file in unit.files)
        assert Path(unit.name).name == unit.name
        json.dumps(unit.options)


def test_units_open_no_file(sample: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sample.units(None)
    for unit in before:
        for file in unit.files:
            file.write_bytes(b"\x00\xff garbage that no reader understands")

    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(f"units() opened {arguments[0]}")

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", refuse)
        patch.setattr(Path, "open", refuse)
        patch.setattr(Path, "read_bytes", refuse)
        after = sample.units(None)
    assert after == before


def test_every_unit_yields_layers_that_the_declaration_names_in_their_order(sample: Source) -> None:
    for unit in sample.units(None):
        found = [layer.name for layer in sample.read(unit, None)]
        assert found
        assert found == [name for name in sample.layer_names if name in found]


def test_columns_are_those_of_the_schema(sample: Source) -> None:
    for _, layer in read_all(sample):
        schema = layer.schema
        # area_m2 depends on the twin's CRS: the normaliser measures it
        assert set(schema.column_names) - {"area_m2"} <= set(layer.frame.columns)
        assert isinstance(layer.frame, gpd.GeoDataFrame) == (schema.shape != "none")


def test_counts_add_up(sample: Source) -> None:
    for unit, layer in read_all(sample):
        counts = layer.counts
        assert counts.read == counts.kept + sum(counts.rejected.values()), (unit, layer.name)
        assert counts.kept == len(layer.frame)
        assert layer.rejected["reason"].value_counts().to_dict() == counts.rejected
        assert tuple(layer.rejected.columns) == REJECTED_COLUMNS
        assert (layer.rejected != "").all(axis=None)


def test_reference_and_provenance_are_present(sample: Source) -> None:
    for unit in sample.units(None):
        prints = {fingerprint(file) for file in unit.files}
        for layer in layers_of(sample, unit):
            assert layer.provenance.producer == "the tests"
            assert layer.provenance.licence == "none, synthetic"
            assert (layer.provenance.attribution, layer.provenance.vintage) == ("© tests", "2024")
            assert layer.provenance.files
            assert set(layer.provenance.files) <= prints
            if isinstance(layer.frame, gpd.GeoDataFrame):
                assert layer.reference is not None
                assert layer.frame.crs == layer.reference.horizontal
            elevations = [name for name in layer.schema.column_names if name.endswith("elevation_m")]
            if any(layer.frame[name].notna().any() for name in elevations):
                assert layer.reference is not None
                assert layer.reference.vertical is not None


def test_reading_twice_gives_equal_layers(sample: Source) -> None:
    for (unit, first), (_, second) in zip(read_all(sample), read_all(sample), strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(first.frame), pd.DataFrame(second.frame), obj=f"{unit} {first.name}")
        pd.testing.assert_frame_equal(first.rejected, second.rejected)
        assert first.provenance == second.provenance
        assert first.counts == second.counts


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\xff\xfe garbage", b"{", b"LASF", b"ISO-10303-21;", b"\x1f\x8b\x08 cut", b"a,b\n1,2\n", b"[]", b"null"],
    ids=["empty", "garbage", "brace", "las", "ifc", "gzip", "csv", "list", "null"],
)
def test_bad_input_gives_a_named_error(sample: Source, content: bytes) -> None:
    for unit in sample.units(None):
        for file in unit.files:
            file.write_bytes(content)
        with pytest.raises(JntError) as caught:
            layers_of(sample, unit)
        assert any(file.name in str(caught.value) for file in unit.files)


def test_a_cut_file_never_passes_for_a_whole_one(sample: Source) -> None:
    for unit in sample.units(None):
        whole = {layer.name: layer.counts.read for layer in layers_of(sample, unit)}
        file = max(unit.files, key=lambda one: one.stat().st_size)
        content = file.read_bytes()
        file.write_bytes(content[: len(content) * 2 // 3])
        try:
            layers = layers_of(sample, unit)
        except JntError as error:
            assert any(one.name in str(error) for one in unit.files)  # noqa: PT017
        else:
            # lines of a table are whole without their successors: fewer records, or a broken one
            assert sum(layer.counts.read for layer in layers) <= sum(whole.values())
            assert file.suffix == ".csv"


def test_the_wrong_path_gives_a_named_error(sample: Source, tmp_path: Path) -> None:
    empty = tmp_path / "nothing here"
    empty.mkdir()
    for path in (empty, tmp_path / "absent"):
        with pytest.raises(JntError, match=path.name):
            sample.model_copy(update={"path": path}).units(None)  # type: ignore[attr-defined]


def test_the_declaration_is_frozen_strict_and_described(sample: Source) -> None:
    member = type(sample)
    assert issubclass(member, SourceDeclaration)
    assert member.model_config.get("frozen")
    assert member.model_config.get("extra") == "forbid"
    assert all(field.description for field in member.model_fields.values())
    with pytest.raises(ValidationError, match="pth"):
        declared(sample.kind, Path(), pth="typo")
    with pytest.raises(ValidationError, match="producer"):
        ADAPTER.validate_python({"kind": sample.kind, "path": "."})


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError) as caught:
        declared("weather", Path())
    assert all(kind in str(caught.value) for kind in KINDS)


@pytest.mark.parametrize("kind", IN_THE_TOWN)
def test_the_sample_town_gives_the_counts_of_its_truth(repository: Path, kind: str) -> None:
    town = repository / "sample_data/rive"
    if not town.is_dir():
        pytest.skip("needs sample_data/rive, which this checkout does not hold")
    truth = json.loads((town / "truth/expected_counts.json").read_text(encoding="utf-8"))
    vertical = {"vertical": "EPSG:5720"} if kind == "sensors" else {}
    found: dict[str, int] = {}
    for _, layer in read_all(declared(kind, town / kind, **vertical)):
        found[layer.name] = found.get(layer.name, 0) + layer.counts.read
    expected = {name: counts["read"] for name, counts in truth["layers"].items()}
    expected["observations"] = truth["observations"]["read"]
    assert {name: found[name] for name in found if name in expected} == {
        name: n for name, n in expected.items() if name in found
    }
    assert found
