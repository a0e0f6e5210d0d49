// Schemas of all drafts as nodes, and what of them is refused.
#include "mdl/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "mdl/validate.h"

namespace conduit::mdl {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Schema read(std::string_view text, const SchemaOptions& options = {}) {
  auto schema = read_schema(text, options);
  EXPECT_TRUE(schema) << schema.error().message;
  return schema ? *std::move(schema) : Schema{{Node{}}, 0};
}

Node root(std::string_view text) {
  const Schema schema = read(text);
  return schema.at(schema.root);
}

std::string refusal(std::string_view text, const SchemaOptions& options = {}) {
  const auto schema = read_schema(text, options);
  return schema ? "accepted" : schema.error().message;
}

// "fits", "no: " and the keyword, or what was refused.
std::string verdict(std::string_view schema_text, std::string_view value_text,
                    const SchemaOptions& options = {}) {
  const auto schema = read_schema(schema_text, options);
  if (!schema) return schema.error().message;
  auto validator = Validator::make(*schema);
  const auto value = json::parse(value_text);
  if (!validator || !value) return "no validator or value";
  const auto mismatch = validator->check(*value);
  if (!mismatch) return mismatch.error().message;
  return *mismatch ? "no: " + (*mismatch)->keyword : "fits";
}

constexpr std::string_view kDraft4 = R"("$schema": "http://json-schema.org/draft-04/schema#")";
constexpr std::string_view kDraft6 = R"("$schema": "http://json-schema.org/draft-06/schema#")";
constexpr std::string_view kDraft7 = R"("$schema": "http://json-schema.org/draft-07/schema#")";
constexpr std::string_view k2019 = R"("$schema": "https://json-schema.org/draft/2019-09/schema")";

std::string of(std::string_view draft, std::string_view members) {
  return "{" + std::string(draft) + ", " + std::string(members) + "}";
}

TEST(SchemaTest, AssertionsComeAsTheyStand) {
  const Node node = root(R"({"type": ["string", "null"], "minLength": 2, "maxLength": 5.0,
      "pattern": "^a", "enum": ["a", null], "minimum": 1, "multipleOf": 0.5, "minItems": 1,
      "uniqueItems": true, "required": ["b"], "maxProperties": 3})");
  EXPECT_EQ(node.types, kString | kNull);
  EXPECT_EQ(node.min_length, 2U);
  EXPECT_EQ(node.max_length, 5U);
  EXPECT_EQ(node.pattern, "^a");
  EXPECT_EQ(node.values->size(), 2U);
  EXPECT_EQ(*node.minimum, json::Value(1));
  EXPECT_EQ(*node.multiple_of, json::Value(0.5));
  EXPECT_EQ(node.min_items, 1U);
  EXPECT_TRUE(node.unique_items);
  EXPECT_THAT(node.required, ElementsAre("b"));
  EXPECT_EQ(node.max_properties, 3U);
  EXPECT_EQ(node.place, "#");
}

TEST(SchemaTest, BooleanSchemasFitAllAndNothing) {
  EXPECT_EQ(root("true").types, kAnyType);
  EXPECT_EQ(root("false").types, 0);
}

TEST(SchemaTest, PropertiesKeepTheOrderOfTheTextAndTheLastOfEqualNames) {
  const Schema schema = read(R"({"properties": {"b": {}, "a": true, "b": {"type": "null"}}})");
  const Node& node = schema.at(schema.root);
  ASSERT_THAT(node.properties, ElementsAre(Pair("a", testing::_), Pair("b", testing::_)));
  EXPECT_EQ(schema.at(node.properties[1].second).types, kNull);
  EXPECT_EQ(schema.at(node.properties[1].second).place, "#/properties/b");
}

TEST(SchemaTest, PlacesAreJsonPointers) {
  const Schema schema = read(R"({"properties": {"a/b~c": {"prefixItems": [true, {}]}}})");
  const Node& property = schema.at(schema.at(schema.root).properties[0].second);
  EXPECT_EQ(schema.at(property.prefix_items[1]).place, "#/properties/a~1b~0c/prefixItems/1");
}

