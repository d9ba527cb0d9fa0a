"""GeoJSON of any size, some features at a time: a département's parcels are more than memory should hold."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn, cast

from jnt_pipeline.errors import UnreadableError

__all__ = ["FEATURES_AT_ONCE", "feature_chunks"]

FEATURES_AT_ONCE = 4_096
_BLOCK = 1 << 22  # bytes: some thousand parcels


def feature_chunks(path: Path, *, at_once: int = FEATURES_AT_ONCE) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """The features of a collection in their order, and the other members of the document met so far.

    Raises ``UnreadableError``, however late, when the document is damaged, cut short, not UTF-8, or no collection.
    """
    with _Text(path) as text:
        members: dict[str, Any] = {}
        has_features = False
        text.expect("{", "not a GeoJSON feature collection")
        if text.next() == "}":
            text.skip()
        else:
            while True:
                name = text.value()
                text.expect(":", "not a JSON document")
                if name == "features" and text.next() == "[":
                    has_features = True
                    yield from ((features, members) for features in _features(text, at_once))
                else:
                    members[str(name)] = text.value()
                if text.either(",", "}") == "}":
                    break
        text.require_end()
        if not has_features:
            text.fail("not a GeoJSON feature collection", "no list of features")
        yield [], members


def _features(text: _Text, at_once: int) -> Iterator[list[Any]]:
    text.skip()
    features: list[Any] = []
    if text.next() == "]":
        text.skip()
        return
    while True:
        features.append(text.value())
        text.n_features += 1
        if text.either(",", "]") == "]":
            yield features
            return
        if len(features) == at_once:
            yield features
            features = []


class _Text:
    """The text of a file, decoded as it is asked for."""

    def __init__(self, path: Path):
        self.path = path
        self.n_features = 0
        self._decoder = json.JSONDecoder()
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._before, self._ended = "", 0, 0, False
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> _Text:
        try:
            stream = self.path.open("rb")
            is_packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
        except OSError as error:
            self.fail("the file cannot be opened", str(error.strerror or error), error)
        self._stream = cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if is_packed else stream
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def next(self) -> str:
        """The next character that is no blank, not taken; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in " \t\r\n":
                    return self._text[self._at]
                self._at += 1
            if not self._more(_BLOCK):
                return ""

    def skip(self) -> None:
        """Take the character that ``next`` has shown."""
        self._at += 1

    def expect(self, character: str, what: str) -> None:
        found = self.next()
        if found != character:
            self.fail(what, f"{found!r} instead of {character!r}" if found else "the end of the file")
        self.skip()

    def either(self, one: str, other: str) -> str:
        found = self.next()
        if found not in (one, other) or not found:
            shown = f"{found!r} instead of {one!r} or {other!r}" if found else "the end of the file"
            self.fail("not a JSON document, or one that is cut short", shown)
        self.skip()
        return found

    def value(self) -> Any:
        """The JSON value that comes next."""
        self.next()
        size = _BLOCK
        while True:
            try:
                found, end = self._decoder.raw_decode(self._text, self._at)
            except RecursionError as error:
                self.fail("not a JSON document, or one that is cut short", "nesting", error)
            except json.JSONDecodeError as error:
                if not self._more(size):
                    self.fail("not a JSON document, or one that is cut short", error.msg, error)
            else:
                # a number at the end of what is decoded may go on
                if end < len(self._text) or not self._more(size):
                    self._at = end
                    return found
            size *= 2

    def require_end(self) -> None:
        if self.next():
            self.fail("not a JSON document, or one that is cut short", f"text after the end: {self.next()!r}")

    def fail(self, what: str, found: str, cause: BaseException | None = None) -> NoReturn:
        place = f"character {self._before + self._at:,}, after {self.n_features:,} features"
        raise UnreadableError(
            what,
            where=self.path.name,
            found=f"{found} ({place})",
            expected='one whole document {"type": "FeatureCollection", "features": […]}, in UTF-8',
            remedy="download the file again; no text may stand before or after the JSON",
        ) from cause

    def _more(self, n_bytes: int) -> bool:
        """Decode some more; drops what has been taken. False at the end."""
        assert self._stream is not None
        if self._ended:
            return False
        try:
            block = self._stream.read(n_bytes)
            more = self._utf8.decode(block, final=not block)
        except UnicodeDecodeError as error:
            self.fail("the text is not UTF-8", f"byte {error.object[error.start]:#04x}", error)
        except (OSError, EOFError, zlib.error) as error:
            self.fail("the gzip archive is damaged or cut short", str(error), error)
        self._ended = not block
        self._text, self._before, self._at = self._text[self._at :] + more, self._before + self._at, 0
        return bool(block)
