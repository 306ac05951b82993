"""A pipe between plain TCP and TLS for clients without TLS: `python tls_pipe.py PORT HOST PORT NAME CA`.

Listens on 127.0.0.1 of its host only. Not for anything but the lab.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys

__all__ = ["main"]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


async def _serve(port: int, host: str, far_port: int, name: str, ca: str) -> None:
    context = ssl.create_default_context(cafile=ca)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(host, far_port, ssl=context, server_hostname=name)
        except (OSError, ssl.SSLError) as error:
            print(f"cannot reach {host}:{far_port}: {error}", file=sys.stderr)
            writer.close()
            return
        await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


def main(arguments: list[str]) -> None:
    """PORT HOST FAR_PORT NAME CA"""
    port, host, far_port, name, ca = arguments
    asyncio.run(_serve(int(port), host, int(far_port), name, ca))


if __name__ == "__main__":
    main(sys.argv[1:])
