"""What a run left on disk, to compare two runs by."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from sqlalchemy import create_engine, text

__all__ = ["events", "manifest", "published"]


def published(workspace: Path) -> dict[str, str]:
    """Checksum of every published file."""
    root = workspace / "publication"
    paths = [Path(folder) / name for folder, _, names in os.walk(root, followlinks=True) for name in names]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def events(workspace: Path) -> list[str]:
    """Every event of the feed, in order, as it would be served."""
    engine = create_engine(f"sqlite:///{workspace / 'feed.sqlite'}")
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text("select * from events order by sequence"))]
    engine.dispose()
    return [json.dumps(row, default=str) for row in rows]


def manifest(workspace: Path) -> dict[str, str]:
    """Every line of the manifest."""
    root = workspace / "manifest"
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*.json"))}
