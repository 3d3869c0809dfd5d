"""Members that ask for much and take one byte of it must not make a node keep its replies."""

import asyncio
import os
import time

from aioquic.quic import events

import holder
import quic
import wire
from cluster import Cluster, joins
from watch import MIB, Watch

ATTACKERS = ["mallory", "trudy"]
CONNECTIONS = 2
STREAMS = 63
SECONDS = 40
STRANGER = "127.0.66.1"
HONEST = [f"honest-{number}" for number in range(10)]
BUDGET = 80
# How long until a reply that was given up is requested again. Making one costs the node a few milliseconds, and any member may request it.
PAUSE = 10


def stingy(connection):
    """Grants one byte on each stream that it opens, and never more."""
    connection._local_max_stream_data_bidi_local = 1
    connection._write_stream_limits = lambda **_: None


async def fill(host, cluster, target):
    """Makes each reply as large as can be, 4 MiB of user events, and takes one to see how large it is."""
    connection = await holder.dial(host, cluster, "mallory", target)
    received, finished = 0, asyncio.Event()

    def handle(event):
        nonlocal received
        if isinstance(event, events.StreamDataReceived):
            received += len(event.data)
            if event.end_stream:
                finished.set()

    connection.on_event = handle
    state = wire.events(64, 60, lambda: os.urandom(1040))
    for message in (wire.push_pull([wire.entry("mallory", (STRANGER, 1), wire.LEFT)], state), wire.request_of("mallory")):
        received = 0
        finished.clear()
        connection.send_stream_data(connection.get_next_available_stream_id(), message, end_stream=True)
        host.flush(connection)
        async with asyncio.timeout(30):
            await finished.wait()
    connection.close()
    host.flush(connection)
    return received


async def attack(serf, directory, logs, result):
    """126 replies for each of two members, over two connections each."""
    async with Cluster(serf, directory, logs, others=ATTACKERS + HONEST + ["before"]) as cluster:
        target = cluster.agents["n1"]
        host = await quic.Host.at(STRANGER)
        result.note("each reply", await fill(host, cluster, target) / MIB, "MiB")
        times, failures = await joins(cluster, target, ["before"])
        result.note("a join before the attack", 1000 * times[0] if times else failures[0], "ms")
        await asyncio.sleep(2)
        async with Watch(cluster) as watch:
            began = time.monotonic()
            holders = [
                holder.Holder(host, cluster, name, target, STREAMS, wire.request_of(name), True, stingy, PAUSE)
                for name in ATTACKERS for _ in range(CONNECTIONS)]
            for each in holders:
                await each.begin()
            times, failures = await joins(cluster, target, HONEST, pause=2)
            await asyncio.sleep(max(0, SECONDS - (time.monotonic() - began)))
            held = target.memory() - watch.first["n1"][1]
            for each in holders:
                each.end()
        result.ask("growth of memory at most", watch.growth("n1") / MIB, at_most=BUDGET, unit="MiB")
        result.note("of it at the end", held / MIB, "MiB")
        result.joins(times, failures, HONEST)
        holder.tell(result, holders)
        watch.tell(result)
        host.close()
