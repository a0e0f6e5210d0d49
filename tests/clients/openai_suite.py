"""The real `openai` package against a real conduit-node: what its users do, and what goes wrong for them."""

import asyncio
import json
import re
import threading
import time
from pathlib import Path

import openai

import node_process
from node_process import Node, eventually

CHAT = [{"role": "user", "content": "Why is the sky blue? Answer in one sentence."}]


def client_of(node: Node) -> openai.OpenAI:
    return openai.OpenAI(base_url=node.url + "/v1", api_key="none", max_retries=0)


def refused(kind: type, call, **fields) -> openai.APIStatusError:
    try:
        call(**fields)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected for {fields}")


def lists_the_model(node: Node) -> None:
    """models.list and models.retrieve; an unknown model is NotFoundError"""
    client = client_of(node)
    assert [model.id for model in client.models.list()] == ["test"]
    assert client.models.retrieve("test").object == "model"
    assert refused(openai.NotFoundError, client.models.retrieve, model="nobody").code == "model_not_found"


def answers_a_chat(node: Node) -> None:
    """chat.completions.create, whole: role, text, usage, finish_reason"""
    answer = client_of(node).chat.completions.create(model="test", messages=CHAT, max_tokens=24, temperature=0)
    choice = answer.choices[0]
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-")
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert 0 < answer.usage.completion_tokens <= 24
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    print("    ", repr(choice.message.content))


def streams_the_same_chat(node: Node) -> None:
    """stream=True gives the same text piece by piece, then the usage"""
    client = client_of(node)
    fields = dict(model="test", messages=CHAT, max_tokens=24, temperature=0)
    whole = client.chat.completions.create(**fields)
    events = list(client.chat.completions.create(**fields, stream=True, stream_options={"include_usage": True}))
    assert events[0].choices[0].delta.role == "assistant"
    assert "".join(event.choices[0].delta.content or "" for event in events[:-1]) == whole.choices[0].message.content
    assert events[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert events[-1].choices == [] and events[-1].usage == whole.usage
    assert len(events) > 5


def repeats_with_a_seed(node: Node) -> None:
    """equal seeds give equal texts, n choices differ"""
    fields = dict(model="test", messages=CHAT, max_tokens=24, temperature=1, seed=7, n=3)
    first, second = (client_of(node).chat.completions.create(**fields) for _ in range(2))
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in second.choices]
    assert len(set(texts)) > 1, texts


def completes_texts_and_tokens(node: Node) -> None:
    """completions: a string, its token ids, a list of either, echo; token ids come back"""
    client = client_of(node)
    status, tokens = node.post("/tokenize", {"model": "test", "prompt": "Once upon a time"})
    assert status == 200 and tokens["count"] == len(tokens["tokens"]) and tokens["max_model_len"] > 0
    assert node.post("/detokenize", {"model": "test", "tokens": tokens["tokens"]})[1]["prompt"].endswith("Once upon a time")
    fields = dict(model="test", max_tokens=8, temperature=0)
    text = client.completions.create(prompt="Once upon a time", **fields).choices[0].text
    by_ids = client.completions.create(prompt=tokens["tokens"], **fields, extra_body={"return_token_ids": True}).choices[0]
    assert by_ids.text == text
    assert by_ids.prompt_token_ids == tokens["tokens"] and 0 < len(by_ids.token_ids) <= 8
    many = client.completions.create(prompt=["Once upon a time", "The"], **fields)
    assert [choice.index for choice in many.choices] == [0, 1] and many.choices[0].text == text
    echoed = client.completions.create(prompt="Once upon a time", echo=True, **fields)
    assert echoed.choices[0].text == "Once upon a time" + text
    streamed = client.completions.create(prompt="Once upon a time", stream=True, **fields)
    assert "".join(event.choices[0].text for event in streamed) == text


def gives_logprobs(node: Node) -> None:
    """logprobs of chat (with bytes) and of completions; greedy takes the likeliest"""
    client = client_of(node)
    chat = client.chat.completions.create(
        model="test", messages=CHAT, max_tokens=6, temperature=0, logprobs=True, top_logprobs=3
    )
    content = chat.choices[0].logprobs.content
    assert 0 < len(content) <= 6
    for token in content:
        best = token.top_logprobs
        assert len(best) == 3 and best[0].token == token.token and token.logprob <= 0
        assert best[0].logprob >= best[1].logprob >= best[2].logprob
    old = client.completions.create(model="test", prompt="The", max_tokens=6, temperature=0, logprobs=2)
    logprobs = old.choices[0].logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.text_offset) == len(logprobs.top_logprobs)
    assert logprobs.text_offset[0] == 0


