"""A line between two gateways that is not to be trusted: it cuts, stalls, delays, lies, repeats."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests import services
from tests.programs import Started

_PIECE = 64 * 1024
#: Octets of a request that may be kept to be sent again.
_REPEATED = 1_000_000
#: Seconds: nothing here waits for longer.
_PATIENCE = 60.0

_PAGE = b"<html><body>Welcome to our EDI portal</body></html>"

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
#: What is done with one request; the answer, or None for a cut.
Trick = Callable[["Proxy", bytes, Reader, int], Awaitable[bytes | None]]


class Cut(Exception):
    """The connection ends here."""


class Proxy(Started):
    """Listens on ``port`` and passes requests on to ``target``, most of them as they are."""

    def __init__(self, target: int, chance: random.Random) -> None:
        self.port = services.free_port()
        self.target = target
        self.chance = chance
        self.done: Counter[str] = Counter()
        self.calm = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_PATIENCE)

    def end(self) -> None:
        """Cut what is under way, and close the port."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, limit=_REPEATED
        )

    async def _end(self) -> None:
        self._server.close()
        me = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not me]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                name, trick = self._choose()
                self.done[name] += 1
                answer = await trick(self, head, reader, _length(head))
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
        except (OSError, EOFError, Cut, TimeoutError, asyncio.LimitOverrunError):
            pass  # cut
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _choose(self) -> tuple[str, Trick]:
        if self.calm.is_set() or self.chance.random() < _HONEST:
            return "passed", _pass
        return self.chance.choice(_TRICKS)

    async def exchange(self, head: bytes, body: Callable[[Writer], Awaitable[None]]) -> bytes:
        """Have a request answered by the gateway; the whole answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.target, limit=_REPEATED)
        try:
            writer.write(head)
            # One that refuses early may have hung up before it has read all.
            with suppress(ConnectionError):
                await body(writer)
                await writer.drain()
            answer = await reader.readuntil(b"\r\n\r\n")
            return answer + await reader.readexactly(_length(answer))
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def later(self, work: Awaitable[None]) -> None:
        """Do something beside."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _answer(status: str, body: bytes = b"", kind: str = "text/html") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _copy(reader: Reader, count: int, writer: Writer, pause_at: int = -1) -> None:
    """Pass octets on; ``pause_at`` of them, if any, nothing moves for seconds."""
    copied = 0
    while copied < count:
        piece = await reader.read(min(_PIECE, count - copied))
        if not piece:
            raise Cut
        if copied <= pause_at < copied + len(piece):
            await asyncio.sleep(3)
        writer.write(piece)
        await writer.drain()
        copied += len(piece)


async def _pass(proxy: Proxy, head: bytes, reader: Reader, length: int) -> bytes:
    return await proxy.exchange(head, lambda writer: _copy(reader, length, writer))


async def _delay(proxy: Proxy, head: bytes, reader: Reader, length: int) -> bytes:
    await asyncio.sleep(proxy.chance.uniform(0.2, 4))
    return await _pass(proxy, head, reader, length)


async def _stall(proxy: Proxy, head: bytes, reader: Reader, length: int) -> bytes:
    at = proxy.chance.randrange(max(1, length))
    return await proxy.exchange(head, lambda writer: _copy(reader, length, writer, at))


async def _cut_request(proxy: Proxy, head: bytes, reader: Reader, length: int) -> None:
    whole = proxy.chance.randrange(max(1, length))

    async def some(writer: Writer) -> None:
        await _copy(reader, whole, writer)
        raise Cut

    await proxy.exchange(head, some)


async def _drop_answer(proxy: Proxy, head: bytes, reader: Reader, length: int) -> None:
    await _pass(proxy, head, reader, length)


async def _cut_answer(proxy: Proxy, head: bytes, reader: Reader, length: int) -> bytes:
    answer = await _pass(proxy, head, reader, length)
    return answer[: proxy.chance.randrange(len(answer))]


async def _refuse(proxy: Proxy, _head: bytes, reader: Reader, length: int) -> bytes:
    await reader.readexactly(length)
    busy = ["500 Internal Server Error", "503 Service Unavailable", "429 Too Many Requests"]
    return _answer(proxy.chance.choice(busy), _PAGE)


async def _lie(proxy: Proxy, head: bytes, reader: Reader, length: int) -> bytes:
    await _pass(proxy, head, reader, length)
    return _answer("500 Internal Server Error", _PAGE)


async def _babble(proxy: Proxy, _head: bytes, reader: Reader, length: int) -> bytes:
    await reader.readexactly(length)
    return proxy.chance.randbytes(500)


async def _welcome(_proxy: Proxy, _head: bytes, reader: Reader, length: int) -> bytes:
    await reader.readexactly(length)
    return _answer("200 OK", _PAGE)


async def _repeat(proxy: Proxy, head: bytes, reader: Reader, length: int) -> bytes:
    """Send a request twice at once, and once more a moment later."""
    if length > _REPEATED:
        return await _pass(proxy, head, reader, length)
    body = await reader.readexactly(length)

    async def again(seconds: float) -> None:
        await asyncio.sleep(seconds)
        with suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE):
                await proxy.exchange(head, write)

    async def write(writer: Writer) -> None:
        writer.write(body)

    proxy.later(again(0))
    proxy.later(again(proxy.chance.uniform(0.5, 5)))
    return await proxy.exchange(head, write)


#: Share of requests that are passed on as they are.
_HONEST = 0.8
_TRICKS: list[tuple[str, Trick]] = [
    ("delayed", _delay),
    ("stalled", _stall),
    ("cut", _cut_request),
    ("dropped", _drop_answer),
    ("torn", _cut_answer),
    ("refused", _refuse),
    ("lied", _lie),
    ("babbled", _babble),
    ("welcomed", _welcome),
    ("repeated", _repeat),
    ("repeated", _repeat),
]
