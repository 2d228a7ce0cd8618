"""Every address of sharing."""

from sharing.views import shares

urlpatterns = [*shares.urlpatterns]
