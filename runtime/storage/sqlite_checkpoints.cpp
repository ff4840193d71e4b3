// The part of sqlite_reads that follows checkpoints to those they build upon.
#include "runtime/storage/sqlite_reads.hpp"

#include <algorithm>

namespace behalf {
namespace {

// Far more than any chain is long: ends a walk through a damaged file.
constexpr std::size_t max_chain = 10'000;

// One snapshot for several statements. A savepoint also works inside a writer's transaction.
class snapshot {
public:
  static result<snapshot> open(sqlite_connection& db) {
    if (auto begun = db.run("SAVEPOINT reading"); !begun)
      return begun.error();
    return snapshot{db};
  }
  snapshot(snapshot&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  snapshot& operator=(snapshot&&) = delete;
  ~snapshot() {
    if (db_)
      (void)db_->run("RELEASE reading");
  }

private:
  explicit snapshot(sqlite_connection& db) : db_(&db) {}

  sqlite_connection* db_;
};

} // namespace

// The checkpoint named, or the latest one of its thread and ns. That is asked for by its key: a
// damaged one must be an error, as a thread without its state would begin anew.
result<std::optional<record>> sqlite_reads::named_or_latest(const record_key& key,
                                                            fair_budget::share* room) {
  if (!key.id.empty())
    return get(key, room);
  auto newest = newest_of(key, false);
  if (!newest)
    return newest.error();
  if (newest->empty())
    return std::optional<record>{};
  auto latest = key;
  latest.id = std::move(*newest);
  return get(latest, room);
}

// A checkpoint others build upon, hidden or not.
result<record> sqlite_reads::ancestor(const record_key& key, fair_budget::share* room) {
  auto found = find(key, true, room);
  if (!found)
    return found.error();
  if (!*found)
    return fail(errc::internal, db_->path() + ": thread " + key.parent
                                  + " cannot be restored: checkpoint " + key.id + " is missing");
  return std::move(**found);
}

result<std::vector<record>> sqlite_reads::checkpoint_chain(const std::string& tenant,
                                                           const std::string& thread_id,
                                                           const std::string& ns,
                                                           const std::string& checkpoint_id,
                                                           fair_budget::share* room) {
  const record_key newest{kind::checkpoint, tenant, checkpoint_id, thread_id, ns};
  auto view = snapshot::open(*db_);
  if (!view)
    return view.error();
  auto last = named_or_latest(newest, room);
  if (!last)
    return last.error();
  std::vector<record> chain;
  if (!*last)
    return chain;
  chain.push_back(std::move(**last));
  for (auto key = newest; !chain.back().full;) {
    key.id = chain.back().parent_checkpoint;
    if (chain.size() == max_chain)
      return fail(errc::internal, db_->path() + ": the checkpoints of thread " + key.parent
                                    + " have no full one among them");
    auto before = ancestor(key, room);
    if (!before)
      return before.error();
    chain.push_back(std::move(*before));
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

result<std::string> sqlite_reads::newest_checkpoint(const std::string& tenant,
                                                    const std::string& thread_id,
                                                    const std::string& ns) {
  return newest_of({kind::checkpoint, tenant, {}, thread_id, ns}, true);
}

result<std::string> sqlite_reads::newest_of(const record_key& of, bool hidden_too) {
  std::string sql = "SELECT max(id) FROM checkpoint WHERE tenant=?1 AND parent=?2 AND ns=?3";
  if (!hidden_too)
    sql += " AND hidden=0";
  auto use = db_->prepare(sql);
  if (!use)
    return use.error();
  auto row = use->bind(1, of.tenant).bind(2, of.parent).bind(3, of.ns).step();
  if (!row)
    return row.error();
  return std::string{use->text(0)};
}

} // namespace behalf
