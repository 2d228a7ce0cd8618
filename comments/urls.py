"""Every address under which comments are read, written and moderated."""

from comments.views import editing, moderation, pages, reading, search, stream, voting, writing

urlpatterns = [
    *reading.urlpatterns,
    *editing.urlpatterns,
    *search.urlpatterns,
    *stream.urlpatterns,
    *writing.urlpatterns,
    *voting.urlpatterns,
    *moderation.urlpatterns,
    *pages.urlpatterns,
]
