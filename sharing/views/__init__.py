"""The doors of sharing: what a browser or a client may ask for; each module exports its `urlpatterns`."""
