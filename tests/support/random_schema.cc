#include "tests/support/random_schema.h"

#include <string>
#include <utility>

namespace conduit::testing {
namespace {

using json::Array;
using json::Object;
using json::Value;

int below(std::mt19937& random, int limit) {
  return static_cast<int>(random() % static_cast<unsigned>(limit));
}

Value scalar(std::mt19937& random) {
  switch (below(random, 5)) {
    case 0: return nullptr;
    case 1: return below(random, 2) == 0;
    case 2: return below(random, 20) - 5;
    case 3: return 0.25 * below(random, 20);
    default:
      return std::string(1, static_cast<char>('a' + below(random, 4))) +
             (below(random, 2) == 0 ? "\"\n" : "x");
  }
}

Object number(std::mt19937& random) {
  Object schema{{"type", below(random, 2) == 0 ? "integer" : "number"}};
  const int low = below(random, 40) - 20;
  if (below(random, 2) == 0)
    schema.push_back({below(random, 2) == 0 ? "minimum" : "exclusiveMinimum", low});
  if (below(random, 2) == 0) schema.push_back({"maximum", low + below(random, 200)});
  if (below(random, 4) == 0)
    schema.push_back(
        {"multipleOf", below(random, 2) == 0 ? Value(1 + below(random, 7)) : Value(0.25)});
  return schema;
}

Object string(std::mt19937& random) {
  static const char* kPatterns[] = {"^[a-z]{2,4}$", "b", "^(ab|cd)*$", "^\\d+-x$"};
  static const char* kFormats[] = {"date", "uuid", "ipv4", "time"};
  Object schema{{"type", "string"}};
  switch (below(random, 5)) {
    case 0: schema.push_back({"pattern", kPatterns[below(random, 4)]}); break;
    case 1: schema.push_back({"format", kFormats[below(random, 4)]}); break;
    case 2:
      schema.push_back({"minLength", below(random, 3)});
      schema.push_back({"maxLength", 3 + below(random, 5)});
      break;
    default: break;
  }
  return schema;
}

Object array(std::mt19937& random, int depth) {
  Object schema{{"type", "array"}, {"items", random_schema(random, depth - 1)}};
  if (below(random, 3) == 0)
    schema.push_back({"prefixItems", Array{random_schema(random, depth - 1)}});
  if (below(random, 2) == 0) schema.push_back({"minItems", below(random, 3)});
  if (below(random, 2) == 0) schema.push_back({"maxItems", 2 + below(random, 3)});
  if (below(random, 4) == 0) schema.push_back({"uniqueItems", true});
  if (below(random, 5) == 0) schema.push_back({"contains", random_schema(random, 0)});
  return schema;
}

Object object(std::mt19937& random, int depth) {
  Object properties;
  Array required;
  for (int i = 0; i < below(random, 4); ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    properties.push_back({name, random_schema(random, depth - 1)});
    if (below(random, 2) == 0) required.push_back(name);
  }
  Object schema{{"type", "object"}, {"properties", properties}, {"required", required}};
  switch (below(random, 4)) {
    case 0: schema.push_back({"additionalProperties", false}); break;
    case 1: schema.push_back({"additionalProperties", random_schema(random, depth - 1)}); break;
    case 2:
      schema.push_back({"patternProperties", Object{{"^p", random_schema(random, depth - 1)}}});
      break;
    default: break;
  }
  if (below(random, 5) == 0) schema.push_back({"maxProperties", 4});
  if (below(random, 5) == 0) schema.push_back({"minProperties", 1});
  if (below(random, 6) == 0) schema.push_back({"dependentRequired", Object{{"a", Array{"b"}}}});
  return schema;
}

}  // namespace

json::Value random_schema(std::mt19937& random, int depth) {
  switch (below(random, depth > 0 ? 11 : 6)) {
    case 0: return Object{{"enum", Array{scalar(random), scalar(random), scalar(random)}}};
    case 1: return Object{{"type", Array{"null", "boolean"}}};
    case 2:
    case 3: return number(random);
    case 4:
    case 5: return string(random);
    case 6: return array(random, depth);
    case 7:
      return Object{
          {"anyOf", Array{random_schema(random, depth - 1), random_schema(random, depth - 1)}}};
    case 8: return Object{{"oneOf", Array{random_schema(random, 0), random_schema(random, 0)}}};
    default: return object(random, depth);
  }
}

}  // namespace conduit::testing
