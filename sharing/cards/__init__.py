"""What networks, search engines and embedding pages read of an article or a comment; nothing here asks the database."""
