"""Embeddings and reranking by a real encoder: the `openai` package and plain HTTP, at one node and through another."""

import math
import struct
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai

import node_process
from node_process import Node, eventually
from pooling_models import cross_encoder, encoder

SENTENCES = [
    "A cat sat on the mat.",
    "A kitten is resting on a rug.",
    "The stock market fell sharply today.",
]
# Of the first two and of the first and third; from sentence-transformers' own pipeline in float32.
SIMILARITIES = [0.62113106, 0.07742063]
DOCUMENTS = ["The capital of France is Paris.", "Bread is baked in an oven.", "Paris lies on the Seine.", "A dog barks."]


def client_of(node: Node) -> openai.OpenAI:
    return openai.OpenAI(base_url=node.url + "/v1", api_key="none", max_retries=0)


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def embeds_texts(node: Node) -> None:
    """embeddings.create: a list, in order, with usage; similarities are the model's"""
    answer = client_of(node).embeddings.create(model="embed", input=SENTENCES)
    vectors = [item.embedding for item in answer.data]
    assert [item.index for item in answer.data] == [0, 1, 2] and {len(vector) for vector in vectors} == {384}
    for vector, expected in zip(vectors[1:], SIMILARITIES):
        assert abs(cosine(vectors[0], vector) - expected) < 0.01, (cosine(vectors[0], vector), expected)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 9 + 10 + 9, answer.usage


def embeds_alike_however_it_is_asked(node: Node) -> None:
    """a string, a list, token ids, float and base64 give the same numbers, alone and among 300 others"""
    create = client_of(node).embeddings.create
    alone = create(model="embed", input=SENTENCES[0]).data[0].embedding  # the package asks for base64 and unpacks it
    decimal = create(model="embed", input=SENTENCES[0], encoding_format="float").data[0].embedding
    assert list(struct.unpack(f"<{len(decimal)}f", struct.pack(f"<{len(decimal)}f", *decimal))) == list(alone)
    tokens = node.post("/tokenize", {"model": "embed", "prompt": SENTENCES[0]})[1]["tokens"]
    assert create(model="embed", input=tokens).data[0].embedding == alone
    assert create(model="embed", input=[tokens]).data[0].embedding == alone
    many = create(model="embed", input=[SENTENCES[i % 3] for i in range(300)]).data
    assert len(many) == 300 and all(item.embedding == alone for item in many[::3])
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: create(model="embed", input=SENTENCES[0]).data[0].embedding == alone, range(32)))


def reranks_documents(node: Node) -> None:
    """/v1/rerank, /rerank: best first, each document's score the same alone; top_n; return_documents"""
    query = {"model": "rank", "query": "What is the capital of France?"}
    status, answer = node.post("/v1/rerank", {**query, "documents": DOCUMENTS})
    assert status == 200, answer
    scores = [result["relevance_score"] for result in answer["results"]]
    assert sorted(scores, reverse=True) == scores and len(set(scores)) == 4 and all(0 < score < 1 for score in scores)
    for result in answer["results"]:
        assert result["document"]["text"] == DOCUMENTS[result["index"]]
        alone = node.post("/rerank", {**query, "documents": [{"text": DOCUMENTS[result["index"]]}]})[1]["results"][0]
        assert alone["relevance_score"] == result["relevance_score"]
    assert answer["usage"]["total_tokens"] > 40
    short = node.post("/v1/rerank", {**query, "documents": DOCUMENTS, "top_n": 2, "return_documents": False})[1]["results"]
    assert short == [{k: result[k] for k in ("index", "relevance_score")} for result in answer["results"][:2]]


def refuses_what_a_model_is_not_made_for(node: Node) -> None:
    """each model is asked for what it can; what does not fit is refused with its length"""
    create = client_of(node).embeddings.create
    for fields in (
        dict(model="rank", input="a"),
        dict(model="test", input="a"),
        dict(model="embed", input="word " * 600),
        dict(model="embed", input="a", dimensions=64),
        dict(model="embed", input=[]),
    ):
        try:
            create(**fields)
        except openai.BadRequestError as error:
            print("    ", error.message[:110])
        else:
            raise AssertionError(f"taken: {fields['model']}")
    assert node.post("/v1/rerank", {"model": "embed", "query": "a", "documents": ["b"]})[0] == 400
    assert node.post("/v1/completions", {"model": "embed", "prompt": "a"})[0] == 400
    assert node.post("/v1/embeddings", {"model": "nobody", "input": "a"})[0] == 404


def tells_its_tasks(node: Node) -> None:
    """/status names what each model is for"""
    models = {model["name"]: model["task"] for model in node.status()["models"]}
    assert models == {"test": "generate", "embed": "embed", "rank": "rerank"}, models


def answers_through_another_node(node: Node) -> None:
    """a node that joined and has no such model embeds at the first one, bit for bit"""
    with tempfile.TemporaryDirectory() as folder:
        other = Node(options.node, node_process.model_path(options, folder), "--join", node.endpoint)
        try:
            eventually("the other's models are known", lambda: '"rank"' in other.get("/v1/models") and '"embed"' in other.get("/v1/models"))
            there = client_of(other).embeddings.create(model="embed", input=SENTENCES).data
            here = client_of(node).embeddings.create(model="embed", input=SENTENCES).data
            assert [item.embedding for item in there] == [item.embedding for item in here]
            question = {"model": "rank", "query": "Paris?", "documents": DOCUMENTS}
            assert other.post("/v1/rerank", question)[1]["results"] == node.post("/v1/rerank", question)[1]["results"]
            replicas = {r["model"]: r for r in other.status()["replicas"] if not r["local"]}
            assert replicas["embed"]["node"] == node.endpoint, replicas
        finally:
            other.process.kill()


if __name__ == "__main__":
    options = node_process.arguments()
    with tempfile.TemporaryDirectory() as made:
        rank = cross_encoder(Path(made))
        node_process.run(
            [
                embeds_texts,
                embeds_alike_however_it_is_asked,
                reranks_documents,
                refuses_what_a_model_is_not_made_for,
                tells_its_tasks,
                answers_through_another_node,
            ],
            options,
            "--model", f"embed={encoder()}", "--model", f"rank={rank}", "--listen", "tcp://127.0.0.1:0",
        )
