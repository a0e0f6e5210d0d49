// The template language, feature by feature: a source, and what jinja2 in transformers' setting
// makes of it. The variables of every case are kVariables.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/model/chat_template.h"

namespace conduit::kernels {
namespace {

constexpr std::string_view kVariables = R"({
  "n": 7, "f": 2.5, "yes": true, "nothing": null, "s": "Hello, Wörld!", "l": [3, 1, 2],
  "d": {"b": 1, "a": "x"}, "html": "<b>&",
  "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}],
  "tree": [{"n": 1, "c": [{"n": 2, "c": []}, {"n": 3, "c": []}]}]
})";

Result<std::string> render(std::string_view source) {
  CONDUIT_TRY(const ChatTemplate chat_template, ChatTemplate::parse(source));
  CONDUIT_TRY(const json::Value variables, json::parse(kVariables));
  return chat_template.render(variables, 0);
}

struct Case {
  std::string_view source;
  std::string_view expected;  // the text, or the error's message without its line
};

void expect_texts(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto text = render(c.source);
    EXPECT_TRUE(text) << c.source << "\n" << (text ? "" : text.error().message);
    if (!text) continue;
    EXPECT_EQ(*text, c.expected) << c.source;
  }
}

void expect_errors(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto text = render(c.source);
    EXPECT_FALSE(text) << c.source << "\n" << (text ? *text : "");
    if (text) continue;
    const std::string& message = text.error().message;
    EXPECT_EQ(message.substr(message.find(": ") + 2), c.expected) << c.source;
  }
}

TEST(JinjaTest, WhitespaceAroundTagsIsTrimmedAsTransformersSetsIt) {
  expect_texts({
      {"a\n  {% if yes %}\nb\n  {% endif %}\nc\n", "a\nb\nc"},
      {"  {{ n }}\n  {# c #}\nd", "  7\nd"},
      {"a  {%- if yes -%}  \n b {%- endif %} c", "ab c"},
      {"  {%+ if yes %}x{% endif +%}\ny", "  x\ny"},
      {"a \n {{- n -}} \n b", "a7b"},
      {"a\r\n{% set x = 1 %}\r\nb\r\n", "a\nb"},
      {"\n\n", "\n"},
      {"x  {% if yes %}y{% endif %}  z", "x  y  z"},
      {"a{%- raw -%} {{ b }} {%- endraw %}", "a{{ b }}"},
      {"\u3000{%- if yes %}x{% endif -%}\u00a0 y", "xy"},
  });
}

TEST(JinjaTest, ValuesPrintAsInPython) {
  expect_texts({
      {"{{ yes }} {{ nothing }} {{ f }} {{ 1e16 }} {{ 1e-5 }} {{ 100.0 }} {{ -0.0 }}",
       "True None 2.5 1e+16 1e-05 100.0 -0.0"},
      {"{{ [1, 'a', \"it's\", none, 2.0, (1,), ()] }}", "[1, 'a', \"it's\", None, 2.0, (1,), ()]"},
      {"{{ {'k': 'v', 1: true} }} {{ range(3) }}", "{'k': 'v', 1: True} range(0, 3)"},
      {"{{ ['\\n\\x00\\u200b\\u00e9\\U0001F600'] }}", "['\\n\\x00\\u200bé😀']"},
      {"{{ d.keys() }} {{ d.items() }} {{ namespace(a=1) }}",
       "dict_keys(['b', 'a']) dict_items([('b', 1), ('a', 'x')]) <Namespace {'a': 1}>"},
  });
}

TEST(JinjaTest, ToJsonIsPythonsDumps) {
  expect_texts({
      {"{{ d | tojson }} {{ html | tojson }} {{ 'é' | tojson }}",
       "{\"b\": 1, \"a\": \"x\"} \"<b>&\" \"é\""},
      {"{{ {'b': [], 'a': {'c': 1}} | tojson(indent=2) }}",
       "{\n  \"b\": [],\n  \"a\": {\n    \"c\": 1\n  }\n}"},
      {"{{ d | tojson(sort_keys=true, separators=(',', ':')) }}", "{\"a\":\"x\",\"b\":1}"},
      {"{{ 'é😀' | tojson(ensure_ascii=true) }}", "\"\\u00e9\\ud83d\\ude00\""},
      {"{{ [1.0, 1e20, true, none] | tojson }}", "[1.0, 1e+20, true, null]"},
  });
  expect_errors(
      {{"{{ missing | tojson }}", "Object of type Undefined is not JSON serializable"},
       {"{{ {(1, 2): 3} | tojson }}", "keys must be str, int, float, bool or None, not tuple"}});
}

