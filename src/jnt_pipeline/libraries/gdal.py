"""pyogrio, the GDAL of this package for vectors, without frames until one is asked for."""

from __future__ import annotations

from jnt_pipeline.libraries.loading import left_unloaded

with left_unloaded("pandas", "geopandas"):
    import pyogrio

__all__ = ["pyogrio"]
