"""The app of the drawer and the switchboard: its checks, and the Celery app for every process."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "project"

    def ready(self) -> None:
        # Tasks bind to the current Celery app: web processes and commands need ours as much as workers do.
        from project import celery, checks  # noqa: F401
