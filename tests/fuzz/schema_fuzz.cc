// Any text as {"schema": …, "value": …}: an error, or nodes whose edges all lead somewhere and a
// verdict that does not depend on whether a reason is asked for.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mdl/base/check.h"
#include "mdl/schema.h"
#include "mdl/validate.h"

namespace {

void check_edges(const conduit::mdl::Schema& schema) {
  const auto check = [&](conduit::mdl::NodeId id) {
    CONDUIT_CHECK(id < schema.nodes.size(), "an edge leads to no node");
  };
  check(schema.root);
  for (const conduit::mdl::Node& node : schema.nodes) {
    for (const auto* list : {&node.prefix_items, &node.all_of, &node.any_of, &node.one_of})
      for (const auto id : *list) check(id);
    for (const auto* list : {&node.properties, &node.pattern_properties, &node.dependent_schemas})
      for (const auto& [name, id] : *list) check(id);
    for (const auto& id :
         {node.items, node.contains, node.additional, node.property_names, node.not_, node.if_,
          node.then_, node.else_, node.unevaluated_properties, node.unevaluated_items})
      if (id) check(*id);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = conduit::json::parse({reinterpret_cast<const char*>(data), size});
  if (!document) return 0;
  const conduit::json::Value* schema_value = document->find("schema");
  const conduit::json::Value* value = document->find("value");
  const auto schema =
      conduit::mdl::read_schema(schema_value != nullptr ? *schema_value : *document);
  if (!schema) return 0;
  check_edges(*schema);
  auto validator = conduit::mdl::Validator::make(*schema);
  if (!validator) return 0;
  const conduit::json::Value& instance = value != nullptr ? *value : *document;
  const auto mismatch = validator->check(instance);
  const bool fits = mismatch && !*mismatch;
  CONDUIT_CHECK(validator->accepts(instance) == fits, "two checks of one value disagree");
  return 0;
}
