"""Ways out of the system; one file is one way."""
