"""Facts about comments that upper rooms want to know; sent inside the transaction of their cause."""

from django.dispatch import Signal

# comment: Comment. It became visible to the public for the first time.
comment_published = Signal()

# comment: Comment. Its text is another one than before, whatever its status.
comment_rewritten = Signal()

# comment: Comment, old: status or None for a new comment, new: status; the same where a public one says something else;
# of a new one also follow: the wish of its author, language: what she reads, ref: what the address carried by which she
# came, unproven.
comment_changed = Signal()
