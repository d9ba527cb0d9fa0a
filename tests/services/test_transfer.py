"""Files come whole or not at all: continued, checked, registered, never overwritten; what is bad is in quarantine."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jnt_pipeline.errors import BadAnswerError, DiskFullError, ServiceError, UnreachableServiceError, UnreadableError
from jnt_pipeline.services import LEDGER, FetchReport, FilesDownload, Session, fetch
from services.french_services import Reply, Server, packed, square, static

CONTENT = bytes(range(256)) * 400  # 102,400 bytes: more than one read of the socket


def files(server: Server, *names: str, **fields: Any) -> FilesDownload:
    return FilesDownload.model_validate({"files": [{"url": f"{server.url}/{name}", **fields} for name in names]})


def bring(server: Server, session: Session, folder: Path, *, refresh: bool = False, **fields: Any) -> FetchReport:
    return fetch(files(server, "tile.bin", **fields), folder, session=session, refresh=refresh)


@pytest.fixture
def good(server: Server) -> Server:
    server.file("/tile.bin", CONTENT)
    return server


def ledger(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / LEDGER).read_text(encoding="utf-8")))


def test_a_file_comes_whole_and_the_register_tells_where_from(good: Server, session: Session, tmp_path: Path) -> None:
    report = bring(good, session, tmp_path / "new" / "folder")
    (row,) = report.files
    folder = tmp_path / "new" / "folder"
    assert (row.state, row.n_bytes, report.n_requests) == ("downloaded", len(CONTENT), 1)
    assert (folder / "tile.bin").read_bytes() == CONTENT
    assert sorted(os.listdir(folder)) == [LEDGER, "tile.bin"]
    known = ledger(folder)["files"]["tile.bin"]
    assert known["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert known["url"] == f"{good.url}/tile.bin"
    assert known["answered_on"] == "Tue, 24 Nov 2026 08:00:00 GMT"
    assert known["last_modified"] == "Mon, 01 Jun 2026 00:00:00 GMT"


def test_what_is_here_and_intact_is_not_asked_for_again_even_without_a_network(
    good: Server, session: Session, tmp_path: Path
) -> None:
    bring(good, session, tmp_path)
    good.stop()
    report = bring(good, session, tmp_path)
    assert (report.files[0].state, report.n_requests) == ("present", 0)


def test_a_connection_that_breaks_off_is_continued_where_it_stopped(
    good: Server, session: Session, tmp_path: Path
) -> None:
    good.script = [lambda a: Reply(200, CONTENT, {"ETag": static(a, CONTENT).headers["ETag"]}, sent=30_000)]
    bring(good, session, tmp_path)
    assert (tmp_path / "tile.bin").read_bytes() == CONTENT
    assert good.asked[1].headers["Range"].startswith("bytes=")
    assert good.asked[1].headers["Range"] != "bytes=0-"
    assert good.asked[1].headers["If-Range"] == static(good.asked[1], CONTENT).headers["ETag"]


def test_an_interrupted_run_is_continued_by_the_next_one(good: Server, session: Session, tmp_path: Path) -> None:
    good.pages["/tile.bin"] = lambda _: Reply(200, CONTENT, {"ETag": '"x"'}, sent=0)
    with pytest.raises(UnreachableServiceError, match="what came is kept"):
        bring(good, session, tmp_path)
    assert not (tmp_path / "tile.bin").exists()
    (tmp_path / "tile.bin.part").write_bytes(CONTENT[:50_000])
    good.pages["/tile.bin"] = lambda asked: static(asked, CONTENT, etag='"x"')
    report = bring(good, session, tmp_path)
    assert report.files[0].state == "resumed"
    assert good.asked[-1].headers["Range"] == "bytes=50000-"
    assert (tmp_path / "tile.bin").read_bytes() == CONTENT


def test_a_part_of_an_older_content_is_not_continued(good: Server, session: Session, tmp_path: Path) -> None:
    good.script = [lambda _: Reply(200, CONTENT[::-1], {"ETag": '"older"'}, sent=30_000)]
    bring(good, session, tmp_path)  # If-Range "older" does not match: the server sends the whole
    assert (tmp_path / "tile.bin").read_bytes() == CONTENT


def test_a_part_without_a_validator_is_begun_again(good: Server, session: Session, tmp_path: Path) -> None:
    good.script = [lambda _: Reply(200, CONTENT[::-1], sent=30_000)]
    bring(good, session, tmp_path)
    assert "Range" not in good.asked[1].headers
    assert (tmp_path / "tile.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "reply",
    [
        Reply(416, b"", {"Content-Range": "bytes */5"}),
        Reply(206, CONTENT[5:], {"Content-Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"}),
    ],
    ids=["fewer bytes than the part", "another part"],
)
def test_a_wrong_answer_to_a_range_makes_the_file_begin_again(
    reply: Reply, good: Server, session: Session, tmp_path: Path
) -> None:
    good.script = [lambda a: Reply(200, CONTENT, static(a, CONTENT).headers, sent=30_000), lambda _: reply]
    bring(good, session, tmp_path)
    assert (tmp_path / "tile.bin").read_bytes() == CONTENT
    assert len(good.asked) == 3


def test_refresh_asks_whether_something_has_changed_and_takes_no_for_an_answer(
    good: Server, session: Session, tmp_path: Path
) -> None:
    bring(good, session, tmp_path)
    report = bring(good, session, tmp_path, refresh=True)
    assert (report.files[0].state, report.n_requests) == ("unchanged", 1)
    assert "If-None-Match" in good.asked[-1].headers


def test_refresh_replaces_a_file_that_has_changed(good: Server, session: Session, tmp_path: Path) -> None:
    bring(good, session, tmp_path)
    good.file("/tile.bin", CONTENT[:1000])
    assert bring(good, session, tmp_path, refresh=True).files[0].state == "renewed"
    assert (tmp_path / "tile.bin").read_bytes() == CONTENT[:1000]


def test_a_bad_refresh_leaves_the_good_file_and_its_line(good: Server, session: Session, tmp_path: Path) -> None:
    bring(good, session, tmp_path)
    good.file("/tile.bin", b"<!DOCTYPE html><title>Maintenance</title>")
    with pytest.raises(BadAnswerError, match="Maintenance"):
        bring(good, session, tmp_path, refresh=True)
    good.stop()
    assert bring(good, session, tmp_path).files[0].state == "present"


def test_a_file_that_was_changed_is_downloaded_again_and_the_changed_one_kept(
    good: Server, session: Session, tmp_path: Path
) -> None:
    bring(good, session, tmp_path)
    (tmp_path / "tile.bin").write_bytes(b"edited")
    assert bring(good, session, tmp_path).files[0].state == "downloaded"
    assert (tmp_path / "quarantine" / "tile.bin.refused").read_bytes() == b"edited"
    assert "has changed since it was downloaded" in (tmp_path / "quarantine" / "tile.bin.reason.txt").read_text()


def test_a_file_of_the_users_own_is_left_alone(good: Server, session: Session, tmp_path: Path) -> None:
    (tmp_path / "tile.bin").write_bytes(b"mine")
    report = bring(good, session, tmp_path, refresh=True)
    assert (report.files[0].state, report.n_requests) == ("own", 0)
    assert (tmp_path / "tile.bin").read_bytes() == b"mine"


def test_a_crash_between_the_register_and_the_name_loses_nothing(
    good: Server, session: Session, tmp_path: Path
) -> None:
    bring(good, session, tmp_path)
    (tmp_path / "tile.bin").rename(tmp_path / "tile.bin.part")
    report = bring(good, session, tmp_path)
    assert (report.files[0].state, report.n_requests) == ("present", 0)


class Killed(BaseException):
    """The process dies."""


def test_killed_at_any_write_the_next_run_gives_the_same_folder(
    good: Server, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jnt_pipeline import disk
    from jnt_pipeline.services import ledger as ledger_module
    from jnt_pipeline.services import transfer

    bring(good, session, tmp_path / "expected")
    left = [0]

    def dying(name: str) -> Callable[..., None]:
        real = getattr(disk, name)

        def step(*arguments: object) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            real(*arguments)

        return step

    for module in (transfer, ledger_module):
        for name in ("write", "fsync", "replace"):
            monkeypatch.setattr(module, name, dying(name))
    n_deaths = 0
    for n in range(1, 30):
        folder = tmp_path / str(n)
        left[0] = n
        try:
            bring(good, session, folder)
        except Killed:
            n_deaths += 1
        else:
            break
        left[0] = 0
        bring(good, session, folder)
        assert sorted(os.listdir(folder)) == [LEDGER, "tile.bin"]
        assert (folder / "tile.bin").read_bytes() == CONTENT
        assert ledger(folder)["files"] == ledger(tmp_path / "expected")["files"]
    assert n_deaths >= 8  # three writes of the register, the fsyncs, the rename


def test_a_checksum_that_does_not_match_is_an_error_and_the_file_goes_into_quarantine(
    good: Server, session: Session, tmp_path: Path
) -> None:
    with pytest.raises(BadAnswerError, match="another content") as caught:
        bring(good, session, tmp_path, sha256="0" * 64)
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert not (tmp_path / "tile.bin").exists()
    assert not (tmp_path / "tile.bin.part").exists()
    assert (tmp_path / "quarantine" / "tile.bin.refused").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json.gz", b"<html><title>503 Service Unavailable</title></html>", "an HTML page"),
        ("a.json.gz", packed(square(0, 0))[:40], "damaged or cut short"),
        ("a.json.gz", packed(), "no feature in the collection"),
        ("a.json.gz", gzip.compress(b'{"type":"FeatureCollection","features":[{"type"', mtime=0), "cut short"),
        ("a.json.gz", gzip.compress(b"id;name", mtime=0), "not a GeoJSON feature collection"),
        ("a.json.gz", b"plain text", "damaged or cut short"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "holds nothing"),
        ("a.tar.bz2", b"BZh91AY&SY not really", "damaged or cut short"),
        ("a.laz", b"LASF", "not a LAS"),
        ("a.tif", b"II*\0 not really", "not a raster"),
        ("a.bin", b"  \n", "the answer is empty"),
    ],
)
def test_an_answer_that_is_not_what_its_name_says_goes_into_quarantine(
    name: str, content: bytes, words: str, server: Server, session: Session, tmp_path: Path
) -> None:
    server.file(f"/{name}", content)
    with pytest.raises(BadAnswerError, match=words) as caught:
        fetch(files(server, name), tmp_path, session=session)
    assert not (tmp_path / name).exists()
    assert (tmp_path / "quarantine" / f"{name}.refused").read_bytes() == content
    assert f"{server.url}/{name}" in (tmp_path / "quarantine" / f"{name}.reason.txt").read_text(encoding="utf-8")
    assert f"quarantine/{name}.refused" in str(caught.value)


def test_a_cut_edigeo_sheet_of_the_real_files_is_refused_and_a_whole_one_taken(
    shared: Path, server: Server, session: Session, tmp_path: Path
) -> None:
    cadastre = shared / "data" / "cadastre"
    server.file("/whole.tar.bz2", (cadastre / "edigeo_25354" / "edigeo-25354000AB01.tar.bz2").read_bytes())
    server.file("/cut.tar.bz2", (cadastre / "bad" / "truncated_edigeo-25354000AB01.tar.bz2").read_bytes())
    assert fetch(files(server, "whole.tar.bz2"), tmp_path, session=session).files[0].n_records == 10  # members
    with pytest.raises(BadAnswerError, match="damaged or cut short"):
        fetch(files(server, "cut.tar.bz2"), tmp_path, session=session)


def test_an_answer_that_stays_empty_is_an_error(server: Server, session: Session, tmp_path: Path) -> None:
    server.file("/tile.bin", b"")
    with pytest.raises(BadAnswerError, match="empty"):
        bring(server, session, tmp_path)
    assert session.n_requests == 5  # too many requests at once give empty tiles: asked again


def test_a_raster_of_nothing_but_nodata_goes_into_quarantine(server: Server, session: Session, tmp_path: Path) -> None:
    import numpy as np
    import rasterio
    from rasterio.transform import from_origin

    profile = {"driver": "GTiff", "width": 4, "height": 4, "count": 1, "dtype": "float32", "nodata": -9999.0}
    values = np.full((4, 4), -9999, np.float32)
    for name in ("empty.tif", "full.tif"):
        with rasterio.open(tmp_path / name, "w", transform=from_origin(0, 4, 1, 1), **profile) as raster:
            raster.write(values, 1)
        server.file(f"/{name}", (tmp_path / name).read_bytes())
        values[2, 2] = 12.5
    folder = tmp_path / "in"
    assert fetch(files(server, "full.tif"), folder, session=session).files[0].state == "downloaded"
    with pytest.raises(BadAnswerError, match="nodata everywhere"):
        fetch(files(server, "empty.tif"), folder, session=session)


def test_files_that_fail_do_not_keep_the_others_from_coming(good: Server, session: Session, tmp_path: Path) -> None:
    good.file("/bad.json.gz", b"nonsense")
    with pytest.raises(ServiceError, match="2 of 3 files could not be brought") as caught:
        fetch(files(good, "absent.bin", "bad.json.gz", "tile.bin"), tmp_path, session=session)
    assert "absent.bin" in str(caught.value)
    assert "bad.json.gz" in str(caught.value)
    assert (tmp_path / "tile.bin").read_bytes() == CONTENT


def test_a_file_that_comes_packed_unasked_is_refused(good: Server, session: Session, tmp_path: Path) -> None:
    good.pages["/tile.bin"] = lambda _: Reply(200, gzip.compress(CONTENT), {"Content-Encoding": "gzip"})
    with pytest.raises(BadAnswerError, match="packed"):
        bring(good, session, tmp_path)


def test_an_archive_that_the_server_also_declares_as_an_encoding_stays_as_it_is(
    server: Server, session: Session, tmp_path: Path
) -> None:
    content = packed(square(0, 0))
    server.file("/a.json.gz", content, Content_Encoding="gzip")
    server.pages["/a.json.gz"] = lambda _: Reply(200, content, {"Content-Encoding": "gzip"})
    fetch(files(server, "a.json.gz"), tmp_path, session=session)
    assert (tmp_path / "a.json.gz").read_bytes() == content


def test_no_change_unasked_is_an_error(good: Server, session: Session, tmp_path: Path) -> None:
    good.pages["/tile.bin"] = lambda _: Reply(304)
    with pytest.raises(BadAnswerError, match="unasked"):
        bring(good, session, tmp_path)


def test_progress_is_told_with_the_size_to_come(good: Server, session: Session, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    fetch(files(good, "tile.bin"), tmp_path, session=session, watch=lambda *what: told.append(what))
    assert told[-1] == ("tile.bin", len(CONTENT), len(CONTENT))


def test_a_damaged_register_is_an_error_that_says_what_deleting_it_does(
    good: Server, session: Session, tmp_path: Path
) -> None:
    (tmp_path / LEDGER).write_text('{"files": {"tile.bin"', encoding="utf-8")
    with pytest.raises(UnreadableError, match="count as your own"):
        bring(good, session, tmp_path)


def test_a_full_disk_is_named_and_what_came_is_kept(
    good: Server, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jnt_pipeline.services.transfer.fsync", full)
    with pytest.raises(DiskFullError):
        bring(good, session, tmp_path)
    assert not (tmp_path / "tile.bin").exists()


@pytest.mark.parametrize(
    "listed",
    [
        [{"url": "https://a.example/x/..%2f..%2fetc%2f"}],
        [{"url": "https://a.example/x/.."}],
        [{"url": "https://a.example/1/x.zip"}, {"url": "https://a.example/2/x.zip"}],
        [{"url": "file:///etc/passwd"}],
        [{"url": "https://a.example/x.zip", "name": "../x.zip"}],
    ],
)
def test_a_list_whose_names_are_not_plain_and_distinct_is_refused(listed: list[dict[str, str]]) -> None:
    with pytest.raises(ValueError, match="file"):
        FilesDownload.model_validate({"files": listed})
