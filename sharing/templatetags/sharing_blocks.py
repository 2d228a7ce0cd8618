"""What an article's page shows of sharing: the bar of buttons and the box of Follow by Email."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import template
from django.forms.utils import flatatt
from django.utils.safestring import SafeString

from articles.models import Article
from sharing import networks
from sharing.models import Follow
from sharing.networks import Kind, Network, Shareable
from sharing.selectors.shares import share_counts, shareable, shared_over
from sharing.views.pages import FollowForm

register = template.Library()

# Beside those of the registry's share bar; buttons of the device stay hidden until a script can serve them.
FURTHER = ("telegram", "print", "native")


@dataclass(frozen=True)
class Button:
    """One network in the bar: `url` is our counting redirect ("" for a device), `target` what a device is given."""

    network: str
    label: str
    url: str
    target: str
    count: int
    attributes: SafeString
    device: bool


@register.simple_tag(name="share_counts")
def shares_by_network(article: Article) -> dict[str, int]:
    """Return how often the article was shared, by network; one query."""
    return share_counts(article)


@register.inclusion_tag("sharing/share_bar.html", takes_context=True)
def share_bar(context: dict[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    """Show a button for every network of the bar, with our own count of its use; no query."""
    article = context["article"]
    shared = shareable(article)
    chosen = [*networks.share_bar(), *(network for key in FURTHER if (network := networks.find(key)))]
    chosen.sort(key=lambda network: network.kind is Kind.DEVICE)
    buttons = [_button(network, article, shared, counts.get(network.key, 0)) for network in chosen]
    return {"article": article, "buttons": buttons, "total": sum(counts.values())}


@register.inclusion_tag("sharing/follow_box.html", takes_context=True)
def follow_box(context: dict[str, Any]) -> dict[str, Any]:
    """Show the form of Follow by Email, or again what a refused one held; no query."""
    form = context.get("follow_form") or FollowForm()
    followed = "followed" in context["request"].GET
    return {"article": context["article"], "form": form, "followed": followed, "frequencies": Follow.Frequency.choices}


def _button(network: Network, article: Article, shared: Shareable, count: int) -> Button:
    device = network.kind is Kind.DEVICE
    url = "" if device else f"/s/{network.key}/{article.pk}"
    attributes = flatatt(dict(network.link_attributes))
    target = shared_over(network, article, shared).url
    return Button(network.key, network.label, url, target, count, attributes, device)