TEST(JinjaTest, ArithmeticIsPythons) {
  expect_texts({
      {"{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }}",
       "3 -4 2 3.5 1024 0.5"},
      {"{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 1 + true }} {{ 'ab' * 2 }} {{ [1] + [2] }}",
       "64 4 2 abab [1, 2]"},
      {"{{ 1 ~ 2 * 3 }} {{ 'a' ~ none ~ 1.5 }}", "16 aNone1.5"},
      {"{{ 9223372036854775807 + 1 }}", "9223372036854775808"},
  });
  expect_errors({
      {"{{ 'a' + 1 }}", "can only concatenate str (not \"int\") to str"},
      {"{{ none + 'a' }}", "unsupported operand type(s) for +: 'NoneType' and 'str'"},
      {"{{ 1 / 0 }}", "division by zero"},
      {"{{ 2 ** 200 }}", "an int of more than 127 bits is not supported"},
  });
}

TEST(JinjaTest, ComparisonsChainAndBooleansGiveTheDecidingOperand) {
  expect_texts({
      {"{{ 1 < 2 < 3 }} {{ 1 == 1.0 }} {{ [1] == (1,) }} {{ {'a': 1} == {'a': 1.0} }}",
       "True True False True"},
      {"{{ '' or 'x' }} {{ 0 and 1 }} {{ not 1 in [1] }} {{ 'b' not in d }}", "x 0 False False"},
      {"{{ messages[0] == messages[-1] }} {{ messages[0] == messages[0] }}", "False True"},
      {"{{ 'a' if no else 'b' }}{{ 'c' if no }}", "b"},
  });
  expect_errors({{"{{ 1 < 'a' }}", "'<' not supported between instances of 'int' and 'str'"},
                 {"{{ 'a' in none }}", "argument of type 'NoneType' is not iterable"}});
}

TEST(JinjaTest, UndefinedPrintsNothingAndFailsWhenUsed) {
  expect_texts({{"[{{ missing }}{{ d.missing }}{{ l[9] }}{{ nothing.x }}]", "[]"},
                {"{{ missing is defined }} {{ missing | default('x') }} {{ missing | length }}",
                 "False x 0"},
                {"{% for x in missing %}y{% else %}z{% endfor %}", "z"}});
  expect_errors({{"{{ missing.x }}", "'missing' is undefined"},
                 {"{{ d.x.y }}", "'dict object' has no attribute 'x'"},
                 {"{{ l[9].x }}", "list object has no element 9"},
                 {"{{ nothing.x.y }}", "'None' has no attribute 'x'"},
                 {"{{ missing + 'a' }}", "'missing' is undefined"},
                 {"{{ missing() }}", "'missing' is undefined"}});
}

TEST(JinjaTest, SandboxRefusesChangesAndInternals) {
  expect_texts({{"[{{ ''.__class__ }}{{ l.append }}]", "[]"}});
  expect_errors(
      {{"{{ l.append(1) }}", "access to attribute 'append' of 'list' object is unsafe."},
       {"{{ d.update({}) }}", "access to attribute 'update' of 'dict' object is unsafe."},
       {"{{ ''.__class__.__mro__ }}", "access to attribute '__class__' of 'str' object is unsafe."},
       {"{% set d.x = 1 %}", "cannot assign attribute on non-namespace object"}});
}

TEST(JinjaTest, SlicesAndIndicesCountCharacters) {
  expect_texts({
      {"{{ s[8] }} {{ s[-1] }} {{ s[::-1] }} {{ s | length }}", "ö ! !dlröW ,olleH 13"},
      {"{{ l[::-1] }} {{ l[1:] }} {{ l[-2:] }} {{ l[::2] }} {{ l[5:] }} {{ l[2:0:-1] }}",
       "[2, 1, 3] [1, 2] [1, 2] [3, 2] [] [2, 1]"},
  });
  expect_errors({{"{{ l[::0] }}", "slice step cannot be zero"},
                 {"{{ d[1:] }}", "unhashable type: 'slice'"},
                 {"{{ nothing[1:] }}", "'NoneType' object is not subscriptable"}});
}

