"""TerritoryPage: the page of one served twin; its map is drawn once, the rest at every request."""

from __future__ import annotations

import threading

from jnt_pipeline.hypervisor.api.answers import Served
from jnt_pipeline.hypervisor.page.map_preview import MapPreview, map_preview
from jnt_pipeline.hypervisor.page.rendering import PageRenderer
from jnt_pipeline.hypervisor.page.view import page_view
from jnt_pipeline.hypervisor.published_files import PublishedFiles

__all__ = ["TerritoryPage"]


class TerritoryPage:
    """Renders the page of a twin."""

    def __init__(self, files: PublishedFiles):
        self._files = files
        self._renderer = PageRenderer()
        self._preview: MapPreview | None = None
        self._lock = threading.Lock()

    @property
    def policy(self) -> str:
        """Content-Security-Policy of the page."""
        return self._renderer.policy

    def html(self, served: Served) -> str:
        """The page as of now; raises ``DeliveryError`` when the feed cannot be read."""
        with self._lock:  # the first visitors wait for one drawing instead of making one each
            if self._preview is None:
                self._preview = map_preview(served.territory)
        return self._renderer.render(page_view(served, self._preview, self._files))
