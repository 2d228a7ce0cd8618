from django.apps import AppConfig


class CommentsConfig(AppConfig):
    name = "comments"

    def ready(self) -> None:
        from comments import receivers  # noqa: F401  (connects them)
        from comments.views.wordpress import errors
        from project.errors import answer_otherwise

        answer_otherwise(errors.is_spoken_at, errors.problem_response)
