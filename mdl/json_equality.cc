// Members side by side in the order of their keys; numbers as decimals.
#include "mdl/json_equality.h"

#include <algorithm>
#include <functional>

#include "mdl/decimal.h"

namespace conduit::mdl {
namespace {

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  a ^= b + 0x9e3779b97f4a7c15 + (a << 6) + (a >> 2);
  a *= 0xbf58476d1ce4e5b9;
  return a ^ (a >> 31);
}

}  // namespace

std::vector<const json::Member*> sorted_members(const json::Object& object) {
  std::vector<const json::Member*> members;
  members.reserve(object.size());
  for (const json::Member& member : object) members.push_back(&member);
  // Of equal keys the one that stands later in the object lies behind.
  const auto is_before = [](const auto* a, const auto* b) {
    const int order = a->key.compare(b->key);
    return order != 0 ? order < 0 : a < b;
  };
  const auto is_same = [](const auto* a, const auto* b) { return a->key == b->key; };
  std::sort(members.begin(), members.end(), is_before);
  // unique() keeps the first of equal ones: from behind that is the last.
  members.erase(members.begin(), std::unique(members.rbegin(), members.rend(), is_same).base());
  return members;
}

const json::Member* find_member(const std::vector<const json::Member*>& sorted,
                                std::string_view key) {
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), key,
                                      [](const auto* member, auto k) { return member->key < k; });
  return found != sorted.end() && (*found)->key == key ? *found : nullptr;
}

bool is_equal(const json::Value& a, const json::Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.kind() == b.kind()) return a == b;
    return compare(decimal(a), decimal(b)) == 0;
  }
  if (a.kind() != b.kind()) return false;
  if (a.is_array())
    return std::equal(a.as_array().begin(), a.as_array().end(), b.as_array().begin(),
                      b.as_array().end(), is_equal);
  if (!a.is_object()) return a == b;
  const auto left = sorted_members(a.as_object()), right = sorted_members(b.as_object());
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const auto* x, const auto* y) {
                      return x->key == y->key && is_equal(x->value, y->value);
                    });
}

std::uint64_t equality_hash(const json::Value& value, std::size_t& steps) {
  ++steps;
  std::uint64_t hash = 0;
  if (value.is_number()) {
    const Decimal number = decimal(value);
    hash = mixed(mixed(number.mantissa, static_cast<std::uint64_t>(number.exponent)),
                 number.is_negative ? 1 : 2);
  } else if (value.is_string()) {
    steps += value.as_string().size() / 100;
    hash = std::hash<std::string>()(value.as_string());
  } else if (value.is_array()) {
    for (const json::Value& item : value.as_array()) hash = mixed(hash, equality_hash(item, steps));
  } else if (value.is_object()) {
    for (const json::Member* member : sorted_members(value.as_object())) {
      hash = mixed(hash, std::hash<std::string>()(member->key));
      hash = mixed(hash, equality_hash(member->value, steps));
    }
  } else if (value.is_bool()) {
    hash = value.as_bool() ? 1 : 0;
  }
  return hash;
}

}  // namespace conduit::mdl
