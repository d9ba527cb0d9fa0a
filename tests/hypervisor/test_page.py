"""The page: it says the numbers of the twin, in French, and asks no other server for anything."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import geopandas as gpd
import httpx
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import X0, Y0, tiny_territory
from tests.hypervisor.feeding import at, listening

from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.hypervisor.context import Position, Station
from jnt_pipeline.hypervisor.page.french import accuracy_text, number_text
from jnt_pipeline.hypervisor.page.layer_names import group_of, layer_name
from jnt_pipeline.hypervisor.page.map_preview import MOST_SHAPES, WIDTH, map_preview
from jnt_pipeline.hypervisor.page.pins import MOST_PINS, pins
from jnt_pipeline.hypervisor.page.sparkline import HEIGHT, sparkline
from jnt_pipeline.hypervisor.page.sparkline import WIDTH as SPARK_WIDTH
from jnt_pipeline.hypervisor.rules import Observation
from jnt_pipeline.hypervisor.server import create_app
from jnt_pipeline.provenance import Counts, Operation, Provenance
from jnt_pipeline.territory.model import Territory


class _Page(HTMLParser):
    """Elements with their attributes, the text of the page, and its tables row by row."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self.open.pop() != tag:  # void elements and SVG shapes have no end tag
            pass

    def handle_data(self, data: str) -> None:
        if "style" in self.open or "script" in self.open:
            return
        self.words.append(data)
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def row(self, head: str) -> list[str]:
        return next(row for row in self.rows if len(row) > 1 and row[0].startswith(head))

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]


@pytest.fixture(scope="module")
def html(client: httpx.Client) -> str:
    return client.get("/").text


@pytest.fixture(scope="module")
def page(html: str) -> _Page:
    return _Page(html)


def test_the_page_says_the_numbers_of_the_twin(page: _Page) -> None:
    assert "2 alertes en cours" in page.text
    assert "3 parcelles" in page.text
    assert "6 bâtiments" in page.text
    assert "Dernière mesure reçue : 1er juin 2024, 23:00 UTC" in page.text
    assert page.row("La Rive au pont")[1:3] == ["Hauteur d’eau", "1,9 m"]
    assert page.row("Place <du> marché")[1:3] == ["Particules PM10", "29 µg/m³"]
    assert page.row("Parcelles cadastrales")[1:3] == ["3", "1 missing_parcel_id"]
    assert page.row("Parcelles cadastrales")[3:5] == [
        "Lambert-93 (RGF93 v1, EPSG:2154) sans altitudes transformation à 1,5 m près",
        "2024-06",
    ]
    assert page.row("Bâtiments")[3] == "Lambert-93 (RGF93 v1, EPSG:2154) NGF-IGN69 (EPSG:5720)"
    assert page.row("Terrain (MNT)")[1] == "maille 0,5 m"


def test_the_page_says_what_is_wrong_since_when_and_what_it_touches(page: _Page) -> None:
    assert "Alarme : Crue" in page.text
    assert "Vigilance : Particules" in page.text
    assert "Depuis le 1er juin 2024, 08:00 UTC" in page.text
    assert "BATIMENT0000000000000004" in page.text
    assert page.row("1er juin 2024, 15:00 UTC")[1:4] == ["Début d’alerte – Particules", "Place <du> marché", "21 µg/m³"]


def test_the_page_states_its_references_and_its_declared_undulation(page: _Page) -> None:
    assert "Altitudes : NGF-IGN69 (EPSG:5720)" in page.text
    assert "Ondulation déclarée du géoïde : 49,9 m à 0,2 m près" in page.text


def test_the_page_names_the_grids_that_were_used_with_their_edition_and_licence(page: _Page) -> None:
    expected = "fr_ign_gr3df97a.tif , édition gr3df97a – Licence Ouverte 2.0 – Source: IGN, grilles"
    assert f"Grille de conversion {expected}" in page.text


