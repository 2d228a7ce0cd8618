"""The doors of articles: what browsers and clients may ask for; each module exports its `urlpatterns`."""
