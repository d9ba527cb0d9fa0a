"""The page as text: template, style and script of the package, under a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import jnt_pipeline.hypervisor.page.french as words
from jnt_pipeline.hypervisor.api.layers import href_of
from jnt_pipeline.hypervisor.page import map_preview, sparkline
from jnt_pipeline.hypervisor.page.layer_names import layer_name
from jnt_pipeline.hypervisor.page.view import PageView

__all__ = ["PageRenderer"]

_FOLDER = Path(__file__).parent / "templates"


class PageRenderer:
    """Renders the page; made once per app."""

    def __init__(self) -> None:
        # Our own files, put into the page unescaped; the policy names them by digest, so nothing else can run.
        self._style = Markup((_FOLDER / "page.css").read_text(encoding="utf-8"))
        self._script = Markup((_FOLDER / "live.js").read_text(encoding="utf-8"))
        environment = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(
            accuracy=words.accuracy_text,
            bytes=words.bytes_text,
            crs=words.crs_name,
            format=words.format_name,
            instant=words.instant_text,
            layer=layer_name,
            number=words.number_text,
            property=words.property_name,
            publication=words.publication_name,
            unit=words.unit_text,
            moment=lambda text: words.instant_text(datetime.fromisoformat(text)),
        )
        environment.globals.update(
            href_of=href_of,
            n_of=words.n_of,
            severities=words.SEVERITY_WORDS,
            event_words=words.EVENT_WORDS,
            change_words=words.CHANGE_WORDS,
            map_width=map_preview.WIDTH,
            spark_width=sparkline.WIDTH,
            spark_height=sparkline.HEIGHT,
        )
        self._template = environment.get_template("page.html")

    @property
    def policy(self) -> str:
        """Content-Security-Policy of the page: this server alone, our one style and our one script."""
        return "; ".join(
            (
                "default-src 'none'",
                f"style-src '{_digest(self._style)}'",
                f"script-src '{_digest(self._script)}'",
                "img-src 'self' data:",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )

    def render(self, view: PageView) -> str:
        """The page as HTML."""
        return self._template.render(view=view, style=self._style, script=self._script)


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
