"""The agent's RPC: as much of it as the attacks need."""

import asyncio

import msgpack


class RPC:
    """One session. Each call has its own deadline, so that an agent that is busy is seen as such."""

    def __init__(self, address):
        self.address = address
        self.sequence = 0
        self.reader = self.writer = self.unpacker = None

    async def call(self, command, body=None, answers=False, timeout=10):
        """The answer's body, or None; an error of the agent's is raised."""
        async with asyncio.timeout(timeout):
            if self.writer is None:
                self.reader, self.writer = await asyncio.open_connection(*self.address)
                self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
                await self.exchange("handshake", {"Version": 1}, False)
            return await self.exchange(command, body, answers)

    async def exchange(self, command, body, answers):
        self.sequence += 1
        request = msgpack.packb({"Command": command, "Seq": self.sequence})
        self.writer.write(request if body is None else request + msgpack.packb(body))
        header = await self.read()
        answer = await self.read() if answers else None
        if header["Error"]:
            raise RuntimeError(f"{command}: {header['Error']}")
        return answer

    async def read(self):
        while True:
            for value in self.unpacker:
                return value
            data = await self.reader.read(1 << 16)
            if not data:
                raise ConnectionError("the agent closed the session")
            self.unpacker.feed(data)

    def close(self):
        """Also after a deadline, when the next answer could be one to an earlier request."""
        if self.writer is not None:
            self.writer.close()
        self.writer = None
