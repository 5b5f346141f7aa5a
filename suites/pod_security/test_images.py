"""Images: what exactly a container runs."""

import re

from preaudit import Container, requirement

DIGEST = re.compile(r".+@sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})")


def tag_of(image: object) -> str:
    """The tag of an image reference, "" where it has none."""
    name = str(image).partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]


def is_pinned(image: object) -> bool:
    """Whether an image reference names its content by digest."""
    return DIGEST.fullmatch(str(image)) is not None


@requirement(
    "POD-304",
    severity="medium",
    expected="a tag other than latest, or a digest",
    controls=["nist-800-53r5:cm-6"],
)
def test_image_names_a_release(container: Container) -> None:
    """Images are named by a release, never by latest or by no tag at all.

    What latest means changes without anybody deploying anything, so nobody can say what ran.

    Fix: give the image the tag of a release, or better its digest.
    """
    image = container.read("image", default="")
    assert is_pinned(image) or tag_of(image) not in ("", "latest")


@requirement(
    "POD-305",
    severity="medium",
    expected="an image pinned by digest (name@sha256:...)",
    controls=["nist-800-53r5:cm-6", "nist-800-53r5:cm-14"],
)
def test_image_is_pinned_by_digest(container: Container) -> None:
    """Images are pinned by digest.

    A tag can be moved to other content; a digest names exactly what was examined and released.

    Fix: write the image as name@sha256:digest; release tools can do it for a whole chart.
    """
    assert is_pinned(container.read("image", default=""))


@requirement(
    "POD-310",
    severity="low",
    expected="Always, or an image pinned by digest",
    controls=["nist-800-53r5:ac-3", "nist-800-53r5:cm-6"],
)
def test_image_is_pulled_with_the_workloads_own_right(container: Container) -> None:
    """Images are pulled at each start, unless their digest says what they are.

    An image that lies on a node runs without any check of who may pull it, and a moved tag stays unnoticed.

    Fix: set ``imagePullPolicy: Always``, or pin the image by digest and use IfNotPresent.
    """
    image, policy = container.read("image", default=""), container.read("imagePullPolicy")
    assert policy == "Always" or (policy == "IfNotPresent" and is_pinned(image))
