"""A media server of GStreamer's (gst-rtsp-server, record mode, RTSP over TLS, Digest): decodes what is published and writes small grey pictures.

Arguments: PORT CERTIFICATE KEY USER PASSWORD SIDE. Writes raw pictures of SIDE x SIDE bytes to stdout, and a line to stderr when it listens.
"""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

port, certificate, key, user, password, side = sys.argv[1:]
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
auth = GstRtspServer.RTSPAuth()
auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(certificate, key))
token = GstRtspServer.RTSPToken()
token.set_string("media.factory.role", "board")
auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
auth.add_digest(user, password, token)
server.set_auth(auth)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
factory.set_latency(100)
factory.set_launch(
    "( rtph264depay name=depay0 ! h264parse ! avdec_h264 ! videoconvert ! videoscale"
    f" ! video/x-raw,format=GRAY8,width={side},height={side} ! fdsink fd=1 sync=false )"
)
permissions = GstRtspServer.RTSPPermissions()
permissions.add_permission_for_role("board", "media.factory.access", True)
permissions.add_permission_for_role("board", "media.factory.construct", True)
factory.set_permissions(permissions)
server.get_mount_points().add_factory("/almere/613", factory)
if server.attach(None) == 0:
    sys.exit(f"port {port} of 127.0.0.1 is taken")
print("listening", file=sys.stderr, flush=True)
GLib.MainLoop().run()
