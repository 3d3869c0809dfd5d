"""Handshakes that are begun and never finished must not keep members out, nor make a node send others more than it was sent."""

import asyncio
import time

from aioquic.buffer import Buffer
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicPacketType, pull_quic_header

import quic
from cluster import NEWCOMERS, Cluster, address
from loopback import Forger, Wiretap
from watch import Watch

SECONDS = 60
STRANGER = "127.0.66.1"
HONEST = 20
PATIENCE = 5


def initial(address):
    """A connection that has just begun, and its first datagrams."""
    connection = QuicConnection(configuration=quic.configuration())
    connection.connect(address, now=time.monotonic())
    return connection, [data for data, _ in connection.datagrams_to_send(now=time.monotonic())]


async def at_rate(rate, action):
    """Does it so many times a second, until the attack is over."""
    began = time.monotonic()
    count = 0
    while (passed := time.monotonic() - began) < SECONDS:
        while count < passed * rate:
            action()
            count += 1
        await asyncio.sleep(0.005)


async def members_dial(cluster, target, hosts, times):
    """Handshakes of members, spread over the attack, from each host in turn."""
    await asyncio.sleep(5)
    for number in range(HONEST):
        host = hosts[number % len(hosts)]
        connection, seconds = await quic.confirmed(host, quic.configuration(cluster, "honest"), target.address, PATIENCE)
        if connection:
            times.append(seconds)
            connection.close()
            host.flush(connection)
        await asyncio.sleep(max(0, (SECONDS - 10) / HONEST - seconds))


async def watched(wiretap):
    while True:
        wiretap.read()
        await asyncio.sleep(0.01)


async def run(cluster, result, attack, wiretap, sent):
    """`attack` runs for a minute; `sent` says how many bytes it has sent."""
    target = cluster.agents["n1"]
    # A newcomer's address, and the address of a member, which may look like the attacker's.
    hosts = [await quic.Host.at(NEWCOMERS), await quic.Host.at(address("n2"))]
    times = []
    tap = asyncio.create_task(watched(wiretap))
    async with Watch(cluster) as watch:
        await asyncio.gather(attack, members_dial(cluster, target, hosts, times))
    tap.cancel()
    wiretap.close()
    for host in hosts:
        host.close()
    times.sort()
    result.ask(f"handshakes of members, of {HONEST}", len(times), exactly=HONEST)
    if times:
        # Of twenty, the 99th percentile is the slowest.
        result.ask("slowest of them (p99)", 1000 * times[-1], at_most=500, unit="ms")
        result.note("median of them", 1000 * times[len(times) // 2], "ms")
    result.note("sent by the attacker", sent() / SECONDS / 1000, "kB/s")
    result.ask("bytes that came back for each byte sent", wiretap.bytes / max(1, sent()), at_most=3)
    watch.tell(result)


async def spoofed(serf, directory, logs, result):
    """First packets with a member's address as source, 72 kB a second: twice as many as fill 256 places that are held for ten seconds."""
    async with Cluster(serf, directory, logs, others=["honest"]) as cluster:
        target, victim = cluster.agents["n1"].address, cluster.agents["n2"].address
        forger = Forger()
        sent = 0

        def send():
            nonlocal sent
            for data in initial(target)[1]:
                forger.send(data, victim, target)
                sent += len(data)

        await run(cluster, result, at_rate(60, send), Wiretap(target, *victim), lambda: sent)
        forger.close()


class Silent(asyncio.DatagramProtocol):
    """Answers a Retry, and says nothing more."""

    def __init__(self, target):
        self.target, self.begun, self.sent = target, {}, 0

    def connection_made(self, transport):
        self.transport = transport

    def begin(self):
        connection, datagrams = initial(self.target)
        self.begun[connection.host_cid] = connection
        self.send(datagrams)

    def send(self, datagrams):
        for data in datagrams:
            self.transport.sendto(data, self.target)
            self.sent += len(data)

    def datagram_received(self, data, address):
        header = pull_quic_header(Buffer(data=data), host_cid_length=8)
        connection = self.begun.pop(header.destination_cid, None)
        if connection and header.packet_type == QuicPacketType.RETRY:
            connection.receive_datagram(data, address, now=time.monotonic())
            self.send(data for data, _ in connection.datagrams_to_send(now=time.monotonic()))


async def answers_retry(serf, directory, logs, result):
    """One host that proves its address and then stays silent, 40 times a second."""
    async with Cluster(serf, directory, logs, others=["honest"]) as cluster:
        target = cluster.agents["n1"].address
        transport, host = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Silent(target), local_addr=(STRANGER, 0))
        await run(cluster, result, at_rate(40, host.begin), Wiretap(target, STRANGER), lambda: host.sent)
        transport.close()
