"""Published files over HTTP: ranges and entity tags by RFC 9110, and nothing beyond what is listed."""

from __future__ import annotations

import email
import email.policy
import hashlib
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from tests.hypervisor.feeding import PUBLISHED

from jnt_pipeline.publication.cog import COG
from jnt_pipeline.territory.model import Territory

FILE = "/publications/odd/bytes.bin"


def test_a_file_is_sent_whole_with_its_type_length_and_tag(client: httpx.Client) -> None:
    answer = client.get(FILE)

    assert (answer.status_code, answer.content) == (200, PUBLISHED)
    assert answer.headers["content-length"] == "1024"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{hashlib.sha256(PUBLISHED).hexdigest()[:32]}"'
    assert "content-encoding" not in answer.headers


def test_media_types_are_those_of_the_publication(client: httpx.Client) -> None:
    assert client.get("/publications/cog/dtm.tif").headers["content-type"] == COG
    assert client.get("/publications/cog/dtm.png").headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        *(("bytes=0-0", 0, 0), ("bytes=10-19", 10, 19), ("bytes=1000-", 1000, 1023), ("bytes=-24", 1000, 1023)),
        *(("bytes=1000-5000", 1000, 1023), ("bytes=-5000", 0, 1023), ("bytes=5000-,3-4", 3, 4)),
    ],
)
def test_one_part_is_sent_as_206(client: httpx.Client, asked: str, first: int, last: int) -> None:
    answer = client.get(FILE, headers={"Range": asked})

    assert answer.status_code == 206
    assert answer.content == PUBLISHED[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/1024"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert answer.headers["content-type"] == "application/octet-stream"


def test_several_parts_are_sent_as_multipart_without_those_beyond_the_end(client: httpx.Client) -> None:
    answer = client.get(FILE, headers={"Range": "bytes=20-29,9000-9001,-4,0-1"})

    assert answer.status_code == 206
    assert "content-range" not in answer.headers
    assert len(answer.content) == int(answer.headers["content-length"])
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.content, policy=email.policy.HTTP)
    assert message.get_content_type() == "multipart/byteranges"
    parts = list(message.iter_parts())  # type: ignore[attr-defined]
    assert [part["content-range"] for part in parts] == [
        *("bytes 20-29/1024", "bytes 1020-1023/1024", "bytes 0-1/1024")
    ]
    assert [part.get_content_type() for part in parts] == ["application/octet-stream"] * 3
    assert [part.get_payload(decode=True) for part in parts] == [PUBLISHED[20:30], PUBLISHED[1020:], PUBLISHED[:2]]


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=-0", "bytes=5000-6000,7000-"])
def test_a_range_beyond_the_end_is_416_with_the_length(client: httpx.Client, asked: str) -> None:
    answer = client.get(FILE, headers={"Range": asked})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */1024"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("asked", ["lines=1-2", "bytes=9-1", "bytes=a", "bytes=0-,0-", "nonsense"])
def test_a_range_that_is_not_understood_is_ignored(client: httpx.Client, asked: str) -> None:
    answer = client.get(FILE, headers={"Range": asked})

    assert (answer.status_code, answer.content) == (200, PUBLISHED)


def test_an_empty_file_is_sent_and_has_no_range(client: httpx.Client) -> None:
    whole = client.get("/publications/odd/empty.bin")
    part = client.get("/publications/odd/empty.bin", headers={"Range": "bytes=0-1"})

    assert (whole.status_code, whole.content, whole.headers["content-length"]) == (200, b"", "0")
    assert (part.status_code, part.headers["content-range"]) == (416, "bytes */0")


def test_if_range_sends_the_part_only_when_the_file_is_still_the_same(client: httpx.Client) -> None:
    tag = client.head(FILE).headers["etag"]
    for condition, status in (
        *((tag, 206), ('"other"', 200), (f"W/{tag}", 200), ("Tue, 24 Nov 2026 10:00:00 GMT", 200)),
    ):
        answer = client.get(FILE, headers={"Range": "bytes=0-1", "If-Range": condition})
        assert answer.status_code == status, condition


def test_what_the_client_has_is_not_sent_again_even_in_part(client: httpx.Client) -> None:
    tag = client.get(FILE).headers["etag"]
    for headers in ({"If-None-Match": tag}, {"If-None-Match": f'"x", W/{tag}', "Range": "bytes=0-1"}):
        answer = client.get(FILE, headers=headers)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


def test_head_has_the_headers_of_get_and_no_body_and_no_range(client: httpx.Client) -> None:
    head, got = client.head(FILE, headers={"Range": "bytes=0-1"}), client.get(FILE)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges"):
        assert head.headers[name] == got.headers[name]


def test_names_with_spaces_accents_and_signs_are_found(client: httpx.Client) -> None:
    answer = client.get("/publications/odd/deep/%C3%A9%20tage%20%231%3F.txt")

    assert answer.text == "étage"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        "/publications/odd/unlisted.txt",
        "/publications/odd/link.txt",
        "/publications/odd/gone.txt",
        "/publications/odd/deep",
        "/publications/odd/deep/",
        "/publications/odd/",
        "/publications/none/bytes.bin",
        "/publications/odd/../outside.txt",
        "/publications/odd/../../outside.txt",
        "/publications/odd/%2e%2e/%2e%2e/outside.txt",
        "/publications/odd/..%2f..%2foutside.txt",
        "/publications/odd/%252e%252e/outside.txt",
        "/publications/odd/deep/..%5c..%5coutside.txt",
        "/publications/odd/deep/../unlisted.txt",
        "/publications/odd/./bytes.bin",
        "/publications/odd//bytes.bin",
        "/publications/..%2fodd/bytes.bin",
        "/publications/odd/bytes.bin%00",
        "/publications/odd//etc/passwd",
    ],
)
def test_what_is_not_listed_is_not_found_however_it_is_written(client: httpx.Client, path: str) -> None:
    # On the raw socket: an HTTP client would tidy the path before sending it.
    url = urlsplit(str(client.base_url))
    with socket.create_connection((url.hostname or "", url.port or 0)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.split(b"\r\n", 1)[0].split(b" ")[1] == b"404"
    assert b"secret" not in answer


def test_any_site_may_read_the_files_and_sees_their_headers(client: httpx.Client) -> None:
    answer = client.get(FILE, headers={"Origin": "https://viewer.example", "Range": "bytes=0-1"})

    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed == {"ETag", "Content-Range", "Accept-Ranges", "Content-Length"}
    preflight = client.options(
        FILE,
        headers={
            "Origin": "https://viewer.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "range,if-range",
        },
    )
    assert preflight.status_code == 200
    assert "Range" in preflight.headers["access-control-allow-headers"]


def test_no_other_site_may_read_the_api(client: httpx.Client) -> None:
    answer = client.get("/v1/events", headers={"Origin": "https://viewer.example"})

    assert "access-control-allow-origin" not in answer.headers


def test_a_file_that_changes_gets_another_tag_at_once(client: httpx.Client, twin: Territory) -> None:
    path = twin.publications["odd"].folder / "bytes.bin"
    tag = client.get(FILE).headers["etag"]
    try:
        draft = path.with_name("draft")
        draft.write_bytes(PUBLISHED[::-1])
        draft.replace(path)
        changed = client.get(FILE, headers={"If-None-Match": tag})
        assert (changed.status_code, changed.content) == (200, PUBLISHED[::-1])
    finally:
        path.write_bytes(PUBLISHED)
