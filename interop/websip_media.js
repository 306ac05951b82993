"use strict";
// Media of the page's phone: a peer connection with the browser's own tone, whose offer and answer go over SIP.

let media = null;

async function prepare(bundlePolicy) {
  const peer = new RTCPeerConnection({ bundlePolicy });
  const sound = new AudioContext();
  await sound.resume();
  const tone = sound.createOscillator();
  tone.frequency.value = 530;
  const out = sound.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  const track = out.stream.getAudioTracks()[0];
  peer.addTrack(track, out.stream);
  const heard = new Audio();
  peer.ontrack = ({ track: theirs }) => {
    heard.srcObject = new MediaStream([theirs]);
    heard.play();
  };
  media = { peer, sound };
  return peer;
}

async function gathered(peer) {
  while (peer.iceGatheringState !== "complete") await new Promise((resolve) => setTimeout(resolve, 20));
  return peer.localDescription.sdp;
}

// With a line of video that the phone refuses.
async function callWithSound(target, bundlePolicy) {
  const peer = await prepare(bundlePolicy);
  peer.addTransceiver("video");
  await peer.setLocalDescription(await peer.createOffer());
  const found = await phone.call(target, await gathered(peer));
  if (found.status === 200) await peer.setRemoteDescription({ type: "answer", sdp: found.message.body });
  return { statuses: found.statuses, sdp: found.message.body };
}

// Answers the next INVITE.
async function answerWithSound(bundlePolicy) {
  const peer = await prepare(bundlePolicy);
  phone.answers = async (offer) => {
    await peer.setRemoteDescription({ type: "offer", sdp: offer });
    await peer.setLocalDescription(await peer.createAnswer());
    return gathered(peer);
  };
  return true;
}

async function measured() {
  const found = { state: media.peer.connectionState, dtls: "", sent: 0, received: 0, pair: "", energy: 0, reports: 0, lost: 0 };
  for (const each of (await media.peer.getStats()).values()) {
    if (each.type === "transport") {
      found.dtls = each.dtlsState;
      found.suite = each.srtpCipher;
      found.pair = each.selectedCandidatePairId || "";
    }
    if (each.type === "outbound-rtp") found.sent += each.packetsSent;
    if (each.type === "inbound-rtp") Object.assign(found, { received: each.packetsReceived, energy: each.totalAudioEnergy });
    if (each.type === "remote-inbound-rtp") found.reports += 1;
  }
  return found;
}

async function restartIce() {
  const { peer } = media;
  peer.restartIce();
  await peer.setLocalDescription(await peer.createOffer());
  const found = await phone.again(await gathered(peer));
  if (found.status === 200) await peer.setRemoteDescription({ type: "answer", sdp: found.message.body });
  return found.status;
}

async function offers() {
  return phone.offers;
}

async function endSound() {
  media.peer.close();
  await media.sound.close();
  return true;
}
