"""The OpenAPI document: valid, complete for every route of the API, and served from our own files."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from django.test import Client
from openapi_spec_validator import OpenAPIV31SpecValidator

from project.errors import CODES
from tests.routes import Route, routes

# The document does not describe itself.
ABOUT_THE_API = {"/api/v1/schema", "/api/v1/docs"}
API_ROUTES = [route for route in routes() if route.is_api and route.path not in ABOUT_THE_API]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = Client().get("/api/v1/schema").json()
    return found


def test_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


@pytest.mark.parametrize("route", API_ROUTES, ids=lambda route: route.path)
def test_every_route_has_its_operations(document: dict[str, Any], route: Route) -> None:
    operations = document["paths"][route.path]
    assert set(operations) == {method.lower() for method in route.methods}
    for method, operation in operations.items():
        assert operation["operationId"]
        assert operation.get("description"), f"{method} {route.path} does not say what it does"
        answers = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        assert answers, f"{method} {route.path} has no answer"
        for status, answer in answers.items():
            schemas = [content["schema"] for content in answer.get("content", {}).values()]
            assert schemas or status in {"202", "204"}, f"{method} {route.path} {status} has no schema"
        if method in {"put", "patch"}:
            assert "requestBody" in operation
        refusal = operation["responses"]["4XX"]
        assert refusal == {"$ref": "#/components/responses/Refusal4XX"}


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_keys_are_asked_for_where_they_are_needed(document: dict[str, Any]) -> None:
    paths = document["paths"]
    assert paths["/api/v1/articles"]["put"]["security"] == [{"bearerAuth": []}]
    assert {} in paths["/api/v1/articles"]["get"]["security"]
    assert document["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"


def test_every_code_is_listed(document: dict[str, Any]) -> None:
    problem = document["components"]["schemas"]["Problem"]
    assert problem["properties"]["code"]["enum"] == sorted(CODES)


def test_document_is_json_unless_yaml_is_asked_for(client: Client, document: dict[str, Any]) -> None:
    assert client.get("/api/v1/schema")["Content-Type"].startswith("application/json")
    answer = client.get("/api/v1/schema", headers={"Accept": "application/yaml"})
    assert yaml.safe_load(answer.content) == document


def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    html = page.content.decode()
    assert "<script>" not in html
    assert "http://" not in html and "https://" not in html and 'src="//' not in html
    assert "default-src 'none'" in page["Content-Security-Policy"]
    script = client.get("/api/v1/docs?script=")
    assert script.status_code == 200 and b"SwaggerUIBundle" in script.content
