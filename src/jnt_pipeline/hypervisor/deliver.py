"""Deliver (*livrer*): the changes and observations of a twin into its feed, again and again without harm."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jnt_pipeline.hypervisor.changes import changes_of
from jnt_pipeline.hypervisor.context import FeedContext, context_of
from jnt_pipeline.hypervisor.feed import Delivery, Feed
from jnt_pipeline.hypervisor.rules import ThresholdRule
from jnt_pipeline.territory.model import Territory

__all__ = ["BATCH_SIZE", "deliver", "tell_changes"]

logger = logging.getLogger(__name__)

BATCH_SIZE = 10_000
"""Observations, or changes, per transaction."""


def deliver(
    territory: Territory,
    rules: Sequence[ThresholdRule],
    feed_path: Path,
    *,
    batch_size: int = BATCH_SIZE,
) -> Delivery:
    """Bring the alerts in line with the rules, tell the changes of the layers, record every observation of the twin.

    Changes go in the order of ``changes_of``, without those that the log holds; observations in the order of
    (phenomenon time, datastream id), whatever the files they came from. Batches are transactions. Killed anywhere
    and run again, or run twice, it leaves the same events: those of one undisturbed run. The size of the batches
    changes nothing either. Both tables are held in memory.

    Raises ``DeliveryError`` when the feed cannot be used, ``CrsError`` when a station cannot be placed truthfully.
    """
    context = context_of(territory)
    with Feed.open(feed_path) as feed:
        delivery = feed.adopt(rules, context=context)
        delivery += _told(feed, territory, context, batch_size)
        if "observations" in territory.layers:
            frame = territory.layer("observations").to_pandas()
            order = _by_time_and_datastream(frame)
            for start in range(0, len(frame), batch_size):
                batch = frame.iloc[order[start : start + batch_size]]
                delivery += feed.record(batch, rules=rules, context=context)
    logger.info(
        "delivered %s: %d observations received, %d stored, %d repeated, %d corrected, %d alerts raised, %d cleared,"
        " %d changes told, %d known",
        territory.name,
        delivery.received,
        delivery.stored,
        delivery.repeated,
        delivery.corrected,
        delivery.raised,
        delivery.cleared,
        delivery.changes_told,
        delivery.changes_known,
    )
    return delivery


def tell_changes(territory: Territory, feed_path: Path, *, batch_size: int = BATCH_SIZE) -> Delivery:
    """Tell the changes of the layers alone, without those that the log holds; rules and observations are left.

    Raises as ``deliver``.
    """
    with Feed.open(feed_path) as feed:
        return _told(feed, territory, context_of(territory), batch_size)


def _told(feed: Feed, territory: Territory, context: FeedContext, batch_size: int) -> Delivery:
    delivery = Delivery()
    changes = changes_of(territory)
    for start in range(0, len(changes), batch_size):
        delivery += feed.tell_changes(changes[start : start + batch_size], context=context)
    return delivery


def _by_time_and_datastream(frame: pd.DataFrame) -> NDArray[np.intp]:
    """Positions of the rows in the order of (phenomenon time, datastream id); equal keys as they stand."""
    ranks, _ = pd.factorize(frame["datastream_id"], sort=True)
    instants = frame["phenomenon_at"].dt.tz_convert("UTC").to_numpy(dtype="datetime64[us]")
    return np.lexsort((ranks, instants))
