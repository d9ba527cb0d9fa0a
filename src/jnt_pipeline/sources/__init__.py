"""Sources: what producers deliver, read into native layers; one module per kind, one declaration each.

The kinds are loaded when one of them is asked for: reading a file of features needs neither rasters nor frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jnt_pipeline.sources.any_source import (
        AddressesSource,
        AnySource,
        BdTopoSource,
        BimSource,
        CadastreSource,
        ElevationSource,
        LidarSource,
        PcrsSource,
        PlanningSource,
        RnbSource,
        SensorsSource,
        VectorSource,
    )

__all__ = [
    "AddressesSource",
    "AnySource",
    "BdTopoSource",
    "BimSource",
    "CadastreSource",
    "ElevationSource",
    "LidarSource",
    "PcrsSource",
    "PlanningSource",
    "RnbSource",
    "SensorsSource",
    "VectorSource",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jnt_pipeline.sources import any_source

    return getattr(any_source, name)
