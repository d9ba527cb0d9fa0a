"""The table of territories and systems against EPSG's registry, IGN's grids and places on the map."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely

from jnt_pipeline.crs.france.grid_table import KNOWN_GRIDS
from jnt_pipeline.crs.france.overseas_outlines import GUYANE
from jnt_pipeline.crs.france.territories import (
    ALL_SYSTEMS,
    HEIGHT_GRIDS,
    LONLAT_TWINS,
    TERRITORIES,
    FrenchTerritory,
    compound_of,
    expected_grid,
    french_name,
    parts_of,
    territories_of,
    territory_at,
    territory_of,
)
from jnt_pipeline.crs.france.territory_page import territory_page

by_territory = pytest.mark.parametrize("territory", TERRITORIES, ids=lambda t: t.name)

TYPES = {
    "geographic 2D": "Geographic 2D CRS",
    "geographic 3D": "Geographic 3D CRS",
    "geocentric": "Geocentric CRS",
    "projected": "Projected CRS",
    "vertical": "Vertical CRS",
    "compound": "Compound CRS",
}

KNOWN = [row for row in ALL_SYSTEMS.values() if not row.minimal_proj]


# ---- against EPSG's registry --------------------------------------------------------------------------------


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: row.code)
def test_a_system_is_of_the_kind_that_epsg_says_and_not_deprecated(row: object) -> None:
    crs = pyproj.CRS(row.code)  # type: ignore[attr-defined]
    assert crs.type_name == TYPES[row.kind]  # type: ignore[attr-defined]
    assert not crs.is_deprecated


DATUM_CODES = {
    "RGF93 v1": "EPSG:4171", "RGF93 v2": "EPSG:9777", "RGF93 v2b": "EPSG:9782", "ETRS89": "EPSG:4258",
    "NTF": "EPSG:4275", "NTF (Paris)": "EPSG:4807", "RGAF09": "EPSG:5489", "RGFG95": "EPSG:4624", "RGR92": "EPSG:4627",
    "RGM04": "EPSG:4470", "RGM23": "EPSG:10671", "RGSPM06": "EPSG:4463", "WGS 84": "EPSG:4326",
    "Guadeloupe 1948": "EPSG:4622", "Martinique 1938": "EPSG:4625", "Fort Marigot": "EPSG:4621", "CSG67": "EPSG:4623",
    "Réunion 1947": "EPSG:4626", "Combani 1950": "EPSG:4632", "SPM 1950": "EPSG:4638",
}  # fmt: skip


@pytest.mark.parametrize(
    "row", [r for r in KNOWN if r.kind in ("projected", "geographic 2D", "geographic 3D")], ids=lambda row: row.code
)
def test_a_system_is_on_the_datum_that_the_table_names(row: object) -> None:
    below = pyproj.CRS(row.code).geodetic_crs.to_2d()  # type: ignore[attr-defined]
    assert ":".join(below.to_authority(min_confidence=100)) == DATUM_CODES[row.datum]  # type: ignore[attr-defined]


def test_a_compound_is_made_of_the_two_codes_that_epsg_says() -> None:
    compounds = [row for row in KNOWN if row.kind == "compound"]
    assert len(compounds) >= 25
    for row in compounds:
        parts = tuple(":".join(part.to_authority()) for part in pyproj.CRS(row.code).sub_crs_list)
        assert parts_of(row.code) == parts
        assert compound_of(*parts) == row.code


def test_no_compound_of_epsg_over_the_table_s_systems_is_left_out() -> None:
    infos = pyproj.database.query_crs_info(auth_name="EPSG", pj_types="COMPOUND_CRS")
    for info in infos:
        parts = [":".join(p.to_authority() or ("", "")) for p in pyproj.CRS(f"EPSG:{info.code}").sub_crs_list]
        verticals = {code for territory in TERRITORIES for code in territory.verticals}
        if parts[0] in ALL_SYSTEMS and parts[1] in verticals:
            assert compound_of(*parts) == f"EPSG:{info.code}", info.name


def test_a_lon_lat_twin_answers_like_its_original() -> None:
    for twin, original in LONLAT_TWINS.items():
        assert french_name(twin) == french_name(original) != original
        assert territories_of(twin) == territories_of(original)
        assert pyproj.CRS(twin).datum == pyproj.CRS(original).datum


@by_territory
def test_every_system_of_a_territory_is_in_the_table_and_reaches_its_outline(territory: FrenchTerritory) -> None:
    assert len(set(territory.horizontals)) == len(territory.horizontals)
    for code in (*territory.horizontals, *territory.verticals):
        row = ALL_SYSTEMS[code]
        assert (row.kind == "vertical") == (code in territory.verticals)
        if not row.minimal_proj:
            west, south, east, north = pyproj.CRS(code).area_of_use.bounds
            assert territory.outline.intersects(shapely.box(west, south, east, north)), code


@by_territory
def test_the_legal_reference_is_marked_as_legal(territory: FrenchTerritory) -> None:
    assert [ALL_SYSTEMS[code].status for code in territory.legal] == ["legal", "legal"]
    assert "EPSG" in territory.source or "arrêté" in territory.source


def test_no_vertical_system_and_no_grid_belongs_to_two_territories() -> None:
    for one, other in itertools.combinations(TERRITORIES, 2):
        assert not set(one.verticals) & set(other.verticals)
        assert not one.grids & other.grids


# ---- outlines -----------------------------------------------------------------------------------------------


def test_outlines_are_valid_and_no_two_meet() -> None:
    for territory in TERRITORIES:
        assert territory.outline.is_valid
    for one, other in itertools.combinations(TERRITORIES, 2):
        assert not one.outline.intersects(other.outline), (one.name, other.name)


# Places on the ground that anybody can check on a map, the outermost ones of each territory among them.
INSIDE = {
    "Guadeloupe (Basse-Terre et Grande-Terre)": {
        "Pointe-à-Pitre": (-61.534, 16.241), "Basse-Terre": (-61.728, 15.996), "Pointe des Châteaux": (-61.178, 16.249),
        "Anse-Bertrand": (-61.51, 16.474), "Vieux-Fort": (-61.704, 15.951), "Deshaies": (-61.796, 16.306),
    },
    "Les Saintes": {"Terre-de-Haut": (-61.583, 15.866), "Terre-de-Bas": (-61.643, 15.852)},
    "Marie-Galante": {"Grand-Bourg": (-61.315, 15.883), "Capesterre": (-61.222, 15.895)},
    "La Désirade": {"Beauséjour": (-61.075, 16.303), "vector GPH5": (-61.0539, 16.31416)},
    "Martinique": {"Fort-de-France": (-61.065, 14.605), "Sainte-Anne": (-60.881, 14.437), "Macouba": (-61.141, 14.875)},
    "Saint-Barthélemy": {"Gustavia": (-62.85, 17.897), "Île Fourchue": (-62.905, 17.958)},
    "Saint-Martin": {"Marigot": (-63.085, 18.068), "Oyster Pond": (-63.019, 18.057)},
    "Guyane": {
        "Cayenne": (-52.335, 4.938), "Saint-Laurent-du-Maroni": (-54.032, 5.503), "Maripasoula": (-54.03, 3.643),
        "Camopi": (-52.34, 3.17), "Saint-Georges": (-51.804, 3.89), "Île Royale": (-52.59, 5.287),
    },
    "La Réunion": {
        "Saint-Denis": (55.448, -20.879), "Saint-Philippe": (55.767, -21.359), "Le Port": (55.285, -20.937),
        "Sainte-Rose": (55.795, -21.127),
    },
    "Mayotte": {"Mamoudzou": (45.228, -12.781), "Dzaoudzi": (45.28, -12.787), "Kani-Kéli": (45.1, -12.955)},
    "Saint-Pierre-et-Miquelon": {"Saint-Pierre": (-56.176, 46.778), "Miquelon": (-56.381, 47.101)},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "place"), [(name, place) for name, places in INSIDE.items() for place in places], ids=str
)
def test_a_place_overseas_is_in_its_territory_and_in_no_other(name: str, place: str) -> None:
    found = territory_at(*INSIDE[name][place])
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("place", "lonlat"),
    {
        "The Valley, Anguilla": (-63.05, 18.217), "Roseau, Dominica": (-61.388, 15.301),
        "Castries, Saint Lucia": (-60.99, 14.01), "St John's, Antigua": (-61.845, 17.127),
        "Paramaribo": (-55.17, 5.85), "Macapá": (-51.07, 0.035), "Port Louis": (57.5, -20.16),
        "Moroni": (43.256, -11.702), "Grand Bank, Newfoundland": (-55.75, 47.1), "Null Island": (0.0, 0.0),
    }.items(),
)  # fmt: skip
def test_a_place_of_a_neighbour_is_in_no_territory(place: str, lonlat: tuple[float, float]) -> None:
    assert territory_at(*lonlat) is None


@by_territory
def test_the_grid_of_the_legal_heights_covers_where_people_live(territory: FrenchTerritory, shared: Path) -> None:
    grid = expected_grid(territory.legal[1], next(r.datum for r in HEIGHT_GRIDS if r.vertical == territory.legal[1]))
    with rasterio.open(shared / "geodesy" / "grids" / str(grid)) as data:
        box = shapely.box(*data.bounds)
    assert box.intersection(territory.outline).area > 0.8 * territory.outline.area
    for lonlat in INSIDE.get(territory.name, {}).values():
        assert shapely.contains_xy(box, *lonlat)


def test_guyane_reaches_past_54_degrees_west_where_epsg_ends_its_zone() -> None:
    assert shapely.contains_xy(GUYANE, -54.37, 4.26)  # Grand-Santi


# ---- grids --------------------------------------------------------------------------------------------------


def test_every_grid_of_the_table_is_known_with_its_checksum() -> None:
    for name in {row.grid for row in HEIGHT_GRIDS} | {grid for t in TERRITORIES for grid in t.grids}:
        assert name in KNOWN_GRIDS


@pytest.mark.parametrize("row", HEIGHT_GRIDS, ids=lambda row: f"{row.vertical}-{row.datum}")
def test_a_height_grid_says_itself_which_vertical_system_it_gives(row: object, shared: Path) -> None:
    with rasterio.open(shared / "geodesy" / "grids" / row.grid) as data:  # type: ignore[attr-defined]
        tags = data.tags()
    assert tags["TYPE"] == "VERTICAL_OFFSET_GEOGRAPHIC_TO_VERTICAL"
    said = tags.get("target_crs_epsg_code") or re.findall(r'ID\["IGNF","(\w+)"\]', tags["target_crs_wkt"])[0]
    # MAYO53 is EPSG's Mayotte 1950; GUAD92LD and GUAD2008LD share a grid, says EPSG.
    assert {"MAYO53": "5793"}.get(said, said) in (row.vertical[5:], {"EPSG:5618": "9130"}.get(row.vertical))  # type: ignore[attr-defined]


# ---- queries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "name"),
    {
        "EPSG:2154": "Lambert-93 (RGF93 v1)", "EPSG:9794": "Lambert-93 (RGF93 v2b)", "EPSG:9849": "CC49 (RGF93 v2b)",
        "EPSG:27572": "Lambert II étendu (NTF Paris)", "EPSG:5720": "NGF-IGN69", "EPSG:5758": "REUN89",
        "EPSG:2975+5758": "UTM 40S (RGR92) + REUN89", "EPSG:5698": "Lambert-93 (RGF93 v1) + NGF-IGN69",
        "EPSG:31370": "EPSG:31370",
    }.items(),
)  # fmt: skip
def test_a_code_has_a_french_name(code: str, name: str) -> None:
    assert french_name(code) == name


def test_territories_are_found_by_every_kind_of_code() -> None:
    assert [t.name for t in territories_of("EPSG:2154")] == ["France continentale", "Corse"]
    assert [t.name for t in territories_of("EPSG:5699")] == ["Corse"]
    assert [t.name for t in territories_of("EPSG:9130")] == ["La Désirade"]
    assert len(territories_of("EPSG:5490")) == 7
    assert territories_of("EPSG:4326") == territories_of("EPSG:31370") == ()
    assert (
        territory_of(vertical="EPSG:5758") is territory_of(grid="fr_ign_RAR07_bl.tif") is territories_of("EPSG:2975")[0]
    )
    assert compound_of("EPSG:2975", "EPSG:5758") is None


def test_two_systems_never_share_a_french_name() -> None:
    names = [row.name for row in ALL_SYSTEMS.values()]
    assert len(set(names)) == len(names)


# ---- the page -----------------------------------------------------------------------------------------------


def test_the_page_of_the_documentation_is_what_the_table_says(repository: Path) -> None:
    page = (repository / "docs" / "territories.md").read_text(encoding="utf-8")
    assert page == territory_page(), (
        "write it anew: python -m jnt_pipeline.crs.france.territory_page > docs/territories.md"
    )


def test_the_page_names_every_code_of_the_table() -> None:
    page = territory_page()
    assert not [code for code in ALL_SYSTEMS if code[5:] not in page]
    assert not [t.name for t in TERRITORIES if t.name not in page]


def test_outlines_are_coarse_so_that_testing_a_point_stays_cheap() -> None:
    assert max(len(np.asarray(t.outline.exterior.coords)) for t in TERRITORIES) < 250
