"""The API server's audit log: that there is one, and that it lasts."""

from preaudit import ApiServer, Policy, parameter, requirement

from .settings import audit_log_rotates

MAX_AGE = parameter("audit.log_max_age", int, unit="d", meaning="Least age at which audit log files may be removed.")
MAX_BACKUPS = parameter("audit.log_max_backups", int, meaning="Least number of old audit log files kept.")
MAX_SIZE = parameter("audit.log_max_size", int, unit="MB", meaning="Least size at which the audit log is rotated.")
_DEFAULT_SIZE = 100
"""The size in MB at which the log is rotated where 0 is asked for."""
_UNSET = "The flag has to be set: unset is the same as 0 to the server, but nobody decided it."


@requirement(
    "AUD-101",
    severity="high",
    expected="a policy file",
    controls=["nist-800-53r5:au-2", "nist-800-53r5:au-12", "cis-kubernetes-2.0.1:3.2.1", "stig-kubernetes:V-242403",
              "stig-kubernetes:V-242461", "pci-dss-4.0.1:10.2.1"],
    limitations="What the policy records stands in a file on the node, which is not read.",
)  # fmt: skip
def test_apiserver_has_an_audit_policy(apiserver: ApiServer) -> None:
    """The API server has an audit policy.

    Without a policy nothing is recorded: nobody can tell who changed what.

    Fix: write an audit policy that records every write, and name it in ``--audit-policy-file``.
    """
    assert apiserver.flag("audit-policy-file")


@requirement(
    "AUD-102",
    severity="high",
    expected="a path for the audit log, or a webhook that takes the events",
    controls=["nist-800-53r5:au-3", "nist-800-53r5:au-12", "cis-kubernetes-2.0.1:1.2.16", "stig-kubernetes:V-242402",
              "stig-kubernetes:V-242465", "pci-dss-4.0.1:10.2.1"],
)  # fmt: skip
def test_apiserver_writes_an_audit_log(apiserver: ApiServer) -> None:
    """The API server writes its audit events to a log or sends them to a webhook.

    A policy alone records nothing: the events need a place to go to.

    Fix: set ``--audit-log-path``, or ``--audit-webhook-config-file``.
    """
    assert apiserver.flag("audit-webhook-config-file") or apiserver.flag("audit-log-path")


@requirement(
    "AUD-103",
    severity="medium",
    expected="at least the profile's audit.log_max_age, in days, or 0 for no limit",
    controls=["nist-800-53r5:au-11", "cis-kubernetes-2.0.1:1.2.17", "stig-kubernetes:V-242464", "pci-dss-4.0.1:10.5.1"],
    uses=[MAX_AGE],
    limitations=_UNSET,
)
def test_audit_log_is_kept_long_enough(apiserver: ApiServer, policy: Policy) -> None:
    """Audit log files are kept for as many days as the profile asks.

    An intrusion is often found weeks later; the trace must still be there.

    Fix: set ``--audit-log-maxage`` to 30 days or more, and send the log to a central store.
    """
    assert audit_log_rotates(apiserver, "audit-log-maxage", policy[MAX_AGE])


@requirement(
    "AUD-104",
    severity="medium",
    expected="at least the profile's audit.log_max_backups, or 0 for no limit",
    controls=["nist-800-53r5:au-4", "nist-800-53r5:au-11", "cis-kubernetes-2.0.1:1.2.18", "stig-kubernetes:V-242463"],
    uses=[MAX_BACKUPS],
    limitations=_UNSET,
)
def test_audit_log_keeps_enough_files(apiserver: ApiServer, policy: Policy) -> None:
    """As many old audit log files are kept as the profile asks.

    With few files, a burst of requests pushes the interesting events out.

    Fix: set ``--audit-log-maxbackup`` to 10 or more.
    """
    assert audit_log_rotates(apiserver, "audit-log-maxbackup", policy[MAX_BACKUPS])


@requirement(
    "AUD-105",
    severity="medium",
    expected="at least the profile's audit.log_max_size, in MB (0 is 100)",
    controls=["nist-800-53r5:au-4", "cis-kubernetes-2.0.1:1.2.19", "stig-kubernetes:V-242462"],
    uses=[MAX_SIZE],
    limitations=_UNSET,
)
def test_audit_log_files_are_large_enough(apiserver: ApiServer, policy: Policy) -> None:
    """Audit log files are rotated at the size that the profile asks, or above.

    Small files together with a bounded number of them keep only minutes of a busy cluster.

    Fix: set ``--audit-log-maxsize`` to 100 or more.
    """
    assert audit_log_rotates(apiserver, "audit-log-maxsize", policy[MAX_SIZE], zero=_DEFAULT_SIZE)
