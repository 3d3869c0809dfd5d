"""Processes that stand still for a while, as they do on a loaded machine or while a virtual machine moves: no member may be seen as dead."""

import asyncio
import random
import re
import signal
import time

from cluster import Cluster

MEMBERS = tuple(f"n{number}" for number in range(1, 21))
SECONDS, STOPS, SHORTEST, LONGEST = 600, 60, 0.5, 4.0
FAILED = re.compile(r"EventMemberFailed: (\S+)")
SUSPECTED = re.compile(r"\bsuspect")


async def attack(serf, directory, logs, report):
    seed = random.randrange(1 << 32)
    report.note("seed of the stops", seed)
    chance = random.Random(seed)
    async with Cluster(serf, directory, logs, members=MEMBERS) as cluster:
        stopped = set()
        began = time.monotonic()
        starts = sorted(chance.uniform(0, SECONDS - LONGEST) for _ in range(STOPS))
        waits = []
        async with asyncio.TaskGroup() as group:
            for start in starts:
                await asyncio.sleep(max(0, began + start - time.monotonic()))
                agent = cluster.agents[chance.choice([name for name in MEMBERS if name not in stopped])]
                waits.append(group.create_task(stop(cluster, agent, chance.uniform(SHORTEST, LONGEST), stopped)))
        await asyncio.sleep(max(0, began + SECONDS - time.monotonic()))
        back = [wait.result() for wait in waits]
        report.ask("stops", len(back), exactly=STOPS)
        report.ask("longest until a stopped member is alive for all that run, after it goes on", max(back), at_most=2.0, unit="s")
        lines = {agent.name: agent.lines() for agent in cluster.agents.values()}
        failures = [f"{name}: {line}" for name, text in lines.items() for line in text.splitlines() if FAILED.search(line)]
        report.ask("members taken for failed, by any", len(failures), exactly=0)
        report.note("lines about suspicions", sum(bool(SUSPECTED.search(line)) for text in lines.values() for line in text.splitlines()))
        for line in failures[:6]:
            report.say(line)


async def stop(cluster, agent, seconds, stopped):
    """Stops a member for as long. How long after that it takes until all that run see it alive."""
    stopped.add(agent.name)
    agent.process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        agent.process.send_signal(signal.SIGCONT)
    went_on = time.monotonic()
    stopped.discard(agent.name)
    while time.monotonic() - went_on < 30:
        others = [other for other in cluster.agents.values() if other is not agent and other.name not in stopped]
        seen = await asyncio.gather(*(status(other, agent.name) for other in others))
        # A member that does not answer counts only if it has been stopped in the meantime.
        if all(answer == "alive" or answer is None and other.name in stopped for other, answer in zip(others, seen)):
            return time.monotonic() - went_on
        await asyncio.sleep(0.1)
    return time.monotonic() - went_on


async def status(agent, name):
    """What a member holds another for; None when it does not say."""
    session = type(agent.rpc)(agent.rpc_address)
    try:
        answer = await session.call("members", answers=True, timeout=1)
        return next((member["Status"] for member in answer["Members"] if member["Name"] == name), "unknown")
    except (TimeoutError, OSError):
        return None
    finally:
        session.close()
