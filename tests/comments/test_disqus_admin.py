"""Disqus forums in the admin and on the command line: who may, and where the keys go."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client

from articles.models import Member, Site
from comments.models import Comment, DisqusForum
from comments.services.disqus_forums import MOST_FORUMS, add_forum, keys_of
from tests.disqus_server import FORUM, SECRET, TOKEN, DisqusServer
from tests.factories import CY, make_member, make_site
from tests.reading_disqus import KEYS, forum, server, site

__all__ = ["forum", "server", "site"]

pytestmark = pytest.mark.django_db

PATH = "/admin/comments/disqusforum/"
BOTH = {"secret_key": SECRET, "access_token": TOKEN}


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def owner(site: Site) -> Client:
    return client_of(make_member(site, role=Member.Role.OWNER).user)


class TestAdmin:
    def test_an_owner_adds_a_forum_and_nobody_sees_its_keys(self, site: Site, owner: Client) -> None:
        other = make_site("other")
        for data in (
            {"site": other.pk, "forum": FORUM, **BOTH},
            {"site": site.pk, "forum": "no/name", **BOTH},
            {"site": site.pk, "forum": FORUM, "secret_key": SECRET, "access_token": ""},
            {"site": site.pk, "forum": FORUM, "secret_key": "with blanks in it", "access_token": TOKEN},
        ):
            assert owner.post(f"{PATH}add/", data).status_code == 200
        assert not DisqusForum.objects.exists()
        for _ in range(2):  # the second is refused: it is there
            owner.post(f"{PATH}add/", {"site": site.pk, "forum": f" {FORUM.title()} ", **BOTH})
        found = DisqusForum.objects.get()
        assert (found.site, found.forum, keys_of(found)) == (site, FORUM, KEYS)
        assert SECRET not in found.keys and TOKEN not in found.keys
        for page in (PATH, f"{PATH}{found.pk}/change/", f"{PATH}{found.pk}/history/"):
            shown = owner.get(page).content.decode()
            assert FORUM in shown
            assert not any(key in shown for key in (*KEYS, found.keys))

    def test_keys_are_changed_together_or_kept(self, forum: DisqusForum, owner: Client) -> None:
        change = f"{PATH}{forum.pk}/change/"
        owner.post(change, {"secret_key": "", "access_token": ""})
        owner.post(change, {"secret_key": "another-secret", "access_token": ""})
        forum.refresh_from_db()
        assert keys_of(forum) == KEYS
        DisqusForum.objects.update(failures=7, last_error="It answers <b>no</b>.")
        assert "<b>no" not in owner.get(PATH).content.decode()
        owner.post(change, {"secret_key": "another-secret", "access_token": "another-token", "forum": "smuggled"})
        forum.refresh_from_db()
        assert keys_of(forum) == ("another-secret", "another-token")
        assert (forum.forum, forum.failures, forum.last_error) == (FORUM, 0, "")

    def test_it_is_stopped_read_again_and_deleted_and_its_comments_stay(
        self, server: DisqusServer, forum: DisqusForum, owner: Client
    ) -> None:
        server.has_post(1, 1)
        call_command("sync_disqus", "once", FORUM, site=forum.site.slug, stdout=io.StringIO())
        for action, is_active in (("stop", False), ("read", True)):
            owner.post(PATH, {"action": action, "_selected_action": [forum.pk]})
            forum.refresh_from_db()
            assert forum.is_active is is_active and forum.cursor
        owner.post(f"{PATH}{forum.pk}/delete/", {"post": "yes"})
        assert not DisqusForum.objects.exists() and Comment.objects.count() == 1

    def test_others_see_and_touch_nothing(self, forum: DisqusForum) -> None:
        moderator = make_member(forum.site).user
        stranger = make_member(make_site("other"), CY, role=Member.Role.OWNER).user
        for user in (moderator, stranger):
            client = client_of(user)
            assert FORUM not in client.get(PATH).content.decode()
            client.post(PATH, {"action": "stop", "_selected_action": [forum.pk]})
            client.post(f"{PATH}{forum.pk}/delete/", {"post": "yes"})
            client.post(f"{PATH}{forum.pk}/change/", BOTH)
            client.post(f"{PATH}add/", {"site": forum.site_id, "forum": "x", **BOTH})
        assert list(DisqusForum.objects.filter(is_active=True)) == [forum]

    def test_an_owner_elsewhere_with_a_right_to_look_only_looks(self, forum: DisqusForum) -> None:
        user = make_member(forum.site).user
        Member.objects.create(site=make_site("own"), user=user, role=Member.Role.OWNER)
        user.user_permissions.add(Permission.objects.get(codename="view_disqusforum"))
        client = client_of(user)
        assert FORUM in client.get(PATH).content.decode()
        client.post(PATH, {"action": "stop", "_selected_action": [forum.pk]})
        assert DisqusForum.objects.filter(is_active=True).exists()


class TestCommand:
    def run(self, action: str, *words: str, **options: Any) -> str:
        said = io.StringIO()
        call_command("sync_disqus", action, *words, stdout=said, **options)
        return said.getvalue()

    def test_a_forum_from_its_first_day_to_its_last(self, server: DisqusServer, site: Site, tmp_path: Path) -> None:
        keys = tmp_path / "keys"
        keys.write_text(f"{SECRET}\n{TOKEN}\n", encoding="utf-8")
        server.has_post(1, 1)
        of_site = ["--site", site.slug]
        assert "within a minute" in self.run("add", FORUM, *of_site, "--keys-file", str(keys))
        said = self.run("once", FORUM, *of_site)
        assert "on, caught up" in said and "1 comments taken in" in said
        self.run("off", FORUM, *of_site)
        with pytest.raises(CommandError, match="is off"):
            self.run("once", FORUM, *of_site)
        self.run("on", FORUM, *of_site)
        keys.write_text("another-secret another-token", encoding="utf-8")
        self.run("keys", FORUM, *of_site, "--keys-file", str(keys))
        assert "Invalid API key" in self.run("once", FORUM, *of_site)
        assert not any(key in self.run("show", FORUM, *of_site) for key in (*KEYS, "another-secret"))
        self.run("remove", FORUM, *of_site)
        assert not DisqusForum.objects.exists() and Comment.objects.count() == 1

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["add", FORUM, "--site", "nowhere"], "no such site"),
            (["add", "a b", "--site", "blog"], "letters, digits and hyphens"),
            (["add", FORUM, "--site", "blog"], "no key of Disqus"),
            (["show", FORUM, "--site", "blog"], "reads no forum"),
        ],
    )
    def test_a_refusal_is_one_sentence(self, words: list[str], sentence: str) -> None:
        make_site("blog")
        with pytest.raises(CommandError, match=sentence) as refusal:
            self.run(*words)
        assert refusal.value.returncode == 2

    def test_a_site_has_a_few_forums_at_most(self, site: Site) -> None:
        for number in range(MOST_FORUMS):
            add_forum(site, f"forum-{number}", KEYS)
        with pytest.raises(CommandError, match="at most 10 forums"):
            self.run("add", "one-more", "--site", site.slug)
        assert DisqusForum.objects.count() == MOST_FORUMS
