import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

from project.foreign_keys import composite_foreign_key

# What is alike for a search: small letters, accents and other marks taken off, wide and joined forms made plain (the
# letters that Unicode does not take apart are named). In scripts that put no blanks between words (Thai, Lao, Burmese,
# Khmer, Kana, Han, Hangul) every character is a word. Blanks replace the signs with which PostgreSQL's parser makes
# addresses, tags, compound words and numbers, so that each of their words counts for itself. A text in ASCII, the
# common case, takes the short way.
TEXT = r"""
CREATE FUNCTION comments_search_text(body text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    line text := lower(body);
BEGIN
    IF octet_length(line) <> char_length(line) THEN
        line := translate(lower(normalize(line, NFKD)), 'ςøłđħı', 'σoldhi');
        line := replace(replace(replace(line, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe');
        line := normalize(regexp_replace(line,
            '[\u00AD\u0300-\u036F\u0483-\u0487\u0591-\u05BD\u05BF\u05C1\u05C2\u05C4\u05C5\u05C7\u0610-\u061A'
            '\u0640\u064B-\u065F\u0670\u06D6-\u06DC\u06DF-\u06E8\u06EA-\u06ED\u180B-\u180F\u200B-\u200F'
            '\u202A-\u202E\u2060-\u206F\uFE00-\uFE0F\uFEFF]+', '', 'g'), NFC);
        line := regexp_replace(line,
            '([\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u3005-\u3007\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF'
            '\uAC00-\uD7AF\uF900-\uFAFF\U00020000-\U0003FFFF])', ' \1 ', 'g');
    END IF;
    RETURN replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
        line, '-', ' '), '_', ' '), '.', ' '), '/', ' '), ':', ' '), '@', ' '), '&', ' '), '<', ' '), '>', ' '),
        '+', ' '), '~', ' '), '#', ' ');
END $$"""

# Of a very long text the first 16,000 characters: no place in a tsvector is higher than 16,383. The site is a word that
# no text can have.
TERMS = """
CREATE FUNCTION comments_search_terms(site_id bigint, body text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
    RETURN to_tsvector('pg_catalog.simple', left(comments_search_text(left(body, 16000)), 48000))
        || array_to_tsvector(ARRAY['@' || site_id]);
END $$"""

ENTER = """
CREATE FUNCTION comments_enter_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO comments_searchentry (comment_id, site_id, article_id, created_at, terms)
    SELECT id, site_id, article_id, created_at, comments_search_terms(site_id, text)
    FROM fresh WHERE status = 'approved' ORDER BY id;
    RETURN NULL;
END $$;
CREATE TRIGGER enter_search AFTER INSERT ON comments_comment REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION comments_enter_search()"""

RENEW = """
CREATE FUNCTION comments_renew_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM comments_searchentry WHERE comment_id = NEW.id;
    IF NEW.status = 'approved' THEN
        INSERT INTO comments_searchentry (comment_id, site_id, article_id, created_at, terms)
        VALUES (NEW.id, NEW.site_id, NEW.article_id, NEW.created_at, comments_search_terms(NEW.site_id, NEW.text));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER renew_search AFTER UPDATE OF status, text, created_at ON comments_comment FOR EACH ROW
    WHEN ((OLD.status = 'approved' OR NEW.status = 'approved')
        AND (OLD.status, OLD.text, OLD.created_at) IS DISTINCT FROM (NEW.status, NEW.text, NEW.created_at))
    EXECUTE FUNCTION comments_renew_search()"""

FILL = """
INSERT INTO comments_searchentry (comment_id, site_id, article_id, created_at, terms)
SELECT id, site_id, article_id, created_at, comments_search_terms(site_id, text)
FROM comments_comment WHERE status = 'approved' ORDER BY id"""


def function(create: str, drop: str) -> migrations.RunSQL:
    return migrations.RunSQL([create], [drop])


class Migration(migrations.Migration):

    dependencies = [
        ('articles', '0002_sorts_and_votes'),
        ('comments', '0002_votes_and_orders'),
    ]

    operations = [
        migrations.CreateModel(
            name='SearchEntry',
            fields=[
                ('comment', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='comments.comment')),
                ('created_at', models.DateTimeField()),
                ('terms', django.contrib.postgres.search.SearchVectorField()),
                ('article', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='articles.article')),
                ('site', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='articles.site')),
            ],
        ),
        function(TEXT, "DROP FUNCTION comments_search_text(text)"),
        function(TERMS, "DROP FUNCTION comments_search_terms(bigint, text)"),
        # The indexes come after the rows, which is many times faster.
        migrations.RunSQL([FILL], migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='searchentry',
            index=django.contrib.postgres.indexes.GinIndex(fields=['terms'], name='search_terms'),
        ),
        migrations.AddIndex(
            model_name='searchentry',
            index=models.Index(fields=['site', '-created_at', '-comment'], include=('article',), name='search_by_time'),
        ),
        composite_foreign_key("comments_searchentry", ("site_id", "article_id"), "articles_article", ("site_id", "id")),
        composite_foreign_key("comments_searchentry", ("article_id", "comment_id"), "comments_comment", ("article_id", "id"), on_delete="CASCADE"),
        function(ENTER, "DROP TRIGGER enter_search ON comments_comment; DROP FUNCTION comments_enter_search()"),
        function(RENEW, "DROP TRIGGER renew_search ON comments_comment; DROP FUNCTION comments_renew_search()"),
    ]
