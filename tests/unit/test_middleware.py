"""The outermost layer: origins, OPTIONS, bounded bodies, problem documents for whatever goes wrong."""

from __future__ import annotations

import asyncio
import json

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.test import Client
from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from project import errors
from project.drf_parsers import StrictJSONParser
from project.errors import Problem
from project.handler import Handler
from project.middleware import BODY_LIMIT, LARGE_LIMIT
from project.parsers import read_json
from project.routes import allows


@allows("GET", "POST")
def echo(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(str(read_json(request) if request.method == "POST" else "read"))
    response.set_cookie("track", "you")
    return response


def fail(request: HttpRequest, what: str) -> HttpResponse:
    if what == "django":
        return HttpResponseNotAllowed(["GET"])
    raise {
        "problem": Problem("comments_closed", headers={"X-Reason": "late"}),
        "lost": Http404(),
        "database": OperationalError(),
        "bug": ValueError("secret detail"),
    }[what]


class Thing(APIView):
    parser_classes = [StrictJSONParser]
    authentication_classes = []
    permission_classes = []

    def get_exception_handler(self) -> object:
        return errors.exception_handler

    def put(self, request: Request) -> Response:
        return Response(request.data)


@api_view(["GET", "DELETE"])
def counted(request: Request) -> Response:
    return Response(status=204)


urlpatterns = [
    path("api/v1/echo", echo),
    path("api/v1/fail/<what>", fail),
    path("api/v1/articles", Thing.as_view()),
    path("api/v1/counted", counted),
    path("fail/<what>", fail),
]
handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error


@pytest.fixture
def client(settings: object) -> Client:
    settings.ROOT_URLCONF = __name__  # type: ignore[attr-defined]
    settings.MIDDLEWARE = ["project.middleware.ApiMiddleware"]  # type: ignore[attr-defined]
    settings.ALLOWED_HOSTS = ["testserver"]  # type: ignore[attr-defined]
    return Client(raise_request_exception=False)


def document(response: HttpResponse) -> dict[str, object]:
    assert response["Content-Type"] == "application/problem+json"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Cache-Control"] == "no-store"
    found: dict[str, object] = json.loads(response.content)
    assert found["status"] == response.status_code
    return found


def test_every_origin_may_read_and_no_cookie_is_set(client: Client) -> None:
    response = client.get("/api/v1/echo", headers={"Origin": "https://anywhere.example"})
    assert response.content == b"read"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response
    assert response["Access-Control-Expose-Headers"] == "ETag, Retry-After, Location"
    assert not response.cookies


@pytest.mark.parametrize(
    ("address", "methods"),
    [
        ("/api/v1/echo", "GET, HEAD, POST"),
        ("/api/v1/articles", "PUT"),
        ("/api/v1/counted", "GET, HEAD, DELETE"),
        ("/api/v1/fail/x", "GET, HEAD, POST, PUT, PATCH, DELETE"),
    ],
)
def test_options_says_what_a_route_takes(client: Client, address: str, methods: str) -> None:
    response = client.options(address, headers={"Origin": "null", "Access-Control-Request-Method": "POST"})
    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Methods"] == methods
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Allow-Headers"] == (
        "Authorization, Content-Type, Idempotency-Key, X-Afterword-Voter, X-Afterword-Edit-Tokens, If-None-Match"
    )
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/api/v1/fail/problem", "comments_closed"),
        ("/api/v1/fail/lost", "not_found"),
        ("/api/v1/fail/database", "unavailable"),
        ("/api/v1/fail/bug", "server_error"),
        ("/api/v1/fail/django", "method_not_allowed"),
        ("/api/v1/nowhere", "not_found"),
        ("/api/", "not_found"),
        ("/api/v1/echo?a=%00", "bad_request"),
        ("/api/v1/echo?a=%ff", "bad_request"),
        ("/api/v1/echo?a=%ed%a0%80", "bad_request"),
        ("/api/v1/echo%00", "bad_request"),
        ("/api/v1/echo?" + "a=1&" * 3_000, None),
    ],
)
def test_whatever_goes_wrong_is_a_problem_document(client: Client, address: str, code: str | None) -> None:
    response = client.get(address)
    if code is None:
        assert response.status_code == 200
        return
    assert document(response)["code"] == code
    assert b"secret detail" not in response.content


def test_options_of_nothing_is_404(client: Client) -> None:
    assert document(client.options("/api/v1/nowhere"))["code"] == "not_found"


