"""Every address of sharing."""

from sharing.views import follows, lists, pages, shares

urlpatterns = [*shares.urlpatterns, *lists.urlpatterns, *follows.urlpatterns, *pages.urlpatterns]
