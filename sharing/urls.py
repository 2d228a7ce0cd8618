"""Every address of sharing."""

from sharing.views import follows, hooks, lists, pages, person, shares, sign_in

urlpatterns = [
    *shares.urlpatterns,
    *lists.urlpatterns,
    *follows.urlpatterns,
    *hooks.urlpatterns,
    *pages.urlpatterns,
    *sign_in.urlpatterns,
    *person.urlpatterns,
]
