"""Thousands of random requests over HTTP against one node: every sampling option, readers that leave midway, wrong requests.

Each gets what it should; afterwards nothing runs, nothing waits, and every page is free. CONDUIT_SOAK_REQUESTS says how many.
"""

import http.client
import json
import os
import random
import sys
import tempfile
import threading
import urllib.parse

import node_process
from node_process import Node, eventually

CLIENTS = 12  # at a time; three times what the node answers at once
FLAGS = ["--max-model-len", "512", "--max-model-concurrency", "4"]
WORDS = "the a cat dog sat on mat and then it was very blue in winter".split()
VOCABULARY = 256  # ids that any model has

# Wrong in one way each: a field, and a value that is refused with 400.
WRONG = [
    ("max_tokens", -1), ("max_tokens", 10_000), ("max_tokens", "many"), ("temperature", -1), ("temperature", 3),
    ("top_p", 0), ("top_p", 2), ("min_p", 2), ("top_k", -2), ("n", 0), ("n", 1000), ("logit_bias", {"999999999": 1}),
    ("logprobs", 99), ("stop", ["s"] * 100), ("seed", "x"), ("stream", "yes"), ("prompt", [999_999_999]), ("prompt", {}),
    ("repetition_penalty", 0), ("frequency_penalty", 9),
]


def sampling(dice: random.Random) -> dict:
    """Any of the options, in any company."""
    options = {
        "temperature": dice.choice([0, 0.3, 1, 2]),
        "top_k": dice.choice([-1, 1, 5, 40]),
        "top_p": dice.uniform(0.1, 1),
        "min_p": dice.uniform(0, 0.3),
        "typical_p": dice.uniform(0.5, 1),
        "repetition_penalty": dice.uniform(0.8, 1.5),
        "frequency_penalty": dice.uniform(-2, 2),
        "presence_penalty": dice.uniform(-2, 2),
        "logit_bias": {str(dice.randrange(VOCABULARY)): dice.uniform(-100, 5) for _ in range(dice.randrange(1, 4))},
        "seed": dice.randrange(1 << 31),
        "stop": dice.choice(["e", ["th", "zz"], " "]),
        "stop_token_ids": [dice.randrange(VOCABULARY)],
        "min_tokens": dice.randrange(1, 8),
        "ignore_eos": True,
        "n": dice.choice([1, 2, 3]),
        "return_token_ids": True,
    }
    return {name: options[name] for name in options if dice.random() < 0.3}


def text(dice: random.Random) -> str:
    return " ".join(dice.choices(WORDS, k=dice.choice([1, 5, 20, 60])))


def request(dice: random.Random) -> tuple[str, dict]:
    body = {"model": "test", "max_tokens": dice.choice([8, 20, 64]), **sampling(dice)}
    body["stream"] = dice.random() < 0.6
    if body["stream"] and dice.random() < 0.5:
        body["stream_options"] = {"include_usage": True}
    if dice.random() < 0.5:
        body["messages"] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text(dice)}]
        if dice.random() < 0.3:
            body.update(logprobs=True, top_logprobs=dice.randrange(6))
        return "/v1/chat/completions", body
    ids = [dice.randrange(VOCABULARY) for _ in range(dice.randrange(1, 80))]
    body["prompt"] = dice.choice([text(dice), ids, [text(dice), text(dice)]])
    if dice.random() < 0.3:
        body["logprobs"] = dice.randrange(6)
    if dice.random() < 0.2 and not body["stream"]:
        body["prompt_logprobs"] = dice.randrange(4)
    if dice.random() < 0.2:
        body["echo"] = True
    return "/v1/completions", body


