"""TLS 1.3 over TCP, its record layer by hand and its messages by aioquic: Python's own TLS does not sign falsely."""

import asyncio

from aioquic import tls
from aioquic.buffer import Buffer
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HANDSHAKE, ALERT, APPLICATION = 22, 21, 23
CIPHER = tls.CipherSuite.AES_128_GCM_SHA256


class Direction:
    """The key of one direction in one epoch."""

    def __init__(self, secret):
        algorithm = tls.cipher_suite_hash(CIPHER)
        self.cipher = AESGCM(tls.hkdf_expand_label(algorithm, secret, b"key", b"", 16))
        self.iv = int.from_bytes(tls.hkdf_expand_label(algorithm, secret, b"iv", b"", 12), "big")
        self.number = 0

    def nonce(self):
        number, self.number = self.number, self.number + 1
        return (self.iv ^ number).to_bytes(12, "big")


class Ended(Exception):
    """The other side said that it is over: the alert's number."""


class Handshake:
    """One handshake over a stream, as client or as server, with at most `record` bytes of it in each record."""

    def __init__(self, reader, writer, kind, is_client, record):
        self.reader, self.writer, self.record = reader, writer, record
        self.context = tls.Context(is_client=is_client, alpn_protocols=["serf/1"], cipher_suites=[CIPHER], verify_mode=0)
        self.context._request_client_certificate = not is_client
        self.context.certificate, self.context.certificate_chain, self.context.certificate_private_key = kind.leaf, kind.others, kind.key
        self.context.update_traffic_key_cb = self.key
        self.keys = {}
        self.reading = None

    def key(self, direction, epoch, _, secret):
        if direction == tls.Direction.ENCRYPT:
            self.keys[epoch] = Direction(secret)
        else:
            self.reading = Direction(secret)

    async def run(self):
        """Until the other side ends it."""
        if self.context._is_client:
            self.handle(b"")
        while True:
            kind, body = await self.read()
            if kind == HANDSHAKE:
                self.handle(body)
            elif kind == ALERT:
                raise Ended(body[1])

    def handle(self, message):
        output = {epoch: Buffer(capacity=1 << 16) for epoch in (tls.Epoch.INITIAL, tls.Epoch.HANDSHAKE, tls.Epoch.ONE_RTT)}
        self.context.handle_message(message, output)
        self.writer.write(b"".join(
            self.sealed(self.keys.get(epoch), buffer.data[start:start + self.record])
            for epoch, buffer in output.items() for start in range(0, len(buffer.data), self.record)))

    def sealed(self, direction, body):
        if direction is None:
            return bytes([HANDSHAKE, 3, 3]) + len(body).to_bytes(2, "big") + body
        header = bytes([APPLICATION, 3, 3]) + (len(body) + 17).to_bytes(2, "big")
        return header + direction.cipher.encrypt(direction.nonce(), body + bytes([HANDSHAKE]), header)

    async def read(self):
        header = await self.reader.readexactly(5)
        body = await self.reader.readexactly(int.from_bytes(header[3:], "big"))
        if header[0] != APPLICATION:
            return header[0], body
        plain = self.reading.cipher.decrypt(self.reading.nonce(), body, header).rstrip(b"\x00")
        return plain[-1], plain[:-1]


async def ended(handshake, timeout):
    """Runs it to its end; the alert, or why there was none."""
    try:
        async with asyncio.timeout(timeout):
            await handshake.run()
    except Ended as alert:
        return f"alert {alert}"
    except (asyncio.IncompleteReadError, ConnectionError):
        return "closed"
    except TimeoutError:
        return "no answer"
    finally:
        handshake.writer.close()