def test_headers_of_a_refusal_are_kept(client: Client) -> None:
    assert client.get("/api/v1/fail/problem")["X-Reason"] == "late"
    assert client.get("/api/v1/fail/django")["Allow"] == "GET"
    refused = client.put("/api/v1/echo", data=b"{}", content_type="application/json")
    assert document(refused)["code"] == "method_not_allowed"
    assert refused["Allow"] == "GET, HEAD, POST"


def test_a_foreign_host_is_400(client: Client) -> None:
    assert document(client.get("/api/v1/echo", headers={"Host": "evil.example"}))["code"] == "bad_request"
    assert client.get("/fail/lost", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(("what", "status"), [("problem", 403), ("lost", 404), ("database", 503), ("bug", 500)])
def test_pages_show_a_small_page(client: Client, what: str, status: int) -> None:
    response = client.get(f"/fail/{what}")
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert b"<h1" in response.content
    assert "Access-Control-Allow-Origin" not in response


def test_bodies_are_bounded_whatever_their_header_says(client: Client) -> None:
    def post(body: bytes, **extra: str) -> HttpResponse:
        return client.generic("POST", "/api/v1/echo", body, "application/json", **extra)  # type: ignore[return-value]

    padding = BODY_LIMIT - len(b'{"a": ""}')
    assert post(b'{"a": "' + b"x" * padding + b'"}').status_code == 200
    assert document(post(b'{"a": "' + b"x" * (padding + 1) + b'"}'))["code"] == "body_too_large"
    assert document(post(b"{}", CONTENT_LENGTH="9" * 30))["code"] == "body_too_large"
    assert document(post(b"{}", CONTENT_LENGTH="-1"))["code"] == "bad_request"
    assert document(post(b"{}", CONTENT_LENGTH="１"))["code"] == "bad_request"


def test_forms_are_bounded_too(client: Client) -> None:
    refused = client.post("/fail/lost", b"a=" + b"x" * LARGE_LIMIT, content_type="application/x-www-form-urlencoded")
    assert refused.status_code == 413
    assert refused["Content-Type"].startswith("text/html")


def test_an_article_may_be_longer(client: Client) -> None:
    def put(length: int) -> HttpResponse:
        body = json.dumps({"html": "x" * (length - len('{"html": ""}'))})
        return client.put("/api/v1/articles", body, content_type="application/json")  # type: ignore[return-value]

    assert put(LARGE_LIMIT).status_code == 200
    assert document(put(LARGE_LIMIT + 1))["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("body", "code"), [("{", "malformed_json"), ("[]", "malformed_json"), ('{"a":1,"a":2}', "malformed_json")]
)
def test_broken_json_is_400_in_both_kinds_of_view(client: Client, body: str, code: str) -> None:
    assert document(client.post("/api/v1/echo", body, content_type="application/json"))["code"] == code
    assert document(client.put("/api/v1/articles", body, content_type="application/json"))["code"] == code


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_other_media_types_are_415_in_both_kinds_of_view(client: Client, media_type: str) -> None:
    assert document(client.post("/api/v1/echo", "{}", content_type=media_type))["code"] == "unsupported_media_type"
    assert document(client.put("/api/v1/articles", "{}", content_type=media_type))["code"] == "unsupported_media_type"


def chunked(address: str, chunks: list[bytes]) -> tuple[int, bytes]:
    """Send a body without a length header through Django's ASGI handler; return status and body."""

    async def run() -> tuple[int, bytes]:
        scope = {
            "type": "http",
            "method": "PUT",
            "path": address,
            "query_string": b"",
            "headers": [(b"host", b"testserver"), (b"content-type", b"application/json")],
        }
        communicator = ApplicationCommunicator(Handler(), scope)
        for number, chunk in enumerate(chunks, start=1):
            await communicator.send_input({"type": "http.request", "body": chunk, "more_body": number < len(chunks)})
        start = await communicator.receive_output(timeout=10)
        body = await communicator.receive_output(timeout=10)
        return start["status"], body["body"]

    return asyncio.run(run())


def test_a_body_without_a_length_is_read_and_bounded(client: Client) -> None:
    assert chunked("/api/v1/articles", [b'{"a"', b": 1}"]) == (200, b'{"a":1}')
    status, body = chunked("/api/v1/articles", [b"x" * 65_536] * 17)
    assert (status, json.loads(body)["code"]) == (413, "body_too_large")
