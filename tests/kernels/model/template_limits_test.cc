// A template comes with a model from outside: whatever it does, it ends with an error that names
// the limit it met. Each case here would take hours, gigabytes or the whole stack without one.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/model/chat_template.h"

namespace conduit::kernels {
namespace {

constexpr int kMany = 50'000;

std::string repeated(std::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

// In a namespace, so that it outlives the iterations of a loop.
std::string grown(std::string_view start, std::string_view step, int times) {
  return "{% set ns = namespace(x=" + std::string(start) + ") %}{% for i in range(" +
         std::to_string(times) + ") %}{% set ns.x = " + std::string(step) + " %}{% endfor %}";
}

Result<std::string> render(const std::string& source, const TemplateLimits& limits = {}) {
  CONDUIT_TRY(const ChatTemplate chat_template, ChatTemplate::parse(source, limits));
  return chat_template.render(json::Object{}, 0);
}

struct Hostile {
  const char* name;
  std::string source;
  const char* limit;  // in the message
};

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

std::vector<Hostile> hostile_templates() {
  const std::string doubled_list = grown("[1]", "[ns.x, ns.x]", 60);
  return {
      {"NestedLoops",
       "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "steps"},
      {"LoopOverAHugeRepeatedList", "{% for a in [0] * 10**9 %}{% endfor %}", "steps"},
      {"RecursiveMacro", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nests"},
      {"MacroThatDoublesItself",
       "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(20) }}",
       "steps"},
      {"RecursiveLoop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "nests"},
      {"RepeatedText", "{{ 'a' * 10**9 }}", "text"},
      {"TextRepeatedBeyondEverySize", "{{ 'ab' * 2**120 }}", "text"},
      {"TextDoubledByConcatenation", grown("'a'", "ns.x ~ ns.x", 100), "text"},
      {"TextDoubledByAddition", grown("'a'", "ns.x + ns.x", 100), "text"},
      {"ListDoubled", grown("[1]", "ns.x + ns.x", 100), "steps"},
      {"ListSharedAndPrinted", doubled_list + "{{ ns.x }}", "steps"},
      {"ListSharedAndDumped", doubled_list + "{{ ns.x | tojson }}", "steps"},
      {"ListSharedAndCompared",
       grown("[[1], [1]]", "[[ns.x[0]] * 2, [ns.x[1]] * 2]", 60) + "{{ ns.x[0] == ns.x[1] }}",
       "steps"},
      {"ListNested", grown("[1]", "[ns.x]", kMany), "nests values"},
      {"TupleNested", grown("(1,)", "(ns.x,)", kMany), "nests values"},
      {"DictNested", grown("{}", "{'a': ns.x}", kMany), "nests values"},
      {"MethodsNested", grown("[1]", "[ns.x.count]", kMany), "nests values"},
      {"CyclersNested", grown("cycler(1)", "cycler(ns.x)", kMany), "nests values"},
      {"NamespaceThatHoldsItself", "{% set ns = namespace() %}{% set ns.me = [ns] %}{{ ns }}",
       "nests"},
      {"ReplacedAgainAndAgain", grown("'a'", "ns.x | replace('a', 'aa')", 100), "steps"},
      {"JoinedAgainAndAgain", grown("'ab'", "ns.x | join(ns.x)", 100), "text"},
      {"LoopsOverEachOthersResults",
       "{% set ns = namespace(n=0) %}{% for a in range(1000) %}{% for b in range(1000) %}"
       "{% for c in range(1000) %}{% set ns.n = ns.n + 1 %}{% endfor %}{% endfor %}{% endfor %}",
       "steps"},
      {"MacrosThatCallEachOther",
       "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
       "nests"},
      {"CallBlockThatCallsItself",
       "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}", "nests"},
      {"TabsExpandedWidely", "{{ '\t'.expandtabs(10**9) }}", "text"},
      {"TranslatedToMore", "{{ ('a' * 1000000).translate({97: 'b' * 1000}) }}", "text"},
      {"WrappedByMuch", "{{ ('a ' * 100000) | wordwrap(1, true, 'b' * 1000) }}", "text"},
      {"WrappedAgainAndAgain",
       "{% set s = 'a-b ' * 100000 %}{% for i in range(1000) %}{{ s | wordwrap(3) | length }}"
       "{% endfor %}",
       "steps"},
      {"TagsWithoutEnd",
       "{% set s = '<' * 1000000 %}{% for i in range(1000) %}{{ s | striptags | length }}"
       "{% endfor %}",
       "steps"},
      {"EntitiesWithoutEnd",
       "{% set s = '&' * 1000000 %}{% for i in range(1000) %}{{ s | striptags | length }}"
       "{% endfor %}",
       "steps"},
      {"SortedByManyNames",
       "{% set l = [{'a': 1}] * 1000 %}{{ l | sort(attribute='a' ~ ',a' * 100000) }}", "steps"},
      {"UniqueOfMany", "{{ range(100000) | unique | list | length }}", "steps"},
      {"FilledWidely", "{{ '1'.zfill(10**12) }}", "text"},
      {"JustifiedWidely", "{{ '1'.ljust(10**12) }}", "text"},
      {"ReplacedByMore", "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}", "text"},
      {"JoinedByMuch", "{{ ('a' * 1000) | join('b' * 1000000) }}", "text"},
      {"CenteredWidely", "{{ 'a'.center(10**12) }}", "text"},
      {"IndentedWidely", "{{ 'a\nb' | indent(10**9) }}", "text"},
      {"JsonIndentedWidely", "{{ [1] | tojson(indent=10**9) }}", "text"},
      {"FormattedWidely", "{{ '%1000000000d' % 1 }}", "text"},
      {"FormattedWidelyInBraces", "{{ '{:1000000000}'.format(1) }}", "text"},
      {"FormattedPrecisely", "{{ '%.1000000000f' % 1.0 }}", "text"},
      {"OutputWithoutEnd",
       "{% set s = 'a' * 1000000 %}{% for i in range(1000) %}{{ s }}{% endfor %}", "text"},
      {"SlowSearch",
       "{% for i in range(1000) %}{{ ('a' * 900000).find('a' * 400000 ~ 'b') }}"
       "{% endfor %}",
       "steps"},
      {"CharactersOfAHugeText", "{{ ('a' * 8000000) | list | length }}", "steps"},
      {"PiecesOfAHugeText", "{{ ('aa' * 4000000).split('a') | length }}", "steps"},
      {"FilledBatch", "{{ [1] | batch(10**9, 0) | list }}", "steps"},
      {"ManySlices", "{{ [1] | slice(10**9) | list }}", "steps"},
      {"Parentheses", "{{ " + repeated("(", kMany) + "1" + repeated(")", kMany) + " }}", "nests"},
      {"Lists", "{{ " + repeated("[", kMany) + repeated("]", kMany) + " }}", "nests"},
      {"Negations", "{{ " + repeated("not ", kMany) + "1 }}", "nests"},
      {"Signs", "{{ " + repeated("-", kMany) + "1 }}", "nests"},
      {"LongSum", "{{ 1" + repeated("+1", kMany) + " }}", "nests"},
      {"LongJunction", "{{ 1" + repeated(" or 1", kMany) + " }}", "nests"},
      {"LongPath", "{{ a" + repeated(".a", kMany) + " }}", "nests"},
      {"ManyFilters", "{{ a" + repeated("|e", kMany) + " }}", "nests"},
      {"ManyConditions", "{{ 1" + repeated(" if 1 else 1", kMany) + " }}", "nests"},
      {"NestedBlocks", repeated("{% if 1 %}", kMany), "nests"},
      {"NestedMacros", repeated("{% macro a() %}", kMany), "nests"},
      {"SourceTooLong", std::string((1 << 20) + 1, 'a'), "bytes"},
  };
}

class TemplateLimitsTest : public ::testing::TestWithParam<Hostile> {};

// How soon: `model_test --gtest_filter='Hostile/*'` prints each case's milliseconds.
TEST_P(TemplateLimitsTest, EndsWithTheLimitItMet) {
  const auto prompt = render(GetParam().source);
  ASSERT_FALSE(prompt);
  EXPECT_EQ(prompt.error().code, Code::exhausted) << prompt.error().message;
  EXPECT_NE(prompt.error().message.find(GetParam().limit), std::string::npos)
      << prompt.error().message;
  EXPECT_NE(prompt.error().message.find("limit of"), std::string::npos) << prompt.error().message;
}

INSTANTIATE_TEST_SUITE_P(Hostile, TemplateLimitsTest, ::testing::ValuesIn(hostile_templates()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(TemplateLimitsBorderTest, StepsAreCountedFromTheFirstToTheLast) {
  const std::string source = "{% for a in range(10) %}{{ a }}{% endfor %}";
  std::size_t steps = 1;
  while (!render(source, {.steps = steps})) ++steps;
  EXPECT_GT(steps, 20u);   // an output and an expression per iteration
  EXPECT_LT(steps, 100u);  // and little more
  EXPECT_EQ(*render(source, {.steps = steps}), "0123456789");
}

TEST(TemplateLimitsBorderTest, DepthAllowsWhatItSays) {
  const auto nested = [](int depth) {
    return "{{ " + repeated("[", depth) + repeated("]", depth) + " }}";
  };
  EXPECT_TRUE(render(nested(10), {.depth = 20}));
  EXPECT_FALSE(render(nested(21), {.depth = 20}));
}

TEST(TemplateLimitsBorderTest, OutputMayReachItsLimit) {
  EXPECT_TRUE(render("{{ 'a' * 100 }}", {.output_bytes = 100}));
  EXPECT_FALSE(render("{{ 'a' * 101 }}", {.output_bytes = 100}));
  EXPECT_FALSE(render("{{ 'a' * 60 }}{{ 'a' * 60 }}", {.output_bytes = 100}));
}

TEST(TemplateLimitsBorderTest, RangeIsAsLargeAsTheSandboxAllows) {
  EXPECT_EQ(*render("{{ range(100000) | length }}"), "100000");
  const auto larger = render("{{ range(100001) }}");
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().message,
            "line 1: Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
}

}  // namespace
}  // namespace conduit::kernels