@pytest.mark.parametrize(
    ("source", "accuracy_m", "text"),
    [
        ("EPSG:27572", 0.05, "transformation à 0,05\u202fm près"),
        ("EPSG:27572", None, "précision de la transformation non indiquée"),
        ("EPSG:2154", 0.0, "coordonnées telles que fournies"),
    ],
)
def test_an_accuracy_is_said_in_french_or_said_to_be_absent(source: str, accuracy_m: float | None, text: str) -> None:
    operation = Operation(source=source, target="EPSG:2154", description="by hand", accuracy_m=accuracy_m)
    assert accuracy_text(Provenance(producer="p", licence="l", operations=(operation,))) == text
    assert accuracy_text(Provenance(producer="p", licence="l")) == ""


def test_layers_stand_in_groups_and_each_under_one_title(page: _Page) -> None:
    titles = [row[0] for row in page.rows if len(row) == 1]
    assert titles == [title for title in titles if titles.count(title) == 1]
    assert titles.index("Terrain et relevés") < titles.index("Cadastre")
    first = next(i for i, row in enumerate(page.rows) if row == ["Cadastre"])
    assert page.rows[first + 1][0] == "Parcelles cadastrales"


def test_every_layer_of_a_schema_has_a_group_and_a_stranger_comes_last() -> None:
    assert [name for name in SCHEMAS if group_of(name)[0] == "Autres couches"] == []
    names = sorted(["my_trees", "quality", "parcels", "cadastral_lines", "dtm"], key=lambda name: group_of(name)[1])
    assert names == ["dtm", "parcels", "cadastral_lines", "quality", "my_trees"]


def test_every_layer_of_a_schema_has_a_french_name() -> None:
    assert [name for name in SCHEMAS if layer_name(name) == name] == []


def test_files_are_offered_with_their_size_and_missing_ones_are_not(page: _Page) -> None:
    links = page.attributes("href")

    assert "/publications/cog/dtm.tif" in links
    assert "/publications/odd/deep/%C3%A9%20tage%20%231%3F.txt" in links
    assert "/publications/odd/gone.txt" not in links
    assert "bytes.bin application/octet-stream, WGS 84 (géocentrique X, Y, Z, EPSG:4978), 1,0 ko" in page.text


def test_what_the_data_say_is_text_and_never_markup(html: str) -> None:
    assert "<du>" not in html
    assert html.count("Place &lt;du&gt; marché") >= 3


def test_nothing_on_the_page_leaves_this_server(html: str, page: _Page) -> None:
    for name in ("href", "src", "srcset", "action", "data", "poster", "xlink:href"):
        for value in page.attributes(name):
            assert value.startswith(("/", "#", "data:")), f"{name}={value}"
            assert not value.startswith("//")
    assert set(re.findall(r"https?://[^\s'\"<)]+", html)) <= {"http://www.w3.org/2000/svg"}  # the name of SVG
    assert "@import" not in html
    assert "url(" not in html


def test_the_policy_lets_our_one_style_and_our_one_script_in_and_nothing_else(client: httpx.Client, html: str) -> None:
    policy = dict(
        directive.split(" ", 1) for directive in client.get("/").headers["content-security-policy"].split("; ")
    )
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert not re.search(r"<[^>]+\s(?:style|on\w+)=", html)


