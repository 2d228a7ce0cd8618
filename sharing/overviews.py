"""Messages that tell of a time to whoever looks after a site or wrote its articles: a day of notices, a week."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext

from project.languages import isolated
from sharing.drafts import Drafts, Letter, NothingToTell, list_id, notice, site_name, threads_of, title_of
from sharing.models import Delivery, Follow
from sharing.selectors.notices import notices_of
from sharing.selectors.summary import Summary, summary_of


def notices_of_a_day(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell a member of the day's comments that still wait, or an author of those on her articles, and of shares."""
    found = notices_of(delivery)
    if not (found.comments or found.shared):
        raise NothingToTell
    name = "daily_held" if delivery.why == Delivery.Why.MEMBER else "daily_author"

    def context() -> dict[str, Any]:
        threads = threads_of((comment, comment.article) for comment in found.comments)
        for thread in threads:
            for comment in thread["comments"]:
                comment["decide"] = _decide(comment["id"])
        return {
            "threads": threads,
            "comments": len(found.comments) + found.more,
            "more": found.more,
            "shared": [
                {
                    "title": title_of(one.article),
                    "url": one.article.public_url,
                    "total": one.total,
                    "by_network": one.by_network,
                    "milestone": one.milestone,
                    "reached": number_format(one.milestone, force_grouping=True) if one.milestone else "",
                }
                for one in found.shared
            ],
            "more_shared": found.more_shared,
            "times": sum(one.total for one in found.shared),
            "reason": _reason(delivery),
        }

    headers = {
        "List-Id": list_id(delivery.site, "held" if delivery.why == Delivery.Why.MEMBER else "articles-of-yours")
    }
    return notice(delivery, drafts, name, (delivery.digest_id, delivery.target_key), context, headers)


def summary_of_a_week(delivery: Delivery, follow: Follow | None, drafts: Drafts) -> Letter:
    """Tell an owner what happened at her site in a week, beside the week before."""
    week = delivery.digest
    if week is None:
        raise NothingToTell

    def context() -> dict[str, Any]:
        found = summary_of(delivery.site_id, week.window_start, week.window_end)
        if found.is_empty:
            raise NothingToTell
        return {
            "until": week.window_end,
            "from": week.window_start,
            "parts": _parts(found),
            "discussed": [
                {"title": title_of(article), "url": article.public_url, "count": count}
                for article, count in found.discussed
            ],
            "reason": gettext("You get this mail because you own %(site)s.") % _site(delivery),
        }

    headers = {"List-Id": list_id(delivery.site, "weeks")}
    return notice(delivery, drafts, "summary", (week.pk,), context, headers)


def _decide(comment_id: int) -> str:
    return f"{settings.PUBLIC_URL}{reverse('admin:comments_comment_change', args=[comment_id])}"


def _parts(found: Summary) -> list[tuple[str, list[tuple[str, Any]]]]:
    """The numbers of a week, each part below its heading."""
    comments = {"published": gettext("Published"), "held": gettext("Held"), "refused": gettext("Rejected or spam")}
    follows = {"confirmed": gettext("New"), "unsubscribed": gettext("Left")}
    mails = {"sent": gettext("Sent"), "failed": gettext("Failed"), "bounced": gettext("Came back")}
    return [
        (gettext("Comments"), _rows(found.comments, **comments)),
        (gettext("Follow by Email"), _rows(found.follows, **follows)),
        (gettext("Shares"), found.shares),
        (gettext("Mails"), _rows(found.mails, **mails)),
    ]


def _rows(numbers: dict[str, Any], **labels: str) -> list[tuple[str, Any]]:
    return [(label, numbers[name]) for name, label in labels.items()]


def _reason(delivery: Delivery) -> str:
    reason = gettext("You get this mail because you wrote articles at %(site)s and asked for one mail a day.")
    if delivery.why == Delivery.Why.MEMBER:
        reason = gettext("You get this mail because you look after %(site)s and asked for one mail a day.")
    return reason % _site(delivery)


def _site(delivery: Delivery) -> dict[str, str]:
    return {"site": isolated(site_name(delivery.site))}
