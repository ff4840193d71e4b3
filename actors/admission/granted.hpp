// What authorization handlers left of an operation's value, read strictly.
#pragma once

#include "runtime/base/json.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf::admission {

/// Takes typed fields out of a grant's value. A handler may have put anything there: a field of the
/// wrong type is a fault, not an absent field. It is logged and ends the request as 500. The first
/// fault is kept: ask `fault()` before anything is read or written.
class granted_reader {
public:
  explicit granted_reader(const json::object& value) : value_(value) {}
  explicit granted_reader(json::object&&) = delete;

  std::string text(std::string_view key);
  std::string one_of(std::string_view key, std::initializer_list<std::string_view> all);
  int64_t integer(std::string_view key, int64_t low, int64_t high);
  double number(std::string_view key, double low, double high);
  bool flag(std::string_view key);
  const json::object& object(std::string_view key);
  std::vector<std::string> texts(std::string_view key);

  /// Whether there is anything but null.
  bool has(std::string_view key) const;

  const std::optional<error>& fault() const { return fault_; }

private:
  const json::value* find(std::string_view key);
  void refuse(std::string_view key, std::string_view wanted);

  const json::object& value_;
  std::optional<error> fault_;
};

} // namespace behalf::admission
