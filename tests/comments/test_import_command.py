"""`manage.py import_comments`: the summary, the sentence and the exit status."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from articles.models import Article, Site, SiteOrigin
from comments.models import Comment, Vote
from tests.comments import test_import_isso as isso_file
from tests.comments.exports import disqus, dsq_post, dsq_thread, wp_comment, wp_item, wxr
from tests.comments.test_import_artalk import artran
from tests.comments.test_import_commento import posted, third
from tests.comments.test_import_duoshuo import duoshuo, post, thread
from tests.comments.test_import_remark42 import comment as remark42_comment
from tests.comments.test_import_remark42 import meta
from tests.comments.test_import_waline import row, waline
from tests.factories import make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site("demo")


def run(path: Path, *arguments: str, site: str = "demo") -> str:
    out = StringIO()
    call_command("import_comments", str(path), "--site", site, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def refusal(*arguments: Any, **options: Any) -> str:
    """Return the sentence of a run that must end with exit status 2."""
    with pytest.raises(CommandError) as refused:
        run(*arguments, **options)
    assert refused.value.returncode == 2
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def write(folder: Path, text: str) -> Path:
    path = folder / "export.xml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_summary_has_the_shape_of_the_contract(site: Site, tmp_path: Path) -> None:
    comments = [wp_comment(1), wp_comment(2, type="pingback"), wp_comment(1), wp_comment(3, parent=9, approved=0)]
    path = write(tmp_path, wxr(wp_item(*comments, wp_comment(4, type="review"))))
    assert json.loads(run(path, "--json")) == {
        "complete": True,
        "articles": {"created": 1, "matched": 0},
        "comments": {
            "created": 3,
            "duplicate": 1,
            "skipped": 1,
            "by_status": {"approved": 2, "pending": 1},
            "by_provider": {"webmention": 1, "wordpress": 2},
        },
        "warnings": [
            {"where": "comment 4, line 7: review", "reason": "comments of other types were skipped", "count": 1},
            {
                "where": "comment 3, line 6",
                "reason": "answers to a comment that is not in the file were made roots",
                "count": 1,
            },
        ],
    }


def test_the_summary_in_words(site: Site, tmp_path: Path) -> None:
    path = write(tmp_path, disqus(dsq_thread(1), dsq_post(1, 1), dsq_post(2, 404)))
    assert run(path).splitlines() == [
        "Articles: 1 made, 0 known already.",
        "Comments: 1 imported, 0 known already, 1 skipped.",
        "  by status: approved 1",
        "  by provider: disqus 1",
        "  comments of an article that is not in the file were skipped: 1 (post 2, line 5)",
    ]


def test_each_kind_of_trouble_is_told_with_up_to_three_places(site: Site, tmp_path: Path) -> None:
    path = write(tmp_path, wxr(wp_item(*(wp_comment(n, parent=n) for n in range(1, 5)), wp_comment(9, type="review"))))
    reviews, answers = run(path).splitlines()[-2:]
    assert reviews == "  comments of other types were skipped: 1 (comment 9, line 7: review)"
    places = "comment 1, line 3; comment 2, line 4; comment 3, line 5; …"
    assert answers == f"  comments that answer themselves were made roots: 4 ({places})"


def test_answers_in_a_circle_are_told_by_their_places(site: Site, tmp_path: Path) -> None:
    path = write(tmp_path, wxr(wp_item(wp_comment(1, parent=2), wp_comment(2, parent=1))))
    assert run(path).splitlines()[-1] == "  answers that go round in a circle were made roots: 1 (comment 1, line 3)"


def test_a_dry_run_says_so(site: Site, tmp_path: Path) -> None:
    path = write(tmp_path, wxr(wp_item(wp_comment(1))))
    assert run(path, "--dry-run").splitlines()[-1] == "Nothing was written: this was a dry run."
    assert not Article.objects.exists()


def test_a_file_without_its_end(site: Site, tmp_path: Path) -> None:
    whole = disqus(dsq_thread(1), dsq_post(1, 1), dsq_post(2, 1))
    path = write(tmp_path, whole[: whole.index('<post dsq:id="2"') + 30])
    out = StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("import_comments", str(path), "--site", "demo", "--json", stdout=out)
    assert refused.value.returncode == 2
    summary = json.loads(out.getvalue())
    assert (summary["complete"], summary["comments"]["created"]) == (False, 1)
    assert Comment.objects.count() == 1


def test_what_is_refused_is_refused_in_one_sentence(site: Site, tmp_path: Path) -> None:
    export = write(tmp_path, wxr(wp_item(wp_comment(1))))
    assert "no such site" in refusal(export, site="nowhere")
    assert "cannot be read" in refusal(tmp_path / "missing.xml")
    assert "cannot be read" in refusal(tmp_path)
    assert "looks like wordpress" in refusal(export, "--format", "disqus")
    assert "no known export format" in refusal(write(tmp_path, "{}"))
    assert "DOCTYPE" in refusal(write(tmp_path, "<!DOCTYPE rss>" + wxr(wp_item(wp_comment(1)))))
    assert not Article.objects.exists()


def test_a_doctype_behind_the_first_comments_writes_nothing_either(site: Site, tmp_path: Path) -> None:
    text = disqus(dsq_thread(1), dsq_post(1, 1), "<!DOCTYPE x>", dsq_post(2, 1))
    assert "DOCTYPE" in refusal(write(tmp_path, text))
    assert not Article.objects.exists()


def test_an_export_made_for_disqus_is_told_by_its_namespace(site: Site, tmp_path: Path) -> None:
    text = wxr(wp_item(wp_comment(1))).replace("<channel>", "<channel>", 1)
    text = text.replace('xmlns:wp="', 'xmlns:dsq="http://www.disqus.com/" xmlns:wp="')
    text = text.replace("</link>", "</link><dsq:thread_identifier>story</dsq:thread_identifier>")
    assert json.loads(run(write(tmp_path, text), "--json"))["comments"]["by_provider"] == {"disqus": 1}
    assert Article.objects.get().identifier == "story"


def test_the_format_may_be_given(site: Site, tmp_path: Path) -> None:
    path = write(tmp_path, wxr(wp_item(wp_comment(1))))
    summary = json.loads(run(path, "--json", "--format", "disqus-custom"))
    assert summary["comments"]["by_provider"] == {"disqus": 1}


def test_pages_named_by_path_need_a_base(site: Site, tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps([artran("1", site_urls="")]))
    run(path)
    assert Article.objects.get().url == "https://news.example.org/one/"
    SiteOrigin.objects.create(site=site, origin="other.example.org")
    assert "--base" in refusal(path)
    run(path, "--base", "https://other.example.org/blog")
    assert Article.objects.filter(url="https://other.example.org/blog/one/").exists()


@pytest.mark.parametrize(
    "base", ["blog.example", "ftp://blog.example", "javascript:x", "https://b.example/?x=1", "//b"]
)
def test_a_base_that_is_no_address_is_refused(site: Site, tmp_path: Path, base: str) -> None:
    assert refusal(write(tmp_path, json.dumps([artran("1")])), "--base", base)
    assert not Article.objects.exists()


def test_a_dry_run_of_another_system_writes_no_votes(site: Site, tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps([artran("1", vote_up="3")]))
    assert json.loads(run(path, "--dry-run", "--json"))["comments"]["by_provider"] == {"native": 1}
    assert not Vote.objects.exists()


GUIDE = Path(__file__).resolve().parents[2] / "docs" / "migrating.md"
COMMANDS = re.findall(r"^### From (\w+)[^#]*?^uv run manage.py import_comments (.+)$", GUIDE.read_text(), re.M)


def file_of(system: str, path: Path) -> None:
    """Write a file as the system writes it, with one comment."""
    if system == "Isso":
        isso_file.run(path, isso_file.SCHEMA + "INSERT INTO threads VALUES (1, '/one/', 'The first story');")
        isso_file.add(path, 1)
    elif system == "remark42":
        path.write_bytes(gzip.compress("\n".join(map(json.dumps, (meta(), remark42_comment("a")))).encode()))
    else:
        documents: dict[str, Any] = {
            "Commento": third(posted("1")),
            "Artalk": [artran("1")],
            "Waline": waline(row("1")),
            "Duoshuo": duoshuo([thread("1")], [post("1")]),
        }
        path.write_text(json.dumps(documents[system]))


@pytest.mark.parametrize(("system", "command"), COMMANDS, ids=[system for system, _ in COMMANDS])
def test_each_command_of_the_guide_does_as_it_stands_there(system: str, command: str, tmp_path: Path) -> None:
    site = make_site("my-site", origins=("blog.example", "www.blog.example"))
    name, *arguments = shlex.split(command)
    file_of(system, tmp_path / name)
    out = StringIO()
    call_command("import_comments", str(tmp_path / name), *arguments, "--json", stdout=out)
    summary = json.loads(out.getvalue())
    assert (summary["complete"], summary["comments"]["by_provider"]) == (True, {"native": 1})
    assert Article.objects.get(site=site).url.endswith("/one/")


def test_the_guide_has_a_command_for_each_system() -> None:
    assert [system for system, _ in COMMANDS] == ["Isso", "remark42", "Commento", "Artalk", "Waline", "Duoshuo"]
