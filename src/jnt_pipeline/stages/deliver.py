"""Deliver: feed the hypervisor's log with the observations of the twin, and raise and clear its alerts."""

from __future__ import annotations

from pathlib import Path

from jnt_pipeline.config import TwinConfig
from jnt_pipeline.hypervisor.deliver import Delivery
from jnt_pipeline.hypervisor.deliver import deliver as deliver_territory
from jnt_pipeline.store import Workspace
from jnt_pipeline.twin import TWIN, TwinIndex

__all__ = ["FEED", "deliver", "feed_path"]

FEED = "feed.sqlite"


def feed_path(workspace: Workspace) -> Path:
    """The hypervisor's log: state that grows, beside the files that are only ever replaced."""
    return workspace.root / FEED


def deliver(config: TwinConfig, workspace: Workspace) -> Delivery:
    """Record what is new; observations that are known already change nothing."""
    index = TwinIndex.read(workspace, TWIN)
    return deliver_territory(index.territory(workspace), config.rules, feed_path(workspace))
