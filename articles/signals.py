"""Facts about articles that upper rooms want to know; sent inside the transaction of their cause."""

from django.dispatch import Signal

# article: Article. It became public for the first time and is recent enough to be announced.
article_published = Signal()

# article: Article. What it says, or who may read it, was written, perhaps the same as before; it comes before the rest.
article_written = Signal()

# article: Article. Whatever a thread page shows of it has changed: title, address, visibility, closing, deletion.
article_changed = Signal()
