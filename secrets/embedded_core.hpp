// Inside the embedded store: the rows and the keys that open them.
#pragma once

#include "runtime/base/envelope.hpp"
#include "runtime/storage/sqlite_connection.hpp"
#include "secrets/embedded_store.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

class embedded_store::core {
public:
  core(std::unique_ptr<sqlite_connection> db, secret master)
    : db_(std::move(db)), master_(std::move(master)) {}

  /// Brings the schema up to date and checks the master key.
  result<void> prepare();

  result<stored_credential> get(const credential_key& key);
  result<int64_t> put(const credential_key& key, const stored_credential& what,
                      std::optional<int64_t> expected, time_point now);
  result<void> remove(const credential_key& key);
  result<std::vector<credential_summary>> summaries(const principal_key& who);
  result<std::vector<principal_key>> owners();
  result<int64_t> shred(const principal_key& who);
  result<void> rotate(const secret& old_key, secret new_key);
  bool changed_elsewhere();

private:
  struct wrapped_key {
    int64_t id;
    principal_key who;
    sealed_bytes sealed;
  };

  result<void> create_schema();
  error damaged(int64_t format) const;
  result<void> check_master();
  result<void> write_check(const secret& master);
  result<void> rewrap_all(const secret& new_key);
  result<std::optional<wrapped_key>> next_wrapped(int64_t after);
  result<std::optional<secret>> data_key(const principal_key& who);
  result<secret> make_data_key(const principal_key& who);
  result<int64_t> put_inside(const credential_key& key, const stored_credential& what,
                             std::optional<int64_t> expected, time_point now);
  result<int64_t> generation_of(const credential_key& key);
  result<void> insert(const credential_key& key, const stored_credential& what, int64_t generation,
                      const sealed_bytes& sealed, time_point now);
  result<void> scrub_disk();

  /// Runs `work` in one transaction, rolled back when it fails.
  template <class Work>
  auto transaction(Work work) -> decltype(work());

  std::unique_ptr<sqlite_connection> db_;
  secret master_;
  int64_t seen_version_ = -1;
};

template <class Work>
auto embedded_store::core::transaction(Work work) -> decltype(work()) {
  if (auto ok = db_->run("BEGIN IMMEDIATE"); !ok)
    return ok.error();
  auto done = work();
  if (done) {
    auto ok = db_->run("COMMIT");
    if (ok)
      return done;
    done = ok.error();
  }
  if (db_->in_transaction())
    (void)db_->run("ROLLBACK");
  return done;
}

} // namespace behalf
