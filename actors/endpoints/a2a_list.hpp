// Which tasks a caller has: found among the runs on the threads they may see, a slice at a time.
#pragma once

#include "actors/endpoints/a2a_task.hpp"
#include "runtime/base/shape.hpp"
#include "runtime/storage/record_scan.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {
class storage_reader;
}

namespace behalf::endpoints {

/// A task's place in a listing: what changed last comes first.
struct a2a_place {
  time_point at{};
  std::string task_id;

  bool operator<(const a2a_place& other) const {
    return at != other.at ? at > other.at : task_id > other.task_id;
  }
};

/// What a client wants to see of its tasks.
struct a2a_listing {
  std::string context_id;         // empty: of all
  std::optional<a2a_state> state; // none: in any
  bool nothing = false;           // no task here is ever in the state asked for
  std::optional<time_point> since;
  std::optional<a2a_place> after; // of the page before
  int64_t page_size = 50;
  std::optional<int64_t> history_length;
  bool artifacts = false;
};

/// Error: what is wrong with the parameters.
result<a2a_listing> read_listing(const json::object& params, const shape_limits& bounds);

/// What a client sends to get the page behind this place.
std::string page_token(const a2a_place& last);
result<a2a_place> read_page_token(std::string_view token);

/// The task that a run goes on with, by its metadata; empty for one that begins a task.
std::string_view task_named_by(const json::object& run_metadata);

struct listed_task {
  a2a_place place;
  std::string context_id, run_id; // the newest run of the task
  a2a_state state = a2a_state::submitted;
  bool may_wait = false; // for an answer: its run made the thread's state, and that has a next step
};

/// A listing under way, from one slice to the next. Like a search (record_scan) it is no snapshot.
class a2a_task_scan {
public:
  /// The newest contexts, and the newest runs of each, that are looked at.
  static constexpr int64_t most_contexts = 10'000, most_runs = 1'000;

  /// `contexts`: the search for threads; those that are read decide by it what may be seen.
  /// `room`: as of record_scan.
  a2a_task_scan(query contexts, std::string assistant_id, a2a_listing what,
                search_bounds bounds = {}, fair_budget::share_ptr room = nullptr);

  /// The next slice; true when it was the last. Errors: invalid_argument when the listing reached
  /// its bounds, those of a search.
  result<bool> go_on(storage_reader& db, const slice_limits& limits = {});

  bool begun() const { return looked_at_ > 0; }

  /// When it is done: the page in its order, whether there are more behind it, and the number of
  /// tasks on all pages.
  std::vector<listed_task> page();
  bool more() const { return more_; }
  int64_t total() const { return total_; }

private:
  struct one_task {
    listed_task newest;
    bool began = false; // the run it is named after was seen
  };

  result<void> read_contexts(storage_reader& db, const slice_limits& limits);
  result<void> read_runs(storage_reader& db, const slice_limits& limits);
  void add_run(const record& run);
  result<void> end_context(storage_reader& db);
  result<std::string> maker_of_state(storage_reader& db) const;
  void consider(listed_task task, const record& context);
  result<void> check_bounds() const;

  std::string assistant_id_;
  a2a_listing what_;
  search_bounds bounds_;
  record_scan contexts_;
  bool all_contexts_ = false;
  std::deque<record> waiting_;           // contexts whose runs are to be read
  std::optional<record_scan> runs_;      // of the first of them
  std::map<std::string, one_task> open_; // its tasks, by id
  std::vector<listed_task> best_;        // a heap: the last one in order on top
  bool more_ = false;
  int64_t total_ = 0, looked_at_ = 0;
  std::chrono::steady_clock::duration spent_{};
};

} // namespace behalf::endpoints