class Client(threading.Thread):
    """One of those that ask at a time; keeps what went wrong."""

    def __init__(self, node: Node, seed: int, requests: int):
        super().__init__(daemon=True)
        self.dice = random.Random(seed)
        self.address = urllib.parse.urlsplit(node.url).netloc
        self.requests = requests
        self.counts = dict.fromkeys(("whole", "dropped", "wrong"), 0)
        self.failure = ""

    def run(self) -> None:
        for number in range(self.requests):
            path, body = request(self.dice)
            kind = self.dice.choices(["whole", "dropped", "wrong"], [6, 3, 1])[0]
            try:
                getattr(self, kind)(path, body)
            except Exception as error:
                self.failure = f"request {number}, {kind}, {path} {json.dumps(body)}: {error!r}"
                return
            self.counts[kind] += 1

    def ask(self, path: str, body: dict | bytes) -> http.client.HTTPResponse:
        self.connection = http.client.HTTPConnection(self.address, timeout=120)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request("POST", path, data, {"Content-Type": "application/json"})
        return self.connection.getresponse()

    def whole(self, path: str, body: dict) -> None:
        response = self.ask(path, body)
        text = response.read().decode()
        self.connection.close()
        assert response.status == 200, f"{response.status} {text}"
        if not body["stream"]:
            choices = json.loads(text)["choices"]
        else:
            assert text.endswith("data: [DONE]\n\n"), f"the stream ends in {text[-200:]!r}"
            events = [json.loads(line[6:]) for line in text.split("\n\n")[:-2]]
            choices = [choice for event in events for choice in event["choices"] if choice["finish_reason"]]
        prompts = len(body["prompt"]) if isinstance(body.get("prompt", [0])[0], str) and isinstance(body["prompt"], list) else 1
        assert len(choices) == prompts * body.get("n", 1), text
        assert all(choice["finish_reason"] in ("stop", "length") for choice in choices), text

    def dropped(self, path: str, body: dict) -> None:
        """The reader leaves: before the answer, or some bytes into it."""
        body["max_tokens"] = 200
        if self.dice.random() < 0.3:
            connection = http.client.HTTPConnection(self.address, timeout=120)
            connection.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
            connection.close()
            return
        response = self.ask(path, body)
        assert response.status == 200, response.read()
        response.read(self.dice.randrange(1, 2000))
        self.connection.close()

    def wrong(self, path: str, body: dict) -> None:
        name, value = self.dice.choice(WRONG)
        data: dict | bytes = {**body, name: value}
        if name == "prompt":
            data.pop("messages", None)
            path = "/v1/completions"
        if self.dice.random() < 0.2:
            data = json.dumps(body).encode()[: self.dice.randrange(1, 20)]
        response = self.ask(path, data)
        answer = response.read().decode()
        self.connection.close()
        assert response.status == 400, f"{name}={value!r}: {response.status} {answer}"
        assert json.loads(answer)["error"]["message"], answer


def soak(node: Node, requests: int) -> None:
    clients = [Client(node, seed, requests // CLIENTS) for seed in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    failures = [client.failure for client in clients if client.failure]
    assert not failures, "\n".join(failures)
    print({kind: sum(client.counts[kind] for client in clients) for kind in clients[0].counts})


def leaves_nothing(node: Node) -> None:
    for gauge in ("conduit_requests_running", "conduit_requests_waiting", "conduit_kv_pages_used"):
        eventually(f"{gauge} is 0", lambda: node.metric(gauge) == 0, seconds=60)
    assert node.metric("conduit_kv_pages_total") > 0
    status, answer = node.post("/v1/completions", {"model": "test", "prompt": "The", "max_tokens": 4, "temperature": 0})
    assert status == 200 and answer["usage"]["completion_tokens"] > 0, answer


def main() -> None:
    options = node_process.arguments()
    requests = int(os.environ.get("CONDUIT_SOAK_REQUESTS", "600"))
    with tempfile.TemporaryDirectory() as folder:
        node = Node(options.node, node_process.model_path(options, folder), *FLAGS)
        try:
            soak(node, requests)
            leaves_nothing(node)
            node.terminate()
            assert node.wait() == 0
        except BaseException:
            print("the node's log:\n" + "".join(node.log[-200:]), file=sys.stderr)
            raise
        finally:
            node.process.kill()


if __name__ == "__main__":
    main()
