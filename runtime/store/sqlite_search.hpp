// A query as SQL: what an index can answer. What it cannot is decided on the records themselves.
#pragma once

#include "runtime/store/query.hpp"
#include "runtime/store/sqlite_rows.hpp"
#include "runtime/store/terms.hpp"

#include <string>
#include <variant>
#include <vector>

namespace behalf {

/// SQL with its parameters, numbered in order.
class bound_sql {
public:
  using parameter = std::variant<std::string, int64_t>;

  std::string text;

  /// The place of a new parameter: "?3".
  std::string place(parameter p) {
    parameters_.push_back(std::move(p));
    return "?" + std::to_string(parameters_.size());
  }
  /// Bound and ready to step; this object must outlive the statement's use.
  result<sqlite_statement> prepare(sqlite_connection& db) const;

private:
  std::vector<parameter> parameters_;
};

enum class search_answer : uint8_t { rows, count };

/// Rows: `seq` of every candidate, in the order asked for, limited only when `all_in_sql`. Every
/// match is a candidate; without `all_in_sql` not every candidate is a match. `plan`: for kinds
/// with terms. Error: invalid_argument when the kind has no such sort key.
result<bound_sql> search_sql(const query& q, const term_plan& plan, time_point now,
                             search_answer answer);

/// True when the SQL says all the query says.
bool all_in_sql(const query& q, const term_plan& plan, search_answer answer);

/// The rest: conditions on metadata (`matches_head`) and on the document (`matches_doc`).
bool matches_head(const query& q, const record& r);
bool matches_doc(const query& q, const record& r);

} // namespace behalf
