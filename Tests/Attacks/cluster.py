"""Agents in a directory of their own: certificates, processes, and what they say of each other."""

import asyncio
import os
import re
import subprocess
import time

from rpc import RPC

MEMBERS = ("n1", "n2", "n3")
NEWCOMERS = "127.0.254.1"


def address(name):
    """Each member in a network of its own, so that limits by network do not tell friend from foe for us."""
    return f"127.0.{name[1:]}.1"


class Agent:
    """A running `serf agent`."""

    def __init__(self, cluster, name, address):
        self.name = name
        self.log = os.path.join(cluster.logs, f"{name}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(cluster.command(name, address), stdout=log, stderr=subprocess.STDOUT)
        self.address = None
        # For each thread that was ever seen: its nanoseconds on a processor.
        self.spent = {}
        self.rpc = None
        self.rpc_address = None

    async def ready(self, timeout=20):
        deadline = time.monotonic() + timeout
        while "Log data will now stream" not in self.lines():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not start:\n{self.lines()}")
            await asyncio.sleep(0.01)
        self.address = self.fact("Bind addr")
        self.rpc_address = self.fact("RPC addr")
        self.rpc = RPC(self.rpc_address)
        return self

    def fact(self, title):
        host, port = re.search(f"{title}: '([^']+)'", self.lines()).group(1).rsplit(":", 1)
        return host, int(port)

    def lines(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def cpu(self):
        """Seconds on a processor so far, of all threads, ended ones included as far as they were seen. In nanoseconds where the kernel says so, where
        /proc/PID/stat has only ticks."""
        tasks = f"/proc/{self.process.pid}/task"
        for thread in os.listdir(tasks):
            try:
                with open(f"{tasks}/{thread}/schedstat") as figures:
                    self.spent[thread] = int(figures.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                # It has ended since it was listed.
                pass
        return sum(self.spent.values()) / 1e9

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm") as figures:
            return int(figures.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    async def members(self, timeout=10):
        """Names and statuses."""
        answer = await self.rpc.call("members", answers=True, timeout=timeout)
        return {member["Name"]: member["Status"] for member in answer["Members"]}

    async def join(self, address, timeout=30):
        """In a session of its own: others may be waiting for an answer in the one that is there."""
        session = RPC(self.rpc_address)
        try:
            await session.call("join", {"Existing": [f"{address[0]}:{address[1]}"], "Replay": False}, answers=True, timeout=timeout)
        finally:
            session.close()

    async def leave(self):
        try:
            await self.rpc.call("leave", timeout=15)
        except (OSError, TimeoutError):
            pass
        self.rpc.close()
        await asyncio.to_thread(self.end)

    def end(self):
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Cluster:
    """Some members, and certificates for others; ended by `async with`."""

    def __init__(self, serf, directory, logs, transport="quic", members=MEMBERS, others=()):
        self.serf, self.directory, self.logs, self.transport, self.members = serf, directory, logs, transport, members
        self.agents = {}
        self.guests = []
        self.key = None
        if transport == "tls":
            self.key = subprocess.run([serf, "keygen"], check=True, capture_output=True, text=True).stdout.strip()
        if transport != "tcp":
            self.issue("ca")
            for name in members:
                self.issue("node", name)
            # Ed25519, because GnuTLS 3.7 writes half of all P-256 keys a byte too long for the library that reads these here.
            for name in others:
                self.issue("node", name, "-key", "ed25519")

    def issue(self, *words):
        subprocess.run([self.serf, "certs", *words, "-out", self.directory], check=True, stdout=subprocess.DEVNULL)

    def path(self, file):
        return os.path.join(self.directory, file)

    def command(self, name, address):
        words = [self.serf, "agent", "-node", name, "-bind", f"{address}:0", "-rpc-addr", "127.0.0.1:0", "-transport", self.transport]
        if self.transport != "tcp":
            words += ["-tls-ca", self.path("ca.pem"), "-tls-cert", self.path(f"{name}.pem"), "-tls-key", self.path(f"{name}.key")]
        if self.key:
            words += ["-encrypt", self.key]
        return words

    async def __aenter__(self):
        try:
            for name in self.members:
                self.agents[name] = await Agent(self, name, address(name)).ready()
            for name in self.members[1:]:
                await self.agents[name].join(self.agents["n1"].address)
            await self.settle()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def settle(self, timeout=20):
        """Waits until each member sees all alive."""
        deadline = time.monotonic() + timeout
        for agent in self.agents.values():
            while (seen := await agent.members()) != dict.fromkeys(self.members, "alive"):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{agent.name} sees {seen}")
                await asyncio.sleep(0.1)

    async def guest(self, name):
        """One more agent, which has not joined yet."""
        agent = Agent(self, name, NEWCOMERS)
        self.guests.append(agent)
        return await agent.ready()

    async def __aexit__(self, *_):
        for agent in list(self.agents.values()) + self.guests:
            if agent.process.poll() is None:
                agent.process.kill()
                agent.process.wait()


async def joins(cluster, target, names, pause=0):
    """Honest nodes start, join `target` and leave, one after the other: how long each join took in seconds, or why it failed."""
    times, failures = [], []
    for name in names:
        agent = await cluster.guest(name)
        began = time.monotonic()
        try:
            await agent.join(target.address)
            times.append(time.monotonic() - began)
        except (RuntimeError, OSError, TimeoutError) as error:
            failures.append(f"{name}: {error or type(error).__name__}")
        await agent.leave()
        await asyncio.sleep(pause)
    return times, failures
