"""Small clusters on disk."""

from tests.clusters import good, judged, privileged, root, snapshot, written  # noqa: F401 - fixtures
