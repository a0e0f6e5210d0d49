"""The `litellm` package against a real conduit-node, by its names for OpenAI-compatible servers and for vLLM's."""

import asyncio
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the internet for prices as it is imported
import litellm

import node_process
from node_process import Node

CHAT = [{"role": "user", "content": "Why is the sky blue? Answer in one sentence."}]
FIELDS = dict(messages=CHAT, max_tokens=16, temperature=0, api_key="none", num_retries=0)


def ask(node: Node, **fields):
    return litellm.completion(**{"model": "openai/test", "api_base": node.url + "/v1", **FIELDS, **fields})


def answers_and_streams_alike(node: Node) -> None:
    """completion, whole and streamed, as `openai/` and as `hosted_vllm/`"""
    whole = ask(node)
    text = whole.choices[0].message.content
    assert text and 0 < whole.usage.completion_tokens <= 16
    assert ask(node, model="hosted_vllm/test").choices[0].message.content == text
    assert "".join(event.choices[0].delta.content or "" for event in ask(node, stream=True)) == text


def answers_asynchronously(node: Node) -> None:
    """acompletion: eight at once, streamed, the same as alone"""
    text = ask(node).choices[0].message.content

    async def one() -> str:
        fields = {"model": "openai/test", "api_base": node.url + "/v1", **FIELDS, "stream": True}
        return "".join([event.choices[0].delta.content or "" async for event in await litellm.acompletion(**fields)])

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(one() for _ in range(8)))

    assert asyncio.run(all_of_them()) == [text] * 8


def completes_texts(node: Node) -> None:
    """text_completion"""
    answer = litellm.text_completion(
        model="text-completion-openai/test", prompt="Once upon a time", max_tokens=8, temperature=0, api_base=node.url + "/v1", api_key="none"
    )
    assert answer.choices[0].text and answer.usage.completion_tokens <= 8


def raises_its_own_errors(node: Node) -> None:
    """an unknown model is NotFoundError, a wrong field BadRequestError"""
    for kind, fields in ((litellm.NotFoundError, {"model": "openai/nobody"}), (litellm.BadRequestError, {"temperature": 9})):
        try:
            ask(node, **fields)
        except kind:
            continue
        raise AssertionError(f"{kind.__name__} was expected")


if __name__ == "__main__":
    node_process.run([answers_and_streams_alike, answers_asynchronously, completes_texts, raises_its_own_errors], node_process.arguments())
