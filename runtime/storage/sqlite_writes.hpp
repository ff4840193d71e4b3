// Everything that is written to the database, on the one writing connection.
#pragma once

#include "runtime/storage/sqlite_rows.hpp"
#include "runtime/storage/storage.hpp"
#include "runtime/storage/terms.hpp"
#include "runtime/storage/write_batch.hpp"

#include <functional>
#include <initializer_list>
#include <optional>

namespace behalf {

/// The parts of a row that are JSON.
enum class row_part : uint8_t { metadata, doc };

/// The conflict that a record is not as expected. 0: it is not there.
error wrong_revision(const record_key& key, int64_t expected, int64_t actual);

/// The changes a commit is made of. Each may leave part of its work behind when it fails: the
/// caller wraps them in a savepoint.
class sqlite_writes {
public:
  /// `owner`: of the runs that are made; 0 when nobody else can use the file. `keys`: null where
  /// nothing is sealed.
  sqlite_writes(sqlite_connection& db, std::shared_ptr<data_keys> keys,
                std::function<time_point()> clock, int64_t owner = 0)
    : db_(&db), seals_(db, std::move(keys)), clock_(std::move(clock)), owner_(owner) {}

  result<void> apply(const write_batch& c);
  /// As of `sealing`.
  void was_taken_back() { seals_.was_taken_back(); }
  void group_is_over() { seals_.group_is_over(); }
  result<void> renew();
  result<int64_t> take_runs(int64_t max_runs);
  /// Copies a damaged row to the table `set_aside` and removes it; of a thread, its damaged part.
  result<void> take_out(const sqlite_table& t, int64_t seq, row_part part, const std::string& why);
  /// Its vectors go, and are to be made anew.
  result<void> embed_again(int64_t item_seq);
  /// Files a row that is filed nowhere yet under its terms.
  result<void> file_row(const sqlite_table& t, int64_t seq);
  /// What has expired, and finished runs and figures of usage that are older than that (0: they
  /// stay).
  result<int64_t> sweep(int64_t max_rows, std::chrono::milliseconds finished_runs,
                        std::chrono::milliseconds usage);
  /// Gives at most `pages` freed pages back to the file system once many are free; returns how
  /// many.
  result<int64_t> shrink(int64_t pages);

private:
  // What is there under a key, as far as a change of it must know.
  struct present {
    int64_t seq = 0; // 0: nothing is
    int64_t revision = 0;
    int64_t filed_at = 0;
    std::vector<term> terms;
    bool expired = false;
    record head; // of kinds with terms or an expiry
  };

  result<void> apply_puts(const write_batch& c);
  result<void> put(const write_batch::put& p);
  result<void> put_to_embed(const write_batch::put& p);
  result<void> put_vectors(const write_batch::vectors_of& v);
  result<void> embed_by(const std::string& how);
  result<bool> insert(const write_batch::put& p, const std::vector<term>& terms);
  result<void> update(const record& r, const std::vector<term>& terms, const present& old);
  result<void> add_usage(const usage_row& row);
  result<void> put_task_end(const write_batch::task_end& e);
  result<void> erase(const write_batch::erase& e);
  result<void> erase_run_checkpoints(const write_batch::erase_run_checkpoints& e);
  result<void> copy_checkpoints(const write_batch::checkpoint_copy& c);
  result<void> prune(const write_batch::prune& p);
  result<void> refresh(const write_batch::refresh& r);
  result<void> change_thread(const write_batch::thread_change& c);
  result<void> must_exist(const record_key& key);
  result<void> must_hold(const write_batch::held_run& run);
  result<void> must_be_within(const quota& most, const record& r);
  result<void> fire(const write_batch::cron_firing& f);
  result<void> must_be_idle(const std::string& tenant, const std::string& thread_id);
  result<void> must_be_quiet(const write_batch::quiet_thread& thread);

  result<std::string> document(const sqlite_table& t, int64_t seq, const record& of);
  result<present> matching_thread(const std::string& tenant, const std::string& id,
                                  const filter& auth_filter);
  result<bool> has_open_run(const std::string& tenant, const std::string& thread_id);
  result<void> set_aside(const sqlite_table& t, int64_t seq, row_part part, const std::string& why);
  result<void> file_anew(const sqlite_table& t, int64_t seq);

  result<present> look_up(const record_key& key);
  result<present> read_present(const record_key& key);
  result<std::optional<sqlite_statement>> row_of(const record_key& key);
  result<int64_t> seq_of(const record_key& key);
  result<present> find(const record_key& key);
  result<void> remove(const sqlite_table& t, const present& p);
  result<bool> has_many_rows(const record_key& thread);
  /// Of whichever user. They are found no more; the next sweeps take their rows away.
  result<void> end_kept_results(const std::string& tenant, const std::string& thread_id);
  /// Ends it for everybody at once; the next sweeps take its rows away.
  result<void> hide_thread(const record_key& thread, int64_t seq);
  /// Where something expired is in the way. Error: overloaded while a thread is being swept away.
  result<void> make_room(const record_key& key, const present& old);
  /// `sql`: to file a row under a term, or to take it away from there.
  result<void> for_each_term(std::string_view sql, const std::vector<term>& terms, int64_t at,
                             int64_t seq);
  result<void> drop_unneeded(const std::string& tenant, const std::string& thread_id);

  result<int64_t> sweep_expired(time_point at, int64_t max_rows);
  result<int64_t> sweep_usage(time_point older_than, int64_t max_rows);
  result<int64_t> sweep_items(time_point at, int64_t max_rows);
  result<int64_t> sweep_runs(time_point older_than, int64_t max_rows);
  result<int64_t> sweep_thread(const record_key& thread, int64_t max_rows);
  result<int64_t> end_with_latest(const record_key& thread, int64_t max_rows);
  result<int64_t> keep_latest_checkpoint(const record_key& thread, int64_t max_rows);
  result<int64_t> drop_old_checkpoints(const record_key& thread, int64_t max_rows);
  /// Rows to delete at once; `counted`: as write_batch.hpp says at bytes_of_a_row.
  struct some_rows {
    std::vector<int64_t> rows;
    int64_t counted = 0;
  };
  result<some_rows> first_rows(const std::string& table, std::string_view which,
                               std::initializer_list<std::string_view> texts,
                               std::initializer_list<int64_t> numbers, int64_t most);
  /// Deletes them; returns what they counted.
  result<int64_t> delete_first(const std::string& table, std::string_view which,
                               std::initializer_list<std::string_view> texts,
                               std::initializer_list<int64_t> numbers, int64_t most);
  /// With texts bound as ?1, ?2, … and numbers after them; all must outlive the use.
  result<sqlite_statement> prepare(std::string_view sql,
                                   std::initializer_list<std::string_view> texts,
                                   std::initializer_list<int64_t> numbers = {});
  /// Runs such a statement; returns rows changed.
  result<int64_t> change(std::string_view sql, std::initializer_list<std::string_view> texts,
                         std::initializer_list<int64_t> numbers = {});

  sqlite_connection* db_;
  sealing seals_;
  std::function<time_point()> clock_;
  int64_t owner_;
  int64_t swept_runs_ = 0; // `seq` up to which finished runs have been looked at
};

} // namespace behalf
