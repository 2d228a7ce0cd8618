"""Django's part of the ASGI application: every middleware and view of ours is synchronous, and so is the way there."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class Handler(ASGIHandler):
    """Take a request through all middlewares and the view in one visit to its thread.

    Django's own handler goes back to the event loop between most of its middlewares, which can do both: some twenty
    visits, more time than the thread itself takes for a small answer.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain as WSGI does, whatever is asked for."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Return what the chain answers; a fault of ours comes out as 500, as it does in Django."""
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)
