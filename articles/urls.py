"""Every address of articles."""

from articles.views import articles, pages

urlpatterns = [*articles.urlpatterns, *pages.urlpatterns]
