"""The one kind of exception that is meant for the person who typed the command."""

from __future__ import annotations


class Problem(Exception):
    """Something a person can change; each line of the text says what is wrong and what to change."""
