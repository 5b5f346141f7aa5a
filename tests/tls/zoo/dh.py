"""Diffie-Hellman parameters of 512, 1024 and 2048 bits, the latter two by the formulas of RFC 2409 and RFC 3526."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import dh
from cryptography.hazmat.primitives.serialization import Encoding, ParameterFormat


def _pi(bits: int) -> int:
    """Floor of pi times 2**bits, by Machin's formula."""
    spare = bits + 32

    def arctangent(inverse: int) -> int:
        total = term = (1 << spare) // inverse
        step = 1
        while term:
            term //= -inverse * inverse
            step += 2
            total += term // step
        return total

    return (16 * arctangent(5) - 4 * arctangent(239)) >> 32


def _oakley(bits: int, offset: int) -> int:
    return 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (_pi(bits - 130) + offset)


PRIMES = {
    512: int("f91e11dd24e496e14369b4e0ec4d03bdcab2b81af3c3ba224a56903e93f6cb7a"
             "bf12fee6660bbb5874c4773acb0750f4df09c8c32c31700da8cd20019327985f", 16),
    1024: _oakley(1024, 129093),
    2048: _oakley(2048, 124476),
}  # fmt: skip


def write(folder: Path) -> None:
    """Writes ``dh1024.pem`` and so on."""
    for bits, prime in PRIMES.items():
        parameters = dh.DHParameterNumbers(prime, 2).parameters()
        (folder / f"dh{bits}.pem").write_bytes(parameters.parameter_bytes(Encoding.PEM, ParameterFormat.PKCS3))
