"""The `conduit` program from outside: tokenize, detokenize, render, inspect, quantize, schema. Exit codes, exact bytes, errors with
their place; over the tiny model, the project's own tokenizers and templates, and the shared reference data where it is there."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--conduit", required=True, help="the conduit program")
OPTIONS.add_argument("--tiny-model-file", required=True, help="the program that writes the tiny model")
options = OPTIONS.parse_args()
SOURCE = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CONDUIT_SHARED_DIR") or SOURCE.parent / "shared")
tiny = ""  # path of the tiny model


def conduit(*arguments: str, stdin: object = None, raw: bytes | None = None) -> tuple[int, bytes, str]:
    """Exit code, stdout, stderr."""
    given = raw if raw is not None else json.dumps(stdin, ensure_ascii=False).encode("utf-8", "surrogatepass")
    done = subprocess.run([options.conduit, *arguments], input=given, capture_output=True, timeout=120)
    return done.returncode, done.stdout, done.stderr.decode()


def succeeds(*arguments: str, stdin: object = None) -> bytes:
    code, out, err = conduit(*arguments, stdin=stdin)
    assert code == 0, (arguments, code, err)
    return out


def fails(*arguments: str, code: int = 1, stdin: object = None, raw: bytes | None = None) -> str:
    """The one line of the error."""
    found, out, err = conduit(*arguments, stdin=stdin, raw=raw)
    assert found == code and out == b"", (arguments, found, out, err)
    if code == 1:
        assert re.fullmatch(r"error: [^\n]+\n", err), err
    return err


def golden(kind: str) -> list[Path]:
    folders = [SOURCE / "tests/golden/own" / kind, SHARED / "golden" / kind]
    return [folder for folder in folders if folder.is_dir()]


def texts_survive_tokenizing_and_detokenizing() -> None:
    """what tokenize makes of texts detokenize turns back, from a GGUF file"""
    texts = ["Hello, world!", "", "  two  spaces\n", "ünïcödé 🙂 \u0000", "<|im_end|>"]
    ids = json.loads(succeeds("tokenize", "--no-special", "--tokenizer", tiny, stdin=texts))
    assert all(isinstance(id, int) for row in ids for id in row) and ids[1] == [], ids
    assert json.loads(succeeds("detokenize", "--tokenizer", tiny, stdin=ids)) == texts
    skipped = json.loads(succeeds("detokenize", "--skip-special", "--tokenizer", tiny, stdin=ids))
    assert skipped == texts[:-1] + [""], skipped
    assert succeeds("tokenize", "--tokenizer", tiny, stdin=[]) == b"[]\n"


def tokenizers_of_references_are_met() -> None:
    """every reference tokenizer's file encodes and decodes as its reference says"""
    for folder in golden("tokenizers"):
        for file in sorted(folder.glob("*/tokenizer.json")):
            reference = json.loads((folder / f"{file.parent.name}.golden.json").read_text())
            cases = reference["encode"]
            texts = [case["text"] for case in cases]
            plain = json.loads(succeeds("tokenize", "--no-special", "--tokenizer", str(file), stdin=texts))
            special = json.loads(succeeds("tokenize", "--tokenizer", str(file.parent), stdin=texts))
            decoded = json.loads(succeeds("detokenize", "--tokenizer", str(file), stdin=[case["ids"] for case in cases]))
            for case, ids, with_special, text in zip(cases, plain, special, decoded, strict=True):
                assert ids == case["ids"], (file, case["text"], ids, case["ids"])
                assert with_special == case.get("ids_with_special", case["ids"]), (file, case["text"], with_special)
                expected = case["text"] if case["decoded"] == "=" else case["decoded"]
                assert text == expected, (file, case["ids"], text, expected)
            print(f"     {file.parent.name}: {len(cases)} texts")


