"""Deliver: feed the hypervisor's log with the observations of the twin, and raise and clear its alerts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from jnt_pipeline.config import TwinConfig
from jnt_pipeline.errors import WorkspaceError
from jnt_pipeline.hypervisor.deliver import deliver as deliver_territory
from jnt_pipeline.hypervisor.deliver import tell_changes
from jnt_pipeline.hypervisor.feed import Delivery, Feed
from jnt_pipeline.store import Workspace, canonical_json
from jnt_pipeline.twin import TWIN, TwinIndex

__all__ = ["deliver", "feed_path", "tell_changes_before"]

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


def tell_changes_before(workspace: Workspace, after: TwinIndex) -> None:
    """Tell the changes of the twin as last published, before ``after`` takes its place.

    A run that ended after ``export`` has not told them; those that the log holds already are not told again. Where
    there is no log, nobody listens. Raises ``DeliveryError`` when the log cannot be used.
    """
    feed = feed_path(workspace)
    if not feed.is_file() or workspace.read_document(TWIN) is None:
        return
    try:
        index = TwinIndex.read(workspace, TWIN)
    except WorkspaceError:  # damaged: it is about to be replaced
        return
    told = index.layers.get("changes")
    if told is not None and told != after.layers.get("changes"):
        tell_changes(index.territory(workspace), feed)


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
