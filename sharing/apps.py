from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "sharing"

    def ready(self) -> None:
        from comments.selectors import register_share_counts
        from sharing import receivers  # noqa: F401  (connects them)
        from sharing.selectors.shares import share_totals

        register_share_counts(share_totals)
