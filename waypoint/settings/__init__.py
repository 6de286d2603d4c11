"""All settings, read once at the edge.

``Settings`` is frozen and checked as a whole, so that every problem is named at once.
Nothing else in Waypoint reads the environment. Each room is handed its own section.

By pydantic and python-dotenv alone: pydantic-settings, which does the same by them, takes longer
to import than both, and ``--help`` needs the settings.
"""

from __future__ import annotations

from waypoint.settings.choices import (
    Attachments,
    ChunkUnit,
    FailOn,
    Group,
    LogFormat,
    LogLevel,
    Mode,
    Ocr,
    QuotaSettings,
    QuotaTier,
    QuotaUnit,
    StoreSettings,
)
from waypoint.settings.chroma_address import ChromaAddress
from waypoint.settings.facts import FACTS, SettingFacts
from waypoint.settings.files import TOML_FILE
from waypoint.settings.loading import Loaded, load, load_keywords, load_settings
from waypoint.settings.model import (
    CHOICE_NAMES,
    MOST_CONCURRENCY,
    MOST_FOUND_CONCURRENCY,
    Settings,
)
from waypoint.settings.problems import Given

__all__ = [
    "CHOICE_NAMES",
    "FACTS",
    "MOST_CONCURRENCY",
    "MOST_FOUND_CONCURRENCY",
    "TOML_FILE",
    "Attachments",
    "ChromaAddress",
    "ChunkUnit",
    "FailOn",
    "Given",
    "Group",
    "Loaded",
    "LogFormat",
    "LogLevel",
    "Mode",
    "Ocr",
    "QuotaSettings",
    "QuotaTier",
    "QuotaUnit",
    "SettingFacts",
    "Settings",
    "StoreSettings",
    "load",
    "load_keywords",
    "load_settings",
]
