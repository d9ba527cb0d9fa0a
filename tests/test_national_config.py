"""``jnt init``: a description of real communes that reads as a configuration, in the reference of their territory."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from jnt_pipeline.config import TwinConfig, read_config
from jnt_pipeline.errors import ConfigError
from jnt_pipeline.national_config import config_for


def config(tmp_path: Path, *codes: str, **options: object) -> TwinConfig:
    path = tmp_path / "territory.yaml"
    path.write_text(config_for(codes, **options), encoding="utf-8")  # type: ignore[arg-type]
    return read_config(path)


def test_a_commune_gets_the_national_sources_with_the_services_that_bring_them(tmp_path: Path) -> None:
    twin = config(tmp_path, "25354")
    services = {source.kind: source.download.service for source in twin.sources if source.download is not None}
    assert services == {
        "cadastre": "cadastre_etalab",
        "lidar": "lidar_hd",
        "bdtopo": "geoplateforme_wfs",
        "rnb": "rnb",
        "addresses": "ban",
        "sensors": "hubeau",
    }
    assert all(source.licence and source.attribution for source in twin.sources)
    assert {source.path.parent for source in twin.sources} == {tmp_path / "data"}
    assert (twin.name, twin.title) == ("commune-25354", "Commune 25354")


@pytest.mark.parametrize(
    ("code", "reference"),
    [
        ("25354", "EPSG:2154+5720"),
        ("2A004", "EPSG:2154+5721"),
        ("2b033", "EPSG:2154+5721"),
        ("97105", "EPSG:5490+5757"),
        ("97112", "EPSG:5490+5617"),  # Marie-Galante
        ("97131", "EPSG:5490+5616"),  # Les Saintes
        ("97110", "EPSG:5490+9130"),  # La Désirade
        ("97209", "EPSG:5490+5756"),
        ("97302", "EPSG:2972+5755"),
        ("97411", "EPSG:2975+5758"),
        ("97502", "EPSG:4467+5792"),
        ("97608", "EPSG:4471+5793"),
        ("97701", "EPSG:5490+5619"),
        ("97801", "EPSG:5490+5620"),
    ],
)
def test_the_reference_is_that_of_the_territory(code: str, reference: str, tmp_path: Path) -> None:
    assert str(config(tmp_path, code).reference) == reference


def test_several_communes_are_one_twin(tmp_path: Path) -> None:
    twin = config(tmp_path, "25354", "25355", "25354", title='Le "Doubs": deux communes', area=(1.0, 2.0, 3.5, 4.0))
    assert twin.name == "communes-25354-and-1-more"
    assert twin.title == 'Le "Doubs": deux communes'
    assert twin.area is not None
    assert twin.area.bbox == (1.0, 2.0, 3.5, 4.0)
    assert {getattr(source.download, "communes", None) for source in twin.sources} == {("25354", "25355")}


def test_codes_stay_text_in_yaml() -> None:
    document = yaml.safe_load(config_for(["01004"]))
    assert {code for source in document["sources"] for code in source["download"]["communes"]} == {"01004"}


@pytest.mark.parametrize("codes", [["25354", "97411"], ["20004", "25354"], ["2535"], ["25110a"], []])
def test_codes_that_are_none_or_lie_in_two_references_are_refused(codes: list[str]) -> None:
    with pytest.raises(ConfigError):
        config_for(codes)


def test_two_references_are_named_with_their_communes() -> None:
    with pytest.raises(ConfigError, match=r"25354 \(France continentale\), 2A004 \(Corse\)"):
        config_for(["25354", "2A004"])


@pytest.mark.parametrize("code", ["97302", "97502"])
def test_where_lidar_hd_does_not_cover_the_source_is_only_a_comment(code: str, tmp_path: Path) -> None:
    twin = config(tmp_path, code)
    assert "lidar" not in {source.kind for source in twin.sources}
    assert "does not cover this territory" in config_for([code])