TEST(JinjaTest, LoopsDescribeThemselves) {
  expect_texts({
      {"{% for x in l %}{{ loop.index }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }} "
       "{% endfor %}",
       "12TrueFalse 21FalseFalse 30FalseTrue "},
      {"{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {{ loop.cycle('a', 'b') }};"
       "{% endfor %}",
       "<3>1 a;3<1>2 b;1<2> a;"},
      {"{% for x in [1, 1, 2] %}{{ loop.changed(x) }} {% endfor %}", "True False True "},
      {"{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/2 2/2 "},
      {"{% for x in range(9) %}{% if x == 1 %}{% continue %}{% elif x == 3 %}{% break %}{% endif %}"
       "{{ x }}{% endfor %}",
       "02"},
      {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "b=1;a=x;"},
      {"{% for t in tree recursive %}{{ t.n }}@{{ loop.depth }}({{ loop(t.c) }}){% endfor %}",
       "1@1(2@2()3@2())"},
  });
  expect_errors({{"{% for a, b in [1] %}{% endfor %}", "cannot unpack non-iterable int object"},
                 {"{% for x in 5 %}{% endfor %}", "'int' object is not iterable"},
                 {"{% break %}", "'break' outside loop"}});
}

TEST(JinjaTest, NamesSetInsideABodyStayThere) {
  expect_texts({
      {"{% set x = 0 %}{% for i in l %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}", "3120"},
      {"{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x "
       "}}",
       "6"},
      {"{% if yes %}{% set x = 1 %}{% endif %}{{ x }}", "1"},
      {"{% with x = n %}{% set n = 1 %}{{ x }}{{ n }}{% endwith %}{{ n }}", "717"},
      {"{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}", "1"},
  });
}

// jinja2 decides when it compiles which names belong to the template.
TEST(JinjaTest, NameAssignedLaterIsUnknownToTheMacrosBefore) {
  expect_texts(
      {{"{% macro m() %}[{{ n }}]{% endmacro %}{{ m() }}{% set n = 1 %}{{ m() }}", "[][1]"},
       {"{% macro m() %}[{{ n }}]{% endmacro %}{{ n }}{{ m() }}{% set n = 1 %}", "7[7]"},
       {"{% macro m() %}[{{ n }}]{% endmacro %}{{ m() }}{% if no %}{% set n = 1 %}{% endif %}",
        "[7]"}});
}

