"""A receiver of RTP (RFC 3550) with H.264 (RFC 6184), as far as it takes to see that what comes is what the session description says."""

import re
import socket
import struct


class Receiver:
    """Two UDP ports, an even one and the next."""

    def __init__(self):
        while True:
            self.rtp, self.rtcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
            self.rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.rtp.bind(("127.0.0.1", 0))
            self.port = self.rtp.getsockname()[1]
            try:
                assert self.port % 2 == 0
                self.rtcp.bind(("127.0.0.1", self.port + 1))
                return
            except (AssertionError, OSError):
                self.rtp.close()
                self.rtcp.close()

    def packets(self, sdp, pictures, patience_s):
        """Receives until so many pictures are whole. What is no RTP of this description fails."""
        media = re.search(r"^m=video (\d+) RTP/AVP (\d+)", sdp, re.MULTILINE)
        assert int(media[1]) == self.port, sdp
        kind = int(media[2])
        assert re.search(rf"^a=rtpmap:{kind} H264/90000", sdp, re.MULTILINE), sdp
        self.rtp.settimeout(patience_s)
        sources, last, whole, count, lost, kinds = set(), None, 0, 0, 0, set()
        while whole < pictures:
            packet = self.rtp.recv(65536)
            first, second, sequence, _time, source = struct.unpack(">BBHII", packet[:12])
            assert first >> 6 == 2 and second & 0x7F == kind, packet[:12].hex()
            lost += 0 if last is None else (sequence - last - 1) & 0xFFFF
            body = packet[12 + 4 * (first & 0x0F) :]
            if first & 0x10:
                (words,) = struct.unpack(">H", body[2:4])
                body = body[4 + 4 * words :]
            nal = body[0] & 0x1F
            assert nal in (1, 5, 6, 7, 8, 24, 28), f"NAL unit type {nal}"
            kinds.add(body[1] & 0x1F if nal == 28 else nal)
            sources.add(source)
            last, count, whole = sequence, count + 1, whole + (second >> 7)
        assert len(sources) == 1, "more than one source"
        return {"packets": count, "pictures": whole, "lost": lost, "key_picture": 5 in kinds}

    def is_silent(self, seconds):
        """Whether nothing more comes for so long, apart from what the kernel holds already."""
        self.rtp.setblocking(False)
        try:
            while True:
                self.rtp.recv(65536)
        except BlockingIOError:
            self.rtp.settimeout(seconds)
        try:
            self.rtp.recv(65536)
        except TimeoutError:
            return True
        return False
