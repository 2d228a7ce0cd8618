"""Every address under which comments are read, written and moderated."""

from comments.views import editing, moderation, pages, reading, reporting, search, stream, voting, writing

urlpatterns = [
    *reading.urlpatterns,
    *editing.urlpatterns,
    *search.urlpatterns,
    *stream.urlpatterns,
    *writing.urlpatterns,
    *voting.urlpatterns,
    *reporting.urlpatterns,
    *moderation.urlpatterns,
    *pages.urlpatterns,
]
