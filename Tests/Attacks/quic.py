"""QUIC peers of the attacks' own, by aioquic: many connections over one socket, as client and as server."""

import asyncio
import socket
import ssl
import time

from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicPacketType, pull_quic_header
from aioquic.buffer import Buffer

PROTOCOL = "serf/1"


def configuration(cluster=None, name=None, is_client=True):
    """As a member speaks; with the certificate of `name` where there is one."""
    made = QuicConfiguration(
        alpn_protocols=[PROTOCOL], is_client=is_client, verify_mode=ssl.CERT_NONE, max_datagram_frame_size=65535, idle_timeout=300,
        supported_versions=[1])
    if name:
        made.load_cert_chain(cluster.path(f"{name}.pem"), cluster.path(f"{name}.key"))
    return made


class Connection(QuicConnection):
    """A connection that says when it is confirmed or over, and gives events to `on_event`."""

    def __init__(self, **named):
        super().__init__(**named)
        self.done = asyncio.get_running_loop().create_future()
        self.terminated = None
        self.on_event = lambda event: None

    def settle(self):
        if self._handshake_confirmed and self._is_client and not self.done.done():
            self.done.set_result(True)

    def handle(self, event):
        if isinstance(event, events.ConnectionTerminated):
            self.terminated = event
            if not self.done.done():
                self.done.set_result(False)
        self.on_event(event)


class Host(asyncio.DatagramProtocol):
    """A socket, and the connections over it."""

    def __init__(self, server=None):
        self.connections = {}
        self.timers = {}
        self.server = server
        self.accepted = []
        self.sent = 0

    @classmethod
    async def at(cls, address, server=None):
        """On a port of the kernel's choice. With `server`, a function that makes a connection for a client's first packet, it answers dials."""
        loop = asyncio.get_running_loop()
        any_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        any_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        any_socket.bind((address, 0))
        _, host = await loop.create_datagram_endpoint(lambda: cls(server), sock=any_socket)
        host.address = any_socket.getsockname()
        return host

    def connection_made(self, transport):
        self.transport = transport

    def connect(self, made, address, change=lambda connection: None):
        """`change` alters the connection before its first packet."""
        connection = Connection(configuration=made)
        change(connection)
        connection.connect(address, now=time.monotonic())
        self.flush(connection)
        return connection

    def datagram_received(self, data, address):
        header = pull_quic_header(Buffer(data=data), host_cid_length=8)
        connection = self.connections.get(header.destination_cid)
        if connection is None and self.server and header.packet_type == QuicPacketType.INITIAL:
            connection = self.server(header.destination_cid)
            self.accepted.append(connection)
            self.connections[header.destination_cid] = connection
        if connection is None:
            return
        connection.receive_datagram(data, address, now=time.monotonic())
        self.flush(connection)

    def flush(self, connection):
        """What has happened and what is to be sent; called after everything that the connection was told."""
        if self.transport.is_closing():
            return
        while (event := connection.next_event()) is not None:
            connection.handle(event)
        connection.settle()
        for data, address in connection.datagrams_to_send(now=time.monotonic()):
            self.sent += len(data)
            self.transport.sendto(data, address)
        for known in connection._host_cids:
            self.connections[known.cid] = connection
        timer = self.timers.pop(connection, None)
        if timer:
            timer.cancel()
        due = connection.get_timer()
        if due is not None:
            self.timers[connection] = asyncio.get_running_loop().call_later(max(0, due - time.monotonic()), self.expired, connection)

    def expired(self, connection):
        self.timers.pop(connection, None)
        connection.handle_timer(now=time.monotonic())
        self.flush(connection)

    def close(self):
        for timer in self.timers.values():
            timer.cancel()
        self.transport.close()


async def confirmed(host, made, address, timeout):
    """Dials; the connection once the other side has confirmed it, and how long that took. None when that never came."""
    began = time.monotonic()
    connection = host.connect(made, address)
    try:
        async with asyncio.timeout(timeout):
            accepted = await asyncio.shield(connection.done)
    except TimeoutError:
        accepted = False
    return (connection if accepted else None), time.monotonic() - began
