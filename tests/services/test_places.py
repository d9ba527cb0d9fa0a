"""Services that are asked for a place: WFS in whole layers, LiDAR HD whole or in parts, RNB, Hub'Eau."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import laspy
import numpy as np
import pytest

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.crs import Reference
from jnt_pipeline.errors import (
    BadAnswerError,
    ConfigError,
    MovedAddressError,
    RefusedRequestError,
    ServiceError,
    UnreachableServiceError,
)
from jnt_pipeline.services import (
    Budgets,
    FetchReport,
    GeoplateformeWfsDownload,
    HubeauDownload,
    LidarHdDownload,
    RnbDownload,
    Session,
    fetch,
    fetch_area,
)
from jnt_pipeline.services.lidar_hd import mended_address
from services.french_services import Asked, Reply, Server, Time, collection, packed, square

LAMBERT = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
AREA = AreaOfInterest(bbox=(950_000.0, 6_700_000.0, 950_100.0, 6_700_100.0))
EXCEPTION = (
    b'<?xml version="1.0"?><ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1">'
    b"<ows:Exception><ows:ExceptionText>%s</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"
)


class Wfs:
    """A WFS with the manners of the Géoplateforme: it cuts pages at its own maximum and says nothing of it."""

    def __init__(self, n_features: int, *, n_max: int = 5000, swaps_axes: bool = False):
        places = [(950_000.0 + i % 90, 6_700_000.0 + i // 90) for i in range(n_features)]
        self.features = [square(*place, cleabs=f"BATIMENT{i:016d}") for i, place in enumerate(places)][::-1]
        self.n_max = n_max
        self.swaps_axes = swaps_axes

    def __call__(self, asked: Asked) -> Reply:
        *numbers, crs = asked.query["BBOX"].split(",")
        assert crs == "EPSG:2154"
        box = [float(number) for number in numbers]
        if self.swaps_axes:
            box = [box[1], box[0], box[3], box[2]]
        west, south, east, north = box
        corners = [feature["geometry"]["coordinates"][0][0] for feature in self.features]
        found = [
            feature
            for feature, (x, y) in zip(self.features, corners, strict=True)
            if west <= x + 1 and x <= east and south <= y + 1 and y <= north
        ]
        if asked.query.get("RESULTTYPE") == "hits":
            return Reply(200, f'<wfs:FeatureCollection numberMatched="{len(found)}" numberReturned="0"/>'.encode())
        if asked.query.get("SORTBY"):
            found.sort(key=lambda feature: str(feature["properties"]["cleabs"]))
        start, count = int(asked.query["STARTINDEX"]), min(int(asked.query["COUNT"]), self.n_max)
        page = found[start : start + count]
        stamp = f"2026-11-24T08:00:{start % 60:02d}Z"
        return Reply(200, collection(*page, numberMatched=len(found), numberReturned=len(page), timeStamp=stamp))


def bring(server: Server, session: Session, folder: Path, *layers: str, refresh: bool = False) -> FetchReport:
    download = GeoplateformeWfsDownload(base_url=f"{server.url}/wfs", layers=layers or ("BDTOPO_V3:batiment",))
    return fetch(download, folder, reference=LAMBERT, area=AREA, session=session, refresh=refresh)


def saved(folder: Path, name: str = "batiment.geojson") -> list[dict[str, Any]]:
    return list(json.loads((folder / name).read_text(encoding="utf-8"))["features"])


@pytest.mark.parametrize("n_max", [5000, 100, 7])
def test_a_layer_is_whole_wherever_the_service_cuts_its_pages(
    n_max: int, server: Server, session: Session, tmp_path: Path
) -> None:
    wfs = server.pages["/wfs"] = Wfs(215, n_max=n_max)
    report = bring(server, session, tmp_path)
    assert report.files[0].n_records == 215
    assert [feature["properties"]["cleabs"] for feature in saved(tmp_path)] == sorted(
        feature["properties"]["cleabs"] for feature in wfs.features
    )
    assert all(request.query.get("SORTBY") == "cleabs" for request in server.asked if "COUNT" in request.query)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batiment.geojson", "downloads.ledger"]


def test_the_file_says_its_system_and_has_the_same_bytes_each_time(
    server: Server, session: Session, tmp_path: Path
) -> None:
    server.pages["/wfs"] = Wfs(20, n_max=7)
    first = bring(server, session, tmp_path / "a")
    server.pages["/wfs"] = Wfs(20, n_max=20)
    assert bring(server, session, tmp_path / "b").files[0].sha256 == first.files[0].sha256
    document = json.loads((tmp_path / "a" / "batiment.geojson").read_text(encoding="utf-8"))
    assert document["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::2154"
    assert "timeStamp" not in document


def test_pages_that_were_refused_are_asked_for_again_by_the_next_run(
    server: Server, session: Session, tmp_path: Path
) -> None:
    wfs = Wfs(20, n_max=10)
    twice = altered(wfs, lambda page: page | {"features": page["features"][:-1] + page["features"][:1]})
    for bad in (twice, lambda a: Reply(200, b"{}") if a.query.get("STARTINDEX") == "10" else wfs(a)):
        server.pages["/wfs"] = bad
        with pytest.raises(BadAnswerError):
            bring(server, session, tmp_path)
    server.pages["/wfs"] = Wfs(21, n_max=10)  # the layer has changed in the meantime
    bring(server, session, tmp_path)
    assert len(saved(tmp_path)) == 21


def test_a_layer_that_is_here_is_not_asked_for_again_unless_a_refresh_is_wanted(
    server: Server, session: Session, tmp_path: Path
) -> None:
    server.pages["/wfs"] = Wfs(5)
    bring(server, session, tmp_path)
    assert bring(server, session, tmp_path).n_requests == 0
    assert bring(server, session, tmp_path, refresh=True).files[0].state == "unchanged"
    server.pages["/wfs"] = Wfs(6)
    assert bring(server, session, tmp_path, refresh=True).files[0].state == "renewed"


def test_pages_that_came_before_a_break_are_not_asked_for_again(
    server: Server, session: Session, tmp_path: Path
) -> None:
    wfs = Wfs(30, n_max=10)
    server.pages["/wfs"] = lambda a: Reply(503) if a.query.get("STARTINDEX") == "20" else wfs(a)
    with pytest.raises(ServiceError, match="down"):
        bring(server, session, tmp_path)
    server.pages["/wfs"] = wfs
    server.asked.clear()
    bring(server, session, tmp_path)
    assert [request.query.get("STARTINDEX") for request in server.asked] == [None, "20"]
    assert len(saved(tmp_path)) == 30


def altered(wfs: Wfs, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Asked], Reply]:
    """The same service, with its pages changed."""

    def answer(asked: Asked) -> Reply:
        reply = wfs(asked)
        return reply if "COUNT" not in asked.query else Reply(200, json.dumps(change(json.loads(reply.body))).encode())

    return answer


def refused(folder: Path) -> bool:
    return (folder / "quarantine" / "batiment.geojson.refused").exists() and not (folder / "batiment.geojson").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda page: page | {"features": page["features"][:3]} if len(page["features"]) == 5 else page, None),
        (lambda page: page | {"features": []}, "not hold what the service announced"),
        (lambda page: page | {"features": page["features"][:-1] + page["features"][:1]}, "repeat a feature"),
        (lambda page: page | {"numberMatched": 6}, "changed while it was read"),
        (lambda page: {"type": "Feature"}, "not a GeoJSON feature collection"),
    ],
    ids=["a short page is gone on from", "fewer than announced", "twice", "changed", "another document"],
)
def test_pages_that_do_not_add_up_never_become_a_layer(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    words: str | None,
    server: Server,
    session: Session,
    tmp_path: Path,
) -> None:
    server.pages["/wfs"] = altered(Wfs(5), change)
    if words is None:
        bring(server, session, tmp_path)
        assert len(saved(tmp_path)) == 5
        return
    with pytest.raises(BadAnswerError, match=words):
        bring(server, session, tmp_path)
    assert refused(tmp_path)


@pytest.mark.parametrize(
    ("body", "words"), [(b"<html><title>Oups</title>", "Oups"), (b'{"type": "Feat', "cut short"), (b"", "empty")]
)
def test_a_page_that_is_none_is_in_quarantine(
    body: bytes, words: str, server: Server, session: Session, tmp_path: Path
) -> None:
    wfs = Wfs(5)
    server.pages["/wfs"] = lambda a: Reply(200, body) if "COUNT" in a.query else wfs(a)
    with pytest.raises(BadAnswerError, match=words):
        bring(server, session, tmp_path)
    assert refused(tmp_path)


def test_a_service_that_swaps_axes_answers_200_with_nothing_and_is_found_out(
    server: Server, session: Session, tmp_path: Path
) -> None:
    server.pages["/wfs"] = Wfs(5, swaps_axes=True)
    with pytest.raises(BadAnswerError, match="axes of the box the other way round"):
        bring(server, session, tmp_path)


def test_features_that_do_not_meet_the_box_are_refused(server: Server, session: Session, tmp_path: Path) -> None:
    def swapped(page: dict[str, Any]) -> dict[str, Any]:
        for feature in page["features"]:
            (ring,) = feature["geometry"]["coordinates"]
            feature["geometry"]["coordinates"] = [[[y, x] for x, y in ring]]
        return page

    server.pages["/wfs"] = altered(Wfs(5), swapped)
    with pytest.raises(BadAnswerError, match="5 of 5 outside the box"):
        bring(server, session, tmp_path)
    assert refused(tmp_path)


def test_a_layer_without_a_feature_in_the_area_is_told_and_all_of_them_are_an_error(
    server: Server, session: Session, tmp_path: Path
) -> None:
    some, none = Wfs(5), Wfs(0)
    server.pages["/wfs"] = lambda a: (none if a.query["TYPENAMES"].endswith("aerodrome") else some)(a)
    report = bring(server, session, tmp_path, "BDTOPO_V3:batiment", "BDTOPO_V3:aerodrome")
    assert [one.name for one in report.absent] == ["BDTOPO_V3:aerodrome"]
    with pytest.raises(BadAnswerError, match="no layer has a feature in the area"):
        bring(server, session, tmp_path / "none", "BDTOPO_V3:aerodrome")


@pytest.mark.parametrize("status", [200, 400])
def test_a_layer_that_was_renamed_says_where_to_state_its_new_name(
    status: int, server: Server, session: Session, tmp_path: Path
) -> None:
    text = EXCEPTION % b"Feature type IGNF_NUAGES:dalle unknown"
    server.pages["/wfs"] = lambda _: Reply(status, text)
    with pytest.raises(MovedAddressError, match="state it as `layers`"):
        bring(server, session, tmp_path, "IGNF_NUAGES:dalle")


def test_a_refusal_that_comes_with_200_is_told_in_the_words_of_the_service(
    server: Server, session: Session, tmp_path: Path
) -> None:
    server.pages["/wfs"] = lambda _: Reply(200, EXCEPTION % b"Cannot do natural order without a primary key")
    with pytest.raises(RefusedRequestError, match="natural order"):
        bring(server, session, tmp_path)


@pytest.mark.parametrize("layers", [["A:batiment", "B:Batiment"], ["BDTOPO_V3:../x"], ["BDTOPO_V3:"], []])
def test_layers_that_cannot_be_a_file_each_are_refused(layers: list[str]) -> None:
    with pytest.raises(ValueError, match="layer"):
        GeoplateformeWfsDownload.model_validate({"layers": layers})


def test_a_place_must_be_stated(server: Server, session: Session, tmp_path: Path) -> None:
    download = GeoplateformeWfsDownload(base_url=f"{server.url}/wfs", layers=("BDTOPO_V3:batiment",))
    with pytest.raises(ConfigError, match="`communes` of the download"):
        fetch(download, tmp_path, reference=LAMBERT, session=session)


def outlines(request: httpx.Request) -> httpx.Response:
    """The outline of 25354: a square of 0.01° at 6.3° E, 47.4° N."""
    if request.url.path.endswith("/latest/geojson/communes/25/25354/cadastre-25354-communes.json.gz"):
        feature = square(6.3, 47.4)
        feature["geometry"]["coordinates"] = [[[6.3, 47.4], [6.31, 47.4], [6.31, 47.41], [6.3, 47.41], [6.3, 47.4]]]
        return httpx.Response(200, stream=httpx.ByteStream(packed(feature)))
    return httpx.Response(404)


def test_the_area_of_communes_follows_from_their_outline_and_then_needs_no_network(time: Time, tmp_path: Path) -> None:
    budgets = Budgets(clock=time.clock, sleep=time.sleep)
    with Session(transport=httpx.MockTransport(outlines), budgets=budgets, sleep=time.sleep) as session:
        area = fetch_area(("25354",), LAMBERT, tmp_path, session=session)
        # pyproj.Transformer.from_crs(4326, 2154, always_xy=True), corners of the square
        import pyproj

        to_lambert = pyproj.Transformer.from_crs(4326, 2154, always_xy=True)
        xs, ys = to_lambert.transform([6.3, 6.31, 6.31, 6.3], [47.4, 47.4, 47.41, 47.41])
        assert area.bbox == pytest.approx((min(xs) - 50, min(ys) - 50, max(xs) + 50, max(ys) + 50), abs=1.0)
        n_requests = session.n_requests
        assert fetch_area(("25354",), LAMBERT, tmp_path, session=session) == area
        assert session.n_requests == n_requests == 1
        with pytest.raises(MovedAddressError, match="state the area yourself"):
            fetch_area(("25355",), LAMBERT, tmp_path, session=session)


def cloud(n_points: int = 3) -> bytes:
    header = laspy.LasHeader(version="1.4", point_format=6)
    header.offsets, header.scales = np.zeros(3), np.full(3, 0.01)
    data = laspy.LasData(header)
    data.x = np.linspace(950_010.0, 950_020.0, n_points)
    data.y = np.full(n_points, 6_700_010.0)
    data.z = np.full(n_points, 300.0)
    raw = io.BytesIO()
    data.write(raw, do_compress=True)
    return raw.getvalue()


def tile(url: str | None, corner: str = "0950-6701", **others: Any) -> dict[str, Any]:
    return square(950_000.0, 6_700_000.0, coordonnees_nw=corner, url_npl=url, **others) | {
        "id": f"metadata.{corner}.{url}"
    }


def index(server: Server, *tiles: dict[str, Any]) -> None:
    def answer(asked: Asked) -> Reply:
        assert asked.query["TYPENAMES"] == "IGNF_LIDAR-HD_METADONNEE:metadata"
        if asked.query.get("RESULTTYPE") == "hits":
            return Reply(200, f"<wfs:FeatureCollection numberMatched='{len(tiles)}'/>".encode())
        return Reply(200, collection(*tiles, numberMatched=len(tiles)))

    server.pages["/wfs"] = answer


def lidar(server: Server, session: Session, folder: Path, area: AreaOfInterest = AREA, **fields: Any) -> FetchReport:
    download = LidarHdDownload.model_validate({"base_url": f"{server.url}/wfs", **fields})
    return fetch(download, folder, reference=LAMBERT, area=area, session=session)


def test_the_tiles_that_the_index_gives_are_brought_and_the_dash_is_mended(
    server: Server, session: Session, tmp_path: Path
) -> None:
    lot = f"{server.url}/telechargement/download/LiDARHD-NUALID/NUALHD_1-0__LAZ_LAMB93_BE_2025-09-22"
    index(
        server,
        tile(f"{lot}/LHD_FXX_0950-6701_PTS_LAMB93_IGN69.copc.laz"),  # the dash answers 404
        tile(None, "0951-6701"),
    )
    name = "LHD_FXX_0950_6701_PTS_LAMB93_IGN69.copc.laz"
    server.file(f"/telechargement/download/LiDARHD-NUALID/NUALHD_1-0__LAZ_LAMB93_BE_2025-09-22/{name}", cloud())
    report = lidar(server, session, tmp_path)
    assert [(file.name, file.n_records, file.is_kept) for file in report.files] == [
        (name, 3, False),
        ("lidar-hd-index.geojson.kept", 2, True),
    ]
    assert report.vintage == "2025-09-22"
    assert [one.name for one in report.absent] == ["0951_6701"]
    assert lidar(server, session, tmp_path).n_requests == 0


def test_addresses_of_the_index_are_mended() -> None:
    head = "data.geopf.fr/telechargement/download/LiDARHD-NUALID/NUALHD_1-0__LAZ_LAMB93_BE_2025-09-22/LHD_FXX"
    good = f"https://{head}_0881_6546_PTS_LAMB93_IGN69.copc.laz"
    assert mended_address(f"http://{head}_0881-6546_PTS_LAMB93_IGN69.copc.laz") == good
    assert mended_address(good) == good


def test_of_two_editions_of_a_tile_the_later_is_taken_and_the_other_told(
    server: Server, session: Session, tmp_path: Path
) -> None:
    name = "LHD_FXX_0950_6701_PTS_LAMB93_IGN69.copc.laz"
    index(server, *(tile(f"{server.url}/LOT_{day}/{name}") for day in ("2026-01-15", "2024-05-02")))
    server.file(f"/LOT_2026-01-15/{name}", cloud())
    report = lidar(server, session, tmp_path)
    assert report.vintage == "2026-01-15"
    assert [(one.name, "earlier edition" in one.reason) for one in report.absent] == [(name, True)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (cloud(0), "holds no point"),
        (cloud()[:300], "cut before its points"),
        (cloud(2000)[:-500], "cut in its points"),
        (b"<html>", "HTML"),
    ],
)
def test_an_empty_or_cut_tile_goes_into_quarantine(
    content: bytes, words: str, server: Server, session: Session, tmp_path: Path
) -> None:
    index(server, tile(f"{server.url}/LHD_FXX_0950_6701_PTS_LAMB93_IGN69.copc.laz"))
    server.file("/LHD_FXX_0950_6701_PTS_LAMB93_IGN69.copc.laz", content)
    with pytest.raises(BadAnswerError, match=words):
        lidar(server, session, tmp_path)
    assert (tmp_path / "quarantine" / "LHD_FXX_0950_6701_PTS_LAMB93_IGN69.copc.laz.refused").exists()


def test_rasters_come_by_getmap_under_the_name_that_the_address_states(
    server: Server, session: Session, tmp_path: Path
) -> None:
    import rasterio
    from rasterio.transform import from_origin

    profile = {"driver": "GTiff", "width": 2, "height": 2, "count": 1, "dtype": "float32", "nodata": -9999.0}
    with rasterio.open(tmp_path / "x.tif", "w", transform=from_origin(0, 2, 1, 1), **profile) as raster:
        raster.write(np.full((2, 2), 300.0, np.float32), 1)
    name = "LHD_FXX_0950_6701_MNT_O_0M50_LAMB93_IGN69"
    index(server, tile(None, url_mnt=f"{server.url}/wms-r?REQUEST=GetMap&FILENAME={name}"))
    server.file("/wms-r", (tmp_path / "x.tif").read_bytes())
    report = lidar(server, session, tmp_path / "in", product="dtm")
    assert report.files[0].name == f"{name}.tif"  # it may arrive without an ending
    with pytest.raises(BadAnswerError, match="no tile of the area has the product"):
        lidar(server, session, tmp_path / "points")


def test_a_territory_that_is_not_flown_is_an_error(server: Server, session: Session, tmp_path: Path) -> None:
    index(server)
    with pytest.raises(BadAnswerError, match="no LiDAR HD tile in the area"):
        lidar(server, session, tmp_path)


def parts_of(shared: Path, server: Server, session: Session, folder: Path) -> tuple[Path, FetchReport, AreaOfInterest]:
    path = shared / "data" / "lidar" / "format_variants" / "simple.copc.laz"
    with laspy.open(path) as whole:
        (west, south, _), (east, north, _) = whole.header.mins, whole.header.maxs
    area = AreaOfInterest(bbox=(west + 100, south + 100, (west + east) / 2, (south + north) / 2))
    feature = square(
        area.bbox[0], area.bbox[1], coordonnees_nw="0950-6701", url_npl=f"{server.url}/LHD_0950_6701.copc.laz"
    )
    index(server, feature)
    server.file("/LHD_0950_6701.copc.laz", path.read_bytes())
    return path, lidar(server, session, folder, area, parts=True), area


def test_the_points_of_the_area_come_in_parts_with_all_their_attributes(
    shared: Path, server: Server, session: Session, tmp_path: Path
) -> None:
    path, report, area = parts_of(shared, server, session, tmp_path)
    west, south, east, north = area.bbox
    whole = laspy.read(path)
    x, y = np.asarray(whole.x), np.asarray(whole.y)
    inside = (west <= x) & (x <= east) & (south <= y) & (y <= north)
    part = laspy.read(tmp_path / "LHD_0950_6701_area.laz")
    assert 0 < len(part) < len(whole)
    names = list(whole.point_format.dimension_names)
    rows = [
        np.sort(np.rec.fromarrays([np.asarray(cloud[name])[keep] for name in names], names=names))
        for cloud, keep in ((whole, inside), (part, slice(None)))
    ]
    assert np.array_equal(*rows)
    assert part.header.parse_crs() == whole.header.parse_crs()
    assert {request.headers.get("Range") is not None for request in server.asked if "LHD" in request.path} == {True}
    assert report.files[0].n_records == len(part)
    assert lidar(server, session, tmp_path, area, parts=True).n_requests == 0


def test_parts_are_asked_from_the_service_of_parts(time: Time, tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.url.host}{request.url.path}")
        if "RESULTTYPE" in request.url.params:
            return httpx.Response(200, content=b'<wfs:FeatureCollection numberMatched="1"/>')
        if request.url.path.startswith("/wfs"):
            url = "http://data.geopf.fr/telechargement/download/LiDARHD-NUALID/LOT/LHD_FXX_0950_6701.copc.laz"
            return httpx.Response(200, content=collection(tile(url), numberMatched=1))
        return httpx.Response(404)

    budgets = Budgets(clock=time.clock, sleep=time.sleep)
    with (
        Session(transport=httpx.MockTransport(answer), budgets=budgets, sleep=time.sleep) as session,
        pytest.raises(MovedAddressError, match="`parts_url`"),
    ):
        fetch(LidarHdDownload(parts=True), tmp_path, reference=LAMBERT, area=AREA, session=session)
    assert asked[-1] == "data.geopf.fr/chunk/telechargement/download/LiDARHD-NUALID/LOT/LHD_FXX_0950_6701.copc.laz"


def test_the_same_part_has_the_same_bytes(shared: Path, server: Server, session: Session, tmp_path: Path) -> None:
    first, second = (parts_of(shared, server, session, tmp_path / name)[1].files[0] for name in ("a", "b"))
    assert first.sha256 == second.sha256


def test_a_server_without_parts_and_a_file_that_is_no_copc_are_errors(
    server: Server, session: Session, tmp_path: Path
) -> None:
    index(server, tile(f"{server.url}/LHD_0950_6701.copc.laz"))
    server.pages["/LHD_0950_6701.copc.laz"] = lambda _: Reply(200, cloud())
    with pytest.raises(ServiceError, match="no parts of the file"):
        lidar(server, session, tmp_path, parts=True)
    server.file("/LHD_0950_6701.copc.laz", cloud())  # LAZ, and no COPC
    with pytest.raises(BadAnswerError, match="not a COPC file"):
        lidar(server, session, tmp_path, parts=True)


def test_a_file_that_changes_while_it_is_read_is_an_error(
    shared: Path, server: Server, session: Session, tmp_path: Path
) -> None:
    from jnt_pipeline.services.ranges import RangedFile

    content = bytes(200_000)
    server.pages["/x"] = lambda a: Reply(
        206, content[:65536], {"Content-Range": "bytes 0-65535/200000", "ETag": '"one"'}
    )
    remote = RangedFile(f"{server.url}/x", session)
    server.pages["/x"] = lambda a: Reply(
        206, content[100_000:165_536], {"Content-Range": "bytes 100000-165535/200000", "ETag": '"two"'}
    )
    remote.seek(100_000)
    with pytest.raises(BadAnswerError, match="changed while it was read"):
        remote.read(10)


def building(rnb_id: str) -> dict[str, Any]:
    return {"rnb_id": rnb_id, "status": "constructed", "point": {"type": "Point", "coordinates": [6.3, 47.4]}}


def rnb(server: Server, *ids: str, n_page: int = 2, next_host: str = "") -> RnbDownload:
    def answer(asked: Asked) -> Reply:
        assert asked.query["insee_code"] == "25354"
        start = int(asked.query.get("cursor", "0"))
        following = f"{next_host or server.url}/api/buildings/?insee_code=25354&cursor={start + n_page}"
        page = [building(rnb_id) for rnb_id in ids[start : start + n_page]]
        return Reply(
            200, json.dumps({"next": following if start + n_page < len(ids) else None, "results": page}).encode()
        )

    server.pages["/api/buildings/"] = answer
    return RnbDownload(base_url=f"{server.url}/api", communes=("25354",))


def test_buildings_of_a_commune_are_followed_from_cursor_to_cursor(
    server: Server, session: Session, tmp_path: Path
) -> None:
    report = fetch(rnb(server, "CCC", "AAA", "EEE", "BBB", "DDD"), tmp_path, session=session)
    document = json.loads((tmp_path / "rnb-25354.json").read_text(encoding="utf-8"))
    assert [item["rnb_id"] for item in document["results"]] == ["AAA", "BBB", "CCC", "DDD", "EEE"]
    assert document["next"] is None
    assert (report.files[0].n_records, report.n_requests) == (5, 3)
    assert fetch(rnb(server), tmp_path, session=session).n_requests == 0


@pytest.mark.parametrize(
    ("ids", "next_host", "words"),
    [
        (("AAA", "BBB", "AAA"), "", "repeat a building"),
        ((), "", "no building of 25354"),
        (("AAA", "BBB", "CCC"), "http://elsewhere.example", "another host"),
    ],
)
def test_pages_of_buildings_that_cannot_be_right_are_refused(
    ids: tuple[str, ...], next_host: str, words: str, server: Server, session: Session, tmp_path: Path
) -> None:
    with pytest.raises(BadAnswerError, match=words):
        fetch(rnb(server, *ids, next_host=next_host), tmp_path, session=session)
    assert not (tmp_path / "rnb-25354.json").exists()


def test_pages_that_go_round_and_round_are_refused(server: Server, session: Session, tmp_path: Path) -> None:
    download = rnb(server)
    page = {"next": f"{server.url}/api/buildings/?insee_code=25354&cursor=2", "results": [building("AAA")]}
    server.pages["/api/buildings/"] = lambda _: Reply(200, json.dumps(page).encode())
    with pytest.raises(BadAnswerError, match="round and round"):
        fetch(download, tmp_path, session=session)


def test_a_page_of_buildings_in_another_shape_is_refused(server: Server, session: Session, tmp_path: Path) -> None:
    download = rnb(server)
    server.pages["/api/buildings/"] = lambda _: Reply(200, b'{"detail": "moved to v1"}')
    with pytest.raises(BadAnswerError, match="not a page of buildings"):
        fetch(download, tmp_path, session=session)
    assert "moved to v1" in (tmp_path / "quarantine" / "rnb-25354.json.refused").read_text()


def station(code: str) -> dict[str, Any]:
    return {
        "code_station": code,
        "libelle_station": f"Le Doubs à {code}",
        "longitude_station": 6.3,
        "latitude_station": 47.4,
        "altitude_ref_alti_station": 260000.0,
    }


def hubeau(server: Server, n_stations: int, *, n_page: int = 1000, count: int | None = None) -> HubeauDownload:
    def answer(asked: Asked) -> Reply:
        west, south, east, north = (float(value) for value in asked.query["bbox"].split(","))
        assert -5 < west < east < 10  # longitude first
        assert 41 < south < north < 52
        start = (int(asked.query["page"]) - 1) * n_page
        rows = [station(f"U{i:09d}") for i in reversed(range(n_stations))][start : start + n_page]
        more = "http://next" if start + n_page < n_stations else None
        body = json.dumps({"count": n_stations if count is None else count, "next": more, "data": rows}).encode()
        return Reply(206 if more else 200, body)

    server.pages["/hydrometrie/referentiel/stations"] = answer
    return HubeauDownload(base_url=f"{server.url}/hydrometrie")


def stations(download: HubeauDownload, session: Session, folder: Path) -> FetchReport:
    return fetch(download, folder, reference=LAMBERT, area=AREA, session=session)


def test_stations_come_as_the_three_tables_of_a_network_and_206_is_no_error(
    server: Server, session: Session, tmp_path: Path
) -> None:
    report = stations(hubeau(server, 1500), session, tmp_path)
    assert [file.name for file in report.files if not file.is_kept] == [
        "datastreams.csv",
        "observations.csv",
        "stations.csv",
    ]
    lines = (tmp_path / "stations.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "station_id,station_name,station_type,longitude,latitude,elevation_m"
    assert lines[1] == "U000000000,Le Doubs à U000000000,hydrometric,6.3,47.4,"
    assert len(lines) == 1501
    assert (tmp_path / "observations.csv").read_text() == "datastream_id,phenomenon_at,result\n"
    assert stations(hubeau(server, 0), session, tmp_path).n_requests == 0


@pytest.mark.parametrize(
    ("n_stations", "count", "words"),
    [
        (3, 4, "not hold what the service announced"),
        (3, 25_000, "more stations than the service gives"),
    ],
)
def test_stations_that_cannot_be_all_of_them_are_refused(
    n_stations: int, count: int | None, words: str, server: Server, session: Session, tmp_path: Path
) -> None:
    with pytest.raises(BadAnswerError, match=words):
        stations(hubeau(server, n_stations, count=count), session, tmp_path)
    assert not (tmp_path / "stations.csv").exists()


def test_an_area_without_a_station_gives_empty_tables_and_says_so(
    server: Server, session: Session, tmp_path: Path
) -> None:
    report = stations(hubeau(server, 0), session, tmp_path)
    assert [one.name for one in report.absent] == ["stations"]
    assert len((tmp_path / "stations.csv").read_text().splitlines()) == 1


def test_a_service_that_is_not_there_leaves_no_file(session: Session, tmp_path: Path) -> None:
    download = HubeauDownload(base_url="http://127.0.0.1:9/hydrometrie")
    with pytest.raises(UnreachableServiceError):
        stations(download, session, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_rate_of_the_declaration_holds_for_every_address_that_it_asks(
    server: Server, session: Session, tmp_path: Path
) -> None:
    index(server, tile(None))
    with pytest.raises(BadAnswerError):
        lidar(server, session, tmp_path, requests_per_s=2.0)
    tiles = ("https://data.geopf.fr/telechargement/download/x", "https://data.geopf.fr/chunk/telechargement/download/x")
    assert [session.budgets.rate(url) for url in (f"{server.url}/wfs", *tiles)] == [2.0, 2.0, 2.0]


def test_a_rate_of_the_declaration_is_taken(server: Server, session: Session, tmp_path: Path) -> None:
    download = hubeau(server, 2).model_copy(update={"requests_per_s": 0.5})
    stations(download, session, tmp_path)
    assert session.budgets.rate(f"{server.url}/hydrometrie/referentiel/stations") == 0.5
