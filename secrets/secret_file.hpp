// Reading and creating small files that hold secrets.
#pragma once

#include "behalf/error.hpp"
#include "behalf/wiped.hpp"

#include <string>
#include <string_view>

namespace behalf {

enum class readers : uint8_t { anyone, owner_only };

/// The whole file, read straight into wiped memory. `owner_only` refuses a file that its group or
/// others may read (denied). Errors: not_found, denied, too_large; each names the path.
result<wiped_string> read_secret_file(const std::string& path, std::size_t limit,
                                      readers allowed = readers::anyone);

/// Creates a file of mode 0600 that must not exist yet, and makes it durable. Error: conflict when
/// it exists, internal otherwise.
result<void> create_secret_file(const std::string& path, std::string_view content);

} // namespace behalf
