"""Two nodes on one machine serve one model between them; the client sees no difference, until one of them dies."""

import json
import re
import subprocess
import sys
import tempfile
import urllib.request

import node_process
from node_process import Node, eventually


def endpoint(node: Node) -> str:
    found = [match.group(1) for line in node.log if (match := re.search(r"nodes=(tcp://\S+)", line))]
    assert found, "the node did not say where other nodes reach it:\n" + "".join(node.log)
    return found[0]


def chat(node: Node, question: str, **fields) -> tuple[int, dict]:
    messages = [{"role": "user", "content": question}]
    return node.post("/v1/chat/completions", {"model": "test", "messages": messages, "temperature": 0, "max_tokens": 8, **fields})


def generated(node: Node) -> float:
    return node.metric("conduit_generation_tokens_total")


def answers_come_from_both(first: Node, second: Node) -> None:
    """requests to either node are answered by both in turn, with the same tokens"""
    eventually("both replicas at the first node", lambda: any("local=false" in line for line in first.log))
    eventually("both replicas at the second node", lambda: any("local=false" in line for line in second.log))
    for asked in (first, second):
        before = [generated(first), generated(second)]
        answers = [chat(asked, "Say something.") for _ in range(4)]
        assert all(status == 200 for status, _ in answers), answers
        assert len({answer["choices"][0]["message"]["content"] for _, answer in answers}) == 1
        made = [generated(first) - before[0], generated(second) - before[1]]
        assert made[0] == made[1] > 0, made
        print(f"     asked one node four times: tokens made by each {made}")


def streams_across(first: Node, second: Node) -> None:
    """a stream from the other node arrives event by event and ends with [DONE]"""
    body = {"model": "test", "messages": [{"role": "user", "content": "Go on."}], "max_tokens": 16, "temperature": 0, "stream": True,
            "ignore_eos": True}
    texts = set()
    for _ in range(2):  # one of the two is remote
        request = urllib.request.Request(first.url + "/v1/chat/completions", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as response:
            events = [line[6:].strip() for line in response.read().decode().splitlines() if line.startswith("data: ")]
        assert events[-1] == "[DONE]" and len(events) > 3, events
        texts.add("".join(json.loads(event)["choices"][0]["delta"].get("content", "") for event in events[:-1]))
    assert len(texts) == 1, texts


def tokenizes_anywhere(first: Node, second: Node) -> None:
    """/tokenize gives the same ids whichever replica answers"""
    answers = [first.post("/tokenize", {"model": "test", "prompt": "Hello there."}) for _ in range(2)]
    assert answers[0] == answers[1] and answers[0][0] == 200, answers


def sampling_crosses(first: Node, second: Node) -> None:
    """every sampling field reaches the other node, and the prompt's log-probabilities come back"""
    body = {"model": "test", "prompt": "Hello there.", "max_tokens": 12, "seed": 5, "temperature": 1.2, "top_k": 40, "top_p": 0.95, "min_p": 0.01,
            "typical_p": 0.95, "frequency_penalty": 0.5, "presence_penalty": 0.5, "repetition_penalty": 1.2, "logit_bias": {"70": 3},
            "logprobs": 2, "echo": True, "prompt_logprobs": 2, "ignore_eos": True}
    before = [generated(first), generated(second)]
    answers = [first.post("/v1/completions", body) for _ in range(2)]
    assert all(status == 200 for status, _ in answers), answers
    one, other = (answer["choices"][0] for _, answer in answers)
    assert one == other and one["prompt_logprobs"][0] is None and len(one["prompt_logprobs"]) > 2, (one, other)
    assert generated(first) > before[0] and generated(second) > before[1], "one node made both"


def a_program_joins(first: Node, second: Node) -> None:
    """the C++ client's example asks through a node's endpoint"""
    answer = subprocess.run([options.example, endpoint(first), "test", "Hello!"], capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0 and answer.stdout.strip(), answer
    print("    ", repr(answer.stdout[:60]))


def outlives_a_death(first: Node, second: Node) -> None:
    """a node that is killed is one replica less: the other goes on, and no request hangs"""
    second.process.kill()
    for _ in range(6):  # until it is known to be gone, a request sent to it ends with a typed error
        status, answer = chat(first, "Still there?")
        assert status in (200, 503), (status, answer)
    eventually("only the living node is asked", lambda: all(chat(first, "And now?")[0] == 200 for _ in range(2)))

    def departed() -> list[dict]:
        return [node for node in first.status()["nodes"] if node["state"] == "left"]

    eventually("it is said to have left", departed)
    assert [node["address"] for node in departed()] == [second.endpoint] and departed()[0]["reason"] == "does not answer", departed()


if __name__ == "__main__":
    options = node_process.arguments()
    checks = [answers_come_from_both, streams_across, tokenizes_anywhere, sampling_crosses, a_program_joins, outlives_a_death]
    with tempfile.TemporaryDirectory() as folder:
        model = node_process.model_path(options, folder)
        first = Node(options.node, model, "--listen", "tcp://127.0.0.1:0")
        second = Node(options.node, model, "--join", endpoint(first))
        try:
            for check in checks:
                print(f"{check.__name__}: {check.__doc__}", flush=True)
                check(first, second)
            first.terminate()
            assert first.wait() == 0
        except BaseException:
            for node in (first, second):
                print("a node's log:\n" + "".join(node.log[-40:]), file=sys.stderr)
            raise
        finally:
            first.process.kill()
            second.process.kill()
    print(f"{len(checks)} checks passed")
