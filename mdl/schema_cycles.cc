// Depth-first search over the edges that stay at the value, with a stack of its own: the graph may
// be as deep as it has nodes.
#include "mdl/schema_cycles.h"

#include <algorithm>

namespace conduit::mdl {
namespace {

std::vector<NodeId> at_same_value(const Node& node) {
  std::vector<NodeId> ids = node.all_of;
  ids.insert(ids.end(), node.any_of.begin(), node.any_of.end());
  ids.insert(ids.end(), node.one_of.begin(), node.one_of.end());
  for (const auto& [name, id] : node.dependent_schemas) ids.push_back(id);
  for (const auto& id : {node.not_, node.if_, node.then_, node.else_})
    if (id) ids.push_back(*id);
  return ids;
}

struct Visit {
  NodeId node;
  std::vector<NodeId> rest;
  std::size_t height = 0;  // of what is below it so far
};

constexpr std::size_t kNew = 0, kOpen = SIZE_MAX;

}  // namespace

Status refuse_cycles(const Schema& schema) {
  std::vector<std::size_t> height(schema.nodes.size(), kNew);  // in nodes, itself included
  std::vector<Visit> stack;
  for (NodeId start = 0; start < schema.nodes.size(); ++start) {
    NodeId next = start;
    do {
      if (height[next] == kOpen)
        return Error{Code::invalid_argument,
                     "schema: at " + schema.at(next).place +
                         " it refers to itself, so that no value could ever be checked"};
      if (height[next] == kNew) {
        height[next] = kOpen;
        stack.push_back({next, at_same_value(schema.at(next))});
      } else if (!stack.empty()) {
        stack.back().height = std::max(stack.back().height, height[next]);
      }
      while (!stack.empty() && stack.back().rest.empty()) {
        const Visit done = std::move(stack.back());
        stack.pop_back();
        if (done.height >= kMaxNestedAssertions)
          return Error{Code::exhausted,
                       "schema: at " + schema.at(done.node).place +
                           " references and applicators are nested deeper than the limit of " +
                           std::to_string(kMaxNestedAssertions)};
        height[done.node] = done.height + 1;
        if (!stack.empty()) stack.back().height = std::max(stack.back().height, done.height + 1);
      }
      if (stack.empty()) break;
      next = stack.back().rest.back();
      stack.back().rest.pop_back();
    } while (true);
  }
  return ok();
}

}  // namespace conduit::mdl
