// Records as the API shows them.
#pragma once

#include "actors/endpoints/projection.hpp"
#include "actors/runs/run_plan.hpp"
#include "behalf/outbound.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace behalf {
enum class sort_key : uint8_t;
}

namespace behalf::endpoints {

/// A thread's row: status; metadata; doc {config, values, ran, error, interrupts}. `error` and
/// `interrupts` are shown once a run has touched the thread (`ran`).
json::object thread_view(const record& row);
/// {strategy, ttl_minutes, expires_at}, or null.
json::value ttl_view(const record& row);
json::object assistant_view(const record& row);
json::object item_view(const record& row);

/// The sort key of a validated `sort_by`.
sort_key sort_of(std::string_view name);

/// What searches of each resource may select and extract.
extern const projectable thread_fields, assistant_fields, run_fields;

/// X-Pagination-Total is offset + shown (+ 1 when more exist), X-Pagination-Next only then.
header_list pagination(int64_t offset, int64_t limit, std::size_t shown, bool more);

} // namespace behalf::endpoints