TEST(SchemaTest, EnumAndConstTogetherAreWhatBothAllow) {
  EXPECT_EQ(root(R"({"enum": [1, 2], "const": 2.0})").values->size(), 1U);
  EXPECT_THAT(*root(R"({"enum": [1, 2], "const": 3})").values, IsEmpty());
}

TEST(SchemaTest, UnknownKeywordsAndAnnotationsPass) {
  EXPECT_EQ(verdict(R"({"title": "t", "description": "d", "default": 1, "examples": [1],
      "$comment": "c", "deprecated": true, "readOnly": true, "contentEncoding": "base64",
      "contentSchema": {"type": "null"}, "x-order": 3, "minLenght": 4})",
                    R"("a")"),
            "fits");
}

TEST(SchemaTest, ReferencesToOnePlaceAreOneNode) {
  const Schema schema = read(R"({"properties": {"a": {"$ref": "#/$defs/x"},
      "b": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "null"}, "unused": {"$ref": "gone"}}})");
  const Node& node = schema.at(schema.root);
  const auto target = [&](std::size_t i) {
    return schema.at(node.properties[i].second).all_of.at(0);
  };
  EXPECT_EQ(target(0), target(1));
  EXPECT_EQ(schema.at(target(0)).place, "#/$defs/x");
}

TEST(SchemaTest, RecursionThatConsumesInputIsACycleOfNodes) {
  const std::string_view list =
      R"({"properties": {"next": {"$ref": "#"}}, "required": ["v"], "additionalProperties": true})";
  EXPECT_EQ(verdict(list, R"({"v": 1, "next": {"v": 2, "next": {"v": 3}}})"), "fits");
  EXPECT_EQ(verdict(list, R"({"v": 1, "next": {"v": 2, "next": {}}})"), "no: required");
}

TEST(SchemaTest, ReferencesLeadByPointerAnchorAndId) {
  const auto with = [](std::string_view reference) {
    return R"({"$id": "http://example.com/dir/root.json", "$ref": ")" + std::string(reference) +
           R"(", "$defs": {"a b/%": {"$anchor": "here", "type": "null"},
              "other": {"$id": "sub/other.json", "type": "integer",
                        "$defs": {"x": {"$anchor": "here", "type": "string"}}},
              "urn": {"$id": "urn:x:y", "type": "boolean"}}})";
  };
  for (const auto* reference :
       {"#/$defs/a%20b~1%25", "#here", "root.json#here", "http://example.com/dir/root.json#here",
        "/dir/./sub/../root.json#here"})
    EXPECT_EQ(verdict(with(reference), "null"), "fits") << reference;
  EXPECT_EQ(verdict(with("#/$defs/a%20b~1%25"), "1"), "no: type");
  EXPECT_EQ(verdict(with("sub/other.json"), "1"), "fits");
  EXPECT_EQ(verdict(with("sub/other.json#here"), R"("s")"), "fits");
  EXPECT_EQ(verdict(with("sub/other.json#/$defs/x"), "1"), "no: type");
  EXPECT_EQ(verdict(with("urn:x:y"), "true"), "fits");
}

TEST(SchemaTest, ReferencesMayLeadWhereNoKeywordHoldsSchemas) {
  const std::string_view openapi =
      R"({"$ref": "#/components/schemas/A", "components": {"schemas": {
          "A": {"type": "array", "items": {"$ref": "#/components/schemas/B"}},
          "B": {"type": "null"}}}})";
  EXPECT_EQ(verdict(openapi, "[null]"), "fits");
  EXPECT_EQ(verdict(openapi, "[1]"), "no: type");
}

