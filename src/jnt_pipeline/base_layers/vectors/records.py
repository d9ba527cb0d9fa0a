"""Records under way (*enregistrements*): the rows of a batch that are still in, and those set aside so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.base_layers.vectors.arrays import flags, numbers

__all__ = ["Records", "SetAside"]

Rejection = tuple[str, str, str]


class SetAside:
    """The records set aside, with their reasons."""

    def __init__(self) -> None:
        self.rows: list[Rejection] = []
        """Record, reason code and sentence of each."""

    @property
    def counts(self) -> dict[str, int]:
        """How many for each reason, by name of the reason."""
        return dict(sorted(Counter(reason for _, reason, _ in self.rows).items()))


class Records:
    """The records of one batch, fewer after each rule."""

    def __init__(self, table: pa.RecordBatch, first_record: int, schema: LayerSchema, aside: SetAside) -> None:
        self.table = table
        """Attributes in their types, and ``geometry``."""
        self.shapes: NDArray[np.object_] | None = None
        """Shapely geometries, (n,), of records that the kernels do not take; None for the others. None: not looked."""
        self._numbers = np.arange(first_record, first_record + table.num_rows)
        self._key = schema.key
        self._aside = aside

    def __len__(self) -> int:
        """How many are left."""
        return int(self.table.num_rows)

    def names(self, rows: NDArray[np.intp]) -> list[str]:
        """What names some records: their key, else their position in the source."""
        keys = self.table[self._key].take(numbers(rows)).to_pylist() if self._key else [None] * len(rows)
        positions = self._numbers[rows].tolist()
        return [
            f"record {number}" if key in {None, ""} else str(key) for key, number in zip(keys, positions, strict=True)
        ]

    def set_aside(self, mask: NDArray[np.bool_], reason: str, details: str | Sequence[str]) -> None:
        """Take the records of ``mask``, (n,), out, with one sentence for all or one for each of them."""
        rows = np.flatnonzero(mask)
        if not rows.size:
            return
        told = [details] * len(rows) if isinstance(details, str) else details
        self._aside.rows += [(name, reason, text) for name, text in zip(self.names(rows), told, strict=True)]
        self.drop(mask)

    def drop(self, mask: NDArray[np.bool_]) -> None:
        """Take the records of ``mask``, (n,), out; somebody else answers for them."""
        kept = ~mask
        self.table = self.table.filter(flags(kept))
        self._numbers = self._numbers[kept]
        if self.shapes is not None:
            self.shapes = self.shapes[kept]
