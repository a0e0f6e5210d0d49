"""Models of embeddings and of reranking for the suites: all-MiniLM-L6-v2 where it was fetched, and a cross-encoder made of it."""

import json
import os
import shutil
import struct
import sys
from pathlib import Path

from node_process import SKIPPED

DEFAULT_ENCODER = "conduit/models/all-MiniLM-L6-v2"


def encoder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(os.environ.get("CONDUIT_TEST_MINILM") or cache / DEFAULT_ENCODER)
    if not path.exists():
        print(f"SKIPPED: no all-MiniLM-L6-v2 at {path} (CONDUIT_TEST_MINILM)")
        sys.exit(SKIPPED)
    return path


def cross_encoder(folder: Path) -> Path:
    """The same weights as a BertForSequenceClassification whose one label is a fixed sum of the pooler's output."""
    source, target = encoder(), folder / "cross-encoder"
    target.mkdir()
    config = json.loads((source / "config.json").read_text())
    config |= {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
    (target / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, target / name)
    hidden = config["hidden_size"]
    classifier = struct.pack(f"<{hidden}f", *(((i * 37) % 11 - 5) / 50 for i in range(hidden))) + struct.pack("<f", 0)

    data = (source / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header = {name if name.startswith(("bert.", "__")) else "bert." + name: entry for name, entry in header.items()}
    end = len(body)
    header["classifier.weight"] = {"dtype": "F32", "shape": [1, hidden], "data_offsets": [end, end + 4 * hidden]}
    header["classifier.bias"] = {"dtype": "F32", "shape": [1], "data_offsets": [end + 4 * hidden, end + 4 * hidden + 4]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (target / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body + classifier)
    return target
