"""Shared fixtures: the folder of real files, and PROJ kept off the network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

os.environ.setdefault("PROJ_NETWORK", "OFF")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the real files; the test is skipped aloud where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the real files of ../shared, which are not on this machine")
    return SHARED


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return ROOT
