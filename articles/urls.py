"""Every address of articles."""

from articles.views import articles

urlpatterns = [*articles.urlpatterns]
