"""Load and faults for a running service, by the standard library alone. Run by check-service.sh.

    python3 service_load.py thousand|slow|cut|malformed|ready|descriptors HOST:PORT
    python3 service_load.py steady HOST:PORT PID MINUTES
    python3 service_load.py reloads HOST:PORT PID TIMES
    python3 service_load.py most HOST:PORT                  what this can load, against a server with nothing to do
"""

import asyncio
import json
import os
import random
import signal
import statistics
import sys
import time

SENTENCE = "Bob met Zoe in Rome and then they went to the house of Ann Lee near Paris , where it rained all day long ."
random.seed(1)


class Service:
    def __init__(self, address):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)

    async def open(self):
        return await asyncio.open_connection(self.host, self.port)

    def request(self, body, path="/v1/tag", close=True):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += "Connection: close\r\n" if close else ""
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def ask(self, body, patience=60):
        """Status and body of the answer; the status is 0 where the connection ended without one."""
        try:
            reader, writer = await self.open()
            try:
                writer.write(self.request(body))
                answer = await asyncio.wait_for(reader.read(), patience)
            finally:
                writer.close()
        except ConnectionError:
            return 0, b""
        head, _, rest = answer.partition(b"\r\n\r\n")
        return (int(head.split()[1]) if head else 0), rest

    async def tag(self, text):
        return await self.ask(json.dumps({"text": text}).encode())


async def alive(service):
    status, body = await service.tag(SENTENCE)
    assert status == 200 and b'"entities":' in body, (status, body)


async def ready(service):
    await alive(service)


async def thousand(service):
    """A thousand connections at once: each is answered, at once or when it comes again."""
    counts = {}

    async def client():
        for _ in range(100):
            status, _ = await service.tag(SENTENCE)
            counts[status] = counts.get(status, 0) + 1
            if status == 200:
                return
            assert status == 429, status
            await asyncio.sleep(random.uniform(0.1, 1))
        raise AssertionError("a client was never answered")

    start = time.monotonic()
    await asyncio.gather(*(client() for _ in range(1000)))
    print(f"1000 connections at once: {counts} in {time.monotonic() - start:.1f} s")


async def slow(service):
    """Writers and readers of a few bytes a second do not keep others waiting."""
    end = asyncio.Event()

    async def write_slowly(bytes_):
        reader, writer = await service.open()
        try:
            for at in range(len(bytes_)):
                if end.is_set():
                    return
                writer.write(bytes_[at : at + 1])
                await writer.drain()
                await asyncio.sleep(0.5)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def read_slowly():
        reader, writer = await service.open()
        body = json.dumps({"texts": [SENTENCE] * 2000, "tokens": True}).encode()
        try:
            writer.write(service.request(body))
            while not end.is_set() and await reader.read(100):
                await asyncio.sleep(0.5)
        except ConnectionError:
            pass
        finally:
            writer.close()

    whole = service.request(json.dumps({"text": SENTENCE}).encode())
    writers = [asyncio.create_task(write_slowly(whole)) for _ in range(300)]
    readers = [asyncio.create_task(read_slowly()) for _ in range(20)]
    await asyncio.sleep(1)
    times = []
    for _ in range(100):
        start = time.monotonic()
        await alive(service)
        times.append(time.monotonic() - start)
        await asyncio.sleep(0.1)
    end.set()
    await asyncio.gather(*writers, *readers)
    print(f"beside 300 slow writers and 20 slow readers: p50 {quantile(times, 0.5):.1f} ms, slowest {1e3 * max(times):.1f} ms")


async def cut(service):
    """Requests that end anywhere."""
    whole = service.request(json.dumps({"text": SENTENCE}).encode())

    async def client():
        for _ in range(100):
            reader, writer = await service.open()
            writer.write(whole[: random.randrange(len(whole))])
            if random.random() < 0.5:
                await writer.drain()
            writer.close()

    await asyncio.gather(*(client() for _ in range(20)))
    await alive(service)
    print("2000 requests that were cut anywhere: it goes on")


async def malformed(service):
    """JSON that is damaged anywhere is answered, and never by a fault of the service."""
    whole = json.dumps({"text": SENTENCE, "min_score": 0.1, "offsets": "bytes", "tokens": False}).encode()
    counts = {}

    async def client():
        for _ in range(250):
            body = bytearray(whole)
            for _ in range(random.randrange(1, 4)):
                at = random.randrange(len(body))
                kind = random.randrange(4)
                if kind == 0:
                    body[at] = random.randrange(256)
                elif kind == 1:
                    del body[at : at + random.randrange(1, 9)]
                elif kind == 2:
                    body[at:at] = random.choice([b"{", b"[" * 200, b'"', b"\\u", b"1e999", b"null", b"\xff"])
                else:
                    body[at:at] = body[: random.randrange(len(body))]
                body = body or bytearray(b"x")
            status, _ = await service.ask(bytes(body))
            counts[status] = counts.get(status, 0) + 1

    await asyncio.gather(*(client() for _ in range(20)))
    assert set(counts) <= {200, 400, 422}, counts
    await alive(service)
    print(f"5000 damaged bodies: {counts}")


