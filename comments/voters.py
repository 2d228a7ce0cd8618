"""Who votes: a reader by her account, else the bearer of a voter token, and never twice by the same name.

A voter's name in one site tells nothing about another site, nor about the token. The network that she votes from is
kept in the same way, only to count how many votes on one comment came from there.
"""

from __future__ import annotations

from dataclasses import dataclass

from project.errors import Problem
from project.tokens import BadToken, Purpose, keyed_hash, read_voter_token


@dataclass(frozen=True, slots=True)
class Voter:
    """What is stored of who votes: two keyed hashes of 32 hex digits; no network of a reader with an account.

    `former` is as whom a reader votes without her session in the same browser, "" where she does not.
    """

    key: str
    network: str = ""
    former: str = ""
    reader_id: int | None = None


def voter_key(site_id: int, token: str) -> str:
    """Return under which name the token's bearer votes in a site, "" for a token that is none."""
    try:
        return keyed_hash(Purpose.VOTER, site_id, read_voter_token(token))
    except BadToken:
        return ""


def voter_key_of_reader(site_id: int, reader_id: int) -> str:
    """Return under which name a reader votes, wherever she signs in; no token reads like what it is made of."""
    return keyed_hash(Purpose.VOTER, site_id, f"reader:{reader_id}")


def voter_of(site_id: int, token: str, prefix: str, reader_id: int | None = None) -> Voter:
    """Return who votes in a site: the reader if there is one, else the token's bearer, from the network `prefix`.

    Problem voter_required: no reader, and a token that is none.
    """
    key = voter_key(site_id, token)
    if reader_id is not None:
        return Voter(voter_key_of_reader(site_id, reader_id), former=key, reader_id=reader_id)
    if not key:
        detail = "Send a voter token in X-Afterword-Voter; POST /api/v1/voter makes one."
        raise Problem("voter_required", detail, headers={"WWW-Authenticate": "Bearer"})
    return Voter(key, keyed_hash(Purpose.VOTERS_NETWORK, site_id, prefix))
