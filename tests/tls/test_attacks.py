"""Attacks, with the real sslyze: servers that are open to them are found, and none that only falls silent passes."""

import importlib.util
import os
import shutil
import subprocess
import threading

import pytest

from preaudit.collect.endpoints.closer import Closer
from preaudit.collect.endpoints.look import Direct, Gates, Look
from preaudit.collect.endpoints.place import Place
from preaudit.collect.tls.pace import Pace
from preaudit.endpoint import VERSIONS, Answer, Endpoint, Offer, Reached, Tls

from .interposed import (
    CHANGE,
    HEARTBEAT,
    bleeds,
    changes_early,
    dies_at,
    interposed,
    nothing_special,
    oracle,
    renegotiating,
    resets_at,
    server,
    silent_to,
    throttles,
)

MISSING = [name for name in ("sslyze", "openssl") if not shutil.which(name) and not importlib.util.find_spec(name)]
pytestmark = pytest.mark.skipif(bool(MISSING) and os.environ.get("CI") != "true", reason=f"left out, not installed: {', '.join(MISSING)}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("attacks")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", made / "key.pem", "-out", made / "cert.pem",
         "-days", "30", "-subj", "/CN=web.example"], check=True, capture_output=True,
    )  # fmt: skip
    return made


def attacked(port):
    """The facts about one port, whose versions and suites are known."""
    stop = threading.Event()
    look = Look(vantage=Direct(stop), gates=Gates(Pace(at_once=4, per_second=0)), anchors={}, common=(), stop=stop)
    place = Place(owner_kind="Target", owner="x", address="127.0.0.1", port=port)
    offers = [Offer(version=one, answer=Answer.REFUSED) for one in VERSIONS if one != "TLSv1.2"]
    told = Offer(version="TLSv1.2", answer=Answer.ACCEPTED, suites=("TLS_RSA_WITH_AES_128_GCM_SHA256",), suites_complete=True)
    seen = Endpoint(owner_kind="Target", owner="x", port=port, reached=Reached.OPEN, protocol="tls", tls=Tls(offers=(*offers, told)))
    ((_, found),) = Closer(attacks=True, seconds=120).add([(place, seen)], look)
    return found.attacks


def values(facts):
    return {name: fact.value for name, fact in facts.items()}


def test_a_good_server_was_heard_to_refuse_everything(folder):
    with server(folder) as port:
        facts = attacked(port)
    assert values(facts) == dict.fromkeys(facts, False), facts


def test_a_good_server_behind_somebody_who_only_passes_on_is_as_good(folder):
    with server(folder) as inner, interposed(inner, nothing_special) as port:
        facts = attacked(port)
    assert values(facts) == dict.fromkeys(facts, False), facts


def test_client_renegotiation_is_found(folder):
    with renegotiating(folder) as port:
        assert attacked(port)["client_renegotiation"].value is True


@pytest.mark.parametrize(("name", "rule"), [("heartbleed", bleeds), ("ccs_injection", changes_early)])
def test_a_canned_hole_is_found(folder, name, rule):
    with server(folder) as inner, interposed(inner, rule) as port:
        facts = attacked(port)
    assert facts[name].value is True, facts
    others = {key: value for key, value in values(facts).items() if key not in {name, "robot"}}
    assert set(others.values()) == {False}, facts


def test_an_oracle_is_found(folder):
    with server(folder) as inner, interposed(inner, oracle(folder / "key.pem")) as port:
        assert attacked(port)["robot"].value is True


@pytest.mark.parametrize(("name", "kind", "fault"), [
    (name, kind, fault) for name, kind in (("heartbleed", HEARTBEAT), ("ccs_injection", CHANGE)) for fault in (silent_to, resets_at, dies_at)
])  # fmt: skip
def test_who_falls_silent_at_the_attack_does_not_pass(folder, name, kind, fault):
    with server(folder) as inner, interposed(inner, fault(kind)) as port:
        fact = attacked(port)[name]
    assert fact.value is None, fact
    assert fact.cause


@pytest.mark.parametrize("after", [3, 12])
def test_who_throttles_passes_nothing(folder, after):
    with server(folder) as inner, interposed(inner, throttles(after)) as port:
        facts = attacked(port)
    assert False not in values(facts).values(), facts
