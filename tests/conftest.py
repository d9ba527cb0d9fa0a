"""Shared fixtures: the folder of real files, PROJ kept off the network; in CI nothing may be skipped unseen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from towns import Town, build_town

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

os.environ.setdefault("PROJ_NETWORK", "OFF")

# Developers search at random; CI tries the same examples each time, so that a red run is about the change.
# No deadline: the first example of a test may compile a kernel.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

ALLOWED_SKIPS = (
    # The official schema of CityJSON is in no package of the registries; run by hand with JNT_OFFICIAL_SCHEMAS.
    "test_it_passes_its_official_schema",
)
"""Parts of test ids that may be skipped in CI, each with its reason."""


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


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A generated town and its twin; tests copy it before they change it."""
    return build_town(tmp_path_factory.mktemp("town"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In CI, name the skips that are not on the short list."""
    if unexpected := _unexpected_skips(terminalreporter):
        terminalreporter.section("skipped in CI, where everything needed is installed")
        for name in unexpected:
            terminalreporter.line(name)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, an unexpected skip is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(reporter, pytest.TerminalReporter) and _unexpected_skips(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _unexpected_skips(reporter: pytest.TerminalReporter) -> list[str]:
    if os.environ.get("CI") != "true":
        return []
    names = [report.nodeid for report in reporter.stats.get("skipped", [])]
    return [name for name in names if not any(part in name for part in ALLOWED_SKIPS)]
