"""Our guarded client (project.http) for libraries that ask with `requests`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from project.http import FetchError, exchange

LIMIT: Final = 200_000
REDIRECTS: Final = range(300, 400)


class GuardedAdapter(BaseAdapter):
    """Sends what `requests` has prepared through project.http: https only, to the internet only, no redirect.

    `inside` is a `host[:port]` of the operator's that may have http and any address.
    """

    def __init__(self, *, seconds: float, inside: str = "") -> None:
        super().__init__()
        self.seconds, self.inside = seconds, inside

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Return the answer. requests.ConnectionError: none, or one that leads elsewhere."""
        url, body = request.url or "", request.body or b""
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.netloc != self.inside:
            raise requests.ConnectionError("the address has no https", request=request)
        try:
            answer = exchange(
                request.method or "GET",
                url,
                # What comes is not unpacked here, so that little cannot become much.
                {name: str(value) for name, value in request.headers.items()} | {"Accept-Encoding": "identity"},
                body.encode() if isinstance(body, str) else bytes(body),
                seconds=self.seconds,
                limit=LIMIT,
                inside=self.inside,
            )
        except FetchError as error:
            raise requests.ConnectionError(str(error), request=request) from error
        if answer.status in REDIRECTS:
            raise requests.ConnectionError("the answer leads elsewhere", request=request)
        response = requests.Response()
        response.status_code, response.url, response.request = answer.status, url, request
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response._content = answer.body
        return response

    def close(self) -> None:
        """Nothing is kept open."""


def guarded_session(*, seconds: float, inside: str = "") -> requests.Session:
    """Return a session that can do nothing but GuardedAdapter's requests, and heeds no proxy or .netrc."""
    session = requests.Session()
    session.trust_env = False
    session.adapters.clear()
    for scheme in ("https://", "http://"):
        session.mount(scheme, GuardedAdapter(seconds=seconds, inside=inside))
    return session
