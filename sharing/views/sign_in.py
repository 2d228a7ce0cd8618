"""Asking for the mail by which a reader signs in; comments has the page that it leads to."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from articles.models import Article
from articles.origins import check_write_origin, own_origin
from articles.selectors import find_site
from articles.services.idempotency import Answer, answer_once
from project import languages
from project.addresses import canonical_origin
from project.documented import RETRY_KEY, documented
from project.errors import Problem, refused_field
from project.parsers import read_json
from project.queries import site_slug
from project.routes import allows
from project.throttling import limited, spend_for_site
from sharing.services.sign_in import request_sign_in
from sharing.tasks import deliver_confirmations

ACCEPTED: Final = {"message": "Check your mail: its link signs you in, once and within 15 minutes."}
MAX_ID: Final = 2**63 - 1


class SignInSerializer(serializers.Serializer[Any]):
    site = serializers.SlugField(max_length=64)
    email = serializers.CharField(max_length=254)
    article = serializers.IntegerField(required=False, help_text="Where she is, for the way back.")


class SignInAnswerSerializer(serializers.Serializer[Any]):
    """The same for every address, so that nobody learns who is a reader."""

    message = serializers.CharField()


@documented(
    post=extend_schema(
        operation_id="sign_in_by_mail",
        parameters=[RETRY_KEY],
        request=SignInSerializer,
        responses={202: SignInAnswerSerializer},
    )
)
@csrf_exempt
@limited("sign_ins")
@allows("POST")
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for a mail with a link that signs in. The answer, and what is done for it, is the same for every address."""
    data = read_json(request)
    site = find_site(site_slug(data))
    check_write_origin(request, site)
    spend_for_site("sign_ins", site.pk)
    email, article = data.get("email"), data.get("article") or 0
    if not isinstance(email, str):
        raise refused_field("email", "required", "Say which address is yours.")
    if type(article) is not int or not 0 <= article <= MAX_ID:
        raise refused_field("article", "not_an_id", "This must be the id of an article.")
    if article and not Article.objects.filter(pk=article, site=site).exists():
        raise refused_field("article", "unknown", "The site has no such article.")

    def work() -> Answer:
        request_sign_in(
            site.pk, email, article_id=article, embedded=_is_embedded(request), language=languages.asked_for(request)
        )
        deliver_confirmations.delay_on_commit()
        return Answer(ACCEPTED, status=202)

    return answer_once(request, site.pk, work)


def _is_embedded(request: HttpRequest) -> bool:
    """Say whether a page of the publisher's asks; ours keeps the session in its own browser storage."""
    try:
        return canonical_origin(request.headers.get("Origin", "")) != own_origin()
    except Problem:
        return True


urlpatterns = [path("api/v1/sign-in", ask, name="ask_to_sign_in")]