def test_the_page_is_usable_without_sight_or_colour(html: str, page: _Page) -> None:
    names = [tag for tag, _ in page.elements]
    levels = [int(tag[1]) for tag in names if re.fullmatch("h[1-6]", tag)]
    ids = page.attributes("id")

    assert ("html", {"lang": "fr"}) in page.elements
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert names.count("caption") == names.count("table") == 3
    assert len(ids) == len(set(ids))
    for references in page.attributes("aria-labelledby"):
        assert set(references.split()) <= set(ids)
    assert all(target[1:] in ids for target in page.attributes("href") if target.startswith("#"))
    for tag, attributes in page.elements:
        if tag == "svg":
            described = {"aria-hidden", "aria-label", "aria-labelledby"} & set(attributes)
            assert described, f"a drawing without words: {attributes}"


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_by_4_5_to_1_in_light_and_dark(html: str) -> None:
    light, dark = (
        dict(re.findall(r"--([a-z-]+):#([0-9a-f]{3,6})\b", block))
        for block in re.findall(r":root\{(.*?)\}", html, re.S)
    )
    for colours in (light, {**light, **dark}):
        for front, back in (
            *(("ink", "paper"), ("ink", "card"), ("quiet", "paper"), ("quiet", "card"), ("link", "paper")),
            *(("link", "card"), ("calm", "paper"), ("head-ink", "head"), ("alarm", "alarm-soft")),
            *(("warning", "warning-soft"), ("info", "info-soft"), ("ink", "alarm-soft"), ("ink", "warning-soft")),
            ("ink", "info-soft"),
        ):
            bright, dim = sorted((_luminance(colours[front]), _luminance(colours[back])), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= 4.5, f"{front} on {back}"


def test_the_relief_is_drawn_under_the_parcels_where_it_was_measured(page: _Page, twin: Territory) -> None:
    (image,) = [attributes for tag, attributes in page.elements if tag == "image"]
    preview = map_preview(twin)

    assert image["href"] == "/publications/cog/dtm.png"
    # Two tiles of 60 m whose pixels of 0.5 m are centred on the corner: 120 m wide, from a quarter of a metre west
    # of X0. The drawing is 120 m and twice 2.4 m of margin wide.
    per_metre = WIDTH / 124.8
    assert (int(image["x"]), int(image["width"])) == (round(2.15 * per_metre), round(120 * per_metre))
    assert preview.place(X0, Y0 + 60) == (round(2.4 * per_metre), round(2.4 * per_metre))
    assert preview.place(X0 - 3, Y0) is None
    assert preview.scale_m == 20


def test_a_picture_of_another_shape_than_the_terrain_is_not_drawn_as_it(twin: Territory) -> None:
    folder = twin.publications["cog"].folder
    squeezed = dataclasses.replace(
        twin.rasters["dtm"], tiles=twin.rasters["dtm"].tiles[:1]
    )  # half the extent of the picture
    other = dataclasses.replace(twin, rasters={**twin.rasters, "dtm": squeezed})

    assert (folder / "dtm.png").is_file()
    assert map_preview(other).relief is None


def test_a_large_territory_draws_its_largest_buildings_and_says_how_many_there_are(
    twin: Territory, tmp_path: Path
) -> None:
    n = 100_000
    side = 0.05 + 0.0001 * np.arange(n)
    x, y = X0 + 30 + np.arange(n) % 317 * 0.1, Y0 + np.arange(n) // 317 * 0.1
    many = gpd.GeoDataFrame({"area_m2": side**2}, geometry=shapely.box(x, y, x + side, y + side), crs="EPSG:2154")
    part = tmp_path / "many.parquet"
    write_layer_parquet(many, part)
    layer = dataclasses.replace(
        twin.layers["footprints"], parts=(part,), rejected_parts=(), counts=Counts(read=n, kept=n)
    )
    large = dataclasses.replace(twin, layers={**twin.layers, "footprints": layer})

    preview = map_preview(large)
    assert preview.buildings is not None
    assert (preview.buildings.n_drawn, preview.buildings.n_total) == (MOST_SHAPES, n)
    assert preview.buildings.path.count("M") == MOST_SHAPES
    with listening(create_app(large, tmp_path / "feed.sqlite")) as url:
        html = httpx.get(url, timeout=60).text
    assert len(html) < 400_000
    assert "1 500 bâtiments, les plus grands sur 100 000" in _Page(html).text


def test_an_empty_twin_still_has_a_page_that_says_so(tmp_path: Path) -> None:
    territory = tiny_territory(tmp_path, empty=True)
    with listening(create_app(territory, tmp_path / "feed.sqlite")) as url:
        answer = httpx.get(url, timeout=60)

    assert answer.status_code == 200
    text = _Page(answer.text).text
    for words in ("Aucune alerte en cours.", "pas encore de capteurs", "Aucun événement", "Rien n’est encore publié."):
        assert words in text
    assert "0 alerte en cours" in text


def series(*points: tuple[float, float]) -> list[Observation]:
    return [
        Observation(datastream_id="d", phenomenon_at=at(minute).to_pydatetime(), result=result)
        for minute, result in points
    ]


def test_a_sparkline_keeps_time_to_scale_and_puts_the_highest_on_top() -> None:
    curve = sparkline(series((0, 1.0), (1, 3.0), (10, 2.0)))

    assert curve is not None
    # 120 by 28 with a margin of 3: x runs from 3 to 117, y from 25 up to 3.
    assert curve.points == "3,25 14.4,3 117,14"
    assert (curve.lowest.result, curve.highest.result) == (1.0, 3.0)


def test_a_sparkline_of_one_value_is_a_point_and_of_none_is_nothing() -> None:
    one = sparkline(series((0, 5.0)))

    assert one is not None
    assert (one.points, one.last_y) == ("", HEIGHT / 2)
    assert sparkline([]) is None


@given(st.lists(st.floats(min_value=-1e9, max_value=1e9), min_size=1, max_size=30))
def test_a_sparkline_never_leaves_its_box(results: list[float]) -> None:
    curve = sparkline(series(*enumerate(results)))

    assert curve is not None
    for vertex in curve.points.split():
        x, y = map(float, vertex.split(","))
        assert 0 <= x <= SPARK_WIDTH
        assert 0 <= y <= HEIGHT


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0"), (-0.0, "0"), (1.9, "1,9"), (29.0, "29"), (-0.5, "−0,5"), (171.2537, "171,254")),
        *((1234.5678, "1 234,568"), (1_000_000.0, "1 000 000"), (0.00001, "0,00001"), (99.95, "99,95"), (100.0, "100")),
    ],
)
def test_numbers_are_written_as_french_readers_write_them(value: float, text: str) -> None:
    assert number_text(value) == text.replace(" ", "\u202f")  # narrow no-break space


