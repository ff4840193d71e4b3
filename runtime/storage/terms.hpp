// What records are found by without a scan: each searchable fact as one 64-bit number.
#pragma once

#include "runtime/storage/query.hpp"
#include "runtime/storage/records.hpp"

#include <cstdint>
#include <vector>

namespace behalf {

/// A term is the head of a SHA-256 over (tenant, field, value): an index entry is three numbers
/// whatever the length of keys and values, and nobody can make two facts share one. Tenants never
/// share a term. A scalar at the top of `metadata` makes a term, so does the tenant as a whole, a
/// thread's status when it is not "idle" (nearly all are), an assistant's graph, a cron's assistant
/// and its thread. A thread that is not listed has none.
using term = int64_t;

/// Of a record's metadata, `graph_id` and `assistant_id` not counted: runs put them on threads.
inline constexpr std::size_t max_metadata_terms = 256;

term every_term(const std::string& tenant);
term metadata_term(const std::string& tenant, std::string_view key, const json::value& scalar);

/// The terms a record is filed under, sorted. Error: invalid_argument above max_metadata_terms.
result<std::vector<term>> terms_of(const record& r);

/// How far an index narrows a query.
struct term_plan {
  std::vector<term> all; // a match is filed under every one of these; never empty
  std::vector<term> any; // not empty: and under at least one of these
  bool exact = true;     // no condition on metadata is left for a closer look
};
term_plan plan_terms(const query& q);

} // namespace behalf
