"""Whether a server was heard to withstand an attack: sslyze's "not vulnerable" also stands for silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from preaudit.collect.endpoints.witness import ALERT, CHANGE_CIPHER, HANDSHAKE, HEARTBEAT, Dialogue
from preaudit.endpoint import Answer, Fact, Tls

_ROBOT_ATTEMPTS = 15
"""Five forms of a message, three times each."""
_FULL = [HANDSHAKE, HANDSHAKE, CHANGE_CIPHER, HANDSHAKE]
"""A client's side of a handshake up to TLS 1.2: hello, key exchange, change of cipher, finished."""
_AGAIN = "a second handshake"
REFUSED_AGAIN = f"it answers {_AGAIN} with an alert"
_OLDER = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2")


def withstood(name: str, result: dict[str, Any], tls: Tls, dialogues: Sequence[Dialogue]) -> Fact:
    """The fact behind "not vulnerable".

    Args:
        name: the attack.
        result: what sslyze says of it.
        tls: what our own hellos saw.
        dialogues: what passed between sslyze and the server.

    Returns:
        False where the server was heard to refuse, or cannot be open to it; else unknown, with why.
    """
    if name in {"heartbleed", "ccs_injection"} and tls.offer("TLSv1.3").answer is Answer.ACCEPTED:
        return Fact(False, "it speaks TLS 1.3, which no OpenSSL with this hole does")  # noqa: FBT003 - a value
    if name in {"robot", "client_renegotiation"} and all(tls.offer(one).answer is Answer.REFUSED for one in _OLDER):
        return Fact(False, "it speaks TLS 1.3 only, which has nothing of the kind")  # noqa: FBT003 - a value
    deaf = sum(not one.answered for one in dialogues)
    if deaf or not dialogues:
        return Fact(None, f"{deaf} of sslyze's {len(dialogues)} connections were not answered: it may slow others down")
    if name == "robot":
        return _robot(result, tls, dialogues)
    return {"heartbleed": _heartbeat, "ccs_injection": _early_change, "client_renegotiation": _again}[name](dialogues)


def succeeded(name: str, dialogues: Sequence[Dialogue]) -> Fact:
    """The fact behind "vulnerable".

    ROBOT is seen by differences between answers, so none of them may be missing.
    """
    if name == "robot" and not all(one.after(2) for one in _exchanges(dialogues)):
        return Fact(None, "its answers differ, but not all of sslyze's tries were answered")
    return Fact(True, "sslyze was let through")  # noqa: FBT003 - a value


def _heartbeat(dialogues: Sequence[Dialogue]) -> Fact:
    tried = [one for one in dialogues if HEARTBEAT in one.asked]
    return _refusal("a heartbeat", [
        (one.greeted, ALERT in one.after(one.asked.index(HEARTBEAT) + 1)) for one in tried
    ])  # fmt: skip


def _early_change(dialogues: Sequence[Dialogue]) -> Fact:
    tried = [one for one in dialogues if one.asked[:2] == [HANDSHAKE, CHANGE_CIPHER]]
    return _refusal("a change of cipher before the keys", [(one.greeted, ALERT in one.after(2)) for one in tried])


def _again(dialogues: Sequence[Dialogue]) -> Fact:
    tried = [one for one in dialogues if one.asked[:5] == [*_FULL, HANDSHAKE]]
    return _refusal(_AGAIN, [(True, ALERT in one.after(5)) for one in tried])


def _refusal(what: str, tried: Sequence[tuple[bool, bool]]) -> Fact:
    """Whether all of some tries were refused by an alert, after the server had taken the hello."""
    if not tried:
        return Fact(None, f"sslyze did not come to send {what}")
    if not all(greeted for greeted, _ in tried):
        return Fact(None, f"it refused the hello before {what}")
    if not all(refused for _, refused in tried):
        return Fact(None, f"it was not heard to refuse {what}: no alert came")
    return Fact(False, f"it answers {what} with an alert")  # noqa: FBT003 - a value


def _robot(result: dict[str, Any], tls: Tls, dialogues: Sequence[Dialogue]) -> Fact:
    if result.get("robot_result") == "NOT_VULNERABLE_RSA_NOT_SUPPORTED":
        accepted = [one for one in tls.offers if one.answer is Answer.ACCEPTED and one.version in _OLDER]
        if any(suite.startswith("TLS_RSA_") for one in accepted for suite in one.suites):
            return Fact(None, "sslyze found no RSA key exchange, our own hellos did")
        settled = all(tls.offer(one).answer in {Answer.ACCEPTED, Answer.REFUSED} for one in _OLDER)
        if not settled or not all(one.suites_complete for one in accepted):
            return Fact(None, "whether it accepts RSA key exchange is not known")
        return Fact(False, "it accepts no RSA key exchange")  # noqa: FBT003 - a value
    tried = _exchanges(dialogues)
    heard = sum(bool(one.after(2)) for one in tried)
    if len(tried) < _ROBOT_ATTEMPTS or heard < len(tried):
        return Fact(None, f"{heard} of {max(len(tried), _ROBOT_ATTEMPTS)} tries of it were answered")
    return Fact(False, "it answers all forms of the message alike")  # noqa: FBT003 - a value


def _exchanges(dialogues: Sequence[Dialogue]) -> list[Dialogue]:
    """The connections in which the client came to send its part of the key exchange."""
    return [one for one in dialogues if one.asked[:2] == [HANDSHAKE, HANDSHAKE]]
