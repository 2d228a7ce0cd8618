"""WordPress' own addresses for sites that moved here: REST API v2, the form of old themes, feeds of comments.

Thin doors: what may be read is decided by the selectors, and what is written by the services that every door uses.
"""

from comments.views.wordpress import feeds, form, home, routes

urlpatterns = [*routes.urlpatterns, *form.urlpatterns, *home.urlpatterns, *feeds.urlpatterns]
