"""Mails and pages in the reader's language: whose it is, what it says, and which way it is written."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from articles.models import Article
from project.languages import END_OF_ISOLATE, ISOLATE, speaking
from sharing import mail, targets, tokens
from sharing.drafts import Drafts
from sharing.models import Consent, Delivery, Follow, Follower, Notification
from sharing.quoting import MARKER, marker, new_words
from sharing.selectors.evidence import follows_with_evidence
from sharing.services.dispatch import send_due
from sharing.services.follows import request_follow
from tests.browser.test_mail_looks import confirmation, delivery, digest, new_article, new_comment, sign_in
from tests.factories import ADA, BEN, make_article, make_comment, make_follow, make_site
from tests.sharing.test_mail import html_of, letter, on_the_wire, text_of

TITLE = "Bees of the north"
SPOKEN = {
    "en": ("Please confirm: Follow by Email at The Daily Sketch", "wrote below", "Sign in at The Daily Sketch"),
    "de": ("Bitte bestätigen: The Daily Sketch per E-Mail folgen", "schrieb zu", "Anmelden bei The Daily Sketch"),
    "fr": ("À confirmer : suivre The Daily Sketch par e-mail", "a écrit sous", "Se connecter à The Daily Sketch"),
    "es": ("Confirme, por favor: seguir The Daily Sketch por correo", "escribió en", "Iniciar sesión en"),
    "ar": ("يُرجى التأكيد: متابعة \u2068The Daily Sketch\u2069 بالبريد الإلكتروني", "كتب", "تسجيل الدخول في"),
}


@pytest.fixture
def article(db: None) -> Article:
    site = make_site("sketch", name="The Daily Sketch")
    return make_article(site, title=TITLE, summary="They agree.", author_email=ADA)


def speak(made: Delivery, language: str) -> Delivery:
    if made.follower is None:
        made.language = language
    else:
        made.follower.language = language
        made.follower.save()
    return made


@pytest.mark.parametrize("language", SPOKEN)
class TestEachLanguage:
    def test_a_confirmation(self, article: Article, language: str) -> None:
        made, follow = confirmation(article)
        message = letter(speak(made, language), follow)
        assert str(message["Subject"]).strip() == SPOKEN[language][0]
        self.check(language, message)
        assert TITLE not in html_of(message), "it holds nothing that whoever asked chose"

    def test_a_comment_and_the_page_to_which_it_leads(self, article: Article, language: str) -> None:
        made, follow = new_comment(article)
        message = letter(speak(made, language), follow)
        assert message["Subject"] == f"Re: {TITLE}"
        assert SPOKEN[language][1] in text_of(message) and SPOKEN[language][1] in html_of(message)
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        self.check(language, message)

    def test_signing_in(self, article: Article, language: str) -> None:
        message = letter(speak(sign_in(article)[0], language))
        assert SPOKEN[language][2] in message["Subject"]
        self.check(language, message)

    def check(self, language: str, message: Any) -> None:
        direction = "rtl" if language == "ar" else "ltr"
        html = html_of(message)
        assert message["Content-Language"] == language
        assert f'<html lang="{language}" dir="{direction}">' in html
        assert html.count(f'dir="{direction}"') == 4, "the document, its body, Outlook's table and the sheet"
        if language != "ar":
            assert ISOLATE not in f"{message['Subject']}{text_of(message)}{html}"
        assert f"{message['Subject']}{text_of(message)}".count(ISOLATE) == text_of(message).count(END_OF_ISOLATE) + str(
            message["Subject"]
        ).count(END_OF_ISOLATE)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "مقال جديد واحد"),
        (1, "تعليق واحد"),
        (2, "تعليقان"),
        (3, "3 تعليقات"),
        (11, "11 تعليقًا"),
    ],
)
def test_a_digest_in_arabic_counts_as_arabic_does(article: Article, count: int, said: str) -> None:
    made, follow = digest(article, count)
    if count == 0:
        Follow.objects.update(target_kind="site", target_key="", article=None)
        Notification.objects.create(
            site=article.site, kind="article", cause_key="article", article=article, fanned_out_at="2026-01-01T00:00Z"
        )
    message = letter(speak(made, "ar"), follow)
    assert str(message["Subject"]).strip() == f"{ISOLATE}The Daily Sketch{END_OF_ISOLATE}، يوميًا: {said}"


def test_a_hundred_are_counted_in_arabic_too_and_what_is_left_out_as_well(article: Article) -> None:
    made, follow = digest(article, 100)
    assert "و70 أخرى على الصفحات نفسها." in text_of(letter(speak(made, "ar"), follow))
    with speaking("ar"):
        assert translation.ngettext("%(n)s comment", "%(n)s comments", 100) % {"n": 100} == "100 تعليق"


def test_words_of_others_are_kept_apart_where_we_write_from_right_to_left(article: Article) -> None:
    made, follow = new_comment(article)
    message = letter(speak(made, "ar"), follow)
    assert f"كتب {ISOLATE}Ben{END_OF_ISOLATE} تحت «{ISOLATE}{TITLE}{END_OF_ISOLATE}»:" in text_of(message)
    assert '<strong dir="auto">Ben</strong>' in html_of(message) and f">{TITLE}</a>" in html_of(message)


def test_one_batch_mixes_languages_and_renders_each_once(article: Article) -> None:
    drafts, comment = Drafts(), make_comment(article)
    said = {}
    first, _ = delivery(
        article, "comment", make_follow(article.site, "a@example.com", article=article), comment=comment
    )
    for number, language in enumerate(["de", "ar", "de", "", "ar", "pt"]):
        follow = make_follow(article.site, f"reader-{number}@example.com", article=article)
        made = Delivery(
            pk=number + 1, site=article.site, kind="comment", notification=first.notification, follower=follow.follower,
            follow_ids=[follow.pk], target_key="key", address=ADA,
        )  # fmt: skip
        message = on_the_wire(mail.letter_of(speak(made, language), follow, drafts))
        said.setdefault(message["Content-Language"], []).append(text_of(message).splitlines()[0])
        assert translation.get_language() == "en"
    assert {language: len(set(lines)) for language, lines in said.items()} == {"de": 1, "ar": 1, "en": 1}
    assert len({lines[0] for lines in said.values()}) == 3 and len(drafts._made) == 3


class TestWhose:
    def test_a_follow_keeps_what_the_browser_asked_for_and_a_stranger_cannot_change_it(
        self, client: Client, article: Article
    ) -> None:
        def ask(email: str, header: str) -> Follower:
            data = {"site": article.site.slug, "email": email}
            answer = client.post(
                "/api/v1/follows",
                data,
                "application/json",
                headers={"Accept-Language": header, "Origin": "https://news.example.org"},
            )
            assert answer.status_code == 202 and answer.json()["message"].startswith("Check your mail")
            return Follower.objects.get(address=email)

        assert ask(ADA, "fr-CA, de;q=0.5").language == "fr"
        assert ask(ADA, "de").language == "fr", "she has one"
        assert ask(BEN, "tlh").language == ""
        assert ask(BEN, "ar").language == "ar", "none of hers was known"

    def test_the_form_of_the_page_keeps_it_too(self, client: Client, article: Article) -> None:
        headers = {"Accept-Language": "es", "Origin": settings.PUBLIC_URL}
        form = "email=ada%40example.com&target=site"
        answer = client.post(f"/a/{article.pk}/follow", form, "application/x-www-form-urlencoded", headers=headers)
        assert answer.status_code == 303 and Follower.objects.get().language == "es"

    def test_a_comment_that_asks_for_replies_keeps_it_too(self, client: Client, article: Article) -> None:
        headers = {"Accept-Language": "ar", "Origin": "https://news.example.org"}
        data = {"article": article.pk, "body": "Well.", "author": {"name": "Ben", "email": BEN}, "follow": "replies"}
        assert client.post("/api/v1/comments", data, "application/json", headers=headers).status_code == 201
        assert Follower.objects.get().language == "ar"

    def test_a_sign_in_mail_speaks_the_language_of_the_request(self, client: Client, article: Article) -> None:
        headers = {"Accept-Language": "de", "Origin": "https://news.example.org"}
        data = {"site": article.site.slug, "email": ADA}
        assert client.post("/api/v1/sign-in", data, "application/json", headers=headers).status_code == 202
        assert letter(Delivery.objects.get(kind="sign_in"))["Subject"] == "Anmelden bei The Daily Sketch"

    @pytest.mark.parametrize(("status", "language"), [("confirmed", "fr"), ("unconfirmed", "en")])
    def test_authors_read_what_they_read_as_followers_that_they_have_proven_to_be(
        self, article: Article, status: str, language: str
    ) -> None:
        follow = make_follow(article.site, ADA, status=status)
        Follower.objects.update(language="fr")
        made, _ = delivery(article, "comment", comment=make_comment(article), why="author")
        made.target_key = follow.follower.address_key
        assert letter(made)["Content-Language"] == language

    def test_she_chooses_another_on_her_page_and_it_answers_in_it(self, client: Client, article: Article) -> None:
        follow = make_follow(article.site, ADA)
        url = tokens.manage_url(follow.follower)
        page = client.get(url, headers={"Accept-Language": "de"})
        assert "Wem Sie bei The Daily Sketch folgen" in page.content.decode()
        assert '<option value="ar" lang="ar">العربية</option>' in page.content.decode()
        form = {"save": "1", "timezone": "UTC", "hour": "8", "weekday": "0"}
        page = client.post(url, {**form, "language": "ar"}, headers={"Accept-Language": "de"})
        assert page["Content-Language"] == "ar" and "تم الحفظ." in page.content.decode()
        assert '<html lang="ar" dir="rtl">' in page.content.decode()
        for wrong in ("tlh", "", "AR", "\u2028"):
            client.post(url, {**form, "language": wrong})
        assert Follower.objects.get().language == "ar"
        assert client.get(url, headers={"Accept-Language": "de"})["Content-Language"] == "ar"

    @pytest.mark.parametrize("status", ["unconfirmed", "confirmed", "unsubscribed"])
    def test_a_link_that_says_who_she_is_speaks_her_language(
        self, client: Client, article: Article, status: str
    ) -> None:
        follow = make_follow(article.site, ADA, status=status)
        Follower.objects.update(language="es")
        made, _ = delivery(article, "article", follow)
        for url in (tokens.not_me_url(follow), tokens.leave_url(made)):
            assert client.get(url, headers={"Accept-Language": "de"})["Content-Language"] == "es"
        Follower.objects.all().delete()
        for url in (tokens.not_me_url(follow), tokens.leave_url(made)):
            assert client.get(url, headers={"Accept-Language": "de"})["Content-Language"] == "de"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", ["de", "ar"])
def test_the_record_of_consent_names_the_words_and_their_language(language: str) -> None:
    article = make_article(make_site("sketch", name="The Daily Sketch"))
    request_follow(article.site_id, ADA, targets.of_site(), door="api", language=language)
    send_due("confirm")
    sent = Consent.objects.get(event="confirmation_sent")
    made = Delivery.objects.get()
    written = mail.letter_of(made, Follow.objects.get(), Drafts())
    assert (sent.language, sent.wording) == (language, written.wording)
    with_evidence = next(iter(follows_with_evidence(article.site)))
    assert language in with_evidence and with_evidence.count(language) == 2


@pytest.mark.parametrize("language", SPOKEN)
def test_an_answer_ends_above_our_line_in_every_language(language: str) -> None:
    with speaking(language):
        line = marker()
    assert (line == MARKER) is (language == "en")
    assert new_words(f"My answer.\n\n{line}\n\nWhat we wrote.") == "My answer."


def test_a_new_article_in_arabic(article: Article) -> None:
    made, follow = new_article(article)
    assert "اقرأ المقال" in html_of(letter(speak(made, "ar"), follow))