def sentencepiece_models_are_met() -> None:
    """every reference tokenizer.model encodes as sentencepiece, which takes the spelling of a special token for text"""
    for folder in golden("tokenizers"):
        for file in sorted(folder.glob("*/tokenizer.model")):
            cases = json.loads((folder / f"{file.parent.name}.sentencepiece.golden.json").read_text())["encode"]
            cases = [case for case in cases if "<" not in case["text"]]
            found = json.loads(succeeds("tokenize", "--no-special", "--tokenizer", str(file), stdin=[case["text"] for case in cases]))
            for case, ids in zip(cases, found, strict=True):
                assert ids == case["ids"], (file, case["text"], ids, case["ids"])
            print(f"     {file.parent.name}: {len(cases)} texts")


def templates_of_references_are_met() -> None:
    """every reference template renders as its reference says, byte for byte; what the reference refuses fails"""
    for folder in golden("chat_templates"):
        reference = json.loads((folder / "chat_templates.json").read_text())
        rendered = 0
        for template in reference["templates"].values():
            for result in template["results"]:
                case = reference["cases"][result["case"]]
                given = {key: case[key] for key in ("messages", "tools", "add_generation_prompt") if key in case}
                given |= {"bos_token": template["bos_token"], "eos_token": template["eos_token"], "now": reference["now"]}
                given |= case.get("extra") or {}
                code, out, err = conduit("render", "--template", str(folder / template["file"]), stdin=given)
                if "expected" in result:
                    assert (code, out.decode()) == (0, result["expected"]), (template["file"], case, out.decode(), err)
                else:
                    assert code == 1 and out == b"", (template["file"], case, out)
                    if result["error_kind"] == "raised by template":
                        assert result["error"] in err, (result["error"], err)
                rendered += 1
        print(f"     {rendered} conversations")


def rendering_is_exact() -> None:
    """a prompt has no newline added; variables, defaults and the frozen clock reach the template"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jinja"
        path.write_text("{{ bos_token }}|{{ tools is none }}|{{ add_generation_prompt }}|{{ extra.b }}|{{ strftime_now('%d %b %Y %T') }}")
        given = {"messages": [], "bos_token": "<s>", "extra": {"b": "ü\n"}, "now": "2026-01-15T12:34:56"}
        out = succeeds("render", "--template", str(path), stdin=given).decode()
        assert out == "<s>|True|False|ü\n|15 Jan 2026 12:34:56", out
        assert "now is" in fails("render", "--template", str(path), stdin={"now": "yesterday"})
        config = {"chat_template": "{{ bos_token }}{{ eos_token }}{{ messages[0].content }}", "bos_token": "<a>", "eos_token": {"content": "<b>"}}
        (Path(folder) / "tokenizer_config.json").write_text(json.dumps(config))
        for name in ("", "tokenizer_config.json"):
            Path(path).unlink(missing_ok=True)
            given = {"messages": [{"role": "user", "content": "x"}], "eos_token": "<c>"}
            assert succeeds("render", "--template", str(Path(folder) / name), stdin=given) == b"<a><c>x"
    given = {"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": True}
    prompt = succeeds("render", "--template", tiny, stdin=given)
    assert prompt == b"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", prompt
    assert json.loads(succeeds("render", "--template", tiny, "--json", stdin=given)) == {"prompt": prompt.decode()}


def a_templates_own_error_is_told() -> None:
    """raise_exception's message goes to stderr with exit code 1"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jinja"
        path.write_text("before{{ raise_exception('roles must alternate') }}")
        assert "roles must alternate" in fails("render", "--template", str(path), stdin={})
        path.write_text("{% for %}")
        assert "line 1" in fails("render", "--template", str(path), stdin={})


