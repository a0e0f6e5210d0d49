"""A peer of `conduit-bench mdl`: llguidance or xgrammar over the tokens of given texts.

First a line {"version", "table_ms"}. Then each line, {"schema", "valid", "invalid"} (lists of lists of token
ids), is answered by {"compile", "masks" (µs), "valid", "invalid" (verdicts)}, or {"error"} of a schema that it
refuses. A text is right when each token is in the mask before it and the end is allowed behind the last.
"""

import json
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def now():
    return time.thread_time() * 1e6


class Llguidance:
    def __init__(self, path):
        import llguidance
        import llguidance.hf
        import llguidance.numpy
        from transformers import PreTrainedTokenizerFast

        self.version = llguidance.__version__
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=path, eos_token="<|endoftext|>")
        begin = now()
        self.tokenizer = llguidance.hf.from_tokenizer(tokenizer)
        self.table_ms = (now() - begin) / 1e3
        self.bitmask = llguidance.numpy.allocate_token_bitmask(1, self.tokenizer.vocab_size)
        self.fill = llguidance.numpy.fill_next_token_bitmask
        self.module = llguidance

    def compile(self, schema):
        grammar = self.module.LLMatcher.grammar_from_json_schema(schema)
        matcher = self.module.LLMatcher(self.tokenizer, grammar)
        if matcher.get_error():
            raise ValueError(matcher.get_error())
        return matcher

    def start(self, matcher):
        return matcher.deep_copy()

    def mask(self, matcher):
        self.fill(matcher, self.bitmask, 0)
        return self.bitmask[0]

    def accept(self, matcher, token):
        return matcher.consume_token(token)

    def may_end(self, matcher):
        return matcher.is_accepting()


class Xgrammar:
    def __init__(self, path):
        import xgrammar
        from transformers import PreTrainedTokenizerFast

        self.version = xgrammar.__version__
        self.module = xgrammar
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=path, eos_token="<|endoftext|>")
        begin = now()
        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer)
        self.compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        self.table_ms = (now() - begin) / 1e3
        self.bitmask = xgrammar.allocate_token_bitmask(1, info.vocab_size)

    def compile(self, schema):
        return self.compiler.compile_json_schema(schema)

    def start(self, grammar):
        return self.module.GrammarMatcher(grammar)

    def mask(self, matcher):
        matcher.fill_next_token_bitmask(self.bitmask)
        return self.bitmask[0]

    def accept(self, matcher, token):
        return matcher.accept_token(token)

    def may_end(self, matcher):
        return matcher.is_completed() if hasattr(matcher, "is_completed") else matcher.accept_token(self.module.get_eos())


def walks(engine, matcher, tokens, masks):
    for token in tokens:
        begin = now()
        mask = engine.mask(matcher)
        masks.append(now() - begin)
        if not int(mask[token // 32]) >> (token % 32) & 1 or not engine.accept(matcher, token):
            return False
    return bool(engine.may_end(matcher))


def say(value):
    answers.write(json.dumps(value) + "\n")
    answers.flush()


engine = {"llguidance": Llguidance, "xgrammar": Xgrammar}[sys.argv[1]](sys.argv[2])
say({"version": engine.version, "table_ms": engine.table_ms})
for line in sys.stdin:
    case = json.loads(line)
    begin = now()
    try:
        compiled = engine.compile(json.dumps(case["schema"]))
    except Exception as error:
        say({"compile": now() - begin, "error": str(error)[:300]})
        continue
    took, masks = now() - begin, []
    verdicts = {
        kind: [walks(engine, engine.start(compiled), tokens, masks) for tokens in case[kind]] for kind in ("valid", "invalid")
    }
    say({"compile": took, "masks": masks, **verdicts})
