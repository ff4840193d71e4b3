// Which part of a row an answer shows: `select` and `extract`.
#pragma once

#include "actors/endpoints/body.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace behalf::endpoints {

/// What a search of one resource may select and extract.
struct projectable {
  std::vector<std::string_view> select;       // names of fields
  std::vector<std::string_view> extract = {}; // fields that paths may begin with
};

/// A path to a value in a row: "values.messages[-1].content".
struct value_path {
  /// In memory a path is twenty times as long as its text.
  static constexpr std::size_t longest = 1'024;

  std::vector<std::variant<std::string, int64_t>> steps; // keys, and indices; -1 is the last

  /// Error: invalid_argument unless it is keys joined by dots, each with an optional [n], and
  /// begins with one of `roots`.
  static result<value_path> parse(std::string_view text,
                                  const std::vector<std::string_view>& roots);

  /// Null when there is no such value.
  json::value find(const json::object& in) const;
};

class projection {
public:
  /// Bounds what an answer repeats of one row.
  static constexpr std::size_t most_paths = 10;

  projection() = default; // shows everything

  /// `select` and `extract` of a body; errors become the reader's fault.
  static projection read(body_reader& in, const projectable& what);
  /// From a query string. Error: invalid_argument for a field that cannot be selected.
  static result<projection> of(std::vector<std::string> fields, const projectable& what);

  /// Reduces a row; extracted values become its member "extracted".
  json::object apply(json::object all) const;

  /// Whether it needs no document of the row.
  bool only_of_heads() const;

private:
  std::vector<std::string> fields_; // none: all
  std::vector<std::pair<std::string, value_path>> extracted_;
};

} // namespace behalf::endpoints
