"""The cadastre of a sample: Etalab's schema, and exactly the mistakes that the truth lists."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
from shapely.geometry import shape
from shapely.geometry.polygon import signed_area

from samples.reading_samples import layer_of, rows_of, truth_of


def test_cadastre_has_the_attributes_of_etalab_and_winds_its_rings_as_rfc_7946(folder: Path) -> None:
    parcels, buildings = layer_of(folder, "parcelles"), layer_of(folder, "batiments")
    names = {"id", "commune", "prefixe", "section", "numero", "contenance", "arpente", "created", "updated"}
    assert set().union(*(p["properties"] for p in parcels)) == names
    assert set().union(*(b["properties"] for b in buildings)) == {"type", "nom", "commune", "created", "updated"}
    assert all("id" not in building for building in buildings)
    assert any(p["properties"]["contenance"] is None for p in parcels)
    for parcel in parcels:
        p = parcel["properties"]
        assert p["id"] == p["commune"] + p["prefixe"] + p["section"].rjust(2, "0") + p["numero"].rjust(4, "0")
        assert not p["numero"].startswith("0")
    assert "C" in {p["properties"]["section"] for p in parcels}
    for building in buildings:
        polygon = shape(building["geometry"]).geoms[0]
        assert signed_area(polygon.exterior) > 0
        assert all(signed_area(ring) < 0 for ring in polygon.interiors)
    assert sum(len(shape(b["geometry"]).geoms[0].interiors) for b in buildings) == 1


def test_cadastre_breaks_one_parcel_and_doubles_another(folder: Path) -> None:
    parcels = layer_of(folder, "parcelles")
    anomalies = {a["kind"]: a for a in truth_of(folder, "anomalies.json") if a["layer"] == "parcels"}
    invalid = [p["id"] for p in parcels if not shape(p["geometry"]).is_valid]
    assert invalid == [anomalies["ring crosses itself"]["parcel_id"]]
    twice = [parcel_id for parcel_id, n in Counter(p["id"] for p in parcels).items() if n == 2]
    assert twice == [anomalies["id twice in the file"]["parcel_id"]]
    expected = truth_of(folder, "expected_counts.json")["layers"]["parcels"]
    assert expected == {
        "read": len(parcels), "kept": len(parcels) - 2, "rejected": {"duplicate_id": 1, "invalid_geometry": 1}
    }  # fmt: skip


def test_footprints_agree_with_the_truth_except_where_it_says_otherwise(folder: Path) -> None:
    to_lambert = pyproj.Transformer.from_crs(4326, 2154, always_xy=True)
    drawn = [
        shapely.transform(shape(b["geometry"]), lambda xy: np.column_stack(to_lambert.transform(*xy.T)))
        for b in layer_of(folder, "batiments")
    ]
    tree = shapely.STRtree(drawn)
    kinds = Counter[str]()
    matched: set[int] = set()
    for feature in truth_of(folder, "buildings.geojson")["features"]:
        footprint = shape(feature["geometry"])
        candidates = tree.query(footprint, predicate="intersects")
        overlap = [drawn[i].intersection(footprint).area / footprint.area for i in candidates]
        kind = feature["properties"]["in_cadastre"]
        kinds[kind] += 1
        if kind == "missing":
            # Only a rounding of the neighbour's wall may touch it.
            assert max(overlap, default=0) < 0.02
            continue
        best = int(candidates[int(np.argmax(overlap))])
        matched.add(best)
        moved = drawn[best].centroid.distance(footprint.centroid)
        # 7 decimals are 1.1 cm in latitude.
        assert moved == pytest.approx(1.5 if kind == "shifted" else 0.0, abs=0.01)
    assert kinds["shifted"] == 2
    assert kinds["missing"] >= 2
    assert len(drawn) - len(matched) == 2  # the ghosts


def test_links_put_the_town_hall_on_two_parcels_and_add_up_to_whole_buildings(folder: Path) -> None:
    shares: dict[str, list[float]] = {}
    for row in rows_of(folder / "truth" / "links.csv"):
        if row["kind"] == "building-parcel":
            shares.setdefault(row["building_id"], []).append(float(row["share_of_building"]))
    buildings = {
        f["properties"]["building_id"]: f["properties"] for f in truth_of(folder, "buildings.geojson")["features"]
    }
    townhall = next(b for b, p in buildings.items() if p["name"] == "MAIRIE")
    assert len(shares[townhall]) == 2
    assert min(shares[townhall]) > 0.2
    # Rounded to four decimals; a garden wall or a corner may stand on the street by millimetres.
    assert all(sum(parts) == pytest.approx(1, abs=2e-3) for parts in shares.values())
    assert set(shares) == set(buildings)


def test_readme_says_that_the_sample_is_synthetic_and_free(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "Nothing here is real" in text
    assert "CC0-1.0" in text
