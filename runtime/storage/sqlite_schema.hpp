// The tables, and how a file of any earlier version becomes one of this version.
#pragma once

#include "runtime/storage/sqlite_connection.hpp"

#include <span>

namespace behalf {

/// Step n brings a file from `user_version` n to n + 1. Never change one that was released.
std::span<const std::string_view> sqlite_migrations();

/// Refuses a file that is another program's database, leaving it as it is. Errors: internal.
result<void> check_ours(sqlite_connection& db);

/// Runs the steps the file lacks, each in its own transaction. Errors: internal; newer than this
/// program, or the step that failed. A failed step leaves the version before it.
result<void> migrate(sqlite_connection& db, std::span<const std::string_view> steps);

} // namespace behalf
