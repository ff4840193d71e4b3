// Everything that is read from the database, on one connection.
#pragma once

#include "runtime/storage/sqlite.hpp"
#include "runtime/storage/sqlite_search.hpp"
#include "runtime/storage/sqlite_vectors.hpp"
#include "runtime/storage/thread_sizes.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>

namespace behalf {

/// The reading half of `storage_engine`, on one connection.
class sqlite_reads : public virtual storage_reader {
public:
  /// `owner`: whose unfinished runs are read; 0: all. `keys`: null where nothing is sealed.
  sqlite_reads(std::unique_ptr<sqlite_connection> db, std::shared_ptr<data_keys> keys,
               std::function<time_point()> clock, int64_t owner)
    : db_(std::move(db)), seals_(*db_, std::move(keys)), clock_(std::move(clock)), owner_(owner) {}

  result<std::optional<record>> get(const record_key& key, fair_budget::share* room) override;
  result<std::optional<record>> get_head(const record_key& key) override;
  result<scan_part> go_on(record_scan& s, const slice_limits& limits) override;
  result<page> search(const query& q) override;
  result<int64_t> count(const query& q) override;
  result<std::optional<std::string>> next_namespace(const std::string& tenant,
                                                    const std::string& from) override;
  result<std::vector<usage_row>> usage(const usage_question& q) override;
  vector_rows& vectors() override { return vectors_; }
  result<std::vector<record>> checkpoint_chain(const std::string& tenant,
                                               const std::string& thread_id, const std::string& ns,
                                               const std::string& checkpoint_id,
                                               fair_budget::share* room) override;
  result<std::vector<record>> next_crons(const record* after, int64_t limit) override;
  result<std::string> newest_checkpoint(const std::string& tenant, const std::string& thread_id,
                                        const std::optional<std::string>& ns) override;
  result<void> measure(const std::string& tenant, const std::string& thread_id,
                       thread_sizes& so_far, const slice_limits& limits) override;
  result<std::vector<record>> unfinished_runs(const record* after, int64_t limit) override;
  result<std::vector<record>> webhook_calls(const record* after, int64_t limit) override;
  result<std::optional<record>> unfinished_run(const record_key& key) override;

protected:
  const std::unique_ptr<sqlite_connection> db_;
  sealing seals_;

private:
  struct loaded {
    record row;
    std::size_t bytes;
  };

  result<void> plan(record_scan& s);
  result<void> look(record_scan& s, const slice_limits& limits, deadline end);
  result<bool> consider(record_scan& s, const sqlite_statement& row, bool in_order,
                        std::size_t keep);
  void found_all(record_scan& s, bool in_order);
  result<void> fetch(record_scan& s, const slice_limits& limits, deadline end, scan_part& into);
  result<std::optional<loaded>> load(const record_scan& s, int64_t seq, bool with_doc);
  result<std::optional<record>> find(const record_key& key, bool hidden_too,
                                     fair_budget::share* room);
  result<std::optional<record>> named_or_latest(const record_key& key, fair_budget::share* room);
  result<thread_sizes::part> measure_ends(const record_key& of, int64_t seq);
  result<std::string> newest_of(const record_key& which, bool hidden_too);
  result<record> ancestor(const record_key& key, fair_budget::share* room);
  result<void> rarest_first(term_plan& plan, const sqlite_table& t);
  void report(const error& unreadable);

  std::function<time_point()> clock_;
  int64_t owner_;
  sqlite_vectors vectors_{*db_, seals_, clock_};
  std::set<std::string> reported_;
};

} // namespace behalf
