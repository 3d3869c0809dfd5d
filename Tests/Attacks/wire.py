"""Memberlist's and Serf's messages, as far as the attacks write them."""

import socket

import msgpack

ALIVE, LEFT = 0, 3
VERSIONS = bytes([1, 5, 2, 2, 5, 4])
PING, PUSH_PULL = b"\x00", b"\x06"
SERF_PUSH_PULL = b"\x02"


def packed(value):
    return msgpack.packb(value, use_bin_type=False)


def ping(node, source):
    return PING + packed({"Node": node, "SeqNo": 1, "SourceNode": source})


def entry(name, address, state):
    return {
        "Addr": socket.inet_aton(address[0]), "Incarnation": 1, "Meta": None, "Name": name, "Port": address[1], "State": state,
        "Vsn": VERSIONS,
    }


def push_pull(entries, state=b"", announced=None):
    """With `announced`, the header promises so many bytes of state, whatever follows."""
    length = len(state) if announced is None else announced
    header = {"Join": False, "Nodes": len(entries), "UserStateLen": length}
    return PUSH_PULL + packed(header) + b"".join(map(packed, entries)) + state


def request_of(name):
    """A push/pull from a node that takes part in nothing: it says that it has left."""
    return push_pull([entry(name, ("127.0.66.1", 1), LEFT)])


def events(slots, events_a_slot, payload):
    """Serf's state with this many user events; `payload` makes the payload of each."""
    rings = [
        {"Events": [{"Name": f"e{event}", "Payload": payload()} for event in range(events_a_slot)], "LTime": slot + 1}
        for slot in range(slots)
    ]
    return SERF_PUSH_PULL + packed(
        {"EventLTime": slots + 2, "Events": rings, "LTime": 1, "LeftMembers": [], "QueryLTime": 1, "StatusLTimes": {}})
