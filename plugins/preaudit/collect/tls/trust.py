"""Anchors, and whether OpenSSL finds a path from a chain to them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Anchor:
    """One set of trusted certificates.

    Attributes:
        name: whose they are ("the cluster's CA", "--ca FILE").
        certificates: PEM (any number of certificates) or one certificate in DER.
        private: they are not those of the system's public store.
    """

    name: str
    certificates: bytes
    private: bool = True

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("an anchor needs a name")
