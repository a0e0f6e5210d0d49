// What MDL allows, and how it is written for a model.
#include "mdl/type.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace conduit::mdl {

namespace {

using Kind = Type::Kind;

bool is_union(const Type& type) { return type.kind == Kind::optional || type.kind == Kind::either; }

void collect(const Type& type, Members& members) {
  if (type.kind == Kind::optional) members.has_null = true;
  if (is_union(type)) {
    for (const Type& member : type.of) collect(member, members);
  } else if (type.kind == Kind::null) {
    members.has_null = true;
  } else if (std::none_of(members.types.begin(), members.types.end(),
                          [&](const Type* known) { return *known == type; })) {
    members.types.push_back(&type);
  }
}

// The types that a key's text can stand for.
bool is_key(const Type& type) {
  switch (type.kind) {
    case Kind::integer:
    case Kind::string:
    case Kind::boolean: return true;
    case Kind::number: return !type.minimum && !type.maximum;
    case Kind::either: return std::all_of(type.of.begin(), type.of.end(), is_key);
    default: return false;
  }
}

std::string within(const std::string& path, const std::string& field) {
  return path.empty() ? field : path + "." + field;
}

// One walk over a type. `path_` is the field where it stands.
class FaultFinder {
 public:
  bool is_sound(const Type& type) {
    if (++depth_ > TypeLimits::kDepth)
      return fails("unsupported_type",
                   "it is nested deeper than the limit of " + std::to_string(TypeLimits::kDepth));
    const bool is_sound = is_sound_here(type);
    --depth_;
    return is_sound;
  }

  TypeFault take() { return std::move(fault_); }

 private:
  bool fails(const char* kind, std::string reason) {
    fault_ = {kind, path_, std::move(reason)};
    return false;
  }

  bool is_sound_here(const Type& type) {
    switch (type.kind) {
      case Kind::null: return fails("null_type", "null is allowed as a member of a Union only");
      case Kind::any:
        return fails("any_type",
                     "it has to say which types are allowed; Any, or a List, Dict, "
                     "Tuple, Optional or Union without types, is not");
      case Kind::other:
        return fails("unsupported_type", "MDL has no type " + type.name +
                                             "; it has int, float, str, bool, List, Dict, Tuple, "
                                             "Optional, Union and Dict{name: type}");
      case Kind::reference:
        if (std::find(enclosing_.begin(), enclosing_.end(), type.name) == enclosing_.end())
          return fails("unsupported_type", "no enclosing record is called " + type.name);
        return fails("recursive_type", "record " + type.name +
                                           " holds itself; a hint writes every "
                                           "record out where it is used");
      case Kind::record: return is_sound_record(type);
      case Kind::optional:
      case Kind::either: return is_sound_union(type);
      default: return has_sound_limits(type) && has_sound_parts(type);
    }
  }

  bool is_sound_union(const Type& type) {
    if (type.of.empty()) return is_sound_here({});
    if (type.of.size() > TypeLimits::kMembers)
      return fails("unsupported_type", "a Union of " + std::to_string(type.of.size()) +
                                           " members is over the limit of " +
                                           std::to_string(TypeLimits::kMembers));
    bool is_null_alone = true;
    for (const Type& member : type.of) {
      if (member.kind == Kind::null) continue;
      is_null_alone = false;
      if (!is_sound(member)) return false;
    }
    return !is_null_alone || fails("null_type", "nothing but null would be allowed");
  }

  bool has_sound_parts(const Type& type) {
    const bool is_leaf = type.kind < Kind::null;
    if (is_leaf) return true;
    if (type.of.empty()) return is_sound_here({});
    for (const Type& part : type.of)
      if (!is_sound(part)) return false;
    if (type.kind == Kind::dict && (type.of.size() != 2 || !is_key(type.of[0])))
      return fails("unsupported_type",
                   "a Dict has a key and a value, and keys are texts: of str, "
                   "int, float without limits, or bool");
    return true;
  }

  bool has_sound_limits(const Type& type) {
    const bool is_crossed =
        (type.min_size && type.max_size && *type.min_size > *type.max_size) ||
        (type.minimum && type.maximum && type.maximum->as_double() < type.minimum->as_double());
    return !is_crossed || fails("unsupported_type", "its least is above its most");
  }

  bool is_sound_record(const Type& record) {
    std::unordered_set<std::string_view> names;
    if (!record.name.empty()) enclosing_.push_back(record.name);
    for (std::size_t i = 0; i < record.of.size(); ++i) {
      const std::string& name = record.fields[i];
      const std::string outer = std::exchange(path_, within(path_, name));
      if (name.empty()) return fails("unsupported_type", "a field has no name");
      if (!names.insert(name).second)
        return fails("unsupported_type", "two fields of a record have that name");
      if (!is_sound(record.of[i])) return false;
      path_ = outer;
    }
    if (!record.name.empty()) enclosing_.pop_back();
    return true;
  }

