"""The switchboard of addresses: each app brings its own, this page says in which order."""

from django.contrib import admin
from django.urls import include, path

from project import views
from project.schema import DocsView, SchemaView

urlpatterns = [
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics_page, name="metrics"),
    path("sent-mail/", views.sent_mail, name="sent-mail"),
    path("sent-mail/<str:name>", views.sent_letter, name="sent-letter"),
    path("admin/", admin.site.urls),
    path("api/v1/schema", SchemaView.as_view(), name="schema"),
    path("api/v1/docs", DocsView.as_view(), name="docs"),
    path("", include("articles.urls")),
    path("", include("comments.urls")),
    path("", include("sharing.urls")),
]

handler400 = "project.errors.bad_request"
handler403 = "project.errors.permission_denied"
handler404 = "project.errors.not_found"
handler500 = "project.errors.server_error"
