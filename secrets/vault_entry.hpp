// A credential as an entry of Vault's KV version 2 engine: written and read.
#pragma once

#include "secrets/secret_source.hpp"
#include "secrets/vault.hpp"

#include <optional>
#include <string>

namespace behalf {

/// {"options":{"cas":n},"data":{…}}; without `expected` no options.
wiped_string write_vault_entry(const vault_options& options, const stored_credential& what,
                               std::optional<int64_t> expected);

/// The answer to a read. Errors as in secret_source.
result<secret_answer> read_vault_entry(const vault_options& options, const std::string& service,
                                       const secret_reply& reply, time_point now);

/// The answer to a list of a folder: names of entries. An empty folder is 404.
result<secret_answer> read_vault_list(const secret_reply& reply);

/// The answer to a write. A failed check-and-set is a conflict.
result<secret_answer> read_vault_written(const std::string& service, const secret_reply& reply);

} // namespace behalf