TEST(SchemaTest, RemoteReferencesAreRefusedWithTheirPlace) {
  EXPECT_THAT(refusal(R"({"properties": {"a": {"$ref": "https://example.com/a.json#/b"}}})"),
              AllOf(HasSubstr("\"$ref\" at #/properties/a is a remote reference"),
                    HasSubstr("https://example.com/a.json#/b")));
  EXPECT_THAT(refusal(R"({"$ref": "http://json-schema.org/draft-07/schema#"})"),
              HasSubstr("remote reference"));
}

TEST(SchemaTest, ReferencesToNothingAreRefused) {
  EXPECT_THAT(refusal(R"({"$ref": "#/$defs/a"})"), HasSubstr("\"#/$defs/a\", which names nothing"));
  EXPECT_THAT(refusal(R"({"$ref": "#a"})"), HasSubstr("which names nothing"));
  EXPECT_THAT(refusal(R"({"$ref": "#/title", "title": "t"})"), HasSubstr("no schema"));
  EXPECT_THAT(refusal(R"({"$ref": 1})"), HasSubstr("\"$ref\" at # must be a string"));
}

TEST(SchemaTest, ReferencesToOneselfAreRefused) {
  for (
      const auto* schema :
      {R"({"$ref": "#"})", R"({"allOf": [{"$ref": "#"}]})", R"({"not": {"$ref": "#"}})",
       R"({"anyOf": [{"type": "null"}, {"$ref": "#"}]})", R"({"if": true, "then": {"$ref": "#"}})",
       R"({"dependentSchemas": {"a": {"$ref": "#"}}})",
       R"({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}})"})
    EXPECT_THAT(refusal(schema), HasSubstr("refers to itself")) << schema;
}

TEST(SchemaTest, DynamicReferencesMeanTheOutermostAnchorOnTheWay) {
  const std::string_view lists = R"({
      "properties": {"numbers": {"$ref": "numbers"}, "any": {"$ref": "list"}},
      "$defs": {
        "list": {"$id": "list", "items": {"$dynamicRef": "#item"},
                 "$defs": {"item": {"$dynamicAnchor": "item"}}},
        "numbers": {"$id": "numbers", "$ref": "list",
                    "$defs": {"item": {"$dynamicAnchor": "item", "type": "number"}}}}})";
  EXPECT_EQ(verdict(lists, R"({"numbers": [1], "any": ["a"]})"), "fits");
  EXPECT_EQ(verdict(lists, R"({"numbers": ["a"]})"), "no: type");
}

TEST(SchemaTest, DynamicTreesStayExtendedAllTheWayDown) {
  const std::string_view tree = R"({
      "$id": "strict", "$dynamicAnchor": "node", "$ref": "tree", "unevaluatedProperties": false,
      "$defs": {"tree": {"$id": "tree", "$dynamicAnchor": "node", "properties": {
          "data": true, "children": {"items": {"$dynamicRef": "#node"}}}}}})";
  EXPECT_EQ(verdict(tree, R"({"children": [{"data": 1}]})"), "fits");
  EXPECT_EQ(verdict(tree, R"({"children": [{"daat": 1}]})"), "no: unevaluatedProperties");
}

TEST(SchemaTest, RecursiveReferencesOf2019MeanTheOutermostRoot) {
  const auto tree = [](std::string_view anchor) {
    return of(k2019, R"("$id": "http://e.com/strict", "$recursiveAnchor": true, "$ref": "tree",
        "unevaluatedProperties": false, "$defs": {"tree": {"$id": "tree",)" +
                         std::string(anchor) + R"( "properties": {
        "data": true, "children": {"items": {"$recursiveRef": "#"}}}}})");
  };
  const std::string_view misspelt = R"({"children": [{"daat": 1}]})";
  EXPECT_EQ(verdict(tree(R"("$recursiveAnchor": true,)"), misspelt), "no: unevaluatedProperties");
  EXPECT_EQ(verdict(tree(""), misspelt), "fits");
}

TEST(SchemaTest, Draft4HasBooleanExclusiveLimitsAndId) {
  const std::string range =
      of(kDraft4,
         R"("minimum": 1, "exclusiveMinimum": true, "maximum": 5, "exclusiveMaximum": false)");
  EXPECT_EQ(verdict(range, "1"), "no: exclusiveMinimum");
  EXPECT_EQ(verdict(range, "1.5"), "fits");
  EXPECT_EQ(verdict(range, "5"), "fits");
  const std::string ids = of(kDraft4, R"("id": "http://e.com/a", "$ref": "b#c", "definitions": {
      "b": {"id": "b", "definitions": {"c": {"id": "#c", "type": "null"}}}})");
  EXPECT_EQ(verdict(ids, "null"), "fits");
  EXPECT_EQ(verdict(ids, "1"), "no: type");
  EXPECT_EQ(verdict(of(kDraft4, R"("const": 1, "contains": false)"), "[2]"), "fits");
}

TEST(SchemaTest, Draft6HasConstContainsAndPropertyNamesButNoIf) {
  EXPECT_EQ(verdict(of(kDraft6, R"("const": 1)"), "2"), "no: const");
  EXPECT_EQ(verdict(of(kDraft6, R"("contains": {"type": "null"})"), "[1]"), "no: contains");
  EXPECT_EQ(verdict(of(kDraft6, R"("propertyNames": {"maxLength": 1})"), R"({"ab": 1})"),
            "no: propertyNames");
  EXPECT_EQ(verdict(of(kDraft6, R"("if": true, "then": false)"), "1"), "fits");
}

TEST(SchemaTest, UpToDraft7NothingBesideARefCounts) {
  const std::string_view members =
      R"("properties": {"a": {"$ref": "#/definitions/n", "type": "string", "$id": "elsewhere"}},
         "definitions": {"n": {"type": "null"}})";
  EXPECT_EQ(verdict(of(kDraft7, members), R"({"a": null})"), "fits");
  EXPECT_EQ(verdict(of(kDraft6, members), R"({"a": "s"})"), "no: type");
  const std::string root = of(kDraft7, R"("$id": "http://e.com/a.json", "$ref": "#/definitions/n",
      "definitions": {"n": {"items": {"$ref": "a.json"}, "type": "array"}})");
  EXPECT_EQ(verdict(root, "[[]]"), "fits");
  EXPECT_EQ(verdict(root, "[[1]]"), "no: type");
  EXPECT_EQ(verdict(R"({"$ref": "#/$defs/n", "maxItems": 1, "$defs": {"n": {"type": "array"}}})",
                    "[1, 2]"),
            "no: maxItems");
}