def gives_logprobs_of_prompts(node: Node) -> None:
    """prompt_logprobs as vLLM gives them; echo with logprobs begins with the prompt's, and agrees with the answer's own"""
    client = client_of(node)
    fields = dict(model="test", prompt="Once upon a time", temperature=0, logprobs=2)
    answer = client.completions.create(max_tokens=6, **fields).choices[0]
    ids = node.post("/tokenize", {"model": "test", "prompt": "Once upon a time"})[1]["tokens"]
    alone = client.completions.create(max_tokens=6, **fields, extra_body={"prompt_logprobs": 2}).choices[0].prompt_logprobs
    assert len(alone) == len(ids) and alone[0] is None
    for token, entries in zip(ids[1:], alone[1:]):
        assert str(token) in entries and {1, 2} <= {entry["rank"] for entry in entries.values()}
    echoed = client.completions.create(max_tokens=6, echo=True, **fields).choices[0].logprobs
    assert echoed.token_logprobs[0] is None and echoed.top_logprobs[0] is None
    assert len(echoed.tokens) == len(ids) + len(answer.logprobs.tokens) == len(echoed.text_offset)
    assert echoed.tokens[len(ids) :] == answer.logprobs.tokens
    for token, entries, logprob in zip(ids[1:], alone[1:], echoed.token_logprobs[1:]):
        assert abs(entries[str(token)]["logprob"] - logprob) < 1e-4
    scored = client.completions.create(max_tokens=0, echo=True, **fields).choices[0]
    assert scored.text == "Once upon a time" and len(scored.logprobs.tokens) == len(ids)


def steers_what_is_drawn(node: Node) -> None:
    """logit_bias bans and forces a token, penalties keep a greedy answer from repeating itself"""
    client = client_of(node)
    fields = dict(model="test", prompt="Once upon a time", temperature=0, max_tokens=24, extra_body={"return_token_ids": True, "ignore_eos": True})
    free = client.completions.create(**fields).choices[0].token_ids
    banned = client.completions.create(logit_bias={str(free[0]): -100}, **fields).choices[0].token_ids
    assert free[0] not in banned
    forced = client.completions.create(logit_bias={str(free[3]): 100}, **fields).choices[0].token_ids
    assert set(forced) == {free[3]}
    varied = client.completions.create(frequency_penalty=2, presence_penalty=2, **fields).choices[0].token_ids
    assert len(set(varied)) >= len(set(free)), (varied, free)
    kept = client.completions.create(
        model="test", prompt="Once upon a time", temperature=0, max_tokens=24,
        stop=client.completions.create(**fields).choices[0].text[3:6], extra_body={"include_stop_str_in_output": True},
    ).choices[0]
    assert kept.text.endswith(kept.stop_reason), kept


def stops_where_asked(node: Node) -> None:
    """a stop string ends the text before it; a stop token id ends it too"""
    client = client_of(node)
    fields = dict(model="test", prompt="Once upon a time", temperature=0)
    free = client.completions.create(max_tokens=16, **fields, extra_body={"return_token_ids": True}).choices[0]
    stop = free.text[3:6]
    stopped = client.completions.create(max_tokens=16, stop=stop, **fields).choices[0]
    assert stopped.finish_reason == "stop" and stopped.stop_reason == stop
    assert stopped.text == free.text[: free.text.index(stop)]
    token = free.token_ids[4]
    ended = client.completions.create(
        max_tokens=16, **fields, extra_body={"stop_token_ids": [token], "return_token_ids": True}
    ).choices[0]
    assert ended.stop_reason == token and ended.token_ids == free.token_ids[: free.token_ids.index(token) + 1]


def refuses_what_is_wrong(node: Node) -> None:
    """errors arrive as the package's own exceptions, naming the field"""
    client = client_of(node)
    create = client.chat.completions.create
    refused(openai.NotFoundError, create, model="nobody", messages=CHAT)
    for field, value in [
        ("temperature", 9),
        ("max_tokens", 0),
        ("logit_bias", {"five": 1}),
        ("functions", [{"name": "f"}]),
        ("frequency_penalty", 3),
        ("messages", []),
    ]:
        error = refused(openai.BadRequestError, create, **{"model": "test", "messages": CHAT, field: value})
        assert error.param == field, (error.param, field)
    long = client.completions.create
    refused(openai.BadRequestError, long, model="test", prompt=[5] * 100_000)
    refused(openai.BadRequestError, long, model="test", prompt=[2_000_000_000])
    assert node.post("/v1/chat/completions", b'{"model": "test", ')[0] == 400
    assert node.post("/v1/nothing", {})[0] == 404
    assert node.post("/health", {})[0] == 405
    assert node.post("/v1/completions", b" " * (9 << 20))[0] == 413


def serves_many_at_once(node: Node) -> None:
    """AsyncOpenAI: 24 streams at once, each the same as alone"""
    fields = dict(model="test", max_tokens=16, temperature=0)
    prompts = [f"Number {i} is" for i in range(24)]
    alone = {p: client_of(node).completions.create(prompt=p, **fields).choices[0].text for p in prompts[:3]}

    async def stream(client: openai.AsyncOpenAI, prompt: str) -> str:
        events = await client.completions.create(prompt=prompt, stream=True, **fields)
        return "".join([event.choices[0].text async for event in events])

    async def all_of_them() -> list[str]:
        async with openai.AsyncOpenAI(base_url=node.url + "/v1", api_key="none", max_retries=0) as client:
            return await asyncio.gather(*(stream(client, prompt) for prompt in prompts))

    texts = dict(zip(prompts, asyncio.run(all_of_them())))
    assert len(texts) == 24 and all(texts[prompt] == text for prompt, text in alone.items())


