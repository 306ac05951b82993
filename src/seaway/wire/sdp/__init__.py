"""SDP (RFC 8866): reading, rewriting line by line, and the shape of offer and answer (RFC 3264)."""

from seaway.wire.sdp.errors import SdpError
from seaway.wire.sdp.media import Media, RtpMap
from seaway.wire.sdp.section import Connection
from seaway.wire.sdp.session import Session, answers, check_answer, parse_sdp

__all__ = ["Connection", "Media", "RtpMap", "SdpError", "Session", "answers", "check_answer", "parse_sdp"]
