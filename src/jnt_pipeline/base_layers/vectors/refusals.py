"""Records that a transformation refuses, kept until the whole layer can be judged (*points refusés*).

A bad record is set aside; a layer of which nothing can follow, or a part is in another reference, is an error. A
stream tells which it is only at its end, so the vertices of the refused records wait here, and a sample of the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.transform import Transformation
from jnt_pipeline.errors import CrsError

__all__ = ["Refusals", "suspects"]

Array = NDArray[np.float64]
Rejection = tuple[str, str, str]

_SAMPLE = 1 << 15  # sound records that stand for all: enough for the median of their places
_MOST_WAITING = 100_000  # refused records held at once, where others are sound


def suspects(change: Transformation, coordinates: Array, owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """The records that a transformation would refuse, ascending; without the reasons, which take longer.

    Parameters: vertices (m, 2) or (m, 3) and their records, ascending.
    """
    from jnt_pipeline.crs.refusals import records_outside, refused_records

    outside = records_outside(change, coordinates, owner)
    if outside.size:
        return outside
    return np.array(sorted(refused_records(change, coordinates, owner)), dtype=np.int64)


class Refusals:
    """The refused records of one transformation."""

    def __init__(self, layer: str, change: Transformation) -> None:
        self._layer = layer
        self._change = change
        self._names: list[str] = []
        self._vertices: list[Array] = []
        self._sample: list[Array] = []
        self._stride = 1
        self._offset = 0
        self._n_sound = 0
        self._told: list[Rejection] = []

    def refuse(self, name: str, vertices: Array) -> None:
        """Keep a record and its vertices, (m, 2) or (m, 3), until it is judged."""
        self._names.append(name)
        self._vertices.append(vertices.copy())
        if len(self._names) >= _MOST_WAITING and self._n_sound:
            self._judge()

    def note_sound(self, places: Array) -> None:
        """Take notice of sound records by one point of each, shape (n, 2)."""
        self._n_sound += len(places)
        self._sample.append(places[self._offset :: self._stride].copy())
        self._offset = (self._offset - len(places)) % self._stride
        while sum(map(len, self._sample)) > _SAMPLE:
            whole = np.concatenate(self._sample)
            if len(whole) % 2:
                self._offset += self._stride
            self._sample = [whole[::2].copy()]
            self._stride *= 2

    def judged(self) -> list[Rejection]:
        """Each refused record with its reason, once the layer has ended.

        Raises ``MixedReferencesError`` when a part of the layer is in another reference, the error of the
        transformation when there is no sound record.
        """
        self._judge()
        return self._told

    def _judge(self) -> None:
        if not self._names:
            return
        from jnt_pipeline.base_layers.setting_aside import detail_of, reason_of, require_one_reference
        from jnt_pipeline.crs.refusals import refused_records

        coordinates = np.concatenate(self._vertices)
        if not self._n_sound:
            self._change.apply(coordinates)  # raises the error of the whole layer
        owner = np.repeat(np.arange(len(self._names)), [len(vertices) for vertices in self._vertices])
        first = np.array([vertices[0, :2] for vertices in self._vertices])
        require_one_reference(
            self._layer,
            first,
            np.array(self._names, dtype=object),
            np.concatenate(self._sample),
            self._change.source,
            n_sound=self._n_sound,
        )
        errors: dict[int, CrsError] = refused_records(self._change, coordinates, owner)
        for row, name in enumerate(self._names):
            error = errors.get(row)
            reason = "outside_crs_area" if error is None else reason_of(error)
            detail = f"outside {' or '.join(self._change.valid_in)}" if error is None else detail_of(error)
            self._told.append((name, reason, detail))
        self._names, self._vertices = [], []


def by_record(coordinates: Array, owner: NDArray[np.int64], records: Sequence[int]) -> list[Array]:
    """The vertices of some records; parameters: vertices and their records, ascending."""
    starts, ends = np.searchsorted(owner, records), np.searchsorted(owner, records, side="right")
    return [coordinates[start:end] for start, end in zip(starts, ends, strict=True)]
