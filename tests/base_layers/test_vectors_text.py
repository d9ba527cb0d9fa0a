"""Text in the fast lane: blanks go as ``normalise`` takes them, and nothing loads frames that needs none."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest

from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.base_layers.vectors.arrays import flags, mask
from jnt_pipeline.base_layers.vectors.attributes import typed

SCHEMA = LayerSchema(name="names", title="Names", key="", shape="none", columns=(Column("name", "text", "Name."),))

TEXTS = [
    *("Cité", "École", "île", "à", "é", "A", "a b", "0", "~", "", " ", " a", "a ", "\ta", "a\n", "\x1fa"),
    *("\u00a0a", "a\u00a0", "\u0085", "a\u2003", "\u3000", "œuf", "bœ", "€", "a\u200b", None),
]


def trimmed(texts: list[str | None], offset: int = 0) -> list[str | None]:
    column = pa.array(texts, pa.string())[offset:]
    batch = pa.RecordBatch.from_arrays([column, pa.nulls(len(column), pa.binary())], ["name", "geometry"])
    kept: list[str | None] = typed(batch, SCHEMA)["name"].to_pylist()
    return kept


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_a_text_loses_its_blanks_and_an_empty_one_is_absent(text: str | None) -> None:
    expected = (text or "").strip() or None
    assert trimmed([text]) == [expected]
    assert trimmed(["sound", text]) == ["sound", expected]
    assert trimmed([None, " gone ", text], offset=2) == [expected]


def test_a_null_between_sound_texts_stays_a_null_and_hides_no_empty_text() -> None:
    assert trimmed(["a", None, "b"]) == ["a", None, "b"]
    assert trimmed(["a", None, "", "b"]) == ["a", None, None, "b"]


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 70])
def test_masks_come_back_from_arrow_as_they_went_whatever_their_offset(n: int) -> None:
    truth = [i % 3 == 0 for i in range(n)]
    there = flags(mask(pa.array(truth, pa.bool_())))
    assert there.to_pylist() == truth
    assert mask(there[n // 2 :]).tolist() == truth[n // 2 :]


def test_reading_a_file_of_features_loads_neither_rasters_nor_frames() -> None:
    code = (
        "import sys, jnt_pipeline.sources.vector_files, jnt_pipeline.base_layers.vectors.lane;"
        "print(*sorted({'pandas', 'geopandas', 'rasterio', 'prefect', 'ifcopenshell'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_the_kinds_of_sources_are_found_in_the_package_and_others_are_not() -> None:
    from jnt_pipeline import sources

    assert sources.CadastreSource.__name__ == "CadastreSource"
    assert {getattr(sources, name) is not None for name in sources.__all__} == {True}
    with pytest.raises(AttributeError, match="NoSource"):
        _ = sources.NoSource
