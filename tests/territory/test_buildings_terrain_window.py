"""The terrain that buildings read: whole pixels where they are, whatever box is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from shapely.geometry import box

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Provenance
from jnt_pipeline.territory.model import StoredRaster


# rasterio 1.4 and 1.5 multiply transforms in a way that affine 3 announces to drop.
@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
@pytest.mark.parametrize("bbox", [(1.1, 1.1, 3.1, 3.1), (-2.0, 0.8, 2.3, 9.0), (0.75, 0.75, 1.25, 1.25)])
def test_a_window_never_moves_a_pixel(tmp_path: Path, bbox: tuple[float, float, float, float]) -> None:
    # Registered like IGN's rasters: pixel centres on half metres; each value says its own place.
    x, y = np.meshgrid(np.arange(10) * 0.5, 4.5 - np.arange(10) * 0.5)
    profile = {"driver": "GTiff", "width": 10, "height": 10, "count": 1, "dtype": "float32", "nodata": float("nan")}
    with rasterio.open(
        tmp_path / "dtm.tif", "w", crs="EPSG:2154", transform=Affine(0.5, 0, -0.25, 0, -0.5, 4.75), **profile
    ) as file:
        file.write((100 * x + y).astype(np.float32), 1)
    raster = StoredRaster(
        name="dtm",
        tiles=(tmp_path / "dtm.tif",),
        reference=Reference(horizontal="EPSG:2154", vertical="EPSG:5720"),
        resolution_m=0.5,
        provenance=Provenance(producer="test", licence="none"),
    )
    values, transform, _ = raster.read(bbox)
    rows, columns = np.indices(values.shape)
    centre_x = transform.c + (columns + 0.5) * transform.a
    centre_y = transform.f + (rows + 0.5) * transform.e
    known = np.isfinite(values)
    assert known.any()
    np.testing.assert_allclose(values[known], (100 * centre_x + centre_y)[known], atol=1e-4)
    assert box(*rasterio.transform.array_bounds(*values.shape, transform)).covers(box(*bbox))
