"""Every address of sharing."""

from sharing.views import (
    cards,
    challenge,
    channels,
    follows,
    hooks,
    lists,
    notices,
    oembed,
    pages,
    person,
    pingback,
    reach,
    shares,
    shariff,
    sign_in,
    webmentions,
)

urlpatterns = [
    *shares.urlpatterns,
    *cards.urlpatterns,
    *reach.urlpatterns,
    *lists.urlpatterns,
    *shariff.urlpatterns,
    *follows.urlpatterns,
    *challenge.urlpatterns,
    *notices.urlpatterns,
    *hooks.urlpatterns,
    *oembed.urlpatterns,
    *pages.urlpatterns,
    *sign_in.urlpatterns,
    *person.urlpatterns,
    *channels.urlpatterns,
    *webmentions.urlpatterns,
    *pingback.urlpatterns,
]