def models_are_inspected() -> None:
    """inspect tells sizes, dtypes, memory, tokenizer and template; as text and as JSON"""
    report = json.loads(succeeds("inspect", "--json", "--tensors", tiny))
    assert report["refused"] is None and report["architecture"] == "llama" and report["config"]["layers"] == 2, report
    assert report["tensors"]["count"] == len(report["tensor_table"]) == sum(d["tensors"] for d in report["tensors"]["dtypes"])
    assert report["tensors"]["bytes"] == sum(t["bytes"] for t in report["tensor_table"])
    assert report["memory"]["kv_bytes_per_token"] == 2 * 2 * 2 * 16 * 2, report["memory"]  # k and v, layers, kv heads, head_dim, f16
    assert report["tokenizer"]["vocab_size"] == report["config"]["vocab"] and report["chat_template"]["refused"] is None
    text = succeeds("inspect", tiny).decode()
    assert "architecture: llama" in text and "kv_bytes_per_token: 256" in text and "tensor_table" not in text, text


def refused_models_are_shown() -> None:
    """a model that cannot be opened still shows what can be read, says why, and exits with 1"""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps({"model_type": "mamba9", "hidden_size": 64}))
        code, out, err = conduit("inspect", "--json", folder)
        report = json.loads(out)
        assert code == 1 and report["architecture"] == "mamba9" and report["config"]["hidden_size"] == 64, report
        assert report["refused"] and report["refused"] in err, (report, err)
        model = shutil.copytree(SOURCE / "tests/golden/own/models/qwen3-tied-v5config", Path(folder) / "deeper")
        config = json.loads((model / "config.json").read_text())
        layers = config["num_hidden_layers"] + 1
        (model / "config.json").write_text(json.dumps(
            {**config, "num_hidden_layers": layers, "layer_types": ["full_attention"] * layers}))
        code, out, err = conduit("inspect", "--json", str(model))
        assert code == 1 and "tensor 'model.layers.2.input_layernorm.weight' is missing" in json.loads(out)["refused"], out
        code, out, err = conduit("inspect", str(Path(folder) / "absent.gguf"))
        assert code == 1 and "absent.gguf" in err, err


def models_are_quantized() -> None:
    """quantize makes a smaller GGUF that inspect takes, whole or not at all, and replaces nothing unasked"""
    with tempfile.TemporaryDirectory() as folder:
        made = str(Path(folder) / "made.gguf")
        for source in (tiny, str(SOURCE / "tests/golden/own/models/qwen3-yarn")):
            again = fails("quantize", source, made) if Path(made).exists() else ""
            assert "--force" in again or not again, again
            summary = succeeds("quantize", source, made, "--type", "Q8_0", "--force").decode()
            assert "bits per weight" in summary and "of Q8_0" in summary, summary
            report = json.loads(succeeds("inspect", "--json", made))
            assert report["refused"] is None and {d["dtype"] for d in report["tensors"]["dtypes"]} >= {"F32", "Q8_0"}, report
            expected = json.loads(succeeds("inspect", "--json", source))["config"]
            assert {**report["config"], "tied_embeddings": None, "has_head": None} == {
                **expected, "tied_embeddings": None, "has_head": None}, (report["config"], expected)
        assert "already" in fails("quantize", made, str(Path(folder) / "twice.gguf"), "--type", "Q4_0")
        assert "of Q4_0" in succeeds("quantize", made, str(Path(folder) / "twice.gguf"), "--type", "Q4_0", "--allow-requantize").decode()
        assert "model that would be read" in fails("quantize", made, made, "--force")
        assert "Q4_K_M" in fails("quantize", tiny, made, "--force", "--type", "Q9")
        bert = next((SOURCE / "tests/golden/own/models").glob("embedding-bert*"))
        assert "family bert cannot be written" in fails("quantize", str(bert), str(Path(folder) / "bert.gguf"))
        assert "activation" in fails("quantize", str(SOURCE / "tests/golden/own/models/llama-biases-gelu"), str(Path(folder) / "gelu.gguf"))
        assert sorted(path.name for path in Path(folder).iterdir()) == ["made.gguf", "twice.gguf"], list(Path(folder).iterdir())


def write_ticket(folder: str) -> str:
    path = Path(folder) / "ticket.mdl"
    path.write_text('title: str[..9]\npriority: int[1..5]\ntags: Optional[List[str]]\n')
    return str(path)


