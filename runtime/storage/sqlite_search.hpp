// A query as SQL: what an index can answer. What it cannot is decided on the records themselves.
#pragma once

#include "runtime/storage/record_scan.hpp"
#include "runtime/storage/sqlite_rows.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace behalf {

/// SQL with its parameters, numbered in order.
class bound_sql {
public:
  using parameter = record_scan::notes::value;

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

/// How a search comes by its candidates. Every match is a candidate, not every candidate is a
/// match. The statement answers one row per candidate: seq, whether what SQL can tell holds, the
/// two values of its place in the walk, and, unless the walk is `in_order`, the value to sort by.
/// It reads along an index and tells of every row it passes, so that each step is short and the
/// walk can be left and taken up again anywhere.
struct candidates {
  bound_sql sql;
  bool in_order = false; // candidates come in the order asked for
  bool batch = false;    // when these are through there may be more, after the last one's place
  std::optional<record_scan::notes::place> end_of_batch = {}; // else after this one
};

/// Error: invalid_argument when the kind has no such sort key.
result<candidates> candidates_after(const std::optional<record_scan::notes::place>& after,
                                    const query& q, const term_plan& plan, time_point now);

/// True when the SQL says all the query says; `counting`: a number tells nothing of what a record
/// holds, so that terms may answer alone.
bool all_in_sql(const query& q, const term_plan& plan, bool counting);

/// The rest: conditions on metadata (`matches_metadata`) and on the document (`matches_doc`).
bool matches_metadata(const query& q, const record& r);
bool matches_doc(const query& q, const record& r);
/// False when `matches_doc` is true of every document.
bool needs_doc(const query& q);

} // namespace behalf
