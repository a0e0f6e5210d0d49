#!/usr/bin/env python3
"""Makes tests/golden/own: small checkpoints, tokenizers and chat templates with the results other
implementations compute for them, so that a checkout proves its correctness by itself.

Run by hand, never by the build (the packages take 5 GB); needs PyPI torch, transformers,
tokenizers, sentencepiece, safetensors, gguf and jinja2:

    python3 tests/golden/make_golden.py

models/: see make_models.py. gguf/: see make_gguf.py. tokenizers/: see make_tokenizers.py.
adapters/: see make_adapters.py, which needs PyPI peft too. chat_templates/: cases and templates with
what each renders.
"""

import shutil
from datetime import datetime

import torch
from jinja2 import TemplateError
from transformers.utils import chat_template_utils

import make_adapters
import make_gguf
import make_models
import make_tokenizers
from make_tokenizers import OWN, write_json

# --- chat templates

NOW = datetime(2026, 1, 15, 12, 34, 56)

TEMPLATES = {
    "chatml": """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
    "strict-with-tools": """\
{% macro describe(tool, indent=0) %}
{{ ' ' * indent }}- {{ tool.function.name }}: {{ tool.function.parameters | tojson }}
{% endmacro %}
{{ bos_token }}{% set ns = namespace(turns=0, system='') %}
{% if messages and messages[0].role == 'system' %}
{% set ns.system = messages[0]['content'] | trim %}
{% set rest = messages[1:] %}
{% else %}
{% set rest = messages %}
{% endif %}
[SYSTEM {{ strftime_now('%d %B %Y') }}]{{ ns.system }}
{% if tools is defined and tools %}
{% for tool in tools %}{{ describe(tool, indent=2) }}{% endfor %}
{% endif %}
{% for message in rest %}
{% if (message.role == 'user') != (loop.index0 % 2 == 0) and message.role != 'tool' %}
{{ raise_exception('roles must alternate, turn ' ~ loop.index ~ ' is ' ~ message.role) }}
{% endif %}
{% if message.role == 'tool' %}{% continue %}{% endif %}
{% set ns.turns = ns.turns + 1 %}
[{{ message.role | upper }} {{ ns.turns }}{{ ' last' if loop.last }}]
{%- for line in message.content.split('\\n') if line %} {{ line | replace('\\t', ' ') }}{% endfor %}{{ eos_token }}
{% endfor %}
{% if add_generation_prompt %}[ASSISTANT]{% endif %}
""",
}

WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "The weather at a place",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}}}

CASES = [
    {"messages": [{"role": "user", "content": "Hello, who are you?"}], "add_generation_prompt": True},
    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello\n\tthere"}],
     "add_generation_prompt": False},
    {"messages": [{"role": "system", "content": "  Be brief. "},
                  {"role": "user", "content": "1 < 2 & \"3\"?"}],
     "add_generation_prompt": True},
    {"messages": [{"role": "user", "content": "Wetter in Köln? 😀"}], "tools": [WEATHER],
     "add_generation_prompt": True},
    {"messages": [{"role": "assistant", "content": "first"}], "add_generation_prompt": True},
    {"messages": [], "add_generation_prompt": True},
]


def render(source, case):
    template = chat_template_utils._compile_jinja_template(source)
    template.globals["strftime_now"] = NOW.strftime
    return template.render(messages=case["messages"], tools=case["tools"], documents=None,
                           add_generation_prompt=case["add_generation_prompt"], **case["extra"],
                           bos_token="<|endoftext|>", eos_token="<|im_end|>")


def make_chat_templates():
    folder = OWN / "chat_templates" / "templates"
    folder.mkdir(parents=True)
    cases = [{"tools": None, "extra": {}, **case} for case in CASES]
    templates = {}
    for name, source in TEMPLATES.items():
        (folder / f"{name}.jinja").write_text(source)
        results = []
        for i, case in enumerate(cases):
            try:
                results.append({"case": i, "expected": render(source, case)})
            except TemplateError as error:
                results.append({"case": i, "error": str(error), "error_kind": "raised by template"})
        templates[name] = {"file": f"templates/{name}.jinja", "source": "written for this set",
                           "bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "results": results}
    write_json(folder.parent / "chat_templates.json",
               {"now": str(NOW), "cases": cases, "templates": templates})


def main():
    torch.set_num_threads(1)  # the models are too small for more
    shutil.rmtree(OWN, ignore_errors=True)
    make_models.main()
    make_gguf.main()
    make_adapters.main()
    make_tokenizers.main()
    make_chat_templates()


if __name__ == "__main__":
    main()
