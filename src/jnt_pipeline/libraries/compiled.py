"""numba, and its decorator for the kernels of this package, with the types of the function kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from jnt_pipeline.libraries.loading import left_unloaded

with left_unloaded("scipy.linalg.cython_blas"):
    import numba

    # Needed by the first kernel that runs; asks whether scipy could multiply matrices, which no kernel here does.
    import numba.np.arraymath

__all__ = ["compiled", "numba"]

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile at the first call, keep the machine code on disk, and release the GIL while it runs.

    Integers are 64 bits wide and wrap around; nothing checks bounds; a division by zero gives infinity; no operation
    is reordered or fused.
    """
    return cast("_F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
