"""Cursors: opaque, bound to their log, refused when nobody gave them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnt_pipeline.hypervisor.cursor import CursorError, GoneError, decode_cursor, encode_cursor


def test_the_cursor_of_the_reference_document_is_that_of_epoch_e1_and_sequence_42() -> None:
    assert encode_cursor("e1", 42) == "ZTE6NDI"
    assert decode_cursor("ZTE6NDI") == ("e1", 42)


@given(st.text("0123456789abcdef", min_size=1, max_size=64), st.integers(0, 10**18 - 1))
def test_a_cursor_comes_back_as_it_went(epoch: str, sequence: int) -> None:
    text = encode_cursor(epoch, sequence)

    assert decode_cursor(text) == (epoch, sequence)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        *("", "é", "zz", "ZTE6NDI=", "ZTE6ND I", "ZTE6NDJ", "A", "../../etc", "1"),
        *(
            _encoded(place)
            for place in ("e1", "e1:-1", "e1:042", "e1:4e2", "G1:42", ":42", "e1:42:7", "e1:" + "9" * 19)
        ),
    ],
)
def test_what_no_feed_ever_gave_is_not_a_cursor(text: str) -> None:
    with pytest.raises(CursorError, match="not a cursor"):
        decode_cursor(text)


def test_a_gone_cursor_names_the_oldest_one() -> None:
    error = GoneError("gone", where="after", oldest="ZTE6MA")

    assert error.oldest == "ZTE6MA"
