"""Cipher suites by name: every one that the engine asks for is classified, and as an independent reading has it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

import preaudit
from preaudit.errors import NotObservable
from preaudit.subjects.ciphersuite import CIPHER_CLASSES, CIPHER_HASHES, CIPHERS, CipherSuite
from preaudit.suites import data_folder

REGISTRY = json.loads((Path(preaudit.__file__).parent / "collect" / "tls" / "registry.json").read_text("utf-8"))
NAMES = sorted({name for part in ("suites", "deployed", "sslv2") for name in REGISTRY[part].values()})
GROUPS = set(REGISTRY["groups"].values())


def value(profile: str, parameter: str) -> list[str]:
    for name in (profile, "bank", "baseline"):
        found = yaml.safe_load((data_folder("profiles") / f"{name}.yaml").read_text())["parameters"].get(parameter)
        if found is not None:
            return found["value"]
    raise AssertionError(parameter)


@pytest.mark.parametrize("name", NAMES)
def test_every_suite_of_the_registry_is_known(name):
    suite = CipherSuite(name)
    assert suite.is_known
    assert suite.cipher in {*CIPHERS, "NULL_NULL"} or name.startswith("SSL_CK")
    assert suite.hash in {*CIPHER_HASHES, ""}
    assert suite.classes <= set(CIPHER_CLASSES)
    wanted = {
        "NULL": bool(re.search(r"_WITH_NULL|^TLS_SHA\d|CK_NULL", name)),
        "anon": "anon" in name or name == "TLS_NULL_WITH_NULL_NULL",
        "EXPORT": "EXPORT" in name,
        "RC4": "RC4" in name,
        "RC2": "RC2" in name,
        "DES": bool(re.search(r"(?<!3)DES(?!_EDE|_192_EDE3)", name)),
        "3DES": "3DES" in name or "EDE3" in name,
        "IDEA": "IDEA" in name,
        "SEED": "SEED" in name,
        "MD5": bool(re.search(r"MD5(_1)?$", name)),
    }
    assert suite.classes == {one for one, holds in wanted.items() if holds}
    assert suite.cbc is ("_CBC" in name)


@pytest.mark.parametrize("name", NAMES)
def test_forward_secrecy(name):
    suite = CipherSuite(name)
    before_13 = "_WITH_" in name or name.startswith("SSL_CK")
    wanted = not before_13 or bool(
        re.match(r"(OLD_)?TLS_(EC)?DHE_|TLS_(EC)?DH_anon|TLS_SRP|TLS_PSK_DHE|TLS_ECCPWD", name)
    )
    assert suite.forward_secret is wanted
    assert suite.finite_field is bool(re.match(r"(OLD_)?TLS_(DHE_|DH_anon|PSK_DHE)", name))


@pytest.mark.parametrize(
    "name", ["", "0xFE00", "TLS_", "AES128-SHA", "TLS_FALLBACK_SCSV", "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"]
)
def test_other_names_tell_nothing(name):
    suite = CipherSuite(name)
    assert not suite.is_known
    for fact in ("classes", "forward_secret", "finite_field", "cbc", "cipher"):
        with pytest.raises(NotObservable):
            getattr(suite, fact)


@pytest.mark.parametrize("profile", ["baseline", "bank", "government"])
def test_the_lists_of_the_profiles_name_what_there_is(profile):
    listed = value(profile, "tls.listed_suites")
    assert all("*" in one or one in NAMES for one in listed)
    assert set(value(profile, "tls.banned_suites")) == set(CIPHER_CLASSES)
    for one in value(profile, "tls.allowed_groups"):
        pattern = re.compile(re.escape(one).replace(r"\*", ".*"))
        assert any(pattern.fullmatch(group) for group in GROUPS), one
    assert set(value(profile, "tls.wanted_groups")) <= GROUPS


def test_no_broken_suite_is_listed():
    for profile in ("baseline", "bank", "government"):
        patterns = [re.compile(re.escape(one).replace(r"\*", ".*")) for one in value(profile, "tls.listed_suites")]
        listed = [one for one in NAMES if any(pattern.fullmatch(one) for pattern in patterns)]
        assert listed
        assert not [one for one in listed if CipherSuite(one).classes]
