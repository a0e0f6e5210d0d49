"""`schemathesis` against /openapi.json of a real conduit-node: whatever it makes up, nothing ends in a 5xx and nothing hangs."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import node_process
from node_process import Node

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method"
# A hang takes longer than the slowest answer.
SECONDS_PER_REQUEST = 60


def run(description: str, examples: int, *more: str) -> None:
    program = Path(sys.executable).parent / "schemathesis"
    command = [program, "run", description, "--checks", CHECKS, "--max-examples", str(examples), "--seed", "1", "--workers", "2",
               "--phases", "examples,coverage,fuzzing", "--request-timeout", str(SECONDS_PER_REQUEST), *more]
    assert subprocess.run(command, timeout=280).returncode == 0


def idle_and_healthy(node: Node) -> None:
    assert '"ok"' in node.get("/health")
    node_process.eventually("idle", lambda: node.metric("conduit_open_streams") == 0 and node.metric("conduit_kv_pages_used") == 0)


def survives_what_it_makes_up(node: Node) -> None:
    """every check on every path, as the node describes itself"""
    run(node.url + "/openapi.json", 5)
    idle_and_healthy(node)


def survives_it_in_the_name_of_its_model(node: Node) -> None:
    """the same with the model's name given, so that requests reach the engine"""
    description = json.loads(node.get("/openapi.json"))
    for path in description["paths"].values():
        for operation in path.values():
            if body := operation.get("requestBody"):
                body["content"]["application/json"]["schema"]["properties"]["model"] = {"const": "test"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.json"
        file.write_text(json.dumps(description))
        run(str(file), 12, "--url", node.url)
    idle_and_healthy(node)


if __name__ == "__main__":
    node_process.run([survives_what_it_makes_up, survives_it_in_the_name_of_its_model], node_process.arguments(), "--max-model-len", "128")
