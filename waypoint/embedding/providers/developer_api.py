"""The provider ``gemini``: the Gemini Developer API, or a server in its place."""

from __future__ import annotations

from waypoint.embedding.port import Endpoint
from waypoint.embedding.providers.gemini_connection import (
    Connection,
    is_simulator_at,
    key_of,
    preload_adapter,
)
from waypoint.embedding.providers.gemini_models import GEMINI_MODELS
from waypoint.embedding.providers.simulated import SIMULATOR
from waypoint.embedding.rate_limit.limits import TEXTS_AND_TOKENS
from waypoint.errors import MissingKeyError
from waypoint.settings import Settings


class DeveloperApi:
    """Calls go to Google, or to GOOGLE_GEMINI_BASE_URL; what they cost is billed to the key."""

    name = "gemini"
    title = "Gemini"
    models = GEMINI_MODELS
    bills = True
    quota = TEXTS_AND_TOKENS
    suffix = ""

    async def find(self, settings: Settings) -> Endpoint:
        """As ``Provider.find``; a server of one's own is asked whether it is the simulator."""
        key, base_url = key_of(settings), settings.google_gemini_base_url
        if not key:
            raise MissingKeyError(
                "no API key: GOOGLE_API_KEY is not set",
                hint="set GOOGLE_API_KEY in the environment or in .env "
                "(get one at https://aistudio.google.com/apikey)",
            )
        simulated = base_url is not None and await is_simulator_at(base_url, key, settings)
        connection = Connection(key, base_url, settings.call_timeout)
        return Endpoint(SIMULATOR if simulated else self, self.quota, connection.open)

    async def preload(self) -> None:
        """Import the SDK."""
        await preload_adapter()
