"""Every address of sharing."""

from sharing.views import follows, pages, shares

urlpatterns = [*shares.urlpatterns, *follows.urlpatterns, *pages.urlpatterns]