async def descriptors(service):
    """More connections than the service may have files: it takes the others when these are gone."""
    held = [await service.open() for _ in range(200)]
    waiting = asyncio.create_task(alive(service))
    await asyncio.sleep(1)
    for _, writer in held:
        writer.close()
    await asyncio.wait_for(waiting, 30)
    print("200 connections to a service that may have 48 files: answered when they were gone")


def quantile(times, share):
    """In milliseconds."""
    return 1e3 * sorted(times)[min(len(times) - 1, int(share * len(times)))]


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))


class Connection:
    """A connection that is kept, as a client with many requests has it."""

    def __init__(self, service):
        self.service, self.reader, self.writer = service, None, None

    async def tag(self, text):
        # The service closes a connection on which nothing was asked for some time: then another is opened.
        while True:
            if self.writer is None:
                self.reader, self.writer = await self.service.open()
            try:
                self.writer.write(self.service.request(json.dumps({"text": text}).encode(), close=False))
                head = await self.reader.readuntil(b"\r\n\r\n")
                break
            except (asyncio.IncompleteReadError, ConnectionError):
                self.writer.close()
                self.writer = None
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await self.reader.readexactly(length)
        return int(head.split()[1])


async def closed_loop(service, clients, seconds):
    """Requests a second of clients that each ask again when they are answered."""
    end, done = time.monotonic() + seconds, 0

    async def client():
        nonlocal done
        connection = Connection(service)
        while time.monotonic() < end:
            assert await connection.tag(SENTENCE) == 200
            done += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return done / seconds


async def steady(service, pid, minutes):
    await closed_loop(service, 32, 3)
    most = await closed_loop(service, 32, 10)
    rate = 0.8 * most
    print(f"32 clients at once: {most:.0f} requests a second; now {rate:.0f} a second for {minutes} min")
    idle = [Connection(service) for _ in range(64)]
    times, refused, memory = [], 0, []

    async def one():
        nonlocal refused
        connection = idle.pop() if idle else Connection(service)
        start = time.monotonic()
        if await connection.tag(SENTENCE) == 200:
            times.append(time.monotonic() - start)
        else:
            refused += 1
        idle.append(connection)

    begin = time.monotonic()
    due, running, next_look = begin, set(), begin
    while (now := time.monotonic()) < begin + 60 * minutes:
        if now >= next_look:
            memory.append(resident(pid))
            next_look += 15
        while due <= now:
            task = asyncio.create_task(one())
            running.add(task)
            task.add_done_callback(running.discard)
            due += random.expovariate(rate)
        await asyncio.sleep(max(0.0005, due - time.monotonic()))
    await asyncio.gather(*running)
    print(
        f"{len(times)} answers, {refused} refused; p50 {quantile(times, 0.5):.2f} ms, p99 {quantile(times, 0.99):.2f} ms; "
        f"memory {memory[0]:.0f} MB at first, {statistics.median(memory):.0f} MB in the middle, {memory[-1]:.0f} MB at last"
    )
    settled = memory[len(memory) // 3 :]
    assert settled[-1] <= 1.05 * settled[0] + 2, f"memory grows: {memory}"


async def most(service):
    await closed_loop(service, 32, 1)
    print(f"{await closed_loop(service, 32, 5):.0f}")


async def reloads(service, pid, times):
    """Models read anew, and asked in between: what the old ones had is given back."""

    async def done():
        reader, writer = await service.open()
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        lines = (await reader.read()).decode().splitlines()
        writer.close()
        counts = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("electra_reloads_total")}
        assert not any(count for name, count in counts.items() if "failed" in name), counts
        return sum(counts.values())

    models = None
    memory = []
    for _ in range(times):
        before = await done()
        os.kill(pid, signal.SIGHUP)
        while (now := await done()) == before or (models and now < before + models):
            await asyncio.sleep(0.01)
        if models is None:
            # Of the first reload, after which all models have had theirs.
            await asyncio.sleep(2)
            models = await done() - before
        await alive(service)
        memory.append(resident(pid))
    # What is kept for the next time, such as the threads' own free memory, is there after some tens.
    settled = memory[len(memory) // 5 :]
    print(f"{times} reloads: memory {memory[0]:.1f} MB after the first, {settled[0]:.1f} MB after {times - len(settled) + 1}, {memory[-1]:.1f} MB at last")
    assert settled[-1] <= settled[0] + 0.01 * len(settled), f"memory grows: {memory}"


def main():
    name, address, *more = sys.argv[1:]
    service = Service(address)
    if name == "steady":
        asyncio.run(steady(service, int(more[0]), float(more[1])))
    elif name == "reloads":
        asyncio.run(reloads(service, int(more[0]), int(more[1])))
    else:
        known = {f.__name__: f for f in (ready, thousand, slow, cut, malformed, descriptors, most)}
        asyncio.run(known[name](service))


main()
