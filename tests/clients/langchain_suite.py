"""`langchain-openai` against a real conduit-node: ChatOpenAI and OpenAI (completions)."""

import asyncio

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI, OpenAI

import node_process
from node_process import Node

QUESTION = [SystemMessage("You are brief."), HumanMessage("Why is the sky blue?")]


def model_of(node: Node, **fields) -> ChatOpenAI:
    return ChatOpenAI(model="test", base_url=node.url + "/v1", api_key="none", temperature=0, max_tokens=16, max_retries=0, **fields)


def invokes_and_streams_alike(node: Node) -> None:
    """invoke and stream; usage and finish reason arrive"""
    model = model_of(node, stream_usage=True)
    whole = model.invoke(QUESTION)
    assert whole.content and 0 < whole.usage_metadata["output_tokens"] <= 16
    assert whole.response_metadata["finish_reason"] in ("stop", "length")
    pieces = list(model.stream(QUESTION))
    assert "".join(piece.content for piece in pieces) == whole.content and len(pieces) > 5


def batches_asynchronously(node: Node) -> None:
    """ainvoke eight times at once, and batch, each the same as alone"""
    model = model_of(node)
    text = model.invoke(QUESTION).content

    async def all_of_them() -> list[str]:
        return [answer.content for answer in await asyncio.gather(*(model.ainvoke(QUESTION) for _ in range(8)))]

    assert asyncio.run(all_of_them()) == [text] * 8
    assert [answer.content for answer in model.batch([QUESTION] * 4)] == [text] * 4


def chains_a_prompt(node: Node) -> None:
    """a chain of a prompt template and a model; logprobs and stops pass"""
    chain = ChatPromptTemplate.from_messages([("system", "You are brief."), ("user", "{question}")]) | model_of(node)
    assert chain.invoke({"question": "Why is the sky blue?"}).content == model_of(node).invoke(QUESTION).content
    answer = model_of(node).bind(logprobs=True, top_logprobs=2).invoke(QUESTION)
    assert len(answer.response_metadata["logprobs"]["content"][0]["top_logprobs"]) == 2
    text = answer.content
    assert text[3:6] not in model_of(node).invoke(QUESTION, stop=[text[3:6]]).content


def completes_texts(node: Node) -> None:
    """OpenAI: the older interface"""
    model = OpenAI(model="test", base_url=node.url + "/v1", api_key="none", temperature=0, max_tokens=8, max_retries=0)
    text = model.invoke("Once upon a time")
    assert text and "".join(model.stream("Once upon a time")) == text


if __name__ == "__main__":
    node_process.run([invokes_and_streams_alike, batches_asynchronously, chains_a_prompt, completes_texts], node_process.arguments())
