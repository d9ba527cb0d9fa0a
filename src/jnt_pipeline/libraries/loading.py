"""Loading of large libraries without the larger ones that they only look for, and that this package may never use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

__all__ = ["left_unloaded"]


@contextmanager
def left_unloaded(*names: str) -> Iterator[None]:
    """Within this context, importing a module of ``names`` gives a stand-in that loads it when it is first used.

    For the import of a library that asks whether another is installed, and of which version, by importing it: pyogrio
    (pandas and geopandas, 0.6 CPU-seconds), numba (the linear algebra of scipy, 0.3). A module that is loaded already
    stays as it is, one that is not installed is missed as ever, and afterwards all are imported as usual.
    """
    placed = {name: found for name in names if name not in sys.modules and (found := _stand_in(name)) is not None}
    sys.modules.update(placed)
    try:
        yield
    finally:
        for name, stand_in in placed.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


class _StandIn(ModuleType):
    """Has the attributes of the module that it stands for, and loads it for the first of them."""

    def __getattr__(self, attribute: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), attribute)


def _stand_in(name: str) -> ModuleType | None:
    try:
        found = version(name.partition(".")[0])
    except PackageNotFoundError:
        return None
    module = _StandIn(name)
    module.__version__ = found  # type: ignore[attr-defined]
    return module
