"""Public reads as finished bytes, kept in the memory of a web process and answered before Django.

`front` is the door; `versions` knows how current what is kept is, and hears of changes through `push`; `build` makes
what is missing by asking Django; `store` keeps it within a bound of bytes.
"""
