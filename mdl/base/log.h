// One line per event, with fields: `2026-11-24T06:24:50.123Z info replica ready model=smollm2
// seconds=0.21`. spdlog stands behind it and nowhere else. Lines go to stderr, so a program's
// answers on stdout stay clean. Thread-safe.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace conduit::log {

enum class Level { debug, info, warning, error, off };

// A field's value in one spelling; text with spaces or quotes is quoted when written.
struct Field {
  Field(std::string_view name, std::string_view text) : key(name), value(text) {}
  Field(std::string_view name, const std::string& text) : key(name), value(text) {}
  Field(std::string_view name, const char* text) : key(name), value(text) {}
  Field(std::string_view name, bool claim) : key(name), value(claim ? "true" : "false") {}
  template <std::integral Int>
  Field(std::string_view name, Int number) : key(name), value(std::to_string(number)) {}
  Field(std::string_view name, double number);  // three significant decimals

  std::string key;
  std::string value;
};

void set_level(Level level);  // info at start
void write(Level level, std::string_view event, std::initializer_list<Field> fields = {});

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::info, event, fields);
}
inline void warning(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::warning, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::error, event, fields);
}

}  // namespace conduit::log
