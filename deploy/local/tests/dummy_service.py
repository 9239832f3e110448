"""Stands in for a service in tests of the supervision: answers /readyz, or misbehaves as its name says.

crasher     ends at once with status 7
stubborn    ignores SIGTERM
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ready = self.path == "/readyz"
        body = json.dumps({name: value for name, value in os.environ.items() if name.startswith("CALLSTREAM_")}).encode()
        self.send_response(200 if ready or self.path == "/environment" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    name = os.environ["CALLSTREAM_SERVICE"]
    if name == "crasher":
        sys.stdout.write("the crasher crashes\n")
        sys.exit(7)
    if name == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    HTTPServer((os.environ["CALLSTREAM_HTTP_HOST"], int(os.environ["CALLSTREAM_HTTP_PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    main()