  std::string path_;
  std::vector<std::string> enclosing_;  // names of records
  std::size_t depth_ = 0;
  TypeFault fault_;
};

// --- hint text; of sound types only

bool is_plain_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  return std::all_of(name.begin(), name.end(), [&](char c) {
    const bool is_beyond_ascii = static_cast<unsigned char>(c) >= 0x80;
    const bool is_inner_digit = c >= '0' && c <= '9' && &c != name.data();
    return is_letter(c) || c == '_' || is_beyond_ascii || is_inner_digit;
  });
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

std::string interval(const std::string& least, const std::string& most) {
  return least.empty() && most.empty() ? "" : "[" + least + ".." + most + "]";
}

std::string limits_text(const Type& type) {
  if (!type.choices.empty()) {
    std::vector<std::string> quoted;
    for (const std::string& choice : type.choices) quoted.push_back(json::quote(choice));
    return "[" + joined(quoted) + "]";
  }
  const auto size = [](const std::optional<std::size_t>& limit) {
    return limit ? std::to_string(*limit) : "";
  };
  const auto number = [&](const std::optional<json::Value>& limit) {
    return limit && !type.is_machine_width ? json::dump(*limit) : "";
  };
  return interval(number(type.minimum), number(type.maximum)) +
         interval(size(type.min_size), size(type.max_size));
}

std::string text_of(const Type& type);

std::vector<std::string> lines_of(const Type& record) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < record.of.size(); ++i) {
    const std::string& name = record.fields[i];
    lines.push_back((is_plain_name(name) ? name : json::quote(name)) + ": " +
                    text_of(record.of[i]));
  }
  return lines;
}

std::string union_text(const Type& type) {
  const Members members = members_of(type);
  std::vector<std::string> texts;
  for (const Type* member : members.types) {
    std::string text = text_of(*member);
    // Integers of different widths read the same.
    const bool is_known =
        member->kind == Kind::integer && std::find(texts.begin(), texts.end(), text) != texts.end();
    if (!is_known) texts.push_back(std::move(text));
  }
  const std::string inner = texts.size() == 1 ? texts[0] : "Union[" + joined(texts) + "]";
  return members.has_null ? "Optional[" + inner + "]" : inner;
}

std::string text_of(const Type& type) {
  if (is_union(type)) return union_text(type);
  if (type.kind == Kind::record)
    return "Dict{" + (type.of.empty() ? "/* empty */" : joined(lines_of(type))) + "}";
  std::vector<std::string> parts;
  for (const Type& part : type.of) parts.push_back(text_of(part));
  if (type.kind == Kind::repeated) parts.emplace_back("...");
  return std::string(word_of(type.kind)) + (parts.empty() ? "" : "[" + joined(parts) + "]") +
         limits_text(type);
}

}  // namespace

bool operator==(const Type& a, const Type& b) {
  return a.kind == b.kind && a.of == b.of && a.name == b.name && a.fields == b.fields &&
         a.minimum == b.minimum && a.maximum == b.maximum && a.min_size == b.min_size &&
         a.max_size == b.max_size && a.choices == b.choices;
}

std::string TypeFault::message() const {
  return kind + (path.empty() ? "" : " at " + path) + ": " + reason;
}

std::optional<TypeFault> find_fault(const Type& type) {
  if (type.kind != Kind::record)
    return TypeFault{"not_a_record", "", "the whole must be a record, fields with names"};
  FaultFinder finder;
  if (finder.is_sound(type)) return std::nullopt;
  return finder.take();
}

Result<std::vector<std::string>> hint(const Type& type) {
  if (auto fault = find_fault(type)) return Error{Code::invalid_argument, fault->message()};
  return lines_of(type);
}

Members members_of(const Type& type) {
  Members members;
  collect(type, members);
  return members;
}

std::string_view word_of(Kind kind) {
  switch (kind) {
    case Kind::integer: return "int";
    case Kind::number: return "float";
    case Kind::string: return "str";
    case Kind::boolean: return "bool";
    case Kind::null: return "None";
    case Kind::any: return "Any";
    case Kind::optional: return "Optional";
    case Kind::either: return "Union";
    case Kind::list: return "List";
    case Kind::tuple:
    case Kind::repeated: return "Tuple";
    case Kind::dict:
    case Kind::record: return "Dict";
    case Kind::reference:
    case Kind::other: break;
  }
  return "";
}

}  // namespace conduit::mdl
