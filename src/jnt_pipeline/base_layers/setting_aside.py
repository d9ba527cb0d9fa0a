"""Set records aside with their reason, and tell bad records from a layer whose references are mixed."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.layers import Layer, rejections
from jnt_pipeline.crs.guessing.mixture import other_references
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.refusals import records_outside, refused_records
from jnt_pipeline.crs.systems import canonical
from jnt_pipeline.crs.transform import Transformation
from jnt_pipeline.errors import CrsError, MixedReferencesError, OutsideAreaError, SwappedAxesError
from jnt_pipeline.provenance import Counts

__all__ = ["detail_of", "followed", "reason_of", "require_one_reference", "require_one_srid", "set_aside"]


def set_aside(layer: Layer, mask: NDArray[np.bool_], reason: str, detail: str | NDArray[np.object_]) -> Layer:
    """The layer without the records of ``mask`` (n,), which go to its rejected ones with ``reason`` and ``detail``."""
    if not mask.any():
        return layer
    frame = layer.frame
    key = layer.schema.key
    names = frame[key].astype("object").where(frame[key].notna(), "") if key else pd.Series("", index=frame.index)
    numbers = frame.index.astype("str")
    records = np.where(names.to_numpy() == "", "record " + numbers.to_numpy().astype(object), names.to_numpy())
    details = np.broadcast_to(np.asarray(detail, dtype=object), mask.shape)
    rows = list(zip(records[mask], [reason] * int(mask.sum()), details[mask], strict=True))
    reasons = dict(layer.counts.rejected)
    reasons[reason] = reasons.get(reason, 0) + len(rows)
    return replace(
        layer,
        frame=frame[~mask],
        rejected=pd.concat([layer.rejected, rejections(rows)], ignore_index=True),
        counts=Counts(read=layer.counts.read, kept=layer.counts.kept - len(rows), rejected=reasons),
    )


def require_one_srid(layer: Layer, native: Reference) -> None:
    """Refuse geometries that state another reference than the layer, or several."""
    srids = shapely.get_srid(np.asarray(layer.frame.geometry))
    codes, counts = np.unique(srids[srids != 0], return_counts=True)
    if any(canonical(f"EPSG:{code}").horizontal != canonical(native).horizontal for code in codes):
        told = ", ".join(f"{n} in EPSG:{code}" for code, n in zip(codes, counts, strict=True))
        raise MixedReferencesError(
            "geometries state another reference than their layer",
            where=layer.name,
            found=f"{told}; {int((srids == 0).sum())} that state none; the layer in {native}",
            expected="one reference for the whole layer",
            remedy="ask the producer for one reference, or read each part as a source of its own",
        )


def followed(layer: Layer, coordinates: NDArray[np.float64], owner: NDArray[np.int64], change: Transformation) -> Layer:
    """The layer without the records that a transformation refuses; raises when these are all, or in another reference.

    Parameters: vertices and their records, their positions ascending.
    """
    owners, first = np.unique(owner, return_index=True)
    outside = np.isin(owners, records_outside(change, coordinates, owner))
    # the whole layer is judged before each record is asked for its reason, which takes longer
    if len(owners) and outside.all():
        change.apply(coordinates)  # raises the error of the whole layer
    elif outside.any():
        key = layer.schema.key
        labels = layer.frame[key].to_numpy(dtype=object)[owners] if key else owners
        require_one_reference(
            layer.name,
            coordinates[first[outside], :2],
            labels[outside],
            coordinates[first[~outside], :2],
            change.source,
        )
    refused = refused_records(change, coordinates, owner)
    if not refused:
        return layer
    if len(refused) == len(owners):
        change.apply(coordinates)
    reasons, details = np.full(len(layer.frame), "", dtype=object), np.full(len(layer.frame), "", dtype=object)
    for row, error in refused.items():
        reasons[row], details[row] = reason_of(error), detail_of(error)
    for reason in ("swapped_axes", "impossible_coordinates", "outside_crs_area"):
        mask = reasons == reason
        layer = set_aside(layer, mask, reason, details)
        reasons, details = reasons[~mask], details[~mask]
    return layer


def require_one_reference(
    layer: str,
    refused: NDArray[np.float64],
    labels: NDArray[np.generic],
    sound: NDArray[np.float64],
    stated: Reference,
    *,
    n_sound: int | None = None,
) -> None:
    """Raise ``MixedReferencesError`` for a layer of which a part is in another reference.

    Parameters: one point of each refused record and what names it, one point of each sound record, or of a sample of
    these and their number ``n_sound``.
    """
    parts = other_references(refused, sound, stated, n_inside=n_sound)
    if not parts:
        return
    told = [f"{len(sound) if n_sound is None else n_sound} records in {stated.horizontal}"]
    for part in parts:
        x, y = refused[part.rows[0]]
        told.append(f"{len(part.rows)} look like {part.words}, such as {labels[part.rows[0]]} at ({x:.10g}, {y:.10g})")
    raise MixedReferencesError(
        "the records of one layer are in several references",
        where=layer,
        found="; ".join(told),
        expected="one reference for the whole layer",
        remedy="ask the producer for one reference, or split the file and declare the reference of each part",
    )


def reason_of(error: CrsError) -> str:
    """Reason code of a record that a transformation refuses with this error."""
    if isinstance(error, SwappedAxesError):
        return "swapped_axes"
    return "outside_crs_area" if type(error) is OutsideAreaError else "impossible_coordinates"


def detail_of(error: CrsError) -> str:
    """Where the record would lie, and what its numbers look like."""
    place = re.sub(r"^first: point \d+ ", "", error.found)
    hint = error.remedy.split("; ")[0]
    return f"{place}; {hint}" if hint.startswith("the numbers look like") else place
