"""Targets that the user names, and addresses that nobody's word makes us dial."""

import pytest

from preaudit.collect.endpoints.place import Place, never_dialled, united
from preaudit.collect.endpoints.targets import parse_target, target_place
from preaudit.errors import NotObservable, UsageError


def test_a_target_says_all_that_is_needed(tmp_path):
    found = parse_target("db.example:5432,starttls=postgresql,sni=other.example")
    assert (found.host, found.port, found.server_name, found.starttls) == ("db.example", 5432, "other.example", "postgresql")
    assert parse_target("[2001:db8::1]:443").host == "2001:db8::1"
    assert parse_target("192.0.2.1:443").server_name == ""


@pytest.mark.parametrize("text", [
    "example", "example:", "example:0", "example:65536", "example:4४3", "exa mple:443", "a;b:443", "-oX:443", "fe80::1%eth0:443",
    "example:443,sni=", "example:443,wrong=x", "example:443,starttls=gopher", "example:443,ca=/no/such/file",
    "example:443,sni=a b", "http://example:443",
])  # fmt: skip
def test_a_mistake_is_one_sentence(text):
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_anchors_must_hold_some(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    with pytest.raises(UsageError, match="no file of certificates"):
        parse_target(f"example:443,ca={path}")


def test_a_name_is_looked_up_once_and_that_address_is_dialled():
    place = target_place(parse_target("example:443"), lambda name: "192.0.2.7")
    assert (place.address, place.server_name, place.refused) == ("192.0.2.7", "example", "")

    def nothing(name):
        raise NotObservable(name, "the name does not resolve")

    assert target_place(parse_target("example:443"), nothing).refused == "the name does not resolve"


def test_a_name_that_leads_to_the_metadata_address_is_not_dialled():
    place = target_place(parse_target("example:80"), lambda name: "169.254.169.254")
    assert "metadata" in place.refused


@pytest.mark.parametrize("address", [
    "127.0.0.1", "::1", "169.254.1.1", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "::ffff:169.254.169.254",
    "::ffff:127.0.0.1", "fd00:ec2::254", "example", "1.2.3.4; rm",
])  # fmt: skip
def test_addresses_that_are_never_dialled(address):
    assert never_dialled(address)


def test_the_user_may_name_his_own_machine():
    assert [never_dialled(one, named=True) for one in ("127.0.0.1", "::1")] == ["", ""]
    assert "loopback" in never_dialled("::1")
    assert never_dialled("169.254.169.254", named=True)


def test_of_two_declarations_the_wider_exposure_counts():
    first = Place(owner_kind="Deployment", owner="a", address="192.0.2.1", port=80, declared=("one",))
    second = Place(owner_kind="Service", owner="b", address="192.0.2.1", port=80, exposure="external", served=True,
                   declared=("two",), role="apiserver")  # fmt: skip
    both = united(first, second)
    assert (both.owner, both.exposure, both.served, both.declared, both.role) == ("a", "external", True, ("one", "two"), "apiserver")
