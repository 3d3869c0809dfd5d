"""One peer that begins as many exchanges as it can and finishes none must not keep others from theirs."""

import asyncio
import socket
import threading
import time

from aioquic.quic import events

import holder
import quic as peers
import wire
from cluster import Cluster, joins
from watch import MIB, Watch

CONNECTIONS = 4
STREAMS = 64
STRANGER = "127.0.66.1"
HONEST = [f"honest-{number}" for number in range(10)]
BUDGET = 80
EXCHANGES = 60
EXCHANGE_BYTES = 15 * MIB
SECONDS = 25


async def pings(cluster, host, target, count, results):
    """Reliable pings, as after a probe that failed: whether each was answered within a second."""
    for _ in range(count):
        answered = asyncio.get_running_loop().create_future()

        def handle(event):
            if isinstance(event, events.StreamDataReceived) and event.end_stream and not answered.done():
                answered.set_result(event.data[:1] == b"\x02")
            if isinstance(event, events.StreamReset) and not answered.done():
                answered.set_result(False)

        try:
            async with asyncio.timeout(1):
                connection = await holder.dial(host, cluster, "pinger", target)
                connection.on_event = handle
                connection.send_stream_data(connection.get_next_available_stream_id(), wire.ping(target.name, "pinger"), end_stream=True)
                host.flush(connection)
                results.append(await answered)
            connection.close()
            host.flush(connection)
        except TimeoutError:
            results.append(False)
        await asyncio.sleep(1)


async def quic(serf, directory, logs, result):
    """256 streams of one name, over four connections."""
    async with Cluster(serf, directory, logs, others=["mallory", "pinger"] + HONEST) as cluster:
        target = cluster.agents["n1"]
        host = await peers.Host.at(STRANGER)
        pinger = await peers.Host.at("127.0.5.1")
        answers = []
        async with Watch(cluster) as watch:
            holders = [
                holder.Holder(host, cluster, "mallory", target, STREAMS, wire.PUSH_PULL, False) for _ in range(CONNECTIONS)]
            for each in holders:
                await each.begin()
            await asyncio.sleep(0.5)
            (times, failures), _ = await asyncio.gather(
                joins(cluster, target, HONEST, pause=1), pings(cluster, pinger, target, 10, answers))
            for each in holders:
                each.end()
        result.joins(times, failures, HONEST)
        result.ask("reliable pings answered, of 10", answers.count(True), exactly=10)
        holder.tell(result, holders)
        watch.tell(result)
        host.close()
        pinger.close()


def unfinished(target, message, until):
    """An exchange that wants a MiB more than it brings, held until the node ends it, and begun again every ten seconds. In a thread of its own,
    so that what it sends delays no measurement."""
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            with socket.create_connection(target.address, timeout=10, source_address=(STRANGER, 0)) as connection:
                connection.sendall(message)
                connection.settimeout(max(0.1, began + 10 - time.monotonic()))
                while connection.recv(1 << 16):
                    pass
        except OSError:
            pass
        time.sleep(max(0, min(began + 10, until) - time.monotonic()))


async def tcp(serf, directory, logs, result):
    """60 exchanges of 15 MiB over TCP at once, from one address, three times."""
    async with Cluster(serf, directory, logs, transport="tcp") as cluster:
        target = cluster.agents["n1"]
        async with Watch(cluster) as watch:
            until = time.monotonic() + SECONDS
            message = wire.push_pull([wire.entry("mallory", (STRANGER, 1), wire.LEFT)], bytes(EXCHANGE_BYTES), announced=EXCHANGE_BYTES + MIB)
            attackers = [threading.Thread(target=unfinished, args=(target, message, until), daemon=True) for _ in range(EXCHANGES)]
            for attacker in attackers:
                attacker.start()
            await asyncio.sleep(0.1)
            times, failures = await joins(cluster, target, HONEST, pause=1)
            for attacker in attackers:
                await asyncio.to_thread(attacker.join)
        result.ask("growth of memory at most", watch.growth("n1") / MIB, at_most=BUDGET, unit="MiB")
        result.joins(times, failures, HONEST)
        watch.tell(result)

