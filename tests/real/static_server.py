"""Static files for tests/real: `static_server.py PORT DIRECTORY`.

The ETag is the MD5 of the body, which is what clients of RubyGems' compact index verify; If-None-Match gives 304.
"""

import hashlib
import http.server
import os
import pathlib
import sys


class Files(http.server.SimpleHTTPRequestHandler):
    """One directory, with validators."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = pathlib.Path(self.translate_path(self.path.split("?")[0]))
        if path.is_dir():
            path = path / "index.html"
        if not path.is_file():
            return self.answer(404, b"not found\n", "text/plain")
        body = path.read_bytes()
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        if self.headers.get("If-None-Match") == tag:
            return self.answer(304, b"", None, tag)
        return self.answer(200, body, media_type(path), tag)

    def answer(self, status, body, kind, tag=None):
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        if tag:
            self.send_header("ETag", tag)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def media_type(path):
    """By name, as a plain web server would say."""
    if path.name == "json" or path.suffix == ".json":
        return "application/json"
    return {".html": "text/html; charset=utf-8", ".gz": "application/octet-stream"}.get(path.suffix, "text/plain; charset=utf-8")


if __name__ == "__main__":
    port, directory = int(sys.argv[1]), sys.argv[2]
    os.chdir(directory)
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Files).serve_forever()