def long_answer(node: Node) -> dict:
    """The fields of an answer that takes about four seconds, as far as the model's context allows."""
    client = client_of(node)
    begun = time.monotonic()
    client.completions.create(model="test", prompt="a", max_tokens=50, extra_body={"ignore_eos": True})
    rate = 50 / (time.monotonic() - begun)
    room = node.post("/tokenize", {"model": "test", "messages": CHAT})[1]
    tokens = min(int(4 * rate), room["max_model_len"] - room["count"])
    return dict(model="test", messages=CHAT, max_tokens=tokens, extra_body={"ignore_eos": True})


def frees_pages_when_a_client_leaves(node: Node) -> None:
    """a stream that is closed midway stops, and its KV pages are free"""
    eventually("idle before", lambda: node.metric("conduit_kv_pages_used") == 0)
    stream = client_of(node).chat.completions.create(**long_answer(node), stream=True)
    for _ in range(4):
        next(stream)
    assert node.metric("conduit_kv_pages_used") > 0
    assert node.metric("conduit_open_streams") == 1
    stream.close()
    eventually("pages free", lambda: node.metric("conduit_kv_pages_used") == 0)
    generated = node.metric("conduit_generation_tokens_total")
    assert node.metric("conduit_open_streams") == 0
    client_of(node).completions.create(model="test", prompt="a", max_tokens=1)
    assert node.metric("conduit_generation_tokens_total") <= generated + 1, "it went on after the client had left"


def cancels_a_whole_answer_too(node: Node) -> None:
    """a client that gives up waiting for a whole answer frees its pages as well"""
    impatient = client_of(node).with_options(timeout=0.2)
    refused(openai.APITimeoutError, impatient.chat.completions.create, **long_answer(node))
    eventually("pages free", lambda: node.metric("conduit_kv_pages_used") == 0)


def shows_what_the_dashboard_draws(node: Node) -> None:
    """after some answers /metrics has every instrument of configs/grafana-dashboard.json with every label, and vLLM's names"""
    dashboard = (Path(__file__).parents[2] / "configs" / "grafana-dashboard.json").read_text()
    text = node.get("/metrics")
    for query in (target["expr"] for panel in json.loads(dashboard)["panels"] for target in panel.get("targets", [])):
        wanted = set(re.findall(r'(\w+)=~?"', query)) | {label for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(", ")}
        for name in re.findall(r"conduit_\w+", query):
            found = re.search(rf"^{name}(?:{{(.*)}})? ", text, re.MULTILINE)
            assert found, (name, query)
            labels = set(re.findall(r'(\w+)="', found.group(1) or ""))
            assert wanted <= labels | {"instance"}, (name, wanted, labels)  # Prometheus adds the instance
    vllm = ["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "time_to_first_token_seconds_bucket",
            "time_per_output_token_seconds_count", "inter_token_latency_seconds_sum", "e2e_request_latency_seconds_bucket",
            "prompt_tokens_total", "generation_tokens_total", "prefix_cache_queries_total", "prefix_cache_hits_total"]
    for name in set(re.findall(r"conduit_\w+", dashboard)) | {"vllm:" + name for name in vllm}:
        assert f"\n{name}" in text, name
    assert re.search(r'vllm:request_success_total{.*model_name="test".*} [1-9]', text)


def drains_on_sigterm(node: Node) -> None:
    """SIGTERM: the running answer finishes, new ones get 503, exit code 0"""
    idle = client_of(node)
    idle.models.list()  # a connection that is there before
    stream = client_of(node).chat.completions.create(**long_answer(node), stream=True)
    reasons: list[str | None] = []
    reader = threading.Thread(target=lambda: reasons.extend(event.choices[0].finish_reason for event in stream))
    reader.start()
    begun = time.monotonic()
    node.terminate()
    eventually("drain begun", lambda: any("draining" in line for line in node.log))
    error = refused(openai.InternalServerError, idle.completions.create, model="test", prompt="a")
    assert error.status_code == 503 and error.response.headers["retry-after"]
    reader.join(timeout=120)
    assert reasons and reasons[-1] == "length", reasons[-3:]
    assert node.wait() == 0
    print(f"     drained in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    node_process.run(
        [
            lists_the_model,
            answers_a_chat,
            streams_the_same_chat,
            repeats_with_a_seed,
            completes_texts_and_tokens,
            gives_logprobs,
            gives_logprobs_of_prompts,
            steers_what_is_drawn,
            stops_where_asked,
            refuses_what_is_wrong,
            serves_many_at_once,
            frees_pages_when_a_client_leaves,
            cancels_a_whole_answer_too,
            shows_what_the_dashboard_draws,
            drains_on_sigterm,
        ],
        node_process.arguments(),
    )
