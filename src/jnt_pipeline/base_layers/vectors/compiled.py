"""compiled: numba's decorator for the kernels of vector layers, with the types of the function kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["compiled"]

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile at the first call, keep the machine code on disk, and release the GIL while it runs.

    Integers are 64 bits wide and wrap around; nothing checks bounds; no operation is reordered or fused.
    """
    return cast("_F", njit(cache=True, nogil=True, error_model="numpy")(function))
