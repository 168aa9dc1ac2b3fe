"""As much of a model hub as pushing and loading ask for, on the loopback; one repository, files in memory."""

from __future__ import annotations

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHA = "a" * 40


class Hub(ThreadingHTTPServer):
    """Its address is ``http://127.0.0.1:PORT``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Silence."""

    def reply(self, data: bytes, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(data)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if not path.startswith(("/api/models/me/pose", "/me/pose/")):
            self.reply(b"{}", 404, X_Error_Code="RepoNotFound")
        elif path.startswith("/api/"):
            listing = [{"rfilename": name} for name in self.server.files]
            tree = [{"type": "file", "path": n, "size": len(d), "oid": "0"} for n, d in self.server.files.items()]
            info = {"id": "me/pose", "sha": SHA, "siblings": listing, "private": False, "tags": [], "downloads": 0}
            self.reply(json.dumps(tree if "/tree/" in path else info).encode())
        else:
            data = self.server.files.get(path.rsplit("/", 1)[1])
            etag = hashlib.sha256(data or b"").hexdigest()
            self.reply(data or b"", 200 if data else 404, ETag=f'"{etag}"', X_Repo_Commit=SHA)

    def do_POST(self) -> None:
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        body = self.chunks() if chunked else self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/create"):
            self.reply(json.dumps({"url": f"{self.server.address}/me/pose", "id": "me/pose"}).encode())
        elif "/preupload/" in self.path:
            names = [f["path"] for f in json.loads(body)["files"]]
            plan = [{"path": n, "uploadMode": "regular", "shouldIgnore": False, "oid": None} for n in names]
            self.reply(json.dumps({"files": plan}).encode())
        elif "/commit/" in self.path:
            for item in map(json.loads, body.decode().splitlines()):
                if item["key"] == "file":
                    self.server.files[item["value"]["path"]] = base64.b64decode(item["value"]["content"])
            done = {"commitUrl": f"{self.server.address}/me/pose/commit/{SHA}", "commitOid": SHA, "success": True}
            self.reply(json.dumps(done).encode())
        else:
            self.reply(b'{"errors": [], "warnings": []}')

    def chunks(self) -> bytes:
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data
