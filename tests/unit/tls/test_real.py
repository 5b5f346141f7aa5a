"""Against real servers on loopback: OpenSSL's and Python's."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from preaudit.collect.tls.connection import NoRoute, Refused, Stopped, TcpConnection, TimedOut
from preaudit.collect.tls.pace import UNLIMITED, HostGate, Pace
from preaudit.collect.tls.registry import BEYOND_MODERN
from preaudit.collect.tls.survey import Wanted, survey
from preaudit.collect.tls.trust import Anchor
from preaudit.endpoint import Answer, Tls


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for kind, options in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", *options, "-nodes", "-days", "9", "-subj", f"/CN={kind}.test",
             "-keyout", folder / f"{kind}.key", "-out", folder / f"{kind}.pem"], check=True, capture_output=True, timeout=30,
        )  # fmt: skip
    return folder


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def openssl(keys, *options: str, kind: str = "rsa"):
    port = free_port()
    with subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", keys / f"{kind}.pem", "-key", keys / f"{kind}.key", "-quiet", "-www", *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            for _ in range(200):
                try:
                    TcpConnection.open("127.0.0.1", port, time.monotonic() + 1).close()
                    break
                except Refused:
                    time.sleep(0.02)
            yield port
        finally:
            process.kill()


def look(port: int, *anchors: Anchor, pace: Pace = UNLIMITED, **wanted: object) -> Tls:
    return survey(lambda deadline: TcpConnection.open("127.0.0.1", port, deadline), server_name="rsa.test", pace=pace, anchors=anchors, wanted=Wanted(**wanted))


def test_a_good_server(keys) -> None:
    with openssl(keys, "-no_tls1", "-no_tls1_1", "-cipher", "ECDHE+AESGCM", "-groups", "X25519:P-256") as port:
        seen = look(port, Anchor("its own", (keys / "rsa.pem").read_bytes()))
    assert [one.answer for one in seen.offers] == [Answer.REFUSED] * 4 + [Answer.ACCEPTED] * 2
    old, new = seen.offers[-2:]
    assert set(old.suites) == {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}
    assert set(new.suites) == {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
    assert set(old.groups) == set(new.groups) == {"x25519", "secp256r1"}
    assert old.suites_complete
    assert new.suites_complete
    assert old.groups_complete
    assert new.groups_complete
    assert old.server_order is False
    assert seen.chains_complete
    assert [path.trusted for chain in seen.chains for path in chain.paths] == [True]
    assert seen.without_certificate is Answer.ACCEPTED
    assert (seen.secure_renegotiation.value, seen.extended_master_secret.value, seen.compression.value, seen.client_certificate.value) == (True, True, False, False)


def test_a_permissive_server_with_two_certificates(keys) -> None:
    options = ["-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-serverpref", "-dcert", str(keys / "ec.pem"), "-dkey", str(keys / "ec.key")]
    with openssl(keys, *options) as port:
        seen = look(port)
    assert [one.answer for one in seen.offers] == [Answer.REFUSED] * 2 + [Answer.ACCEPTED] * 4
    assert all(one.suites_complete and one.server_order for one in seen.offers[2:])
    listed = subprocess.run(["openssl", "ciphers", "-s", "-tls1_2", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True, check=True, timeout=20).stdout
    supported = {line.split()[0] for line in listed.splitlines()}
    assert set(seen.offer("TLSv1.2").suites) == {name for name in supported if "_DSS_" not in name and "_SRP_" not in name}
    assert {label for one in seen.chains for label in one.seen_with if "1.2" in label} == {"TLSv1.2 RSA", "TLSv1.2 ECDSA"}
    assert len(seen.chains) == 2
    assert seen.chains_complete
    assert seen.encrypt_then_mac.value is True
    assert 2048 in seen.dh_bits


def test_few_hellos_settle_what_a_policy_asks(keys) -> None:
    with openssl(keys, "-no_tls1", "-no_tls1_1", "-cipher", "ECDHE+AESGCM") as port:
        seen = look(port, depth="verdicts", banned=BEYOND_MODERN, max_connections=20, chains=True)
    old, new = seen.offers[-2:]
    assert (old.suites_complete, new.suites_complete, seen.chains_complete) == (False, False, True)
    assert old.unasked
    assert all("GCM" in name or "CHACHA20" in name or "CCM" in name for name in (*old.unasked, *new.unasked))
    with openssl(keys, "-cipher", "AES128-SHA:ECDHE+AESGCM", "-no_tls1_3") as port:
        seen = look(port, depth="verdicts", banned=BEYOND_MODERN, max_connections=20, chains=True)
    assert "TLS_RSA_WITH_AES_128_CBC_SHA" in seen.offer("TLSv1.2").suites


def test_tls_10_at_the_default_security_level_is_cut_off(keys) -> None:
    with openssl(keys, "-cipher", "DEFAULT") as port:
        offer = look(port, pace=Pace(at_once=0, per_second=0, back_offs=(0.01, 0.02))).offer("TLSv1.0")
    assert offer.answer is Answer.CUT_OFF
    assert offer.cause == "alert internal_error, 3 times between good controls"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize(("flag", "expected"), [("-Verify", Answer.REFUSED), ("-verify", Answer.ACCEPTED)])
def test_a_client_certificate_that_is_asked_for(keys, version, flag, expected) -> None:
    with openssl(keys, version, flag, "1", "-verify_return_error", kind="ec") as port:
        seen = look(port, depth="verdicts")
    assert seen.client_certificate.value is True
    assert seen.without_certificate is expected, seen.without_certificate_cause
    assert len(seen.chains) == 1


def test_an_ecdsa_certificate_needs_its_curve(keys) -> None:
    with openssl(keys, "-tls1_2", "-groups", "P-521:P-256:X25519", kind="ec") as port:
        offer = look(port).offer("TLSv1.2")
    assert offer.suites_complete
    assert offer.groups_complete, offer.groups_cause
    assert set(offer.groups) == {"secp521r1", "secp256r1", "x25519"}


@pytest.mark.parametrize("group", ["ffdhe2048", "P-521", "X448"])
def test_tls_13_with_one_odd_group(keys, group) -> None:
    with openssl(keys, "-tls1_3", "-groups", group) as port:
        seen = look(port)
    offer = seen.offer("TLSv1.3")
    assert offer.suites_complete
    assert len(offer.groups) == 1
    assert offer.groups_complete
    if group == "ffdhe2048":
        assert seen.without_certificate is Answer.INCONCLUSIVE
        assert seen.chains_cause
    else:
        assert seen.without_certificate is Answer.ACCEPTED


def test_pythons_server_many_threads_and_one_gate(keys) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "rsa.pem", keys / "rsa.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        open_now, most = [0], [0]

        def serve(raw: socket.socket) -> None:
            try:
                with context.wrap_socket(raw, server_side=True) as stream:
                    stream.recv(1)
            except OSError:
                raw.close()
            open_now[0] -= 1

        def accept() -> None:
            while True:
                try:
                    raw, _ = listener.accept()
                except OSError:
                    return
                raw.settimeout(2)
                open_now[0] += 1
                most[0] = max(most[0], open_now[0])
                threading.Thread(target=serve, args=(raw,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        port, results = listener.getsockname()[1], []
        pace = Pace(at_once=2, per_second=0)
        gate = HostGate(pace)

        def one() -> None:
            results.append(survey(lambda deadline: TcpConnection.open("127.0.0.1", port, deadline), pace=pace, gate=gate))

        threads = [threading.Thread(target=one) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert len(results) == 6
    assert len({repr(one) for one in results}) == 1
    assert results[0].offer("TLSv1.2").suites_complete


def test_a_gate_keeps_its_rate() -> None:
    gate = HostGate(Pace(per_second=50))
    begun = time.monotonic()
    for _ in range(11):
        with gate.connection(begun + 5):
            pass
    assert 0.19 <= time.monotonic() - begun < 0.6
    tight = HostGate(Pace(at_once=1))
    with tight.connection(begun + 5), pytest.raises(TimedOut), tight.connection(time.monotonic() + 0.05):
        pass


def test_ways_that_end_early() -> None:
    port = free_port()
    seen = look(port)
    assert {one.answer for one in seen.offers} == {Answer.INCONCLUSIVE}
    assert {one.cause for one in seen.offers} == {"connection refused"}
    with pytest.raises(NoRoute):
        TcpConnection.open("no such name", 1, time.monotonic() + 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = TcpConnection.open("127.0.0.1", silent.getsockname()[1], time.monotonic() + 1)
        with pytest.raises(TimedOut):
            connection.receive(1, time.monotonic() + 0.05)
        connection.close()


def test_a_wait_ends_at_its_deadline_and_can_go_on() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = TcpConnection.open("127.0.0.1", listener.getsockname()[1], time.monotonic() + 1, stop)
        peer, _ = listener.accept()
        for seconds in (0.03, 0.4, 0.03):  # one within a slice, one beyond, and short again
            begun = time.monotonic()
            with pytest.raises(TimedOut):
                connection.receive(10, begun + seconds)
            assert seconds <= time.monotonic() - begun < 3
        peer.sendall(b"late")
        assert connection.receive(10, time.monotonic() + 5) == b"late"
        connection.send(b"x" * 100_000, time.monotonic() + 5)
        with pytest.raises(TimedOut):
            connection.send(b"x" * 50_000_000, time.monotonic() + 0.1)
        threading.Timer(0.1, stop.set).start()
        begun = time.monotonic()
        with pytest.raises(Stopped):
            connection.receive(10, begun + 9)
        assert time.monotonic() - begun < 5
        connection.close()
        peer.close()
