"""Runs attacks against a cluster of three agents, one after the other, and says for each figure what was asked and what was seen."""

import argparse
import asyncio
import os
import sys
import tempfile

import bigkey
import halfopen
import loopback
import pauses
import report
import smallwindow
import streams

ATTACKS = {
    "bigkey": bigkey.quic,
    "bigkey-tls": bigkey.tcp,
    "halfopen-spoofed": halfopen.spoofed,
    "halfopen-retry": halfopen.answers_retry,
    "smallwindow": smallwindow.attack,
    "streams": streams.quic,
    "streams-tcp": streams.tcp,
}
# Only when they are requested by name: they take ten minutes each.
LONG = {"pauses": pauses.attack}
# If an attack takes longer, something hangs.
DEADLINE, LONG_DEADLINE = 300, 750


def options():
    parser = argparse.ArgumentParser(
        prog="Tests/Attacks/run",
        description="Attacks on a release agent in a cluster of three, on loopback. Exit status: 0 when every figure is as asked, else 1.",
    )
    parser.add_argument("--serf", default=".build/release/serf", help="the command to attack (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object an attack instead of a table")
    parser.add_argument("--logs", metavar="DIRECTORY", help="keep the agents' logs there")
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"which attacks; without one all of {', '.join(ATTACKS)}; also {', '.join(LONG)}")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.attacks if name not in ATTACKS | LONG]
    if unknown:
        parser.error(f"there is no attack {unknown[0]}; there are {', '.join(ATTACKS | LONG)}")
    if not os.access(chosen.serf, os.X_OK):
        parser.error(f"{chosen.serf} is no program; 'swift build -c release --enable-all-traits --product serf' makes one, or name it with --serf")
    return chosen


async def run(name, serf, logs):
    with tempfile.TemporaryDirectory(prefix="serf-attack-") as directory:
        keep = os.path.join(logs, name) if logs else directory
        os.makedirs(keep, exist_ok=True)
        result = report.Report(name)
        try:
            async with asyncio.timeout(LONG_DEADLINE if name in LONG else DEADLINE):
                await (ATTACKS | LONG)[name](os.path.abspath(serf), directory, keep, result)
        except Exception as error:
            result.failed(error)
        return result


def main():
    chosen = options()
    loopback.up()
    holds = True
    for name in chosen.attacks or ATTACKS:
        result = asyncio.run(run(name, chosen.serf, chosen.logs))
        print(result.json() if chosen.json else result.text(), flush=True)
        holds = holds and result.holds
    sys.exit(0 if holds else 1)


main()