def test_the_page_of_two_requests_is_the_same_to_the_byte(client: httpx.Client) -> None:
    first = client.get("/").content
    time.sleep(0.01)  # whatever the clock says

    assert client.get("/").content == first


def stations(*places: tuple[str, float, float]) -> list[Station]:
    """Stations from (name, metres east, metres north of the corner of the twin)."""
    return [
        Station(
            id=f"s{index}",
            name=name,
            type=None,
            position=Position(
                longitude=4.8,
                latitude=45.7,
                elevation_m=None,
                vertical_datum=None,
                horizontal_crs="EPSG:2154",
                easting_m=X0 + east,
                northing_m=Y0 + north,
                accuracy_m=None,
            ),
            buildings=(),
            parcels=(),
        )
        for index, (name, east, north) in enumerate(places)
    ]


def test_a_name_is_written_where_there_is_room_and_left_out_where_there_is_none(twin: Territory) -> None:
    west, east, hidden = pins(
        # 64 units of the drawing to a metre: a name of n letters takes 3.3 n metres, and starts 3.6 m from its pin.
        stations(("Ouest", 5, 30), ("Est", 119, 30), ("Une station au nom beaucoup trop long pour la carte", 60, 55)),
        {},
        map_preview(twin),
    )

    assert west.label is not None
    assert west.label.anchor == "start"
    assert east.label is not None
    assert east.label.anchor == "end"
    assert hidden.label is None  # 167 metres in a picture of 125


def test_crowded_pins_never_have_names_over_one_another_and_alerts_are_named_first(twin: Territory) -> None:
    crowd = stations(*((f"Station {n}", 60 + n % 5, 30 + n // 5) for n in range(25)))
    found = pins(crowd, {"s24": "alarm"}, map_preview(twin))

    assert found[0].name == "Station 24"
    assert found[0].severity == "alarm"
    assert sum(pin.label is not None for pin in found) < 5


def test_a_station_without_a_place_or_outside_the_map_has_no_pin(twin: Territory) -> None:
    (lost,) = stations(("Perdue", 60, 30))
    far = stations(("Loin", 5_000, 30))

    assert pins([lost.model_copy(update={"position": None}), *far], {}, map_preview(twin)) == ()


def test_a_great_many_stations_are_cut_to_a_bounded_number_of_pins(twin: Territory) -> None:
    many = stations(*((f"S{n}", n % 100, n % 50) for n in range(MOST_PINS + 50)))

    assert len(pins(many, {}, map_preview(twin))) == MOST_PINS
