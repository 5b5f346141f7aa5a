"""The errors that reach a user: one sentence each, saying what, where and what to do."""

from __future__ import annotations


class PreauditError(Exception):
    """Base of every error that a user sees as one sentence, without a traceback."""

    exit_code = 3


class UsageError(PreauditError):
    """A profile, waiver, option or target that cannot be used as it was given (exit code 4)."""

    exit_code = 4


class TargetError(UsageError):
    """The cluster named by the user cannot be reached or spoken to at all."""


class NotObservable(PreauditError):  # noqa: N818 - it names a state of the world, not a fault of the program
    """Something could not be looked at, so nothing can be said about it.

    Args:
        what: the thing that was to be observed ("pods in payments").
        why: the cause, as the source gave it ("forbidden: pods is forbidden for user reader").
        at_most: the highest level at which this stands ("warn"), "" for the requirement's own: for what the design
            of others hides from everybody who looks from where we do, and that is likely good.
    """

    def __init__(self, what: str, why: str, at_most: str = "") -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.why = why
        self.at_most = at_most


class Unreadable(NotObservable):
    """A part of an object cannot be read: it is malformed or redacted; a run on files tells that too."""
