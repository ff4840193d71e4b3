// The embedded secret store: one SQLite file, envelope encryption. Each user has a data key,
// wrapped by the master key; each credential is sealed by that data key and bound to its owner,
// service and generation, so that a row moved to another place does not open.
#pragma once

#include "runtime/storage/process_lock.hpp"
#include "secrets/secret_source.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

/// Thread-compatible: one thread at a time. Several processes may have the same file open.
class embedded_store final : public secret_source {
public:
  /// Opens or creates the file (mode 0600). Error: denied `…: the master key is not the one this
  /// store was made with`; internal when the file cannot be opened or is no store.
  static result<std::unique_ptr<embedded_store>> open(const std::string& path, secret master_key);
  ~embedded_store() override;

  // secret_source: every operation is done when it starts.
  std::unique_ptr<secret_operation> read(const credential_key& key,
                                         inbound_token_ptr token) override;
  std::unique_ptr<secret_operation> list(const principal_key& who,
                                         inbound_token_ptr token) override;
  std::unique_ptr<secret_operation> write(const credential_key& key, stored_credential what,
                                          std::optional<int64_t> expected,
                                          inbound_token_ptr token) override;
  std::unique_ptr<secret_operation> erase(const credential_key& key,
                                          inbound_token_ptr token) override;
  bool changed_elsewhere() override;

  // The same, at once: for the command line and tests. Errors as in secret_source; `get` also
  // returns expired credentials.
  result<stored_credential> get(const credential_key& key);
  result<int64_t> put(const credential_key& key, const stored_credential& what,
                      std::optional<int64_t> expected, time_point now);
  result<void> remove(const credential_key& key);
  result<std::vector<credential_summary>> summaries(const principal_key& who);
  /// Every user with at least one credential: for `behalf secret list`.
  result<std::vector<principal_key>> owners();

  /// Destroys a user's data key and with it every credential of theirs, also in old copies of the
  /// rows (crypto-shredding). Returns how many there were.
  result<int64_t> shred(const principal_key& who);

  /// Wraps every data key anew, in one transaction: after it only the new master key opens the
  /// store; until it, only the old one. Errors: denied when `old_key` is not the present one;
  /// conflict while another process has the file open, which would go on with the old key.
  result<void> rotate_master_key(const secret& old_key, secret new_key);

private:
  class core;
  embedded_store(process_lock shared, std::string path, std::shared_ptr<core> c);
  process_lock lock_;
  std::string path_;
  std::shared_ptr<core> core_;
};

} // namespace behalf
