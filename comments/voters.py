"""Who votes: readers without an account, each known by a token of hers, and never twice by the same name.

A voter's name in one site tells nothing about another site, nor about the token. The network that she votes from is
kept in the same way, only to count how many votes on one comment came from there.
"""

from __future__ import annotations

from dataclasses import dataclass

from project.errors import Problem
from project.tokens import BadToken, Purpose, keyed_hash, read_voter_token


@dataclass(frozen=True, slots=True)
class Voter:
    """What is stored of who votes: two keyed hashes of 32 hex digits."""

    key: str
    network: str


def voter_key(site_id: int, token: str) -> str:
    """Return under which name the token's bearer votes in a site, "" for a token that is none."""
    try:
        return keyed_hash(Purpose.VOTER, site_id, read_voter_token(token))
    except BadToken:
        return ""


def voter_of(site_id: int, token: str, prefix: str) -> Voter:
    """Return who votes in a site, from the network `prefix`; Problem voter_required for a token that is none."""
    key = voter_key(site_id, token)
    if not key:
        detail = "Send a voter token in X-Afterword-Voter; POST /api/v1/voter makes one."
        raise Problem("voter_required", detail, headers={"WWW-Authenticate": "Bearer"})
    return Voter(key, keyed_hash(Purpose.VOTERS_NETWORK, site_id, prefix))
