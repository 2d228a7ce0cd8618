"""Lists of followers as other systems write them: from the bytes of a file to rows that mean something here."""