def schemas_judge_lines() -> None:
    """schema check answers every line, by the validator and by the decoder's masks over a model's tokens"""
    good = {"title": "It bröke", "priority": 2, "tags": ["a", "\n🙂"]}
    lines = [good, {**good, "priority": 6}, {"title": "x", "priority": 1}, {**good, "title": "x" * 10}, {**good, "more": 1}, [good]]
    with tempfile.TemporaryDirectory() as folder:
        mdl = write_ticket(folder)
        for arguments in ([], ["--tokenizer", tiny]):
            given = "\n\n".join(json.dumps(line) for line in lines) + "\n{"
            code, out, err = conduit("schema", "check", mdl, *arguments, raw=given.encode())
            verdicts = [json.loads(line) for line in out.splitlines()]
            assert code == 1 and err == "" and [v["line"] for v in verdicts] == [1, 3, 5, 7, 9, 11, 12], (code, out, err)
            assert [v["valid"] for v in verdicts] == [True] + [False] * 6, out
            assert [v["decoder"] for v in verdicts] == ([True] + [False] * 5 if arguments else [None] * 6) + [None], out
            assert all((v["error"] is None) == v["valid"] for v in verdicts), out
            assert all((v["decoder_error"] is None) == (v["decoder"] is not False) for v in verdicts), out
            kinds = ["type_mismatch at priority:", "missing_field at tags:", "type_mismatch at title:", "unknown_field at more:", "not_an_object:"]
            assert all(v["error"].startswith(kind) for v, kind in zip(verdicts[1:], kinds)), out
        code, out, err = conduit("schema", "check", mdl, "--tokenizer", tiny, stdin=good)
        assert code == 0 and json.loads(out)["decoder"] is True, (out, err)
        schema = Path(folder) / "schema.json"
        schema.write_text('{"type": "array", "items": {"type": "number"}}')
        numbers = [1e16, 1e-5, 0.1, -0.0, 1e15, 2**53, 1.5e300]
        code, out, err = conduit("schema", "check", str(schema), "--tokenizer", tiny, stdin=numbers)
        assert code == 0 and json.loads(out)["decoder"] is True, (out, err)