TEST(SchemaTest, Draft7HasConditionsListsOfItemsAndDependencies) {
  const std::string condition = of(kDraft7, R"("if": {"type": "integer"}, "then": {"minimum": 3},
      "else": {"type": "string"})");
  EXPECT_EQ(verdict(condition, "2"), "no: minimum");
  EXPECT_EQ(verdict(condition, "null"), "no: type");
  const std::string tuple =
      of(kDraft7, R"("items": [{"type": "null"}, {}], "additionalItems": {"type": "integer"})");
  EXPECT_EQ(verdict(tuple, R"([null, "a", 1])"), "fits");
  EXPECT_EQ(verdict(tuple, R"([null, "a", "b"])"), "no: type");
  EXPECT_EQ(verdict(of(kDraft7, R"("items": {}, "additionalItems": false)"), "[1, 2]"), "fits");
  const std::string dependencies = of(
      kDraft7, R"("dependencies": {"a": ["b"], "c": {"required": ["d"]}, "e": false, "f": true})");
  EXPECT_EQ(verdict(dependencies, R"({"a": 1})"), "no: dependentRequired");
  EXPECT_EQ(verdict(dependencies, R"({"c": 1})"), "no: required");
  EXPECT_EQ(verdict(dependencies, R"({"e": 1})"), "no: false");
  EXPECT_EQ(verdict(dependencies, R"({"a": 1, "b": 1, "c": 1, "d": 1, "f": 1})"), "fits");
}

TEST(SchemaTest, In2019ContainsDoesNotEvaluate) {
  const std::string members = R"("contains": {"type": "string"}, "unevaluatedItems": false)";
  EXPECT_EQ(verdict(of(k2019, members), R"(["a"])"), "no: unevaluatedItems");
  EXPECT_EQ(verdict(of(k2019, R"("contains": {"type": "string"}, "unevaluatedItems": {})"), "[1]"),
            "no: not");
  EXPECT_EQ(verdict("{" + members + "}", R"(["a"])"), "fits");
}

