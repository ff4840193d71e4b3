// The key that wraps all data keys of a database, the embedded store's or the storage's: 32 bytes
// from outside it.
#pragma once

#include "behalf/error.hpp"
#include "secrets/secret.hpp"

#include <string>
#include <string_view>

namespace behalf {

class reference_resolver;

/// Reads a master key as 32 raw bytes, 64 hexadecimal digits, or base64 (either alphabet, with or
/// without padding) of 32 bytes. `from` names it in the error, invalid_argument.
result<secret> parse_master_key(std::string_view bytes, std::string_view from);

/// Reads a key file. Error: not_found, or denied when others than its owner may read it.
result<secret> read_master_key(const std::string& path);

/// The key that a reference of the configuration names; a file for its owner alone. Errors: of
/// both.
result<secret> resolve_master_key(std::string_view reference, reference_resolver& references);

/// Creates a key file (base64, mode 0600, durable) and returns the key. Error: conflict when there
/// is one already.
result<secret> create_master_key(const std::string& path);

/// read_master_key, or create_master_key when there is none: for development. Error: not_found when
/// the key is gone and `store`, which only it can open, is still there.
result<secret> ensure_master_key(const std::string& path, const std::string& store);

} // namespace behalf
