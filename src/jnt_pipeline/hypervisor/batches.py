"""One batch as it is given to the feed: columns checked, sound rows taken, the others counted by reason."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from jnt_pipeline.errors import DeliveryError
from jnt_pipeline.hypervisor.context import FeedContext
from jnt_pipeline.hypervisor.rules import ThresholdRule

__all__ = ["Row", "check_rules", "sound_rows"]

Row = tuple[str, int, float]
"""datastream_id, phenomenon time in microseconds since 1970 UTC, result (finite)."""

_COLUMNS = ("datastream_id", "phenomenon_at", "result")


def check_rules(rules: Sequence[ThresholdRule]) -> None:
    """Refuse two rules of one id; raises ``DeliveryError``."""
    ids = [rule.rule_id for rule in rules]
    twice = sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
    if twice:
        raise DeliveryError(
            "two rules have the same rule_id", where="rules", found=", ".join(twice), expected="one rule per rule_id"
        )


def sound_rows(given: pd.DataFrame, context: FeedContext) -> tuple[list[Row], dict[str, int]]:
    """The sound rows in their order, and how many were set aside by reason."""
    missing = [name for name in _COLUMNS if name not in given.columns]
    if missing:
        raise DeliveryError(
            "the observations lack columns",
            where="observations",
            found=", ".join(map(str, given.columns)),
            expected=", ".join(_COLUMNS),
        )
    instants = given["phenomenon_at"]
    if not isinstance(instants.dtype, pd.DatetimeTZDtype):
        raise DeliveryError(
            "the instants have no offset",
            where="observations.phenomenon_at",
            found=str(instants.dtype),
            expected="instants in UTC, e.g. datetime64[us, UTC]",
            remedy="say in which offset they were measured: pandas.to_datetime(…, utc=True)",
        )
    results = pd.to_numeric(given["result"]).to_numpy(dtype=np.float64, na_value=np.nan)
    microseconds = instants.dt.tz_convert("UTC").dt.as_unit("us")
    reasons = np.select(
        [
            ~given["datastream_id"].isin(list(context.flows)).to_numpy(dtype=bool),
            microseconds.isna().to_numpy(dtype=bool),
            ~np.isfinite(results),
        ],
        ["unknown_datastream", "missing_phenomenon_at", "result_not_finite"],
        default="",
    )
    sound = reasons == ""
    names, counts = np.unique(reasons[~sound], return_counts=True)
    rows = zip(
        given["datastream_id"][sound].astype(str).tolist(),
        microseconds[sound].astype("int64").tolist(),
        results[sound].tolist(),
        strict=True,
    )
    return list(rows), {str(name): int(count) for name, count in zip(names, counts, strict=True)}
