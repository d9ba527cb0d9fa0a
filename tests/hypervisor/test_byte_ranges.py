"""Range headers against RFC 9110 §14, on a file of ten bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnt_pipeline.hypervisor.byte_ranges import UnsatisfiableRange, byte_ranges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-3", [(0, 3)]),
        ("bytes=0-0", [(0, 0)]),
        ("bytes=4-", [(4, 9)]),
        ("bytes=-3", [(7, 9)]),
        ("bytes=-99", [(0, 9)]),
        ("bytes=8-99", [(8, 9)]),
        ("BYTES = 0-1", [(0, 1)]),
        ("bytes=0-1,4-5", [(0, 1), (4, 5)]),
        ("bytes=4-5, 0-1", [(4, 5), (0, 1)]),
        ("bytes=0-1,,4-5,", [(0, 1), (4, 5)]),
        ("bytes=0-1,50-60", [(0, 1)]),
        ("bytes=50-60,-2", [(8, 9)]),
        ("bytes=-0,3-3", [(3, 3)]),
    ],
)
def test_the_satisfiable_parts_are_served(header: str, expected: list[tuple[int, int]]) -> None:
    assert byte_ranges(header, 10) == expected


@pytest.mark.parametrize(
    "header",
    [
        *(
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=3-1",
            "bytes=0-1,3-1",
            "bytes=1",
            "lines=0-1",
        ),
        *("bytes=0-1 2-3", "bytes=+1-2", "bytes=0x1-2", "bytes=0--1", "bytes=" + "9" * 30 + "-"),
        pytest.param("bytes=" + ",".join(["0-0"] * 65), id="65 parts"),
        pytest.param("bytes=0-9,0-9", id="more bytes than the file has"),
    ],
)
def test_a_header_that_is_not_understood_or_greedy_is_ignored(header: str) -> None:
    assert byte_ranges(header, 10) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=10-11,50-"])
def test_a_header_that_asks_for_nothing_in_the_file_is_unsatisfiable(header: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        byte_ranges(header, 10)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5", "bytes=0-0"])
def test_an_empty_file_satisfies_no_range(header: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        byte_ranges(header, 0)


@given(st.text("0123456789-,= bytes", max_size=40), st.integers(0, 50))
def test_whatever_the_header_parts_lie_in_the_file_and_hold_no_more_than_it(text: str, n_bytes: int) -> None:
    try:
        parts = byte_ranges("bytes=" + text, n_bytes)
    except UnsatisfiableRange:
        return
    for first, last in parts or []:
        assert 0 <= first <= last < n_bytes
    assert sum(last - first + 1 for first, last in parts or []) <= max(n_bytes, 0)
