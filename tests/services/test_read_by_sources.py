"""What services bring is what sources read: folders hold nothing that a reader would take for data."""

from __future__ import annotations

import json
from pathlib import Path

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.streams import LayerStream, collected
from jnt_pipeline.crs import Reference
from jnt_pipeline.services import AnyDownload, Session, fetch
from jnt_pipeline.sources import AddressesSource, AnySource, BdTopoSource, CadastreSource, RnbSource, SensorsSource
from services.french_services import Asked, Reply, Server, collection, packed, square

LAMBERT = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
AREA = AreaOfInterest(bbox=(950_000.0, 6_700_000.0, 950_100.0, 6_700_100.0))
BAN = (
    "id;id_fantoir;numero;rep;nom_voie;code_postal;code_insee;nom_commune;code_insee_ancienne_commune;"
    "nom_ancienne_commune;x;y;lon;lat;type_position;alias;nom_ld;libelle_acheminement;nom_afnor;source_position;"
    "source_nom_voie;certification_commune;cad_parcelles\n"
    "25354_0020_00001;25354_0020;1;;Rue du Lac;25110;25354;Luxiol;;;947874.53;6703022.64;6.35;47.4;entrée;;;LUXIOL;"
    "RUE DU LAC;commune;commune;1;25354000AK0012\n"
)


def read(source: AnySource, download: AnyDownload, session: Session) -> dict[str, int]:
    """Fill the folder of the source, read it, and count the records of each layer."""
    fetch(download, source.path, reference=LAMBERT, area=AREA, session=session)
    counts: dict[str, int] = {}
    for unit in source.units(AREA):
        for layer in source.read(unit, AREA):
            whole = collected(layer) if isinstance(layer, LayerStream) else layer
            counts[layer.name] = counts.get(layer.name, 0) + whole.counts.kept
    return counts


def declared(kind: type, folder: Path, **download: object) -> tuple[AnySource, AnyDownload]:
    source = kind(path=folder, producer="p", licence="l", download=download)
    return source, source.download


def test_the_download_of_a_source_is_no_part_of_what_decides_whether_a_unit_is_made_again(tmp_path: Path) -> None:
    source, download = declared(CadastreSource, tmp_path, service="cadastre_etalab", communes=["25354"])
    assert download is not None
    assert "download" not in source.model_dump(mode="json")


def test_the_cadastre_is_read(server: Server, session: Session, tmp_path: Path) -> None:
    rows = {
        "communes": {"id": "25354", "nom": "Luxiol"},
        "sections": {"id": "25354000AK", "commune": "25354", "prefixe": "000", "code": "AK"},
        "feuilles": {"id": "25354000AK01", "commune": "25354", "prefixe": "000", "section": "AK", "numero": "1",
                     "qualite": "01", "modeConfection": "01", "echelle": 1000},
        "parcelles": {"id": "25354000AK0012", "commune": "25354", "prefixe": "000", "section": "AK", "numero": "12",
                      "contenance": 100, "arpente": False},
        "batiments": {"type": "01", "commune": "25354"},
    }  # fmt: skip
    for layer, row in rows.items():
        path = f"/2026-06-01/geojson/communes/25/25354/cadastre-25354-{layer}.json.gz"
        server.file(path, packed(square(6.3, 47.4, **row)))
    source, download = declared(
        CadastreSource,
        tmp_path / "in",
        service="cadastre_etalab",
        communes=["25354"],
        vintage="2026-06-01",
        base_url=server.url,
    )
    counts = read(source, download, session)
    assert {name: counts[name] for name in ("communes", "sections", "parcels", "footprints")} == {
        "communes": 1,
        "sections": 1,
        "parcels": 1,
        "footprints": 1,
    }


def test_buildings_of_the_rnb_are_read(server: Server, session: Session, tmp_path: Path) -> None:
    building = {
        "rnb_id": "2QZ8N9WJ4XKD",
        "status": "constructed",
        "point": {"type": "Point", "coordinates": [6.35, 47.4]},
        "shape": {"type": "Point", "coordinates": [6.35, 47.4]},
        "addresses": [],
        "ext_ids": [],
        "is_active": True,
    }
    server.file("/buildings/", json.dumps({"next": None, "results": [building]}).encode())
    counts = read(
        *declared(RnbSource, tmp_path, service="rnb", communes=["25354"], base_url=server.url), session=session
    )
    assert counts == {"rnb_buildings": 1}


def test_addresses_are_read(server: Server, session: Session, tmp_path: Path) -> None:
    import gzip

    server.file("/latest/csv/adresses-25.csv.gz", gzip.compress(BAN.encode()))
    source, download = declared(AddressesSource, tmp_path, service="ban", communes=["25354"], base_url=server.url)
    assert sum(read(source, download, session).values()) == 1


def test_stations_are_read(server: Server, session: Session, tmp_path: Path) -> None:
    station = {
        "code_station": "U234567801",
        "libelle_station": "Doubs",
        "longitude_station": 6.35,
        "latitude_station": 47.4,
    }
    server.file("/referentiel/stations", json.dumps({"count": 1, "next": None, "data": [station]}).encode())
    counts = read(*declared(SensorsSource, tmp_path, service="hubeau", base_url=server.url), session=session)
    assert counts == {"stations": 1, "datastreams": 0, "observations": 0}


def test_buildings_of_bd_topo_are_read_with_their_elevations(server: Server, session: Session, tmp_path: Path) -> None:
    feature = square(
        950_010.0,
        6_700_010.0,
        cleabs="BATIMENT0000000000000001",
        nature="Indifférenciée",
        hauteur=4.5,
        altitude_minimale_sol=300.5,
        construction_legere=False,
    )

    def answer(asked: Asked) -> Reply:
        hits = Reply(200, b'<wfs:FeatureCollection numberMatched="1"/>')
        return hits if asked.query.get("RESULTTYPE") == "hits" else Reply(200, collection(feature, numberMatched=1))

    server.pages["/wfs"] = answer
    wfs = {"service": "geoplateforme_wfs", "layers": ["BDTOPO_V3:batiment"], "base_url": f"{server.url}/wfs"}
    source, download = declared(BdTopoSource, tmp_path, **wfs)
    fetch(download, source.path, reference=LAMBERT, area=AREA, session=session)
    one = source.model_copy(update={"path": tmp_path / "batiment.geojson"})
    (layer,) = (layer for unit in one.units(AREA) for layer in one.read(unit, AREA))
    assert isinstance(layer, LayerStream)
    frame = collected(layer).frame
    assert str(layer.reference) == "EPSG:2154+5720"
    assert list(frame["topo_building_id"]) == ["BATIMENT0000000000000001"]
    assert list(frame["min_ground_elevation_m"]) == [300.5]
