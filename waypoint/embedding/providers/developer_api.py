"""The provider ``gemini``: the Gemini Developer API, or a server in its place."""

from __future__ import annotations

from waypoint.embedding.port import Endpoint
from waypoint.embedding.providers.gemini_connection import (
    configured_connection,
    is_simulator_at,
    preload_adapter,
)
from waypoint.embedding.providers.gemini_models import GEMINI_MODELS
from waypoint.embedding.providers.simulated import SIMULATOR
from waypoint.embedding.rate_limit.limits import TEXTS_AND_TOKENS
from waypoint.settings import Settings


class DeveloperApi:
    """Calls go to Google, or to GOOGLE_GEMINI_BASE_URL; what they cost is billed to the key."""

    name = "gemini"
    title = "Gemini"
    models = GEMINI_MODELS
    bills = True
    has_jobs = True
    quota = TEXTS_AND_TOKENS
    suffix = ""

    async def find(self, settings: Settings) -> Endpoint:
        """As ``Provider.find``; a server of one's own is asked whether it is the simulator."""
        connection = configured_connection(settings)
        simulated = await is_simulator_at(connection, settings.embedding_model)
        both = settings.google_api_key and settings.gemini_api_key
        notice = f"GOOGLE_API_KEY and GEMINI_API_KEY are set: {connection.credential} is used"
        return Endpoint(
            SIMULATOR if simulated else self,
            self.quota,
            connection.open,
            connection.open_jobs,
            notices=(notice,) if both else (),
        )

    async def preload(self) -> None:
        """Import the SDK."""
        await preload_adapter()
