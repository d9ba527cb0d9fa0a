"""Grids on this machine, and how the missing ones are fetched, against a server on the loopback."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pyproj
import pytest

from jnt_pipeline.crs import DeclaredUndulation, transformation
from jnt_pipeline.crs.france.grid_table import KNOWN_GRIDS, KnownGrid
from jnt_pipeline.crs.grids import GRIDS_VARIABLE, installed_grids, sync_grids, use_grid_folders
from jnt_pipeline.errors import DiskFullError, MissingGridError

CONTENT = bytes(range(256)) * 40  # 10,240 bytes: larger than one TCP segment, small enough for a test
FAKE = {
    "fake.tif": KnownGrid(
        name="fake.tif",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        n_bytes=len(CONTENT),
        relation="none",
        territory="nowhere",
    )
}


class Server:
    """A file server whose manners a test chooses, request by request."""

    def __init__(self) -> None:
        self.requests: list[str | None] = []  # Range header of each request
        self.script: list[Callable[[BaseHTTPRequestHandler], None]] = []
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.headers.get("Range"))
                (outer.script.pop(0) if outer.script else serve)(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.release.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def serve(handler: BaseHTTPRequestHandler, *, content: bytes = CONTENT) -> None:
    """Answer as a good server does, ranges included."""
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    if start >= len(content):
        status(416)(handler)
        return
    handler.send_response(206 if handler.headers.get("Range") else 200)
    if handler.headers.get("Range"):
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    handler.wfile.write(content[start:])


def ignore_range(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT)


def other_range(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}")
    handler.send_header("Content-Length", str(len(CONTENT) - 5))
    handler.end_headers()
    handler.wfile.write(CONTENT[5:])


def broken_off(handler: BaseHTTPRequestHandler) -> None:
    """Promise everything, send 3,000 bytes, close."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[:3000])
    handler.close_connection = True


def short(handler: BaseHTTPRequestHandler) -> None:
    """An honest answer that is simply too short, as a proxy's error page is."""
    handler.send_response(200)
    handler.send_header("Content-Length", "3000")
    handler.end_headers()
    handler.wfile.write(CONTENT[:3000])


def other_content(handler: BaseHTTPRequestHandler) -> None:
    serve(handler, content=CONTENT[::-1])


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20.0, trust_env=False) as client:
        yield client


