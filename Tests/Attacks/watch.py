"""Looks at the members while an attack runs: what they think of each other, how busy they are, and how large."""

import asyncio
import re
import time

from cluster import MEMBERS

SUSPICION = re.compile(rf"\b({'|'.join(MEMBERS)})\b.*suspect")
MIB = 1 << 20


class Watch:
    """`async with Watch(cluster)`, and then ``tell(report)``."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.agents = list(cluster.agents.values())
        self.peak = {}
        self.first = {}
        self.slowest = 0.0
        self.bad = []
        self.tasks = []

    async def __aenter__(self):
        self.began = time.monotonic()
        self.first = {agent.name: (agent.cpu(), agent.memory(), len(agent.lines())) for agent in self.agents}
        self.peak = {agent.name: agent.memory() for agent in self.agents}
        self.tasks = [asyncio.create_task(self.measure())] + [asyncio.create_task(self.ask(agent)) for agent in self.agents]
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.seconds = time.monotonic() - self.began
        self.cpu = {agent.name: agent.cpu() - self.first[agent.name][0] for agent in self.agents}

    async def measure(self):
        while True:
            for agent in self.agents:
                self.peak[agent.name] = max(self.peak[agent.name], agent.memory())
            await asyncio.sleep(0.05)

    async def ask(self, agent):
        while True:
            began = time.monotonic()
            try:
                seen = await agent.members(timeout=30)
                self.bad += [
                    f"{agent.name} sees {name} {seen.get(name)} after {time.monotonic() - self.began:.1f} s"
                    for name in MEMBERS if seen.get(name) != "alive"]
            except TimeoutError:
                agent.rpc.close()
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(0.25)

    def growth(self, name):
        """By how many bytes a member was larger than at the beginning, at most."""
        return self.peak[name] - self.first[name][1]

    def suspicions(self):
        """Lines of the members' logs in which one of them is suspected."""
        found = []
        for agent in self.agents:
            lines = agent.lines()[self.first[agent.name][2]:].splitlines()
            found += [f"{agent.name}: {line}" for line in lines if SUSPICION.search(line)]
        return found

    def tell(self, report):
        suspicions = self.suspicions()
        report.ask("suspicions of members", len(suspicions), exactly=0)
        report.ask("times that a member was not seen alive", len(self.bad), exactly=0)
        report.note("longest wait for a member's own list of members", self.slowest * 1000, "ms")
        for agent in self.agents:
            share = 100 * self.cpu[agent.name] / self.seconds
            report.note(f"{agent.name}: processor, memory at most", f"{share:.0f} %, {self.peak[agent.name] / MIB:.0f} MiB")
        for line in (suspicions + self.bad)[:6]:
            report.say(line)
