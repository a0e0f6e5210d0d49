// ChatTemplate's contract: what it takes, what it gives, and how it fails. The language itself is
// in jinja_test.cc, the bounds are in template_limits_test.cc.
#include "kernels/model/chat_template.h"

#include <gtest/gtest.h>

#include <string>

namespace conduit::kernels {
namespace {

constexpr std::string_view kChatMl =
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + "
    "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
    "}}{% endif %}";

json::Value variables(std::string_view text) {
  Result<json::Value> value = json::parse(text);
  EXPECT_TRUE(value) << value.error().message;
  return *std::move(value);
}

Result<std::string> render(std::string_view source, std::string_view json_variables,
                           std::time_t now = 0) {
  CONDUIT_TRY(const ChatTemplate chat_template, ChatTemplate::parse(source));
  return chat_template.render(variables(json_variables), now);
}

TEST(ChatTemplateTest, WritesAConversationAsItsTemplateSays) {
  const auto prompt = render(
      kChatMl,
      R"({"messages": [{"role": "user", "content": "Grüße"}], "add_generation_prompt": true})");
  ASSERT_TRUE(prompt) << prompt.error().message;
  EXPECT_EQ(*prompt, "<|im_start|>user\nGrüße<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTemplateTest, IsParsedOnceAndRenderedOften) {
  const auto chat_template = ChatTemplate::parse("{{ x }}{% set x = 2 %}{{ x }}");
  ASSERT_TRUE(chat_template);
  EXPECT_EQ(*chat_template->render(variables(R"({"x": 1})"), 0), "12");
  EXPECT_EQ(*chat_template->render(variables(R"({"x": 3})"), 0), "32");
  EXPECT_EQ(chat_template->source(), "{{ x }}{% set x = 2 %}{{ x }}");
}

TEST(ChatTemplateTest, RaisedMessageIsTheTemplatesOwn) {
  const auto prompt =
      render("a\n{{ raise_exception('Roles must alternate, got ' ~ n) }}", R"({"n": 3})");
  ASSERT_FALSE(prompt);
  EXPECT_EQ(prompt.error().code, Code::invalid_argument);
  EXPECT_EQ(prompt.error().message, std::string(kRaisedByTemplate) + "Roles must alternate, got 3");
}

TEST(ChatTemplateTest, ErrorNamesTheInnermostLine) {
  const auto prompt =
      render("a\n{% if true %}\n{{ messages[0].x.y }}\n{% endif %}", R"({"messages": [{}]})");
  ASSERT_FALSE(prompt);
  EXPECT_EQ(prompt.error().code, Code::invalid_argument);
  EXPECT_EQ(prompt.error().message, "line 3: 'dict object' has no attribute 'x'");
}

TEST(ChatTemplateTest, SyntaxErrorNamesTheLineAndWhatIsMissing) {
  const auto unclosed = ChatTemplate::parse("a\n{% if x %}\nb");
  ASSERT_FALSE(unclosed);
  EXPECT_EQ(unclosed.error().message,
            "line 3: Unexpected end of template. Jinja was looking for the following tags: 'elif' "
            "or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.");
  EXPECT_EQ(unclosed.error().code, Code::invalid_argument);
}

TEST(ChatTemplateTest, VariablesMustBeAnObject) {
  const auto chat_template = ChatTemplate::parse("x");
  ASSERT_TRUE(chat_template);
  EXPECT_FALSE(chat_template->render(json::Array{}, 0));
}

TEST(ChatTemplateTest, SourceMustBeUtf8) {
  EXPECT_FALSE(ChatTemplate::parse("a\xC3"));
  EXPECT_FALSE(ChatTemplate::parse("\xED\xA0\x80"));
  EXPECT_TRUE(ChatTemplate::parse("é"));
}

TEST(ChatTemplateTest, DateIsThatOfTheGivenTimeInLocalTime) {
  std::tm local{};
  local.tm_year = 126;
  local.tm_mday = 15;
  local.tm_hour = 12;
  local.tm_isdst = -1;
  const std::time_t now = std::mktime(&local);
  EXPECT_EQ(*render("{{ strftime_now('%d %b %Y %H:%M') }}", "{}", now), "15 Jan 2026 12:00");
  EXPECT_EQ(*render("[{{ strftime_now('') }}]", "{}", now), "[]");
}

TEST(ChatTemplateTest, LargeUnsignedNumbersKeepTheirDigits) {
  EXPECT_EQ(*render("{{ n | tojson }} {{ n + 1 }}", R"({"n": 18446744073709551615})"),
            "18446744073709551615 18446744073709551616");
}

TEST(ChatTemplateTest, TruncatedSourceNeverCrashes) {
  constexpr std::string_view kSource =
      "{%- macro m(a, b='x') -%}{{ a[1:2] ~ b|join(', ') }}{%- endmacro -%}\n"
      "{# c #}{% raw %}{{ }}{% endraw %}{% for k, v in d.items() if v is not none recursive %}"
      "{{ loop.index }}{% else %}{% set ns.x = {'a': [1, (2,)], \"b\": -1.5e3} %}{% endfor %}"
      "{% call(x) m(1, *l, b='\\u00e9') %}{% filter upper %}q{% endfilter %}{% endcall %}"
      "{% with a = 1 %}{% set y | trim %}z{% endset %}{% endwith %}{{ 1 if a else 2 }}";
  ASSERT_TRUE(ChatTemplate::parse(kSource)) << ChatTemplate::parse(kSource).error().message;
  for (std::size_t size = 0; size < kSource.size(); ++size) {
    const auto cut = ChatTemplate::parse(kSource.substr(0, size));
    if (!cut) continue;
    (void)cut->render(variables(R"({"l": [1], "d": {"k": null}})"), 0);
  }
}

}  // namespace
}  // namespace conduit::kernels