class Waits(list[float]):
    """Instead of sleeping: what would have been slept."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def _sync(server: Server, client: httpx.Client, folder: Path, waits: Waits | None = None) -> str:
    report = sync_grids(
        ["fake.tif"], folder, base_url=server.url, client=client, known=FAKE, sleep=Waits() if waits is None else waits
    )
    assert (folder / "fake.tif").read_bytes() == CONTENT
    assert os.listdir(folder) == ["fake.tif"]
    return report.grids[0].state


def test_a_missing_grid_is_fetched_once_and_then_left_alone(
    server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    assert _sync(server, client, tmp_path) == "downloaded"
    assert _sync(server, client, tmp_path) == "present"
    assert server.requests == [None]


def test_a_partial_file_is_continued_from_where_it_stopped(
    server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "fake.tif.part").write_bytes(CONTENT[:4096])
    report = sync_grids(["fake.tif"], tmp_path, base_url=server.url, client=client, known=FAKE)
    assert report.grids[0].state == "resumed"
    assert report.n_bytes_fetched == len(CONTENT) - 4096
    assert server.requests == ["bytes=4096-"]
    assert (tmp_path / "fake.tif").read_bytes() == CONTENT


def test_a_connection_that_breaks_off_is_continued(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    server.script = [broken_off]
    assert _sync(server, client, tmp_path) == "downloaded"
    assert server.requests == [None, "bytes=3000-"]


@pytest.mark.parametrize("manners", [ignore_range, other_range])
def test_a_server_that_does_not_respect_the_range_still_gives_the_right_file(
    manners: Callable[[BaseHTTPRequestHandler], None], server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "fake.tif.part").write_bytes(CONTENT[:4096])
    server.script = [manners]
    _sync(server, client, tmp_path)


def test_a_partial_file_that_is_too_long_is_begun_again(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "fake.tif.part").write_bytes(CONTENT + b"more")
    _sync(server, client, tmp_path)
    assert server.requests == [None]


def test_a_partial_file_of_another_content_is_refused_by_the_checksum_and_removed(
    server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "fake.tif.part").write_bytes(b"x" * 4096)
    with pytest.raises(MissingGridError, match="SHA-256"):
        _sync(server, client, tmp_path)
    assert os.listdir(tmp_path) == []
    _sync(server, client, tmp_path)


def test_a_damaged_grid_is_replaced(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "fake.tif").write_bytes(CONTENT[:100])
    assert _sync(server, client, tmp_path) == "downloaded"


def test_another_content_is_never_put_in_place(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    server.script = [other_content]
    with pytest.raises(MissingGridError) as caught:
        _sync(server, client, tmp_path)
    assert hashlib.sha256(CONTENT[::-1]).hexdigest() in caught.value.found
    assert FAKE["fake.tif"].sha256 in caught.value.expected
    assert os.listdir(tmp_path) == []


def test_a_file_that_stays_too_short_is_refused_with_its_size(
    server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    server.script = [short, status(416), short, status(416)]
    with pytest.raises(MissingGridError) as caught:
        _sync(server, client, tmp_path)
    assert "fewer bytes" in caught.value.found
    assert not (tmp_path / "fake.tif").exists()


def test_an_absent_file_is_refused_at_once_with_its_address(
    server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    server.script = [status(404)]
    with pytest.raises(MissingGridError, match="HTTP 404") as caught:
        _sync(server, client, tmp_path)
    assert caught.value.where == f"{server.url}/fake.tif"
    assert len(server.requests) == 1


def test_a_file_that_moved_says_where(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    server.script = [status(301, Location="https://elsewhere.example/fake.tif")]
    with pytest.raises(MissingGridError, match=r"moved to https://elsewhere\.example/fake\.tif"):
        _sync(server, client, tmp_path)
    assert len(server.requests) == 1


def test_a_busy_server_is_given_the_time_it_asks_for(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    waits = Waits()
    server.script = [status(429, Retry_After="7"), status(503)]
    _sync(server, client, tmp_path, waits)
    assert waits == [7.0, 2.0]  # as asked, then our own second pause


def test_a_server_that_asks_for_an_hour_is_an_error_that_says_so(
    server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    waits = Waits()
    server.script = [status(429, Retry_After="3600")]
    with pytest.raises(MissingGridError, match="Retry-After 3600"):
        _sync(server, client, tmp_path, waits)
    assert waits == []


def test_a_server_that_stays_busy_is_given_up_after_four_attempts(
    server: Server, client: httpx.Client, tmp_path: Path
) -> None:
    server.script = [status(503)] * 9
    with pytest.raises(MissingGridError, match="HTTP 503"):
        _sync(server, client, tmp_path)
    assert len(server.requests) == 4


def test_a_server_that_never_answers_is_an_error(server: Server, tmp_path: Path) -> None:
    server.script = [lambda _: server.release.wait(60) and None] * 4
    with httpx.Client(timeout=0.05, trust_env=False) as hasty, pytest.raises(MissingGridError, match="ReadTimeout"):
        _sync(server, hasty, tmp_path)


def test_nobody_at_the_address_is_an_error(client: httpx.Client, tmp_path: Path) -> None:
    server = Server()
    server.stop()
    with pytest.raises(MissingGridError, match="ConnectError"):
        _sync(server, client, tmp_path)


def test_a_full_disk_leaves_nothing_half_written(
    server: Server, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jnt_pipeline.crs.grid_sync.os.fsync", full)
    with pytest.raises(DiskFullError, match="no room left"):
        _sync(server, client, tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_grid_that_the_table_does_not_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingGridError, match="not in the table"):
        sync_grids(["us_noaa_conus.tif"], tmp_path)


def test_the_table_is_that_of_the_published_checksums(shared: Path) -> None:
    folder = shared / "geodesy" / "grids"
    lines = (folder / "SHA256SUMS").read_text().split("\n")
    published = {name: sha256 for sha256, name in (line.split() for line in lines if line)}
    assert {name: grid.sha256 for name, grid in KNOWN_GRIDS.items()} == published
    assert all((folder / name).stat().st_size == grid.n_bytes for name, grid in KNOWN_GRIDS.items())
    assert len(KNOWN_GRIDS) == 51
    assert sum(grid.n_bytes for grid in KNOWN_GRIDS.values()) == 1_993_539


def test_installed_grids_are_listed_with_their_state(no_grids: Path) -> None:
    (no_grids / "fr_ign_RAF20.tif").write_bytes(b"damaged")
    (no_grids / "xx_local.tif").write_bytes(b"local")
    (no_grids / "README.md").write_text("no grid")
    found = {grid.name: grid for grid in installed_grids()}
    assert found["fr_ign_RAF20.tif"].is_intact is False
    assert found["xx_local.tif"].is_intact is None
    assert found["xx_local.tif"].sha256 == hashlib.sha256(b"local").hexdigest()
    assert "README.md" not in found


def test_all_51_grids_of_the_folder_are_intact(grids: Path) -> None:
    french = [grid for grid in installed_grids() if grid.known is not None]
    assert len(french) == 51
    assert all(grid.is_intact for grid in french)


def test_the_grid_folders_are_put_on_the_path_once_and_taken_off_again(
    no_grids: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv(GRIDS_VARIABLE, os.pathsep.join([str(no_grids), str(other), str(tmp_path / "absent")]))
    first = use_grid_folders()
    path = pyproj.datadir.get_data_dir()
    assert use_grid_folders() == first
    assert pyproj.datadir.get_data_dir() == path
    assert first[:2] == (no_grids, other)
    assert path.split(os.pathsep).count(str(other)) == 1
    monkeypatch.setenv(GRIDS_VARIABLE, str(no_grids))
    assert other not in use_grid_folders()
    assert str(other) not in pyproj.datadir.get_data_dir()
    assert not pyproj.network.is_network_enabled()


def test_the_folder_of_the_user_is_looked_at_without_any_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(GRIDS_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "jnt_pipeline" / "grids"
    folder.mkdir(parents=True)
    assert use_grid_folders()[0] == folder
    monkeypatch.undo()
    use_grid_folders()


@pytest.mark.parametrize(
    ("name", "edition"),
    [
        ("RAF20", "RAF20 (2020)"),
        ("RAF18b", "RAF18b (2018)"),
        ("RAC09", "RAC09 (2009)"),
        ("RAGTBT2016", "RAGTBT2016"),  # the year is in the name
        ("RALDW842016", "RALDW842016"),
        ("RAR07_bl", "RAR07_bl"),  # what the 07 of La Réunion is, IGN's table does not say: no year is made of it
        ("gr3df97a", "gr3df97a"),
    ],
)
def test_an_edition_is_ign_s_own_name_with_a_year_only_where_it_is_certain(name: str, edition: str) -> None:
    assert KNOWN_GRIDS[f"fr_ign_{name}.tif"].edition == edition


def test_an_operation_tells_edition_relation_and_licence_of_its_grid(grids: Path) -> None:
    (used,) = transformation("EPSG:9794+5720", "EPSG:9781").operation.grids
    assert used.edition == "RAF20 (2020)"
    assert used.relation == "NGF-IGN69 to ellipsoid of RGF93 v2b"
    assert used.licence == "Licence Ouverte / Open Licence 2.0 (Etalab)"
    assert used.attribution.startswith("Source: IGN")


def test_a_declared_undulation_is_told_with_its_source_and_vertical_system() -> None:
    declared = DeclaredUndulation(value_m=44.86, accuracy_m=0.05, source="RAF20 at the town hall")
    operation = transformation("EPSG:2154+5720", "EPSG:4965", undulation=declared).operation
    assert operation.undulation is not None
    assert operation.undulation.model_dump() == declared.model_dump() | {"vertical": "EPSG:5720"}
    assert operation.accuracy_m == 0.05  # RGF93 v1 on both sides: the declaration is all that is uncertain
    assert operation.grids == ()


def test_whoever_waits_is_told_how_many_bytes_are_there(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "fake.tif.part").write_bytes(CONTENT[:4096])
    seen: list[tuple[str, int]] = []
    sync_grids(
        ["fake.tif"], tmp_path, base_url=server.url, client=client, known=FAKE,
        watch=lambda name, n_bytes: seen.append((name, n_bytes)),
    )  # fmt: skip
    assert {name for name, _ in seen} == {"fake.tif"}
    assert all(4096 < n_bytes <= len(CONTENT) for _, n_bytes in seen)
    assert seen[-1] == ("fake.tif", len(CONTENT))
