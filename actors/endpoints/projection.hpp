// Which part of a row an answer shows: the fields selected, and values taken out of its documents.
#pragma once

#include "actors/endpoints/body.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace behalf::endpoints {

/// What the API lets a search of one resource ask for.
struct projectable {
  std::vector<std::string_view> select;       // names of fields
  std::vector<std::string_view> extract = {}; // fields that paths may begin with; none: no paths
};

/// The place of a value in a row: "values.messages[-1].content".
struct value_path {
  /// In memory a path is twenty times as long as its text.
  static constexpr std::size_t longest = 1'024;

  std::vector<std::variant<std::string, int64_t>> steps; // keys, and indices; -1 is the last

  /// Error: invalid_argument unless it is keys joined by dots, each with [n] behind it or not, and
  /// begins with one of `roots`.
  static result<value_path> parse(std::string_view text,
                                  const std::vector<std::string_view>& roots);

  /// Null where there is nothing.
  json::value find(const json::object& in) const;
};

class projection {
public:
  /// More than an answer should repeat of one row.
  static constexpr std::size_t most_paths = 10;

  projection() = default; // shows everything

  /// `select` and `extract` of a body; what is wrong with them becomes the reader's fault.
  static projection read(body_reader& in, const projectable& what);
  /// Of a query string. Error: invalid_argument for a field that cannot be selected.
  static result<projection> of(std::vector<std::string> fields, const projectable& what);

  /// What is left of a row shown whole; values taken out of it are its "extracted".
  json::object apply(json::object all) const;

  /// Whether it shows only what a row has without its document.
  bool only_of_heads() const;

private:
  std::vector<std::string> fields_; // none: all
  std::vector<std::pair<std::string, value_path>> extracted_;
};

} // namespace behalf::endpoints