TEST(JinjaTest, MacrosBindArgumentsAsPython) {
  expect_texts({
      {"{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, c=3) }}"
       "{{ m(b=1, a=2) }}{{ m(*[4, 5]) }}{{ m(**{'a': 6}) }}",
       "121;123;212;454;626;"},
      {"{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, x=2) }}", "(1,){'x': 2}"},
      {"{% macro m(x) %}<{{ caller(x) }}>{% endmacro %}{% call(v) m('a') %}{{ v | upper }}{% "
       "endcall %}",
       "<A>"},
      {"{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "B"},
      {"{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "312"},
  });
  expect_errors({
      {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
       "macro 'm' takes not more than 1 argument(s)"},
      {"{% macro m(a) %}{% endmacro %}{{ m(z=1) }}", "macro 'm' takes no keyword argument 'z'"},
      {"{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}", "parameter 'a' was not provided"},
  });
}

TEST(JinjaTest, BlocksCanBeCapturedAndFiltered) {
  expect_texts({{"{% set x %}a{{ n }}{% endset %}[{{ x }}]", "[a7]"},
                {"{% set x | upper | replace('A', 'z') %}abc{% endset %}{{ x }}", "zBC"},
                {"{% filter upper %}a{{ n }}b{% endfilter %}", "A7B"}});
}

TEST(JinjaTest, TextMethodsArePythons) {
  expect_texts({
      {"{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a-b-c'.rsplit('-', 1) }}",
       "['a', 'b', '', 'c'] ['a', 'b'] ['a-b', 'c']"},
      {"{{ 'xxaxx'.strip('x') }} {{ s.startswith(('x', 'H')) }} {{ s.find('ö') }} {{ "
       "'aaa'.replace('a', 'b', 2) }}",
       "a True 8 bba"},
      {"{{ 'it is'.title() }} {{ 'straße'.upper() }} {{ 'ab'.center(5) }}| {{ '-4'.zfill(4) }}",
       "It Is STRASSE   ab | -004"},
      {"{{ 'a-b'.partition('-') }} {{ 'a\nb'.splitlines() }} {{ ', '.join(['x', 'y']) }}",
       "('a', '-', 'b') ['a', 'b'] x, y"},
      {"{{ '{:>5}|{a!r}|{0:.2f}'.format(1.5, a='x') }} {{ '%05.1f|%-3s|%x' % (2.25, 'a', 255) }}",
       "  1.5|'x'|1.50 002.2|a  |ff"},
  });
}

TEST(JinjaTest, FiltersWorkOnSequences) {
  expect_texts({
      {"{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join }}",
       "hi"},
      {"{{ l | sort }} {{ l | sort(reverse=true) }} {{ ['b', 'A'] | sort }} {{ l | sum }} {{ l | "
       "max }}",
       "[1, 2, 3] [3, 2, 1] ['A', 'b'] 6 3"},
      {"{{ [1, 1, 2] | unique | list }} {{ [1, 2, 3] | batch(2) | list }} {{ d | dictsort }}",
       "[1, 2] [[1, 2], [3]] [('a', 'x'), ('b', 1)]"},
      {"{{ messages | groupby('role') | map('first') | list }} {{ l | reverse | first }}",
       "['assistant', 'user'] 2"},
      {"{% set g = l | map('string') %}{{ g | list }}{{ g | list }}", "['3', '1', '2'][]"},
  });
  expect_errors(
      {{"{{ l | map('string') | length }}", "object of type 'generator' has no len()"},
       {"{{ [1, 'a'] | sort }}", "'<' not supported between instances of 'str' and 'int'"}});
}

TEST(JinjaTest, MarkupEscapesWhatIsAddedToIt) {
  expect_texts({{"{{ html | e }} {{ (html | safe) + '<' }} {{ (html | e) ~ '<' }}",
                 "&lt;b&gt;&amp; <b>&&lt; &lt;b&gt;&amp;<"},
                {"{{ [html | e] }}", "[Markup('&lt;b&gt;&amp;')]"}});
}

TEST(JinjaTest, TestsKnowPythonsTypes) {
  expect_texts({
      {"{{ d is mapping }} {{ d is sequence }} {{ s is iterable }} {{ n is number }} {{ yes is "
       "number }}",
       "True True True True True"},
      {"{{ yes is integer }} {{ n is odd }} {{ n is divisibleby 7 }} {{ nothing is none }}",
       "False True True True"},
      {"{{ missing is not defined and n is defined }} {{ n is in [7] }} {{ 'upper' is filter }}",
       "True True True"},
  });
}

TEST(JinjaTest, UnknownNamesAreErrorsUnlessBehindACondition) {
  expect_texts(
      {{"{% if no %}{{ n | nofilter }}{% endif %}{{ 'x' if yes else n is notest }}", "x"}});
  expect_errors(
      {{"{{ n | nofilter }}", "No filter named 'nofilter'."},
       {"{% for x in [] %}{{ x is notest }}{% endfor %}", "No test named 'notest'."},
       {"{% if yes %}{{ n | nofilter }}{% endif %}", "No filter named 'nofilter'."},
       {"{% do l %}", "Encountered unknown tag 'do'."},
       {"{% include 'x' %}", "the tag 'include' is not supported: a chat template stands alone"}});
}

TEST(JinjaTest, MalformedSourceIsNamed) {
  expect_errors({
      {"{{ 1 + }}", "unexpected 'end of print statement'"},
      {"{{ (1 }}", "unexpected '}', expected ')'"},
      {"{{ 1 2 }}", "expected token 'end of print statement', got 'integer'"},
      {"{# a", "Missing end of comment tag"},
      {"{% raw %}a", "Missing end of raw directive"},
      {"{{ f(a=1, 2) }}", "invalid syntax for function call expression"},
      {"{{ '\\ud800' }}", "'unicodeescape' codec can't decode \\u"},
      {"{% if yes %}{% endfor %}",
       "Encountered unknown tag 'endfor'. Jinja was looking for the following tags: 'elif' or "
       "'else' or 'endif'. The innermost block that needs to be closed is 'if'."},
  });
}

TEST(JinjaTest, LinesAreWrappedAsPythonsTextwrapDoes) {
  expect_texts({
      {R"({{ 'Hello World foo-bar_baz' | wordwrap(7) }})", "Hello\nWorld\nfoo-\nbar_baz"},
      {R"({{ 'line one\n  line two\n\nlast' | wordwrap(5, false, '|') }})",
       "line|one|line|two||last"},
      {R"({{ 'aaa-bbb-ccc' | wordwrap(5) }})", "aaa-\nbbb-\nccc"},
      {R"({{ 'aaa-bbb-ccc' | wordwrap(5, true, '\n', false) }})", "aaa-b\nbb-cc\nc"},
      {R"({{ 'abcdefghij kl' | wordwrap(3) }})", "abc\ndef\nghi\nj\nkl"},
      {R"({{ 'abcdefghij kl' | wordwrap(3, break_long_words=false) }})", "abcdefghij\nkl"},
      {R"({{ 'well-known state-of-the-art--dash' | wordwrap(10, wrapstring='/') }})",
       "well-known/state-of-/the-art--/dash"},
      {R"({{ '  lead and trail  ' | wordwrap(6) }}|)", "  lead\nand\ntrail|"},
      {R"({{ '' | wordwrap(3) }}|)", "|"},
  });
  expect_errors({{"{{ s | wordwrap(0) }}", "invalid width 0 (must be > 0)"}});
}

TEST(JinjaTest, MarkupIsStrippedAndAttributesAreWritten) {
  expect_texts({
      {R"({{ '<p>x <b>y</b>\n z</p> &amp;&lt;&#39;&#x41; &nope; &' | striptags }})",
       "x y z &<'A &nope; &"},
      {R"({{ 'a<!-- x > y -->b < c > d <' | striptags }})", "ab d <"},
      {R"({{ {'class': 'my <x>', 'id': 5, 'no': none, 'un': nope} | xmlattr }})",
       " class=\"my &lt;x&gt;\" id=\"5\""},
      {R"({{ {'a': 1} | xmlattr(false) }}|{{ {'a': none} | xmlattr }}|)", "a=\"1\"||"},
  });
  expect_errors({{"{{ {'a b': 1} | xmlattr }}", "Invalid character in attribute name: 'a b'"}});
}

TEST(JinjaTest, PairsMakeAQueryAndSeveralNamesASort) {
  expect_texts({
      {R"({{ [('a b', 1), ('c', 'd&e')] | urlencode }})", "a+b=1&c=d%26e"},
      {R"({{ [{'a': 2, 'b': 'x'}, {'a': 1, 'b': 'y'}, {'a': 1, 'b': 'X'}] | sort(attribute='a,b') | map(attribute='b') | join }})",
       "Xyx"},
      {R"({{ [{'a': 2, 'b': 'x'}, {'a': 1, 'b': 'y'}, {'a': 1, 'b': 'X'}] | sort(true, attribute='a,b') | map(attribute='b') | join }})",
       "xyX"},
  });
}

TEST(JinjaTest, RarerMethodsOfText) {
  expect_texts({
      {R"({{ 'a\tbc\t\n\td'.expandtabs(4) }}|{{ 'ü\tx'.expandtabs() }}|{{ '\t'.expandtabs(0) }}|)",
       "a   bc  \n    d|ü       x||"},
      {R"({{ 'Ab Cd'.istitle() }} {{ 'Ab cd'.istitle() }} {{ 'AB'.istitle() }} {{ '1'.istitle() }} {{ 'A1B'.istitle() }})",
       "True False False False True"},
      {R"({{ 'a_1'.isidentifier() }} {{ '1a'.isidentifier() }} {{ 'ä'.isidentifier() }} {{ ''.isidentifier() }} {{ 'a b'.isidentifier() }})",
       "True False True False False"},
      {R"({{ 'abcd'.translate({97: 'xy', 98: none, 99: 228}) }})", "xyäd"},
  });
}

}  // namespace
}  // namespace conduit::kernels
