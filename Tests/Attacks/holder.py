"""A member, with a certificate as good as any, that keeps a node busy with streams."""

import asyncio

from aioquic.quic import events

import quic


async def dial(host, cluster, name, target, change=lambda connection: None):
    """A connection that the target has confirmed."""
    connection = host.connect(quic.configuration(cluster, name), target.address, change)
    if not await connection.done:
        raise RuntimeError(f"{name} is turned away: {connection.terminated}")
    return connection


class Holder:
    """Keeps `streams` streams open on one connection, each with `message`. Where the node resets one it opens another after `pause` seconds, and
    where the node closes the connection it dials again."""

    def __init__(self, host, cluster, name, target, streams, message, ends, change=lambda connection: None, pause=1.0):
        self.host, self.streams, self.message, self.ends, self.pause = host, streams, message, ends, pause
        self.dial = lambda: dial(host, cluster, name, target, change)
        self.resets = self.closes = 0
        self.connection = None
        self.task = None

    async def begin(self):
        self.connection = await self.dial()
        self.connection.on_event = self.handle
        for _ in range(self.streams):
            self.open()

    def open(self):
        if self.connection.terminated is None:
            stream = self.connection.get_next_available_stream_id()
            self.connection.send_stream_data(stream, self.message, end_stream=self.ends)
            self.host.flush(self.connection)

    def handle(self, event):
        if isinstance(event, events.StreamReset):
            self.resets += 1
            asyncio.get_running_loop().call_later(self.pause, self.open)
        elif isinstance(event, events.ConnectionTerminated):
            self.closes += 1
            self.task = asyncio.create_task(self.again())

    async def again(self):
        while True:
            await asyncio.sleep(self.pause)
            try:
                return await self.begin()
            except RuntimeError:
                continue

    def end(self):
        self.connection.on_event = lambda event: None
        if self.task:
            self.task.cancel()


def tell(report, holders):
    report.note("streams of the attacker that were reset", sum(holder.resets for holder in holders))
    report.note("connections of the attacker that were closed", sum(holder.closes for holder in holders))