def schemas_are_told_apart_and_refused() -> None:
    """MDL and JSON Schema are told by their content; what is refused exits with 2 and says where"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "declared"
        for text, lines in [("a: Dict[int, str]", "a: Dict[int, str]\n"), ("", ""), (" true\n", "Any\n"), ("true: int", "true: int\n"),
                            ('\n{"type": "object", "properties": {"a": {"type": "boolean"}}}', "a?: bool\n")]:
            path.write_text(text)
            assert succeeds("schema", "hint", str(path)).decode() == lines, text
            assert json.loads(succeeds("schema", "hint", str(path), "--json")) == {"hint": lines.splitlines()}
            explained = json.loads(succeeds("schema", "explain", str(path), "--json"))
            assert explained["refused"] is None and explained["nodes"] and explained["limits"], explained
            json.loads(explained["short"])
        for text, words in [("a: int\nb: Any", ["line 2, column 4", "any_type at b"]), ('{"type": 5}', ["type", "#"]),
                            ('{"$ref": "http://example.com/a"}', ["$ref", "http://example.com/a"]), ("{", ["line 1"])]:
            path.write_text(text)
            for action in ("hint", "check", "explain"):
                error = fails("schema", action, str(path), code=2, stdin={})
                assert error.startswith("error: ") and error.count("\n") == 1 and all(word in error for word in words), error
        assert "/nowhere" in fails("schema", "hint", "/nowhere", stdin={})


def hints_of_references_read_back() -> None:
    """what the reference prints of a record is MDL text, and its own hint"""
    file = SHARED / "schemas/mdl_rules.json"
    cases = json.loads(file.read_text())["cases"] if file.is_file() else []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.mdl"
        for case in cases:
            if "lines" in case["expect"]:
                path.write_text(text := "".join(line + "\n" for line in case["expect"]["lines"]))
                assert succeeds("schema", "hint", str(path)).decode() == text, case["id"]
    print(f"     {len(cases)} records")


def the_page_of_mdl_shows_what_happens() -> None:
    """every command of docs/mdl.md prints what stands below it, and its program is the one that is built"""
    page = (SOURCE / "docs/mdl.md").read_text()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "conduit").symlink_to(Path(options.conduit).resolve())
        for name, body in re.findall(r"```\w+ (\S+)\n(.*?)```", page, re.DOTALL):
            if "/" in name:
                assert body == (SOURCE / name).read_text(), name
            else:
                (Path(folder) / name).write_text(body)
        commands = [line.group(1, 2) for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)
                    for line in re.finditer(r"\$ (.*)\n((?:(?!\$ ).*\n)*)", block)]
        assert len(commands) >= 5, commands
        for command, expected in commands:
            done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120,
                                  env={**os.environ, "PATH": folder + ":" + os.environ["PATH"]})
            assert done.stdout + done.stderr == expected, (command, done.stdout + done.stderr)


def malformed_input_is_told_with_its_place() -> None:
    """bad JSON names line and column, a wrong item its index"""
    assert "line 2, column 3" in fails("tokenize", "--tokenizer", tiny, raw=b'["a",\n  b]')
    assert "line 1, column 1" in fails("tokenize", "--tokenizer", tiny, raw=b"")
    assert "line 1, column 5" in fails("render", "--template", tiny, raw=b'{"a"}')
    assert "UTF-8" in fails("tokenize", "--tokenizer", tiny, raw=b'["\xff"]')
    assert "stdin[1] must be a string" in fails("tokenize", "--tokenizer", tiny, stdin=["a", 1])
    assert "stdin must be an array" in fails("tokenize", "--tokenizer", tiny, stdin={"a": 1})
    assert "stdin[0][1] must be a token id" in fails("detokenize", "--tokenizer", tiny, stdin=[[1, -1]])
    assert "stdin[0][0] must be a token id" in fails("detokenize", "--tokenizer", tiny, stdin=[[2**31]])
    assert "/nowhere" in fails("tokenize", "--tokenizer", "/nowhere", stdin=[])
    assert "/nowhere" in fails("render", "--template", "/nowhere", stdin={})


def command_lines_are_checked() -> None:
    """a malformed command line exits with 2, --help with 0 and an example"""
    for line in ([], ["nothing"], ["tokenize"], ["tokenize", "--tokenizer"], ["inspect"], ["render", "--what"], ["quantize", "a"], ["schema", "hint"],
                 ["schema", "guess", "a"]):
        fails(*line, code=2, stdin=[])
    for command in ("tokenize", "detokenize", "render", "inspect", "quantize", "schema"):
        assert b"Example: " in succeeds(command, "--help"), command


CLAIMS = [
    texts_survive_tokenizing_and_detokenizing,
    tokenizers_of_references_are_met,
    sentencepiece_models_are_met,
    rendering_is_exact,
    a_templates_own_error_is_told,
    templates_of_references_are_met,
    models_are_inspected,
    refused_models_are_shown,
    models_are_quantized,
    schemas_judge_lines,
    schemas_are_told_apart_and_refused,
    hints_of_references_read_back,
    the_page_of_mdl_shows_what_happens,
    malformed_input_is_told_with_its_place,
    command_lines_are_checked,
]


def main() -> int:
    global tiny
    os.environ["TZ"] = "America/New_York"  # a frozen clock does not depend on it
    with tempfile.TemporaryDirectory() as folder:
        tiny = subprocess.run([options.tiny_model_file, folder], check=True, capture_output=True, text=True).stdout.strip()
        failed = 0
        for claim in CLAIMS:
            try:
                claim()
                print(f"ok   {claim.__doc__}")
            except AssertionError as error:
                failed += 1
                print(f"FAIL {claim.__doc__}: {error}")
    return 1 if failed else 0


sys.exit(main())
