"""RTSP: a camera that wants Digest, an older one that takes Basic, one that is open to all; interleaved media. RFC 2326, RFC 8866, RFC 7616."""
import base64
import struct

from wire import Capture

AGENT = "User-Agent: LibVLC/3.0.20 (LIVE555 Streaming Media v2016.11.28)"


def ask(method, url, number, *fields):
    return "\r\n".join([f"{method} {url} RTSP/1.0", f"CSeq: {number}", AGENT, *fields, "", ""]).encode()


def answer(status, number, *fields, body=""):
    more = ["Content-Type: application/sdp", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"RTSP/1.0 {status}", f"CSeq: {number}", *fields, *more, "", ""]).encode() + body.encode()


def description(name):
    return f"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns={name}\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"


def media(talk, count=4):
    for number in range(count):
        rtp = struct.pack("!BBHII", 0x80, 96, number, number * 3000, 0x1234) + bytes(400)
        talk.server(b"$\0" + struct.pack("!H", len(rtp)) + rtp)


capture = Capture("rtsp/digest-basic-and-open.pcap")
digest, basic, open_ = capture.host("bc:ad:28:13:00:01", "10.96.0.1"), capture.host("00:40:8c:13:00:02", "10.96.0.2"), capture.host("00:0c:29:13:00:03", "10.96.0.3")
recorder = capture.host("d4:be:d9:13:00:12", "10.96.0.12")
with capture.tcp(recorder, 50101, digest, 554) as talk:
    url = "rtsp://10.96.0.1:554/Streaming/Channels/101"
    talk.client(ask("OPTIONS", url, 1))
    talk.server(answer("200 OK", 1, "Public: OPTIONS, DESCRIBE, SETUP, PLAY"))
    talk.client(ask("DESCRIBE", url, 2, "Accept: application/sdp"))
    talk.server(answer("401 Unauthorized", 2, 'WWW-Authenticate: Digest realm="IP Camera(C1234)", nonce="ab12", stale="FALSE"', 'WWW-Authenticate: Basic realm="IP Camera(C1234)"'))
    credentials = 'Authorization: Digest username="viewer", realm="IP Camera(C1234)", nonce="ab12", uri="/", response="0123456789abcdef0123456789abcdef"'
    talk.client(ask("DESCRIBE", url, 3, credentials))
    talk.server(answer("200 OK", 3, body=description("Media Presentation")))
    talk.client(ask("PLAY", url, 4, credentials))
    talk.server(answer("200 OK", 4))
    media(talk)
with capture.tcp(recorder, 50102, basic, 554) as talk:
    url = "rtsp://10.96.0.2/axis-media/media.amp"
    token = base64.b64encode(b"root:LABSECRET-rtsp").decode()
    talk.client(ask("DESCRIBE", url, 1, f"Authorization: Basic {token}"))
    talk.server(answer("200 OK", 1, "Server: GStreamer RTSP server", body=description("Session streamed with GStreamer")))
with capture.tcp(recorder, 50103, open_, 8554) as talk:
    url = "rtsp://10.96.0.3:8554/line3"
    talk.client(ask("DESCRIBE", url, 1))
    talk.server(answer("200 OK", 1, "Server: gortsplib", body=description("Stream")))
capture.write()

capture = Capture("rtsp/unusual-port.pcap")
open_, recorder = capture.host("00:0c:29:13:00:03", "10.96.0.3"), capture.host("d4:be:d9:13:00:12", "10.96.0.12")
with capture.tcp(recorder, 50104, open_, 15540, opened=False) as talk:
    url = "rtsp://10.96.0.3:15540/line3"
    talk.client(ask("DESCRIBE", url, 7))
    talk.server(answer("200 OK", 7, "Server: gortsplib", body=description("Stream")))
capture.write()
