// The log: one line per event, a name and fields. Only log.cpp knows spdlog.
#pragma once

#include "behalf/error.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace behalf::log {

/// A named value. There is no constructor for a secret, and none may be added.
struct field {
  std::string_view key;
  std::variant<std::string_view, int64_t, bool, double> value;

  field(std::string_view k, std::string_view v) : key(k), value(v) {}
  field(std::string_view k, const std::string& v) : key(k), value(std::string_view{v}) {}
  field(std::string_view k, const char* v) : key(k), value(std::string_view{v}) {}
  field(std::string_view k, bool v) : key(k), value(v) {}
  field(std::string_view k, double v) : key(k), value(v) {}
  template <class Int>
  requires std::is_integral_v<Int> field(std::string_view k, Int v)
    : key(k), value(static_cast<int64_t>(v)) {}
};

using fields = std::initializer_list<field>;

enum class format : uint8_t { text, json };

/// `level`: debug, info, warning, error, off. Lines go to standard error, or are appended to
/// `file`, which is opened anew: call it again when the file was moved away. From any thread.
/// Error: invalid_argument `log.file: …` when that cannot be written; lines go where they went.
result<void> configure(std::string_view level, format as = format::text,
                       const std::string& file = {});

/// Lines that nobody took: standard error, or who reads it, had no room for a while. The log says
/// so too (`log_lines_lost`) once there is room again.
int64_t lost_lines();

void info(std::string_view event, fields = {});
void warning(std::string_view event, fields = {});
void error(std::string_view event, fields = {});

} // namespace behalf::log
