"""A stranger without a valid certificate and without any private key presents a self-made certificate with a key that is expensive to verify.

The agent must not spend more than 5 ms of a processor on such a handshake, whichever side dials.
"""

import asyncio
import time

from aioquic import tls
from aioquic.quic import connection as aioquic
from aioquic.quic import stream

import certificates
import quic as peers
import tlswire
from cluster import Cluster
from watch import Watch

STRANGER = "127.0.66.1"
ASKED = 5.0
REPEATS = 20
PATIENCE = 20

# Longer handshake messages than aioquic has room for, and sent without regard to how little the other side has sent.
aioquic.CRYPTO_BUFFER_SIZE = 1 << 16
aioquic.QuicNetworkPath.__init__.__defaults__ = (True,)


class Shape:
    """How the certificate is cut: the largest datagram, and the largest piece of the handshake in it."""

    def __init__(self, title, datagram, piece):
        self.title, self.datagram, self.piece = title, datagram, piece


SHAPES = [Shape("whole", 20000, 20000), Shape("packets", 1200, 1200), Shape("crumbs", 1200, 64)]


def cut(connection, shape):
    """Applies to everything after the first flight, which has to fit any path."""
    connection._max_datagram_size = shape.datagram
    connection._loss._cc.congestion_window = 1 << 20
    sender = connection._crypto_streams[tls.Epoch.HANDSHAKE].sender
    whole = stream.QuicStreamSender.get_frame
    sender.get_frame = lambda size, limit=None: whole(sender, min(size, shape.piece), limit)


async def as_client(kind, shape, target):
    """One handshake that the stranger begins; how it ended."""
    host = await peers.Host.at(STRANGER)
    connection = host.connect(kind.into(peers.configuration()), target.address)
    cut(connection, shape)
    try:
        async with asyncio.timeout(PATIENCE):
            while connection.terminated is None:
                await asyncio.sleep(0.001)
        return f"0x{connection.terminated.error_code:x}"
    except TimeoutError:
        return "no answer"
    finally:
        host.close()


async def as_server(kind, shape, target):
    """One handshake that the agent begins, because it is told to join the stranger."""
    made = kind.into(peers.configuration(is_client=False))

    def accept(first):
        connection = peers.Connection(configuration=made, original_destination_connection_id=first)
        initialize = connection._initialize

        def then_cut(peer):
            initialize(peer)
            cut(connection, shape)

        connection._initialize = then_cut
        return connection

    host = await peers.Host.at(STRANGER, accept)
    try:
        return await refused(target, host.address)
    finally:
        host.close()


async def refused(target, address):
    try:
        await target.join(address, timeout=PATIENCE)
        return "JOINED"
    except RuntimeError as error:
        return str(error).removeprefix("join: ")
    except TimeoutError:
        return "no answer"


async def tls_as_client(kind, shape, target):
    reader, writer = await asyncio.open_connection(*target.address, local_addr=(STRANGER, 0))
    return await tlswire.ended(tlswire.Handshake(reader, writer, kind, True, min(shape.piece, 1 << 14)), PATIENCE)


async def tls_as_server(kind, shape, target):
    async def answer(reader, writer):
        await tlswire.ended(tlswire.Handshake(reader, writer, kind, False, min(shape.piece, 1 << 14)), PATIENCE)

    server = await asyncio.start_server(answer, STRANGER, 0)
    try:
        return await refused(target, server.sockets[0].getsockname())
    finally:
        server.close()


async def measured(attack, kind, shape, target):
    """Milliseconds of a processor that each handshake costs the target, and how the last one ended. An expensive kind is not repeated."""
    spent, count, end = 0.0, 0, ""
    while count < REPEATS and spent < 0.5:
        before = target.cpu()
        end = await attack(kind, shape, target)
        spent += target.cpu() - before
        count += 1
    return 1000 * spent / count, end


async def idle(target):
    """Milliseconds of a processor that the target spends in a second anyway."""
    before, began = target.cpu(), time.monotonic()
    await asyncio.sleep(3)
    return 1000 * (target.cpu() - before) / (time.monotonic() - began)


async def run(cluster, result, attacks, shapes):
    targets = cluster.agents
    result.note("idle", await idle(targets["n1"]), "ms/s")
    kinds = certificates.kinds()
    for who, attack in attacks.items():
        for kind in kinds:
            for shape in shapes:
                cost, end = await measured(attack, kind, shape, targets["n1"])
                result.ask(f"{who}, {kind.title}, {shape.title}", cost, at_most=ASKED, unit="ms")
                if shape is shapes[0]:
                    result.say(f"{who}, {kind.title}: {end}")
    # The effects of the expensive kinds are reported above; the members get time to recover.
    await asyncio.sleep(10)
    await cluster.settle()
    async with Watch(cluster) as watch:
        for who, attack in attacks.items():
            await asyncio.gather(*(attack(kinds[0], shapes[0], targets["n2"]) for _ in range(5)))
            await asyncio.sleep(5)
    watch.tell(result)


async def quic(serf, directory, logs, result):
    """Over QUIC, as client and as server, the certificate whole in one packet and in many."""
    async with Cluster(serf, directory, logs) as cluster:
        await run(cluster, result, {"client": as_client, "server": as_server}, SHAPES)


async def tcp(serf, directory, logs, result):
    """Over TLS and TCP."""
    async with Cluster(serf, directory, logs, transport="tls") as cluster:
        await run(cluster, result, {"client": tls_as_client, "server": tls_as_server}, SHAPES[::2])
