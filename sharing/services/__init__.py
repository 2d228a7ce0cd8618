"""What changes shares, follows and the outbox; one module for each noun."""
