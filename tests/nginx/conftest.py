"""A real nginx with the Lua module, on a free port of the loopback, in a directory of its own."""

import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = pathlib.Path("/usr/lib/nginx/modules")

TEMPORARY = "\n".join(f"{name}_temp_path {{directory}}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))

CONF = """\
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
daemon off;
master_process on;
worker_processes {workers};
{user}
env KEVY_LIB;
env KEVY_LUA_DOOR;
error_log {directory}/error.log notice;
pid {directory}/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off;
  {temporary}
  client_body_buffer_size 1m;
  lua_package_path "{directory}/?.lua;{lua_path};;";
  lua_package_cpath "{lua_cpath};;";
  init_worker_by_lua_block {{ require("app").init_worker() }}
  server {{
    listen 127.0.0.1:{port} reuseport;
    location / {{
      content_by_lua_block {{ require("app").handle() }}
      header_filter_by_lua_block {{ require("app").filter() }}
    }}
  }}
}}
"""


def published(text, directory, port, lua_path, lua_cpath, user):
    """A configuration that people copy, as it stands but for where things are: kevy, the port, what nginx writes."""
    served = re.sub(r"(listen (?:127\.0\.0\.1:)?)\d+;", rf"listen 127.0.0.1:{port};", text)
    served = re.sub(r"load_module \S*?([^/]+;)", rf"load_module {MODULES}/\1", served)
    served = re.sub(r'lua_package_path\s+"[^"]*";', f'lua_package_path "{directory}/?.lua;{lua_path};;";', served)
    served = re.sub(r'lua_package_cpath\s+"[^"]*";', f'lua_package_cpath "{lua_cpath};;";', served)
    served = re.sub(r"^(daemon|error_log|pid) .*\n", "", served, flags=re.M)
    temporary = TEMPORARY.format(directory=directory)
    served = served.replace("http {", f"http {{\n{temporary}\naccess_log off;" if "access_log" not in served else f"http {{\n{temporary}", 1)
    return f"{served}\ndaemon off; {user} env KEVY_LIB; error_log {directory}/error.log notice; pid {directory}/nginx.pid;\n"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    """A running nginx; request() speaks HTTP to it."""

    def __init__(self, directory, workers=1, env=None, conf=None, files=(), ready="/pid"):
        self.directory, self.port = directory, free_port()
        shutil.copy(pathlib.Path(__file__).with_name("app.lua"), directory)
        path = os.environ["LUA_PATH"].rstrip(";") if "LUA_PATH" in os.environ else f"{ROOT}/lua/?.lua"
        cpath = os.environ["LUA_CPATH"].rstrip(";") if "LUA_CPATH" in os.environ else f"{ROOT}/build/luajit/?.so"
        user = "user root;" if os.geteuid() == 0 else ""
        if conf is None:
            conf = CONF.format(modules=MODULES, workers=workers, directory=directory, port=self.port, lua_path=path,
                               lua_cpath=cpath, user=user, temporary=TEMPORARY.format(directory=directory))
        else:
            conf = published(conf, directory, self.port, path, cpath, user)
        for name, text in dict(files).items():
            (directory / name).write_text(text)
        (directory / "nginx.conf").write_text(conf)
        self.process = subprocess.Popen(
            ["nginx", "-p", str(directory), "-c", str(directory / "nginx.conf"),
             "-e", str(directory / "error.log")], env={**os.environ, **(env or {})})
        self.wait(lambda: self.request("GET", ready)[0] == 200)

    def log(self):
        return (self.directory / "error.log").read_text()

    def wait(self, condition, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except OSError:
                assert self.process.poll() is None, self.log()
            time.sleep(0.05)
        raise AssertionError("nginx did not get there:\n" + self.log())

    def request(self, method, path, body=None):
        """(status, text) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read().decode("latin-1")
        finally:
            connection.close()

    def reload(self):
        """SIGHUP to a server of one worker; returns when the old one is gone and the new one answers."""
        before = self.request("GET", "/pid")[1]
        self.process.send_signal(signal.SIGHUP)
        self.wait(lambda: not os.path.exists(f"/proc/{before}"))
        self.wait(lambda: self.request("GET", "/pid")[1] != before)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@pytest.fixture
def start(tmp_path):
    """Starts servers, stops them all, and reads what they logged: nothing bad."""
    running = []

    def starter(**options):
        directory = tmp_path / f"nginx{len(running)}"
        directory.mkdir()
        running.append(Nginx(directory, **options))
        return running[-1]

    yield starter
    for server in running:
        assert server.stop() == 0
        for word in ("[error]", "[alert]", "[crit]", "[emerg]", "exited on signal"):
            assert word not in server.log(), server.log()


@pytest.fixture
def server(start):
    return start()
