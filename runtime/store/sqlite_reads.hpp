// Everything that is read from the database, on one connection.
#pragma once

#include "runtime/store/sqlite.hpp"
#include "runtime/store/sqlite_search.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>

namespace behalf {

/// The reading half of `storage`, without its virtual functions.
class sqlite_reads {
public:
  sqlite_reads(sqlite_connection& db, std::function<time_point()> clock)
    : db_(&db), clock_(std::move(clock)) {}

  result<std::optional<record>> get(const record_key& key);
  result<page> search(const query& q);
  result<int64_t> count(const query& q);
  result<std::vector<record>> checkpoint_chain(const record_key& newest);
  result<std::string> newest_checkpoint(const record_key& of);
  result<checkpoint_history> history(query q);
  result<std::vector<record>> unfinished_runs(const record* after, int64_t limit);
  result<std::optional<record>> unfinished_run(const record_key& key);

private:
  /// Calls `on_match` with every match in order until it answers false.
  result<void> each_match(const query& q, const std::function<bool(record&&)>& on_match);
  result<std::optional<record>> load(const query& q, int64_t seq);
  result<std::optional<record>> find(const record_key& key, bool hidden_too);
  result<std::optional<record>> named_or_latest(const record_key& key);
  result<record> ancestor(const record_key& key);
  result<void> rarest_first(term_plan& plan, const sqlite_table& t);
  void report(const error& unreadable);
  result<void> add_ancestors(checkpoint_history& h, const std::string& ns);

  sqlite_connection* db_;
  std::function<time_point()> clock_;
  std::set<std::string> reported_;
  std::size_t passed_over_ = 0; // damaged records the last search met
};

/// `Interface` (storage_reader or storage) with its reading half answered from a connection.
template <class Interface>
class sqlite_reading : public Interface {
public:
  sqlite_reading(std::unique_ptr<sqlite_connection> db, std::function<time_point()> clock)
    : db_(std::move(db)), reads_(*db_, std::move(clock)) {}

  result<std::optional<record>> get(const record_key& key) override { return reads_.get(key); }
  result<page> search(const query& q) override { return reads_.search(q); }
  result<int64_t> count(const query& q) override { return reads_.count(q); }
  result<std::vector<record>> checkpoint_chain(const std::string& tenant,
                                               const std::string& thread_id, const std::string& ns,
                                               const std::string& checkpoint_id) override {
    return reads_.checkpoint_chain({kind::checkpoint, tenant, checkpoint_id, thread_id, ns});
  }
  result<std::string> newest_checkpoint(const std::string& tenant, const std::string& thread_id,
                                        const std::string& ns) override {
    return reads_.newest_checkpoint({kind::checkpoint, tenant, {}, thread_id, ns});
  }
  result<checkpoint_history> history(query q) override { return reads_.history(std::move(q)); }
  result<std::vector<record>> unfinished_runs(const record* after, int64_t limit) override {
    return reads_.unfinished_runs(after, limit);
  }
  result<std::optional<record>> unfinished_run(const record_key& key) override {
    return reads_.unfinished_run(key);
  }

protected:
  std::unique_ptr<sqlite_connection> db_;
  sqlite_reads reads_;
};

} // namespace behalf
