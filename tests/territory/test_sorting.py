"""Sorting inside kernels gives what numpy's sort gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jnt_pipeline.territory.sorting import sort_values, sort_with


@given(st.lists(st.floats(allow_nan=False, width=64), max_size=60), st.integers(0, 60))
def test_the_first_values_are_sorted_and_the_others_stay(values: list[float], count: int) -> None:
    n = min(count, len(values))
    found = np.array(values, dtype=np.float64)
    sort_values(found, n)
    assert found.tolist() == sorted(values[:n]) + values[n:]


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.integers(-(2**31), 2**31 - 1)), max_size=60))
def test_others_move_with_their_keys(pairs: list[tuple[int, int]]) -> None:
    keys = np.array([key for key, _ in pairs], dtype=np.int64)
    others = np.array([other for _, other in pairs], dtype=np.int32)
    sort_with(keys, others)
    assert keys.tolist() == sorted(key for key, _ in pairs)
    assert sorted(zip(keys.tolist(), others.tolist(), strict=True)) == sorted(pairs)
