"""Reads of shares, follows and the outbox; one module for each noun."""
