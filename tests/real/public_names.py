"""Public hosts on this machine: `public_names.py PORT CERTIFICATE KEY DIRECTORY`.

A proxy that ends TLS itself and serves each host from a folder of its name, so that a lock file names pypi.org and not a
port of today; what a folder does not hold is not found, and nothing leaves this machine. Under `github.com` lie bare
repositories, for which `git http-backend` answers. Without a proxy, the same server gives the folder of `pypi.org`.
"""

import http.server
import os
import pathlib
import ssl
import subprocess
import sys
import urllib.parse

from static_server import Files

SIMPLE = "application/vnd.pypi.simple.v1+json"


class Hosts(Files):
    """One connection: first to the proxy, then to the host that was asked for."""

    host = "pypi.org"

    def do_CONNECT(self):
        self.host = self.path.rpartition(":")[0]
        self.send_response(200)
        self.end_headers()
        self.connection = CONTEXT.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def translate_path(self, path):
        self.directory = str(ROOT / self.host)
        return super().translate_path(path)

    def do_GET(self):
        if self.host == "github.com":
            return self.git(b"")
        address = urllib.parse.urlsplit(self.path)
        if address.path.startswith("/simple/"):
            path = pathlib.Path(self.translate_path(address.path)) / "index.json"
            return self.answer(200, path.read_bytes(), SIMPLE) if path.is_file() else self.answer(404, b"", "text/plain")
        return super().do_GET()

    def do_POST(self):
        self.git(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def git(self, body):
        address = urllib.parse.urlsplit(self.path)
        variables = {
            "GIT_PROJECT_ROOT": str(ROOT / "github.com"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": address.path,
            "QUERY_STRING": address.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env={**os.environ, **variables}, capture_output=True, check=False)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.answer(int(fields.get("Status", "200").split()[0]), body, fields.get("Content-Type"))


if __name__ == "__main__":
    port, certificate, key = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    ROOT = pathlib.Path(sys.argv[4])
    CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CONTEXT.load_cert_chain(certificate, key)
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Hosts).serve_forever()
