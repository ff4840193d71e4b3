// Reads a request's JSON body field by field, and says what is wrong with it.
#pragma once

#include "runtime/base/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Takes typed fields out of a body. Unknown fields are ignored, an absent field is nullopt, and
/// null counts as a value of the wrong type unless the field is nullable (contract: SDKs drop
/// nulls before they send). The first fault is kept: ask `fault()` once at the end.
class body_reader {
public:
  /// The body must outlive the reader.
  explicit body_reader(const json::value& body);
  explicit body_reader(const json::object& body) : body_(&body) {}
  explicit body_reader(const json::value&&) = delete;
  explicit body_reader(const json::object&&) = delete;

  std::optional<std::string> text(std::string_view key, bool nullable = false);
  std::optional<std::string> one_of(std::string_view key, const std::vector<std::string_view>& all);
  std::optional<std::string> uuid(std::string_view key, std::string_view what,
                                  bool nullable = false);
  std::optional<int64_t> integer(std::string_view key, int64_t low, int64_t high);
  std::optional<double> number(std::string_view key);
  std::optional<bool> flag(std::string_view key);
  std::optional<json::object> object(std::string_view key, bool nullable = false);
  std::optional<json::array> list(std::string_view key);
  std::optional<std::vector<std::string>> texts(std::string_view key);

  /// Any JSON, null included.
  const json::value* any(std::string_view key) const;

  void require(std::string_view key);
  void refuse(error e);

  const std::optional<error>& fault() const { return fault_; }

private:
  const json::value* find(std::string_view key, bool nullable);
  void wrong_type(std::string_view key, const json::value& v, std::string_view wanted);

  const json::object* body_ = nullptr;
  std::optional<error> fault_;
};

} // namespace behalf
