"""What publications say of their origin: codes that the EPSG registry knows, dates that vintages mean."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ExportError
from jnt_pipeline.publication.building_records import plain_value
from jnt_pipeline.publication.origin import crs_url, interval_of_vintages, single_code, write_json


@pytest.mark.parametrize(
    ("reference", "code"),
    [("EPSG:2154+5720", "EPSG:5698"), ("EPSG:2154", "EPSG:2154"), ("EPSG:2975+5758", None)],
)
def test_single_code_of_a_reference(reference: str, code: str | None) -> None:
    value = Reference.model_validate(reference)
    assert single_code(value) == code
    assert crs_url(value) == (code and f"https://www.opengis.net/def/crs/EPSG/0/{code[5:]}")


@pytest.mark.parametrize(
    ("vintages", "first", "last"),
    [
        (["2024"], "2024-01-01T00:00:00", "2024-12-31T23:59:59"),
        (["2024-02"], "2024-02-01T00:00:00", "2024-02-29T23:59:59"),
        (["PCI 2023-07-01"], "2023-07-01T00:00:00", "2023-07-01T23:59:59"),
        (["2021; 2023-05"], "2021-01-01T00:00:00", "2023-05-31T23:59:59"),
        (["2022-03-04/2022-03-05", "2019"], "2019-01-01T00:00:00", "2022-03-05T23:59:59"),
    ],
)
def test_a_vintage_stands_for_its_whole_period(vintages: list[str], first: str, last: str) -> None:
    assert interval_of_vintages(vintages) is not None
    found = [moment.isoformat() for moment in interval_of_vintages(vintages) or ()]
    assert found == [f"{first}+00:00", f"{last}+00:00"]


@pytest.mark.parametrize("vintage", ["", "v3", "édition du jour", "12024", "2023-02-30"])
def test_what_is_no_date_gives_none(vintage: str) -> None:
    assert interval_of_vintages([vintage]) is None


def test_json_refuses_a_number_that_it_cannot_carry(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"bad\.json"):
        write_json(tmp_path / "bad.json", {"height_m": math.nan})


def test_an_attribute_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(ExportError, match="complex"):
        plain_value(1j)
