// Nodes → text, by recursion. A node within itself is `...`, and so is what comes behind the limit
// of the text, as a schema whose parts are used twice each doubles with every level.
#include "mdl/schema_hint.h"

#include <algorithm>
#include <optional>

namespace conduit::mdl {

namespace {

constexpr std::size_t kTextBytes = 64 << 10;
constexpr std::string_view kMore = "...";

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

std::string name_text(const std::string& name) {
  const std::string plain = json::member_path("", name);
  return plain == name ? name : json::quote(name);
}

template <class T, class Text>
std::string interval(const std::optional<T>& least, const std::optional<T>& most, Text text) {
  if (!least && !most) return "";
  return "[" + (least ? text(*least) : "") + ".." + (most ? text(*most) : "") + "]";
}

std::string sizes(std::size_t least, const std::optional<std::size_t>& most) {
  const auto shown = least == 0 ? std::nullopt : std::optional(least);
  return interval(shown, most, [](std::size_t size) { return std::to_string(size); });
}

std::string comment(const std::string& text) {
  return text.find("*/") == std::string::npos ? " /* " + text + " */" : "";
}

class HintWriter {
 public:
  explicit HintWriter(const Schema& schema) : schema_(schema) {}

  std::vector<std::string> lines() {
    const Node& root = node_of(schema_.root);
    const bool is_record = root.types == kObject && !root.properties.empty() && !root.values;
    if (!is_record) return {text_of(schema_.root)};
    stack_.push_back(schema_.root);
    return fields_of(root);
  }

 private:
  // Through references that say nothing else.
  const Node& node_of(NodeId id) const {
    const Node* node = &schema_.at(id);
    for (int hops = 0; hops < 16; ++hops) {
      const bool is_reference = node->types == kAnyType && !node->values &&
                                node->all_of.size() == 1 && node->any_of.empty() &&
                                node->one_of.empty() && node->properties.empty();
      if (!is_reference) break;
      node = &schema_.at(node->all_of[0]);
    }
    return *node;
  }

  std::string text_of(NodeId id) {
    if (written_ > kTextBytes || std::find(stack_.begin(), stack_.end(), id) != stack_.end())
      return std::string(kMore);
    stack_.push_back(id);
    std::string text = text_of_node(node_of(id));
    stack_.pop_back();
    written_ += text.size();
    return text;
  }

  std::string text_of_node(const Node& node) {
    if (node.values) return values_text(*node.values);
    const auto& branches = node.any_of.empty() ? node.one_of : node.any_of;
    if (!branches.empty() && node.properties.empty()) return union_text(branches);
    std::vector<std::string> texts;
    if ((node.types & kNumber) == kInteger) texts.push_back("int" + number_limits(node));
    if ((node.types & kFraction) != 0) texts.push_back("float" + number_limits(node));
    if ((node.types & kString) != 0) texts.push_back(string_text(node));
    if ((node.types & kBoolean) != 0) texts.emplace_back("bool");
    if ((node.types & kArray) != 0) texts.push_back(array_text(node));
    if ((node.types & kObject) != 0) texts.push_back(object_text(node));
    // What says nothing of its type is Any, unless one kind of assertion tells which is meant.
    if (node.types == kAnyType) {
      if (!node.properties.empty()) return object_text(node);
      if (node.items || !node.prefix_items.empty()) return array_text(node);
      return "Any";
    }
    return united(texts, (node.types & kNull) != 0);
  }

  static std::string united(std::vector<std::string> texts, bool has_null) {
    if (texts.empty()) return has_null ? "None" : "Any /* no value fits */";
    const std::string inner = texts.size() == 1 ? texts[0] : "Union[" + joined(texts) + "]";
    return has_null ? "Optional[" + inner + "]" : inner;
  }

  std::string union_text(const std::vector<NodeId>& branches) {
    std::vector<std::string> texts;
    bool has_null = false;
    for (const NodeId branch : branches) {
      std::string text = text_of(branch);
      if (text == "None") {
        has_null = true;
      } else if (std::find(texts.begin(), texts.end(), text) == texts.end()) {
        texts.push_back(std::move(text));
      }
    }
    return united(std::move(texts), has_null);
  }

  static std::string values_text(const json::Array& values) {
    std::vector<std::string> texts;
    bool are_strings = true;
    for (const json::Value& value : values) {
      texts.push_back(json::dump(value));
      are_strings = are_strings && value.is_string();
    }
    return (are_strings ? "str[" : "Any[") + joined(texts) + "]";
  }

  static std::string number_limits(const Node& node) {
    const auto& least = node.minimum ? node.minimum : node.exclusive_minimum;
    const auto& most = node.maximum ? node.maximum : node.exclusive_maximum;
    std::string text =
        interval(least, most, [](const json::Value& value) { return json::dump(value); });
    if (node.exclusive_minimum) text += comment("above " + json::dump(*node.exclusive_minimum));
    if (node.exclusive_maximum) text += comment("below " + json::dump(*node.exclusive_maximum));
    if (node.multiple_of) text += comment("a multiple of " + json::dump(*node.multiple_of));
    return text;
  }

  static std::string string_text(const Node& node) {
    std::string text = "str" + sizes(node.min_length, node.max_length);
    if (!node.format.empty()) text += comment(node.format);
    if (node.pattern) text += comment("matches " + *node.pattern);
    return text;
  }

  std::string array_text(const Node& node) {
    std::vector<std::string> items;
    for (const NodeId item : node.prefix_items) items.push_back(text_of(item));
    const bool is_open = !node.items || schema_.at(*node.items).types != 0;
    if (items.empty())
      return "List[" + (node.items ? text_of(*node.items) : "Any") + "]" +
             sizes(node.min_items, node.max_items);
    if (is_open) items.emplace_back(kMore);
    return "Tuple[" + joined(items) + "]";
  }

  std::vector<std::string> fields_of(const Node& node) {
    std::vector<std::string> fields;
    for (const auto& [name, id] : node.properties) {
      if (schema_.at(id).types == 0) continue;  // forbidden
      const bool is_required =
          std::find(node.required.begin(), node.required.end(), name) != node.required.end();
      fields.push_back(name_text(name) + (is_required ? ": " : "?: ") + text_of(id));
    }
    return fields;
  }

  std::string object_text(const Node& node) {
    if (!node.properties.empty()) return "Dict{" + joined(fields_of(node)) + "}";
    const bool is_closed = node.additional && schema_.at(*node.additional).types == 0;
    if (is_closed && node.pattern_properties.empty()) return "Dict{/* empty */}";
    const auto& values = node.pattern_properties.empty()
                             ? node.additional
                             : std::optional(node.pattern_properties[0].second);
    return "Dict[str, " + (values ? text_of(*values) : "Any") + "]";
  }

  const Schema& schema_;
  std::vector<NodeId> stack_;
  std::size_t written_ = 0;
};

}  // namespace

std::vector<std::string> hint(const Schema& schema) { return HintWriter(schema).lines(); }

}  // namespace conduit::mdl
