"""Many streams at once, over plain sockets: thousands held by one node, and whose client leaves frees what it held."""

import asyncio
import json
import tempfile
import time

import node_process
from node_process import Node, eventually

HELD = 2000
LEAVING = 500
TOKENS = 24


def request(tokens: int, prompt: str) -> bytes:
    body = json.dumps({"model": "test", "prompt": prompt, "max_tokens": tokens, "stream": True, "ignore_eos": True}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def open_stream(node: Node, tokens: int, prompt: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = node.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request(tokens, prompt))
    await writer.drain()
    return reader, writer


async def until_first_event(reader: asyncio.StreamReader) -> None:
    assert b" 200 " in await reader.readline()
    while not (await reader.readline()).startswith(b"data: "):
        pass


def holds_thousands_of_streams(node: Node) -> None:
    """2,000 streams are asked for at once; none is closed before all have had a token, and each ends with [DONE]"""

    async def all_of_them() -> None:
        streams = await asyncio.gather(*(open_stream(node, TOKENS, f"Number {i} is") for i in range(HELD)))
        await asyncio.gather(*(until_first_event(reader) for reader, _ in streams))

        async def rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"data: [DONE]\n\n")
            writer.close()

        await asyncio.gather(*(rest(*stream) for stream in streams))

    begun = time.monotonic()
    asyncio.run(all_of_them())
    print(f"     {HELD} streams of {TOKENS} tokens in {time.monotonic() - begun:.1f} s")
    eventually("idle after", lambda: node.metric("conduit_open_streams") == 0 and node.metric("conduit_kv_pages_used") == 0)


def frees_what_each_of_many_held(node: Node) -> None:
    """500 streams run; one client after the other leaves, and the pages that its stream held are free before the next one goes"""

    async def all_of_them() -> list[float]:
        streams = await asyncio.gather(*(open_stream(node, 4000, f"Number {i} is") for i in range(LEAVING)))
        await asyncio.gather(*(until_first_event(reader) for reader, _ in streams))
        assert node.metric("conduit_open_streams") == LEAVING
        took = []
        for left, (_, writer) in enumerate(streams, 1):
            begun = time.monotonic()
            writer.transport.abort()
            await asyncio.sleep(0)
            eventually("its request is gone", lambda: node.metric("conduit_requests_running") + node.metric("conduit_requests_waiting") <= LEAVING - left)
            took.append(time.monotonic() - begun)
        return took

    took = sorted(asyncio.run(all_of_them()))
    print(f"     freed after {took[len(took) // 2] * 1000:.0f} ms at the median, {took[-1] * 1000:.0f} ms at the most, a look at /metrics included")
    eventually("no pages held", lambda: node.metric("conduit_kv_pages_used") == 0)


def refuses_what_its_queue_has_no_room_for(_: Node) -> None:
    """one runs, one waits; of twelve at once the others are told to come back: 429 with Retry-After"""

    async def answer_to(small: Node, prompt: str) -> bytes:
        reader, writer = await open_stream(small, 8000, prompt)
        head = await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        return head.lower()

    async def all_of_them(small: Node) -> list[bytes]:
        return await asyncio.gather(*(answer_to(small, f"Number {i} is") for i in range(12)))

    with tempfile.TemporaryDirectory() as folder:
        small = Node(options.node, node_process.model_path(options, folder), "--max-model-concurrency", "1", "--max-waiting", "1")
        try:
            heads = asyncio.run(all_of_them(small))
        finally:
            small.process.kill()
    refused = [head for head in heads if b" 429 " in head]
    assert refused and len(refused) < len(heads), heads
    assert all(b"retry-after: 1" in head for head in refused) and all(b" 200 " in head for head in heads if head not in refused), heads


if __name__ == "__main__":
    options = node_process.arguments()
    node_process.run(
        [holds_thousands_of_streams, frees_what_each_of_many_held, refuses_what_its_queue_has_no_room_for],
        options,
        "--max-model-concurrency", "512", "--max-model-len", "4096",
    )
