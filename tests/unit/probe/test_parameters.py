"""What a profile says of the probe is checked before anything is collected."""

from datetime import UTC, datetime

import pytest

from preaudit.errors import UsageError
from preaudit.parameter import Policy
from preaudit.probe.parameters import settings_of

VALUES = {"in_cluster.namespace": "probes", "in_cluster.image": "", "in_cluster.seconds": 60, "in_cluster.sidecars": ["istio-proxy"]}


def settings(*addresses: str):
    return settings_of(Policy({**VALUES, "in_cluster.metadata_addresses": list(addresses)}, datetime(2026, 1, 1, tzinfo=UTC)))


def test_addresses_of_both_kinds_are_taken() -> None:
    assert settings("169.254.169.254", "fd00:ec2::254").metadata == ("169.254.169.254", "fd00:ec2::254")


@pytest.mark.parametrize("address", ["metadata.google.internal", "169.254.169", "169.254.169.254/32", ""])
def test_what_is_no_address_is_a_mistake(address) -> None:
    with pytest.raises(UsageError, match=r"in_cluster\.metadata_addresses: .* is no address; write it like 169\.254\.169\.254"):
        settings("169.254.169.254", address)
