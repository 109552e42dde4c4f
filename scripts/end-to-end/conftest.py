"""Starts one martlet server for the session on a free loopback port."""

import os
import socket
import subprocess
import threading
import time

import httpx
import openai
import pytest


class Server:
    """A running server process and its log."""

    def __init__(self, *arguments: str):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        command = [os.environ["MARTLET_BINARY"], "serve", "--model-path", os.environ["MARTLET_MODEL"]]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self.log = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.log.append(line)

    def wait_until_ready(self, seconds: float = 60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError("the server stopped:\n" + "".join(self.log))
            try:
                if httpx.get(self.url + "/ready").status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise RuntimeError("the server is not ready:\n" + "".join(self.log))

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def internal_state(self) -> dict:
        return httpx.get(self.url + "/server_info").json()["internal_states"][0]

    def wait_until_idle(self, seconds: float = 20) -> dict:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.internal_state()
            if state["num_running_reqs"] == 0 and state["num_queue_reqs"] == 0 and state["leased_pages"] == 0:
                return state
            time.sleep(0.02)
        raise AssertionError(f"the engine did not become idle: {state}")


@pytest.fixture(scope="session")
def server():
    server = Server().wait_until_ready()
    yield server
    assert server.stop() == 0, "".join(server.log[-20:])


@pytest.fixture(scope="session")
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


@pytest.fixture
def raw(server):
    with httpx.Client(base_url=server.url, timeout=60) as http:
        yield http
