"""Cursors: an opaque place in the event log, bound to the log that gave it."""

from __future__ import annotations

import base64
import binascii
import re

from jnt_pipeline.errors import DeliveryError

__all__ = ["CursorError", "GoneError", "decode_cursor", "encode_cursor"]

_PLACE = re.compile(r"(?P<epoch>[0-9a-f]{1,64}):(?P<sequence>0|[1-9]\d{0,17})")
_REMEDY = "send back a cursor unchanged, as the feed gave it in `next` or in the id of a streamed event"


class CursorError(DeliveryError):
    """The text is not a cursor at all (HTTP 400)."""


class GoneError(DeliveryError):
    """The cursor belongs to another log, or lies beyond the end of this one (HTTP 410)."""

    def __init__(
        self,
        what: str,
        *,
        where: object = "",
        found: str = "",
        expected: str = "",
        remedy: str = "",
        oldest: str = "",
    ):
        super().__init__(what, where=where, found=found, expected=expected, remedy=remedy)
        self.oldest = oldest
        """The oldest cursor that this log honours: reading on from it gives every event kept."""


def encode_cursor(epoch: str, sequence: int) -> str:
    """Cursor after the event of this sequence (0: before the first event).

    >>> encode_cursor("e1", 42)
    'ZTE6NDI'
    """
    return base64.urlsafe_b64encode(f"{epoch}:{sequence}".encode()).decode().rstrip("=")


def decode_cursor(text: str) -> tuple[str, int]:
    """Epoch and sequence of a cursor; raises ``CursorError`` for anything that no feed ever gave."""
    try:
        place = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise CursorError("this is not a cursor", where="after", found=text[:80], remedy=_REMEDY) from error
    match = _PLACE.fullmatch(place)
    if match is None or encode_cursor(match["epoch"], int(match["sequence"])) != text:
        raise CursorError("this is not a cursor", where="after", found=text[:80], remedy=_REMEDY)
    return match["epoch"], int(match["sequence"])
