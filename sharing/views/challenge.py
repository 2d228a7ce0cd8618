"""The challenge whose solution a request to follow may bring."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from drf_spectacular.utils import extend_schema

from project.answers import json_response
from project.documented import documented
from project.proof import make_challenge
from project.routes import allows
from project.throttling import limited
from sharing.serializers.follows import ChallengeSerializer


@documented(get=extend_schema(operation_id="challenge", responses=ChallengeSerializer))
@limited("challenges")
@allows("GET")
def challenge(request: HttpRequest) -> HttpResponse:
    """Return a challenge of ALTCHA: solved and sent as `altcha` with `POST follows`, it lets a confirmation go out
    although strangers in the same network have spent its share. Nothing is stored."""
    return json_response(make_challenge(request))


urlpatterns = [path("api/v1/challenge", challenge, name="challenge")]
