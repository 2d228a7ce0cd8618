"""Reading what other systems exported: pure, streaming, in bounded memory.

`detect.open_export(path)` returns a reader; iterating it yields `ArticleRecord` and `CommentRecord`. Nothing here
knows the database: `comments.services.intake` writes the records.
"""
