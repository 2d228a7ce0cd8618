"""Every address under which comments are read, written and moderated."""

from comments.views import (
    editing,
    moderation,
    pages,
    readers,
    reading,
    reporting,
    search,
    sign_in,
    stream,
    voting,
    writing,
)

urlpatterns = [
    *reading.urlpatterns,
    *editing.urlpatterns,
    *search.urlpatterns,
    *stream.urlpatterns,
    *writing.urlpatterns,
    *voting.urlpatterns,
    *reporting.urlpatterns,
    *moderation.urlpatterns,
    *sign_in.urlpatterns,
    *readers.urlpatterns,
    *pages.urlpatterns,
]
