"""In whose language we speak: mails and the pages that they lead to have catalogues, everything else is English.

A reader's language is what is kept of her, else what her browser asks for; a cookie or an address never says it. Views
speak it through `in_readers_language`, and mails through `speaking`; outside of both we speak the source's language.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Concatenate, Final, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import trans_real

from project.errors import Problem, respond

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]

# Unicode's marks around words whose direction may be another than the sentence's: FIRST STRONG ISOLATE, and its end.
ISOLATE: Final = "\u2068"
END_OF_ISOLATE: Final = "\u2069"


def ours(code: str) -> str:
    """Return which of our languages a code as `de` or `de-AT` means, "" for none of them; any text is harmless."""
    try:
        return translation.get_supported_language_variant(code.strip().lower())
    except LookupError:
        return ""


def asked_for(request: HttpRequest) -> str:
    """Return which of our languages the browser would rather read, "" where it names none; any header is harmless."""
    # Django reads 500 characters of it, in the order of preference, and nothing of what is no list of languages.
    for code, preference in trans_real.parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if preference > 0 and (found := ours(code)):
            return found
    return ""


def speaking(language: str) -> AbstractContextManager[None]:
    """Speak a language of ours, or the source's for any other, as long as the context lasts."""
    return translation.override(ours(language) or settings.LANGUAGE_CODE)


def speak(language: str) -> None:
    """Go on in a reader's own language, if it is one of ours; to be called within `in_readers_language`."""
    if code := ours(language):
        translation.activate(code)


def in_readers_language(view: View[Arguments]) -> View[Arguments]:
    """Decorate a page: it speaks, also in refusals, what the browser asks for until the view itself knows better."""

    @wraps(view)
    def inner(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
        with speaking(asked_for(request)):
            try:
                response = view(request, *args, **kwargs)
            except Problem as problem:
                response = respond(request, problem)
            response["Content-Language"] = translation.get_language()
        patch_vary_headers(response, ["Accept-Language"])
        return response

    return inner


def isolated(words: str) -> str:
    """Return words of somebody else's for the middle of a plain sentence of ours.

    Where we write from right to left they stand between marks, so that their direction does not turn ours about.
    """
    return f"{ISOLATE}{words}{END_OF_ISOLATE}" if translation.get_language_bidi() else words
