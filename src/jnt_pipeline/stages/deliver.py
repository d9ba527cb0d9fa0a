"""Deliver: feed the hypervisor's log with the observations of the twin, and raise and clear its alerts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from jnt_pipeline.config import TwinConfig
from jnt_pipeline.hypervisor.deliver import deliver as deliver_territory
from jnt_pipeline.hypervisor.feed import Delivery, Feed
from jnt_pipeline.store import Workspace, canonical_json
from jnt_pipeline.twin import TWIN, TwinIndex

__all__ = ["deliver", "feed_path"]

_FEED = "feed.sqlite"
_DELIVERED = "index/deliver.json"
_DELIVERED_LAYERS = (
    "observations", "datastreams", "stations", "links", "buildings", "footprints", "parcels", "changes", "dtm"
)  # fmt: skip


def feed_path(workspace: Workspace) -> Path:
    """The hypervisor's log: state that grows, beside the files that are only ever replaced."""
    return workspace.root / _FEED


def deliver(config: TwinConfig, workspace: Workspace) -> Delivery:
    """Record what is new; observations that are known already change nothing.

    Nothing is even read when the same observations, links and rules were delivered to this very log before.
    Raises ``WorkspaceError`` before ``export``, ``DeliveryError`` when the log cannot be used.
    """
    index = TwinIndex.read(workspace, TWIN)
    feed = feed_path(workspace)
    given = index.checksums(_DELIVERED_LAYERS)
    rules = [rule.model_dump(mode="json") for rule in config.rules]
    identity = index.model_dump(mode="json", include={"name", "title", "reference", "undulation"})
    key = hashlib.sha256(canonical_json([given, rules, identity])).hexdigest()
    if feed.is_file() and _delivered(workspace) == {"key": key, "end": _end(feed)}:
        return Delivery()
    delivery = deliver_territory(index.territory(workspace), config.rules, feed)
    workspace.write_document(_DELIVERED, {"key": key, "end": _end(feed)})
    return delivery


def _delivered(workspace: Workspace) -> object:
    """What was delivered last; None when that is not known, and everything is offered again."""
    try:
        return json.loads(workspace.read_document(_DELIVERED) or b"null")
    except ValueError:
        return None


def _end(feed: Path) -> str:
    """Cursor of the end of the log: another log, or one that went on, has another."""
    with Feed.open(feed) as opened:
        return opened.end()
