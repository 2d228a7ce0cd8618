"""A site that moved here from WordPress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from articles.models import Article, Site
    from tests.wordpress.api import Api


@pytest.fixture
def site(db: None) -> Site:
    from tests.factories import make_site

    return make_site("blog", name="The Blog", origins=("news.example.org",))


@pytest.fixture
def article(site: Site) -> Article:
    from tests.factories import make_article

    return make_article(site, path="/2026/bees/", title="Bees & <others>", html="<p>Bees.</p>", summary="On bees.")


@pytest.fixture
def api(client: Any, site: Site) -> Api:
    from tests.factories import make_api_key
    from tests.wordpress.api import Api

    return Api(client, site, make_api_key(site))
