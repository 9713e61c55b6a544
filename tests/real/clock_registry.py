"""An npm registry in which every package has a release of this very millisecond: what a check learned tells when it asked."""

import http.server
import json
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every name."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):  # noqa: N802, the name is http.server's
        """The packument: 1.0.0, and 1.0.NOW."""
        name = self.path.strip("/")
        versions = ["1.0.0", f"1.0.{time.time_ns() // 1_000_000}"]
        listed = {version: {"name": name, "version": version} for version in versions}
        body = json.dumps({"name": name, "dist-tags": {"latest": versions[-1]}, "versions": listed}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
