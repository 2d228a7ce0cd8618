"""The one failure of embedded servers."""


class EmbeddedError(Exception):
    """A server cannot be made, found or started, or the data folder is taken; the message is one sentence."""
