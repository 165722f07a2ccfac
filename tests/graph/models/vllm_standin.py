"""Plays vLLM's part towards the supervisor: its arguments, its environment, its interfaces, and how it dies.

vLLM needs an environment of its own and minutes; what is under test here is what *we* do around it. The real one is
exercised by `test_vllm.py` where GRISTMILL_VLLM_PYTHON names an interpreter, and by hand in docs/models.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

parser = argparse.ArgumentParser()
parser.add_argument("-m", dest="module")
parser.add_argument("--model")
parser.add_argument("--served-model-name")
parser.add_argument("--host")
parser.add_argument("--port", type=int)
parser.add_argument("--enable-lora", action="store_true")
parser.add_argument("--max-lora-rank", type=int)
parser.add_argument("--enable-sleep-mode", action="store_true")
parser.add_argument("--no-enable-chunked-prefill", action="store_true")
parser.add_argument("--standin", default="", help="die-at-start, never-ready, die-on-call")
options = parser.parse_args()

adapters: dict[str, float] = {}
asleep = False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        print(self.command, self.path, flush=True)

    def do_GET(self) -> None:
        if self.path == "/health":
            return self.send(200 if options.standin != "never-ready" else 503, {})
        # As vLLM lists them: adapters tell no context of their own.
        base = {"id": options.served_model_name, "max_model_len": 2048, "parent": None}
        loaded = [{"id": name, "max_model_len": None, "parent": base["id"]} for name in adapters]
        return self.send(200, {"data": [base, *loaded]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != f"Bearer {os.environ['VLLM_API_KEY']}":
            return self.send(401, {"error": {"message": "Unauthorized"}})
        if self.path == "/v1/load_lora_adapter":
            config = json.loads((Path(body["lora_path"]) / "adapter_config.json").read_text())
            if not options.enable_lora or config["r"] > options.max_lora_rank:
                return self.send(400, {"error": {"message": "LoRA rank is greater than max_lora_rank"}})
            adapters[body["lora_name"]] = config["effect"]
            return self.send(200, {})
        if self.path == "/v1/unload_lora_adapter":
            return self.send(200 if adapters.pop(body["lora_name"], None) is not None else 404, {})
        if self.path in {"/sleep?level=1", "/wake_up"}:
            global asleep
            asleep = self.path != "/wake_up"
            return self.send(200 if options.enable_sleep_mode and os.environ.get("VLLM_SERVER_DEV_MODE") else 404, {})
        if asleep:
            os._exit(1)  # the real one has no weights then
        if self.path == "/v1/completions":
            shift = adapters.get(body["model"], 0.0)
            row = {" a": -0.5 - shift, " b": -1.5}
            return self.send(200, {"choices": [{"text": " a", "logprobs": {"top_logprobs": [row]}}]})
        if options.standin == "die-on-call":
            print("CUDA error: device-side assert triggered", flush=True)
            os._exit(1)
        message = {"role": "assistant", "content": f"from {body['model']}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return self.send(200, {"id": "x", "model": body["model"], "choices": [choice], "usage": usage})

    def send(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


print("arguments:", json.dumps(sys.argv[1:]), flush=True)
print("environment:", json.dumps({name: os.environ[name] for name in os.environ if "PYTHON" in name}), flush=True)
# As vLLM's engine and workers do: a child in the same session, and one that has left it.
children = [subprocess.Popen(["sleep", "1000"]), subprocess.Popen(["sleep", "1000"], start_new_session=True)]
print("pids:", os.getpid(), *(child.pid for child in children), flush=True)
if options.standin == "die-at-start":
    print("ValueError: the model's architecture is not supported", flush=True)
    sys.exit(1)
time.sleep(0.3)
ThreadingHTTPServer((options.host, options.port), Handler).serve_forever()
