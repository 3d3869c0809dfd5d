"""Certificates that no authority signed, with public keys whose private keys do not exist: what a stranger can present."""

import os

from aioquic import tls
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SEQUENCE, INTEGER, BITS, OCTETS, NULL, OID, UTF8, SET, TIME, BOOLEAN = 0x30, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x31, 0x17, 0x01
RSA, SHA256_WITH_RSA, RSA_PSS = "2a864886f70d010101", "2a864886f70d01010b", "2a864886f70d01010a"
COMMON_NAME, ALTERNATIVE_NAMES, KEY_USAGE, EXTENDED_KEY_USAGE, CONSTRAINTS = "550403", "551d11", "551d0f", "551d25", "551d13"
SERVER, CLIENT = "2b06010505070301", "2b06010505070302"
DNS, URI = 0x82, 0x86
NODE = b"serf://default/n9"


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 + len(length)]) + length + body


def oid(text):
    return der(OID, bytes.fromhex(text))


def integer(value):
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def name(text):
    return der(SEQUENCE, der(SET, der(SEQUENCE, oid(COMMON_NAME), der(UTF8, text))))


def extension(kind, *value):
    return der(SEQUENCE, oid(kind), der(OCTETS, *value))


def odd(bits):
    """A random odd number of so many bits."""
    return int.from_bytes(os.urandom(bits // 8 + 1), "big") % (1 << bits) | 1 << (bits - 1) | 1


def rsa(modulus_bits, exponent, algorithm=RSA):
    """A public key; its modulus is a random number, which the key does not show."""
    parameters = [der(NULL)] if algorithm == RSA else []
    key = der(SEQUENCE, integer(odd(modulus_bits)), integer(exponent))
    return der(SEQUENCE, der(SEQUENCE, oid(algorithm), *parameters), der(BITS, b"\x00", key))


def certificate(public_key, extensions, subject=b"n9", issuer=b"n9"):
    algorithm = der(SEQUENCE, oid(SHA256_WITH_RSA), der(NULL))
    validity = der(SEQUENCE, der(TIME, b"200101000000Z"), der(TIME, b"491231235959Z"))
    body = der(
        SEQUENCE, der(0xA0, integer(2)), integer(odd(64)), algorithm, name(issuer), validity, name(subject), public_key,
        der(0xA3, der(SEQUENCE, *extensions)))
    return der(SEQUENCE, body, algorithm, der(BITS, b"\x00", b"\x00", os.urandom(255)))


def leaf(public_key, names=(), issuer=b"n9"):
    """Apart from its key as a member's should be."""
    return certificate(
        public_key,
        [
            extension(KEY_USAGE, der(BITS, b"\x07\x80")),
            extension(EXTENDED_KEY_USAGE, der(SEQUENCE, oid(SERVER), oid(CLIENT))),
            extension(ALTERNATIVE_NAMES, der(SEQUENCE, der(URI, NODE), *(der(DNS, other) for other in names))),
        ],
        issuer=issuer)


def intermediate(public_key, subject):
    return certificate(
        public_key,
        [extension(CONSTRAINTS, der(SEQUENCE, der(BOOLEAN, b"\xff"))), extension(KEY_USAGE, der(BITS, b"\x01\x06"))],
        subject=subject, issuer=subject)


class Presented:
    """What aioquic takes for a certificate: only its bytes are asked for."""

    def __init__(self, encoded):
        self.encoded = encoded

    def public_bytes(self, _):
        return self.encoded


class NoKey:
    """What aioquic takes for an RSA key. It signs with random bytes, as many as the modulus has and below it, so that they are looked at."""

    def __init__(self, modulus_bits, algorithm=tls.SignatureAlgorithm.RSA_PSS_RSAE_SHA256):
        self.size, self.algorithm = modulus_bits // 8, algorithm

    def sign(self, *_):
        return b"\x00" + os.urandom(self.size - 1)


class Only(list):
    """One algorithm, whatever the other side offers."""


def negotiate(supported, offered, error=None, known=tls.negotiate):
    return supported[0] if isinstance(supported, Only) else known(supported, offered, error)


class Context(tls.Context):
    """Signs with no key as with others."""

    def _signature_algorithms_for_private_key(self):
        key = self.certificate_private_key
        return Only([key.algorithm]) if isinstance(key, NoKey) else super()._signature_algorithms_for_private_key()


tls.Context = Context
tls.negotiate = negotiate
tls.SIGNATURE_ALGORITHMS.setdefault(
    tls.SignatureAlgorithm.RSA_PSS_PSS_SHA256, tls.SIGNATURE_ALGORITHMS[tls.SignatureAlgorithm.RSA_PSS_RSAE_SHA256])


class Kind:
    """A chain, and what signs for its leaf."""

    def __init__(self, title, key, *chain):
        self.title, self.key = title, key
        self.leaf, *self.others = map(Presented, chain)

    def into(self, configuration):
        """Puts it where a client's or a server's own certificate would be."""
        configuration.certificate, configuration.certificate_chain, configuration.private_key = self.leaf, self.others, self.key
        return configuration


def kinds():
    """The most expensive first; the last is what an ordinary stranger presents, for comparison."""
    real = ec.generate_private_key(ec.SECP256R1())
    real_public = real.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pss = tls.SignatureAlgorithm.RSA_PSS_PSS_SHA256
    names = [b"%c" % (97 + number % 26) for number in range(4800)]
    return [
        Kind("n, e of 32,768 bits", NoKey(32768), leaf(rsa(32768, odd(32768)))),
        Kind("n, e of 16,384 bits", NoKey(16384), leaf(rsa(16384, odd(16384)))),
        Kind("n, e of 16,384 bits for PSS only", NoKey(16384, pss), leaf(rsa(16384, odd(16384), RSA_PSS))),
        Kind("n of 16,384 bits, e of 33 bits", NoKey(16384), leaf(rsa(16384, odd(33)))),
        Kind("n, e of 4,096 bits", NoKey(4096), leaf(rsa(4096, odd(4096)))),
        Kind("4,800 names", NoKey(2048), leaf(rsa(2048, 65537), names)),
        Kind(
            "n, e of an intermediate of 16,384 bits", real, leaf(real_public, issuer=b"i"), intermediate(rsa(16384, odd(16384)), b"i")),
        Kind("n of 2,048 bits, e of 17 bits", NoKey(2048), leaf(rsa(2048, 65537))),
    ]
