"""Words of somebody else's in sentences of ours, and what each language writes in its own way."""

from __future__ import annotations

from datetime import date

from django import template
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext

from project import languages

register = template.Library()


@register.filter
def isolated(words: object) -> str:
    """Return words for a sentence of plain text, in marks where we write from right to left."""
    return languages.isolated(str(words))


@register.filter
def bdi(words: object) -> SafeString:
    """Return words for a sentence of HTML, escaped, in the element that keeps their direction to themselves."""
    return format_html("<bdi>{}</bdi>", words)


@register.filter
def day(moment: date) -> str:
    """Return a date as the language writes it: "23 November 2026"."""
    return date_format(moment, pgettext("how a date is written, in the letters of Django's filter date", "j F Y"))


@register.simple_tag
def labelled(label: object, value: object) -> str:
    """Return "label: value" as the language sets a colon."""
    # Escaped by whoever shows it: a simple tag's result is, where the template escapes.
    return gettext("%(label)s: %(value)s") % {"label": label, "value": value}


@register.simple_tag
def listed(first: object, second: object) -> str:
    """Return "first, second" as the language sets a comma; one of them alone where the other is empty."""
    if not (first and second):
        return str(first or second)
    return gettext("%(first)s, %(second)s") % {"first": first, "second": second}
