"""Two aiortc peers in one process: the near one by TURN relay alone, the far one by relay or directly.

Prints one line of JSON with what passed between them.

    aiortc_peers.py turn:HOST:3478?transport=udp USER PASSWORD relay|all
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

MESSAGES = 20
FRAMES = 25


def candidates(peer: RTCPeerConnection) -> list[str]:
    """The types of candidates that a peer offered."""
    lines = peer.localDescription.sdp.splitlines()
    return sorted({line.split()[7] for line in lines if line.startswith("a=candidate:")})


async def main(url: str, user: str, password: str, far_policy: str) -> dict[str, Any]:
    turn = [RTCIceServer(urls=url, username=user, credential=password)]
    near, far = (
        RTCPeerConnection(RTCConfiguration(servers, RTCIceTransportPolicy(policy)))
        for servers, policy in ((turn, "relay"), (turn if far_policy == "relay" else [], far_policy))
    )
    echoed: list[str] = []
    enough = asyncio.Event()
    frames = 0
    sound = asyncio.Event()

    @far.on("datachannel")
    def on_channel(channel: Any) -> None:
        channel.on("message", lambda message: channel.send(message))

    async def listen(track: Any) -> None:
        nonlocal frames
        while frames < FRAMES:
            try:
                await track.recv()
            except MediaStreamError:
                return
            frames += 1
        sound.set()

    tasks = []
    far.on("track", lambda track: tasks.append(asyncio.ensure_future(listen(track))))
    channel = near.createDataChannel("echo")

    @channel.on("open")
    def on_open() -> None:
        for number in range(MESSAGES):
            channel.send(f"message {number}")

    @channel.on("message")
    def on_message(message: str) -> None:
        echoed.append(message)
        if len(echoed) == MESSAGES:
            enough.set()

    near.addTrack(AudioStreamTrack())
    await near.setLocalDescription(await near.createOffer())
    await far.setRemoteDescription(near.localDescription)
    await far.setLocalDescription(await far.createAnswer())
    await near.setRemoteDescription(far.localDescription)
    done = True
    try:
        await asyncio.wait_for(asyncio.gather(enough.wait(), sound.wait()), 12)
    except TimeoutError:
        done = False
    result = {
        "done": done,
        "echoed": len(echoed),
        "frames": frames,
        "near": candidates(near),
        "far": candidates(far),
        "state": near.iceConnectionState,
    }
    await asyncio.gather(near.close(), far.close())
    return result


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
