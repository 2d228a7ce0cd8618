"""Every address of sharing."""

from sharing.views import follows, shares

urlpatterns = [*shares.urlpatterns, *follows.urlpatterns]