TEST(SchemaTest, AbsentSchemaKeywordMeansTheDraftOfTheOptions) {
  SchemaOptions draft7;
  draft7.draft = 7;
  const std::string_view schema = R"({"prefixItems": [false]})";
  EXPECT_EQ(verdict(schema, "[1]"), "no: false");
  EXPECT_EQ(verdict(schema, "[1]", draft7), "fits");
  EXPECT_EQ(verdict(R"({"$schema": "http://example.com/own", "prefixItems": [false]})", "[1]"),
            "no: false");
}

TEST(SchemaTest, EmbeddedDocumentsKeepTheirDraft) {
  const std::string schema = R"({"$ref": "old", "$defs": {"o": {"$id": "old", )" +
                             std::string(kDraft7) + R"(, "items": [{"type": "null"}]}}})";
  EXPECT_EQ(verdict(schema, "[1]"), "no: type");
}

TEST(SchemaTest, Draft3IsRefused) {
  EXPECT_THAT(refusal(R"({"$schema": "http://json-schema.org/draft-03/schema#"})"),
              AllOf(HasSubstr("draft-03"), HasSubstr("2020-12")));
}

TEST(SchemaTest, OldSpellingsWithOneMeaningHoldInTheNewestDraft) {
  EXPECT_EQ(verdict(R"({"items": [{"type": "null"}], "additionalItems": false})", "[null, 1]"),
            "no: items");
  EXPECT_EQ(verdict(R"({"minimum": 1, "exclusiveMinimum": true})", "1"), "no: exclusiveMinimum");
  EXPECT_EQ(verdict(R"({"dependencies": {"a": ["b"]}})", R"({"a": 1})"), "no: dependentRequired");
}

TEST(SchemaTest, NullableAddsNullUnlessTheDraftIsNamed) {
  EXPECT_EQ(verdict(R"({"type": "string", "nullable": true})", "null"), "fits");
  EXPECT_EQ(verdict(R"({"type": "string", "nullable": false})", "null"), "no: type");
  EXPECT_EQ(verdict(of(kDraft7, R"("type": "string", "nullable": true)"), "null"), "no: type");
}

TEST(SchemaTest, MalformedKeywordsAreRefusedByNameAndPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"type": "int"})", "\"type\" at # is \"int\""},
      {R"({"type": []})", "\"type\" at #"},
      {R"({"enum": 1})", "\"enum\" at # must be a list"},
      {R"({"items": {"multipleOf": 0}})", "\"multipleOf\" at #/items is 0"},
      {R"({"minLength": -1})", "\"minLength\" at # is -1"},
      {R"({"minLength": 1.5})", "\"minLength\" at # is 1.5"},
      {R"({"maximum": "1"})", "\"maximum\" at # is \"1\""},
      {R"({"pattern": 1})", "\"pattern\" at # must be a string"},
      {R"({"uniqueItems": 1})", "\"uniqueItems\" at # must be true or false"},
      {R"({"properties": {"a": {"required": true}}})", "\"required\" at #/properties/a"},
      {R"({"properties": []})", "\"properties\" at # must be an object"},
      {R"({"properties": {"a": 1}})", "at #/properties/a an object, true or false must stand"},
      {R"({"allOf": {}})", "\"allOf\" at # must be a list"},
      {R"({"anyOf": []})", "\"anyOf\" at # must have at least one"},
      {R"({"not": 1})", "at #/not an object"},
      {R"({"dependentRequired": {"a": [1]}})", "\"dependentRequired\" at #"},
      {R"({"dependencies": {"a": 1}})", "at #/dependencies/a an object"},
      {R"({"prefixItems": [true], "items": [true]})", "\"items\" at #"},
      {R"({"$id": 1})", "\"$id\" at # must be a string"},
      {R"([1])", "must be an object"},
  };
  for (const auto& [schema, message] : cases) EXPECT_THAT(refusal(schema), HasSubstr(message));
}

