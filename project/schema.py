"""The OpenAPI 3.1 document of the API and the page that shows it, all of it from our own files.

What drf-spectacular reads off views and serializers is completed here: who may call, and how every refusal looks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from project.errors import API_PREFIXES, CODES, PROBLEM_TYPE

ABOUT: Final = """Comments, share buttons and Follow by Email for any article.

**Pages.** A page is named by `article` (our id), or by `site` with `url`, `identifier` (the publisher's own id) or
both; a known identifier decides. A page that nobody has written on is an empty thread; the first write registers it.

**Who calls.** Reading and writing need no credentials; there are no cookies. `Authorization: Bearer` carries a site's
API key (`awk_…`) or the edit token of one comment (`awe_…`); beside it `X-Afterword-Voter` carries a reader's
voter token (`awv_…`). Writes from a browser must come from a page of the site.

**Retries.** A `POST` that creates something takes `Idempotency-Key`: sent again with the same key and body it is done
once and answered as before.

**Answers.** JSON in UTF-8; times are RFC 3339 in UTC; cursors are opaque. Every refusal is a problem document
(`application/problem+json`) with a stable `code`, and every answer may be read from any origin.
"""
METHODS: Final = ("get", "put", "post", "delete", "patch")
PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A refusal (RFC 9457). `code` is stable; some codes bring members of their own.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "`urn:afterword:problem:` and the code."},
        "title": {"type": "string", "description": "The same for every refusal of this code."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened this time."},
        "code": {"type": "string", "enum": sorted(CODES)},
        "errors": {
            "type": "array",
            "description": "The fields that were refused.",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Path of the field, as in `author.name`."},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
REFUSALS: Final = {"4XX": "The request was refused.", "5XX": "A part of the service is away; nothing was done."}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a publisher's key is sent."""

    target_class = "articles.authentication.ApiKeyAuthentication"
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A site's API key (`awk_…`). Authors of comments send the comment's edit token (`awe_…`).",
        }


def complete(result: dict[str, Any], generator: SchemaGenerator, request: Any, public: bool) -> dict[str, Any]:
    """Say how the API is used, and how each operation refuses (setting `POSTPROCESSING_HOOKS`)."""
    result["info"]["description"] = ABOUT
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = _refusals("Refusal", PROBLEM_TYPE, {"$ref": "#/components/schemas/Problem"})
    components["responses"] |= _refusals("Page", "text/html", {"type": "string"})
    for path, operations in result["paths"].items():
        kind = "Refusal" if path.startswith(API_PREFIXES) else "Page"
        for method in METHODS:
            for status in REFUSALS if method in operations else ():
                reference = {"$ref": f"#/components/responses/{kind}{status}"}
                operations[method]["responses"].setdefault(status, reference)
    return result


def _refusals(name: str, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{name}{status}": {"description": text, "content": {media_type: {"schema": schema}}}
        for status, text in REFUSALS.items()
    }


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the document; it is made once for each process, because making it takes a second."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return schema


class SchemaView(SpectacularAPIView):
    """The OpenAPI document: JSON, or YAML where that is asked for (`Accept`, or `?format=yaml`)."""

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer, OpenApiYamlRenderer2]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with the document."""
        return Response(document(), headers={"Cache-Control": "public, max-age=60"})


class DocsView(SpectacularSwaggerSplitView):
    """The document as a page to read and to try, without a script in the page itself and nothing from elsewhere."""

    authentication_classes = ()
    permission_classes = ()
    url_name = "schema"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with the page, or with the script that it loads."""
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
            "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return response
