"""The one thing that the wheel needs beyond the package: the templates, as `rnnsym/templates`.

An editable install gets none: it reads `templates/` of the checkout, and no stale copy lies beside it.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplatesInWheel(BuildHookInterface):
    """Maps `templates/` to `rnnsym/templates` in every wheel that is not an editable one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build_data["force_include"]["templates"] = "rnnsym/templates"
