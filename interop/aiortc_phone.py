"""A phone of aiortc with a little SIP over TLS: registers, calls with ICE and DTLS-SRTP, plays a tone and listens.

Prints one line of JSON with what it heard.

    aiortc_phone.py HOST PORT SERVER-NAME CA USER PASSWORD DOMAIN TARGET TONE
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import ssl
import sys
from fractions import Fraction
from math import pi, sin
from typing import Any

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

RATE, SIZE = 8000, 160
ENOUGH = 75  # frames


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, hertz: int) -> None:
        super().__init__()
        self._hertz, self._at, self._start = hertz, 0, 0.0

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._start = self._start or loop.time()
        await asyncio.sleep(max(0.0, self._start + self._at / RATE - loop.time()))
        samples = (int(9000 * sin(2 * pi * self._hertz * (self._at + each) / RATE)) for each in range(SIZE))
        frame = AudioFrame(format="s16", layout="mono", samples=SIZE)
        frame.planes[0].update(b"".join(each.to_bytes(2, "little", signed=True) for each in samples))
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, Fraction(1, RATE)
        self._at += SIZE
        return frame


class Agent:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: str, password: str, domain: str
    ):
        self._reader, self._writer = reader, writer
        self._user, self._password, self._domain = user, password, domain
        self._cseq = 0
        self._contact = f"<sip:{user}@{writer.get_extra_info('sockname')[0]};transport=tls>"

    def send(self, method: str, uri: str, dialog: dict[str, str], *more: str, body: str = "", cseq: int = 0) -> None:
        self._cseq += not cseq
        number = cseq or self._cseq
        lines = [
            f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/TLS phone.invalid;branch=z9hG4bK{method}{number}",
            "Max-Forwards: 70", f"From: {dialog['from']}", f"To: {dialog['to']}", f"Call-ID: {dialog['call-id']}",
            f"CSeq: {number} {method}", f"Contact: {self._contact}", *more,
            *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}", "", body,
        ]  # fmt: skip
        self._writer.write("\r\n".join(lines).encode())

    async def answer(self) -> tuple[int, list[tuple[str, str]], str]:
        """The next final response."""
        while True:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().strip()
            start, *lines = head.split("\r\n")
            headers = [
                (name.strip().lower(), value.strip()) for name, _, value in (each.partition(":") for each in lines)
            ]
            body = (await self._reader.readexactly(int(dict(headers).get("content-length", "0")))).decode()
            if start.startswith("SIP/2.0 ") and int(start.split()[1]) >= 200:
                return int(start.split()[1]), headers, body

    async def ask(
        self, method: str, uri: str, dialog: dict[str, str], *more: str, body: str = ""
    ) -> tuple[int, list[tuple[str, str]], str]:
        """With the answer to a challenge (RFC 7616, MD5)."""
        self.send(method, uri, dialog, *more, body=body)
        status, headers, text = await self.answer()
        if status not in (401, 407):
            return status, headers, text
        if method == "INVITE":
            self.send("ACK", uri, {**dialog, "to": dict(headers)["to"]}, cseq=self._cseq)
        name, reply = (
            ("www-authenticate", "Authorization") if status == 401 else ("proxy-authenticate", "Proxy-Authorization")
        )
        challenge = next(value for key, value in headers if key == name and re.search(r"algorithm=MD5\b", value))
        part = dict(re.findall(r'(\w+)="?([^",]+)', challenge))

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        ha1 = md5(f"{self._user}:{part['realm']}:{self._password}")
        proof = md5(f"{ha1}:{part['nonce']}:00000001:abcdef:auth:{md5(f'{method}:{uri}')}")
        value = f'Digest username="{self._user}", realm="{part["realm"]}", nonce="{part["nonce"]}", uri="{uri}", '
        value += f'algorithm=MD5, response="{proof}", qop=auth, nc=00000001, cnonce="abcdef"'
        value += f', opaque="{part["opaque"]}"' if "opaque" in part else ""
        self.send(method, uri, dialog, *more, f"{reply}: {value}", body=body)
        return await self.answer()

    def dialog(self, to: str, name: str) -> dict[str, str]:
        return {
            "from": f"<sip:{self._user}@{self._domain}>;tag={name}",
            "to": f"<{to}>",
            "call-id": f"{name}-of-aiortc",
        }


async def main(
    host: str, port: str, name: str, ca: str, user: str, password: str, domain: str, target: str, tone: str
) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=ca)
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=name)
    agent = Agent(reader, writer, user, password, domain)
    registered = (await agent.ask("REGISTER", f"sip:{domain}", agent.dialog(f"sip:{user}@{domain}", "r")))[0]
    peer = RTCPeerConnection()
    peer.addTrack(Tone(int(tone)))
    loud = 0
    done = asyncio.Event()

    async def listen(track: Any) -> None:
        nonlocal loud
        while loud < ENOUGH:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            samples = bytes(frame.planes[0])
            loud += max(samples[1::2], default=0) > 2  # some sample is above 512
        done.set()

    tasks = []
    peer.on("track", lambda track: tasks.append(asyncio.ensure_future(listen(track))))
    await peer.setLocalDescription(await peer.createOffer())
    dialog = agent.dialog(target, "c")
    status, headers, body = await agent.ask("INVITE", target, dialog, body=peer.localDescription.sdp)
    if status != 200:
        return {"registered": registered, "status": status}
    dialog["to"] = dict(headers)["to"]
    remote = re.search(r"<([^>]+)>", dict(headers)["contact"])
    assert remote is not None
    routes = [
        f"Route: {each}" for key, value in headers if key == "record-route" for each in re.split(r",\s*(?=<)", value)
    ]
    agent.send("ACK", remote[1], dialog, *routes[::-1], cseq=agent._cseq)
    await peer.setRemoteDescription(RTCSessionDescription(body, "answer"))
    try:
        await asyncio.wait_for(done.wait(), 8)
        await asyncio.sleep(0.5)
    except TimeoutError:
        pass
    result = {
        "registered": registered, "status": status, "loud": loud, "ice": peer.iceConnectionState,
        "state": peer.connectionState, "sdp": body,
    }  # fmt: skip
    agent.send("BYE", remote[1], dialog, *routes[::-1])
    result["bye"] = (await agent.answer())[0]
    await peer.close()
    return result


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
