"""Every address of sharing."""

from sharing.views import follows, lists, pages, person, shares, sign_in

urlpatterns = [
    *shares.urlpatterns,
    *lists.urlpatterns,
    *follows.urlpatterns,
    *pages.urlpatterns,
    *sign_in.urlpatterns,
    *person.urlpatterns,
]
