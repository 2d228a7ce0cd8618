"""The door for Follow by Email from our own page's form; scripts use `POST /api/v1/follows`."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from articles.origins import check_form_origin
from articles.selectors import article_of_page
from project.errors import Problem
from project.forms import read_form
from project.languages import asked_for
from project.proof import may_cause_mail
from project.routes import allows
from project.throttling import spend, spend_for_site
from sharing import targets
from sharing.models import Follow
from sharing.services.follows import request_follow
from sharing.tasks import deliver_confirmations


@dataclass(frozen=True)
class FollowForm:
    """The box of Follow by Email: `target` is "article" or "site"; `error` says why it was refused."""

    email: str = ""
    target: str = "article"
    frequency: str = Follow.Frequency.IMMEDIATE
    error: str = ""


@csrf_exempt
@allows("POST")
def follow_from_page(request: HttpRequest, article_id: int) -> HttpResponse:
    """Ask to follow and lead back to the page (303), alike for every well-formed address; the page again otherwise."""
    check_form_origin(request)
    article = article_of_page(article_id)
    data = read_form(request)
    email, wish = data.get("email", ""), "site" if data.get("target") == "site" else "article"
    said = data.get("frequency", "")
    frequency = said if said in Follow.Frequency.values else Follow.Frequency.IMMEDIATE
    target = targets.of_site() if wish == "site" else targets.of_article(article.pk)
    try:
        spend(request, "follows")
        spend_for_site("follows", article.site_id)
        # A machine fills the field that people do not see; it is answered as they are.
        may_mail = may_cause_mail(request, data.get("altcha")) and not data.get("homepage")
        request_follow(
            *(article.site_id, email, target),
            door="page",
            frequency=frequency,
            language=asked_for(request),
            may_mail=may_mail,
        )
    except Problem as problem:
        form = FollowForm(email, wish, frequency, problem.detail)
        page = render(
            request, "articles/article.html", {"article": article, "follow_form": form}, status=problem.status
        )
        page["Cache-Control"] = "private, no-store"
        return page
    deliver_confirmations.delay_on_commit()
    location = f"{article.get_absolute_url()}?followed=1#follow"
    return HttpResponse(status=303, headers={"Location": location, "Cache-Control": "no-store"})


urlpatterns = [path("a/<int:article_id>/follow", follow_from_page, name="follow_from_page")]
