// Secrets of the configuration: the file never holds a value, only where to find it.
#pragma once

#include "behalf/error.hpp"
#include "secrets/secret.hpp"
#include "secrets/secret_file.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace behalf {

enum class reference_kind : uint8_t { file, env };

/// "file:/run/secrets/x" or "env:NAME".
struct secret_reference {
  reference_kind kind = reference_kind::file;
  std::string name; // path or variable
};

/// Error: invalid_argument, naming the forms there are. The text is not repeated when it has none
/// of the prefixes: it may be the secret itself.
result<secret_reference> parse_reference(std::string_view text);

/// Resolves references. Not thread-safe: for the start of the program.
class reference_resolver {
public:
  /// Relative paths count from `base`: the directory of the configuration file.
  explicit reference_resolver(std::string base = ".") : base_(std::move(base)) {}

  /// Files: at most 64 KiB, one line break at the end is not part of the secret. Environment: the
  /// value is overwritten where it lay and unset, so that /proc and children do not have it; this
  /// resolver remembers it. Error: not_found or invalid_argument, naming the reference.
  /// `allowed`: who else than its owner may read a file.
  result<secret_ptr> resolve(std::string_view reference, readers allowed = readers::anyone);

private:
  result<secret_ptr> from_file(const std::string& path, readers allowed) const;
  result<secret_ptr> from_environment(const std::string& name);

  std::string base_;
  std::map<std::string, secret_ptr, std::less<>> taken_;
};

} // namespace behalf
