// Reads a request's JSON body field by field, and says what is wrong with it.
#pragma once

#include "runtime/base/json.hpp"
#include "runtime/base/shape.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf::endpoints {

/// Takes typed fields out of a body. Unknown fields are ignored, an absent field is nullopt, and
/// null counts as a value of the wrong type unless the field is nullable (SDKs drop nulls before
/// they send). The first fault is kept: ask `fault()` once at the end. Lists, objects and texts are
/// taken with the `shape_limits` bound that says how large they may be.
class body_reader {
public:
  /// The body must outlive the reader.
  body_reader(const json::value& body, const shape_limits& bounds);
  body_reader(const json::object& body, const shape_limits& bounds)
    : bounds_(bounds), body_(&body) {}
  body_reader(const json::value&&, const shape_limits&) = delete;
  body_reader(const json::object&&, const shape_limits&) = delete;

  /// At most `name_bytes` long and without NUL, which C strings cannot hold.
  std::optional<std::string> text(std::string_view key, bool nullable = false);
  std::optional<std::string> one_of(std::string_view key, const std::vector<std::string_view>& all);
  std::optional<std::string> uuid(std::string_view key, std::string_view what);
  std::optional<int64_t> integer(std::string_view key, int64_t low, int64_t high);
  std::optional<double> number(std::string_view key, double low, double high);
  std::optional<bool> flag(std::string_view key, bool nullable = false);
  std::optional<json::object> object(std::string_view key, shape_bound members,
                                     bool nullable = false);
  /// An object that is merged key by key; `bytes`: its longest text.
  std::optional<json::object> merged(std::string_view key, shape_bound bytes,
                                     bool nullable = false);
  std::optional<json::object> metadata() {
    return merged("metadata", &shape_limits::metadata_bytes);
  }
  /// An object whose values are counted at every depth.
  std::optional<json::object> conditions(std::string_view key, bool nullable = false);
  std::optional<json::array> list(std::string_view key, shape_bound elements);
  std::optional<std::vector<std::string>> texts(std::string_view key, shape_bound elements);

  /// Any JSON, null included, as large as a document may be.
  const json::value* any(std::string_view key) const;

  void require(std::string_view key);
  void refuse(error e);

  const std::optional<error>& fault() const { return fault_; }

private:
  const json::value* find(std::string_view key, std::string_view type, bool nullable);
  const json::object* find_object(std::string_view key, bool nullable);
  void wrong_type(std::string_view key, const json::value& v, std::string_view wanted);
  void refuse_at(std::string_view key, std::string why);
  bool within(std::string_view key, std::size_t n, shape_bound bound, std::string_view what);
  std::optional<std::string> checked_text(std::string_view key, const json::value& v);

  shape_limits bounds_;
  const json::object* body_ = nullptr;
  std::optional<error> fault_;
};

} // namespace behalf::endpoints
