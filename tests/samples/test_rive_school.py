"""The BIM model of a sample: valid, and standing on its footprint at its true height."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from shapely.geometry import shape

from samples.reading_samples import UP, ground_again, truth_of


def test_school_model_stands_on_its_footprint_at_its_true_height(folder: Path) -> None:
    import ifcopenshell
    import ifcopenshell.geom

    model = ifcopenshell.open(folder / "bim" / "ecole.ifc")
    conversion = model.by_type("IfcMapConversion")[0]
    crs = conversion.TargetCRS
    assert (crs.Name, crs.VerticalDatum, crs.MapUnit.Name, crs.MapUnit.Prefix) == (
        "EPSG:2154",
        "NGF-IGN69",
        "METRE",
        None,
    )
    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)

    def placed(product: Any) -> np.ndarray:
        # The kernel answers in metres: back to the file's millimetres, then the formula of IfcMapConversion.
        local = np.array(ifcopenshell.geom.create_shape(settings, product).geometry.verts).reshape(-1, 3) * 1000
        x, y, z = (local * conversion.Scale).T
        length = math.hypot(conversion.XAxisAbscissa, conversion.XAxisOrdinate)
        c, s = conversion.XAxisAbscissa / length, conversion.XAxisOrdinate / length
        return np.column_stack([
            x * c - y * s + conversion.Eastings, x * s + y * c + conversion.Northings, z + conversion.OrthogonalHeight
        ])  # fmt: skip

    truth = next(f for f in truth_of(folder, "buildings.geojson")["features"] if f["properties"]["has_bim"])
    footprint, properties = shape(truth["geometry"]), truth["properties"]
    slab = placed(next(s for s in model.by_type("IfcSlab") if s.PredefinedType == "BASESLAB"))
    drawn = shapely.MultiPoint(slab[:, :2]).convex_hull
    # Coordinates are written to the millimetre on both sides.
    assert drawn.hausdorff_distance(shapely.Polygon(footprint.exterior)) < 0.003
    # The finished floor is 15 cm above the ground at the middle of the building.
    x, y = (np.array([value]) for value in footprint.centroid.coords[0])
    floor = float(slab[:, UP].max())
    assert floor - 0.15 == pytest.approx(float(ground_again(truth_of(folder, "ground.json"), x, y)[0]), abs=0.003)
    roof = np.concatenate([placed(s) for s in model.by_type("IfcSlab") if s.PredefinedType == "ROOF"])
    assert float(roof[:, UP].max()) == pytest.approx(properties["ridge_elevation_m"], abs=0.003)
    assert truth_of(folder, "bim.json")["top_elevation_m"] == pytest.approx(float(roof[:, UP].max()), abs=0.002)
    assert truth_of(folder, "bim.json")["base_elevation_m"] == pytest.approx(float(slab[:, UP].min()), abs=0.002)


def test_school_model_is_valid_and_dated_by_the_generator(folder: Path) -> None:
    import ifcopenshell
    import ifcopenshell.validate

    model = ifcopenshell.open(folder / "bim" / "ecole.ifc")
    log = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(model, log, express_rules=False)
    assert log.statements == []
    ids = [entity.GlobalId for entity in model.by_type("IfcRoot")]
    assert len(set(ids)) == len(ids)
    assert model.header.file_name.time_stamp == "2026-03-01T00:00:00"
    products = Counter(entity.is_a() for entity in model.by_type("IfcProduct"))
    assert products == truth_of(folder, "expected_counts.json")["bim_products"]


def test_site_of_the_school_is_where_its_map_conversion_says(folder: Path) -> None:
    import ifcopenshell

    model = ifcopenshell.open(folder / "bim" / "ecole.ifc")
    site, conversion = model.by_type("IfcSite")[0], model.by_type("IfcMapConversion")[0]
    degrees = [d + m / 60 + s / 3600 + u / 3.6e9 for d, m, s, u in (site.RefLongitude, site.RefLatitude)]
    x, y = pyproj.Transformer.from_crs(4326, 2154, always_xy=True).transform(*degrees)
    # A millionth of a second of arc is 0.03 mm.
    assert math.hypot(x - conversion.Eastings, y - conversion.Northings) < 0.005
