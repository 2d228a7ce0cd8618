"""Every address under which comments are read, written and moderated."""

from comments.views import (
    editing,
    feeds,
    moderation,
    pages,
    readers,
    reading,
    reporting,
    search,
    sign_in,
    social,
    stream,
    voting,
    wordpress,
    writing,
)

urlpatterns = [
    *reading.urlpatterns,
    *editing.urlpatterns,
    *search.urlpatterns,
    *feeds.urlpatterns,
    *stream.urlpatterns,
    *writing.urlpatterns,
    *voting.urlpatterns,
    *reporting.urlpatterns,
    *moderation.urlpatterns,
    *sign_in.urlpatterns,
    *social.urlpatterns,
    *readers.urlpatterns,
    *pages.urlpatterns,
    *wordpress.urlpatterns,
]
