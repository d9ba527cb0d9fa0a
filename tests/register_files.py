"""Small files of registers with a known answer: addresses, buildings of the RNB, planning and street map in GML."""

from __future__ import annotations

from pathlib import Path

BAL_COLUMNS = "cle_interop;commune_insee;voie_nom;numero;suffixe;commune_nom;position;long;lat;x;y;source;date_der_maj"
BAL_ROW = (
    "31591_xxxx_00009;31591;Rue des 3 Places;9;;Escoulis;entrée;1.028392;43.111637;539416.13;6225601.11;;2020-11-09"
)
BAN_COLUMNS = (
    "id;id_fantoir;numero;rep;nom_voie;code_postal;code_insee;nom_commune;code_insee_ancienne_commune;"
    "nom_ancienne_commune;x;y;lon;lat;type_position;alias;nom_ld;libelle_acheminement;nom_afnor;source_position;"
    "source_nom_voie;certification_commune;cad_parcelles"
)
BAN_ROW = (
    "04001_pk624e_00001;;1;bis;Impasse de la Treille;04510;04001;Aiglun;;;951088.5;6335099.35;6.135212;44.070028;"
    "entrée;;;AIGLUN;IMPASSE DE LA TREILLE;commune;commune;1;040010000B0487|040010000B0488"
)
RNB_COLUMNS = "rnb_id;point;shape;status;ext_ids;addresses;plots;validated_by"
RNB_ROWS = (
    'whn8-d9k3-8qng;"SRID=4326;POINT(1.8393 42.7311)";'
    '"SRID=4326;POLYGON((1.8392 42.7311,1.8393 42.7312,1.8394 42.7311,1.8392 42.7311))";constructed;'
    '"[{""id"": ""bdnb-bc-PEZ4-CYLL-TJZ4"", ""source"": ""bdnb""}, {""id"": ""BATIMENT0000002202818378"", '
    '""source"": ""bdtopo""}, {""id"": ""x"", ""source"": ""other""}]";'
    '"[{""cle_interop_ban"" : ""09140_0025_00013"", ""street_rep"" : """"}]";'
    '"[{""id"" : ""091400000C1069"", ""bdg_cover_ratio"" : 0.91}, {""id"" : ""091400000C1030""}]";[]',
    'ZQP5VP4WN6BX;"SRID=4326;POINT(1.488 43.197)";;constructed;[];;;[]',
)


def write_table(path: Path, header: str, *rows: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join((header, *rows, "")), encoding=encoding)
    return path


def ring(*points: tuple[float, float]) -> str:
    """A closed ring as a gml:posList."""
    return " ".join(f"{x} {y}" for x, y in (*points, points[0]))


SQUARE = ((225_000.0, 6_755_000.0), (225_100.0, 6_755_000.0), (225_100.0, 6_755_100.0), (225_000.0, 6_755_100.0))
BOW_TIE = (SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3])


def zone(points: tuple[tuple[float, float], ...] = SQUARE, number: int = 1, **attributes: str) -> str:
    """A ZONE_URBA of a WFS answer."""
    told = "".join(
        f"<g:{name}>{value}</g:{name}>"
        for name, value in {
            "LIBELLE": "Uc",
            "TYPEZONE": "U",
            "INSEE": "01004",
            "DATAPPRO": "20140123",
            **attributes,
        }.items()
    )
    polygon = f"<gml:Polygon><gml:exterior><gml:LinearRing><gml:posList>{ring(*points)}</gml:posList></gml:LinearRing>"
    return (
        f'<wfs:member><g:ZONE_URBA gml:id="ZONE_URBA.{number}"><g:the_geom><gml:MultiSurface srsDimension="2" '
        f'srsName="http://www.opengis.net/gml/srs/epsg.xml#2154"><gml:surfaceMember>{polygon}</gml:exterior>'
        f"</gml:Polygon></gml:surfaceMember></gml:MultiSurface></g:the_geom>{told}</g:ZONE_URBA></wfs:member>"
    )


def write_answer(path: Path, *members: str, returned: int | None = None) -> Path:
    """An answer of a WFS 2.0 that announces its members, or another number of them."""
    n = len(members) if returned is None else returned
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<wfs:FeatureCollection xmlns:g="http://example.org/g" xmlns:wfs="http://www.opengis.net/wfs/2.0" '
        f'xmlns:gml="http://www.opengis.net/gml/3.2" numberMatched="unknown" numberReturned="{n}">\n'
        + "\n".join(members)
        + "\n</wfs:FeatureCollection>\n",
        encoding="utf-8",
    )
    return path


def street_object(name: str, number: int, geometry: str, **attributes: str) -> str:
    """An object of a PCRS tile; ``geometry`` is GML inside ``geometrie``, empty for none."""
    told = "".join(f"<{key}>{value}</{key}>" for key, value in attributes.items())
    shape = f"<geometrie>{geometry}</geometrie>" if geometry else ""
    return f'<featureMember><{name} gml:id="{name}.{number}">{told}{shape}</{name}></featureMember>'


def street_line(*heights: float) -> str:
    """A line in CC46, a vertex every ten metres to the east."""
    vertices = " ".join(f"{1_846_400 + 10 * i} 5181600 {height}" for i, height in enumerate(heights))
    return (
        f'<gml:LineString srsName="EPSG:3946" srsDimension="3"><gml:posList>{vertices}</gml:posList></gml:LineString>'
    )


def write_street_map(path: Path, *members: str) -> Path:
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<PlanCorpsRueSimplifie xmlns="http://cnig.gouv.fr/pcrs" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:gml="http://www.opengis.net/gml/3.2" gml:id="x" '
        'version="2.0">\n' + "\n".join(members) + "\n</PlanCorpsRueSimplifie>\n",
        encoding="utf-8",
    )
    return path
