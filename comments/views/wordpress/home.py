"""`/wp/{site}/`: what WordPress answers by the query of its front page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from articles.selectors import find_site
from comments.views.wordpress.discovery import home_of
from comments.views.wordpress.door import api_link, api_root
from comments.views.wordpress.feeds import article_of, feed_of_query
from comments.views.wordpress.routes import dispatch
from project.errors import Problem
from project.routes import READS


def home(request: HttpRequest, site_slug: str) -> HttpResponse:
    """The API by `rest_route`, a feed by `feed`, an article by `p`, else where API and feeds of a site are."""
    if "rest_route" in request.GET:
        return dispatch(request, site_slug, f"/{request.GET['rest_route'].lstrip('/')}")
    if request.method not in READS:
        raise Problem("method_not_allowed", headers={"Allow": "GET, HEAD"})
    site = find_site(site_slug)
    link = {"Link": api_link(site)}
    if "feed" in request.GET:
        return feed_of_query(request, site)
    if "p" in request.GET:
        found = HttpResponse(status=302, headers=link)
        found["Location"] = article_of(site, request.GET["p"]).public_url
        return found
    feeds = [("application/rss+xml", f"{home_of(site)}/{what}feed/") for what in ("", "comments/")]
    page = render(request, "comments/wordpress/home.html", {"site": site, "root": api_root(site), "feeds": feeds})
    page["Link"] = link["Link"]
    return page


home.csrf_exempt = True  # type: ignore[attr-defined]
home.methods = ("GET", "HEAD", "POST")  # type: ignore[attr-defined]

urlpatterns = [path("wp/<slug:site_slug>", home), path("wp/<slug:site_slug>/", home, name="wordpress_home")]