TEST(SchemaTest, TextThatIsNoJsonIsAnInvalidArgument) {
  const auto schema = read_schema(std::string_view(R"({"type":)"));
  ASSERT_FALSE(schema);
  EXPECT_EQ(schema.error().code, Code::invalid_argument);
  EXPECT_THAT(schema.error().message, HasSubstr("schema: malformed JSON at line 1"));
}

TEST(SchemaTest, LimitsAreNamedWithTheirValue) {
  SchemaOptions small;
  small.limits = {.bytes = 200, .nodes = 5, .depth = 3, .enum_values = 4};
  EXPECT_THAT(refusal("{\"title\": \"" + std::string(200, 'a') + "\"}", small),
              HasSubstr("limit of 200"));
  EXPECT_THAT(refusal(R"({"allOf": [{}, {}, {}, {}, {}]})", small), HasSubstr("limit of 5"));
  EXPECT_THAT(refusal(R"({"not": {"not": {"not": {}}}})", small),
              HasSubstr("deeper than the limit of 3"));
  EXPECT_THAT(refusal(R"({"enum": [1, 2, 3], "not": {"enum": [1, 2]}})", small),
              HasSubstr("enum values than the limit of 4"));
  json::Value document;
  document.set("title", std::string(200, 'a'));
  EXPECT_EQ(read_schema(document, small).error().code, Code::exhausted);
}

TEST(SchemaTest, PlacesAndBaseUrisAreBounded) {
  const std::string name(400'000, 'n');
  const Schema schema = read(R"({"properties": {")" + name + R"(": {"not": {}}}})");
  for (const Node& node : schema.nodes) EXPECT_LT(node.place.size(), 400U);
  EXPECT_THAT(refusal(R"({"$id": "http://example.com/)" + name + "\"}"),
              HasSubstr("\"$id\" at # is longer than the limit of 1024"));
  EXPECT_LT(refusal(R"({"$ref": "#/)" + name + "\"}").size(), 300U);
}

TEST(SchemaTest, WebsOfReferencesAreOneNodeEach) {
  std::string web = R"({"$ref": "#/$defs/d0", "$defs": {"d40": {"type": "null"})";
  for (int i = 0; i < 40; ++i) {
    const std::string next = R"({"$ref": "#/$defs/d)" + std::to_string(i + 1) + "\"}";
    web += ", \"d" + std::to_string(i) + R"(": {"allOf": [)" + next + "," + next + "]}";
  }
  EXPECT_LT(read(web + "}}").nodes.size(), 200U);
}

TEST(SchemaTest, ChainsOfReferencesAreBounded) {
  std::string chain = R"({"$ref": "#/$defs/d0", "$defs": {"d5000": {"type": "null"})";
  for (int i = 0; i < 5000; ++i)
    chain +=
        ", \"d" + std::to_string(i) + R"(": {"$ref": "#/$defs/d)" + std::to_string(i + 1) + "\"}";
  EXPECT_THAT(refusal(chain + "}}"), HasSubstr("nested deeper than the limit of 200"));
}

TEST(SchemaTest, CombinationsOfDynamicAnchorsAreBounded) {
  // Each way through the twelve resources has another set of anchors.
  std::string defs;
  for (int i = 0; i < 12; ++i) {
    const std::string next = std::to_string(i + 1);
    const auto resource = [&](const char* kind, const std::string& anchor) {
      return "\"" + std::string(kind) + std::to_string(i) + R"(": {"$id": ")" + kind +
             std::to_string(i) + "\"" + anchor + R"(, "properties": {"l": {"$ref": "l)" + next +
             R"("}, "r": {"$ref": "r)" + next + "\"}}},";
    };
    defs +=
        resource("l", R"(, "$dynamicAnchor": "a)" + std::to_string(i) + "\"") + resource("r", "");
  }
  EXPECT_THAT(refusal(R"({"$ref": "l0", "$defs": {)" + defs +
                      R"("l12": {"$id": "l12", "$dynamicRef": "l0#a0"}, "r12": {"$id": "r12"}}})"),
              HasSubstr("dynamic anchors in more combinations"));
}

}  // namespace
}  // namespace conduit::mdl
