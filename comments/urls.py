"""Every address under which comments are read, written and moderated."""

from comments.views import moderation, pages, reading, writing

urlpatterns = [*reading.urlpatterns, *writing.urlpatterns, *moderation.urlpatterns, *pages.urlpatterns]
