// The reads of actors. A read is a type that is called with a storage_reader, on the reader's
// thread; a new one needs no message and no handler.
#pragma once

#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "actors/storage/messages.hpp"
#include "runtime/storage/records.hpp"
#include "runtime/storage/thread_sizes.hpp"
#include "runtime/storage/usage.hpp"

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace behalf::storage {

/// Null when there is none.
using row_ptr = std::shared_ptr<const record>;

struct get_record {
  record_key which;
  fair_budget::share_ptr room = nullptr; // the asker's share, which a long document is counted in
  result<row_ptr> operator()(storage_reader& db) const;
};
/// A record without its document, which may be long.
struct get_head {
  record_key which;
  result<row_ptr> operator()(storage_reader& db) const;
};
/// A run that is in the storage alone. A document that cannot be read comes as `doc_text`.
struct load_run {
  std::string tenant, run_id;
  result<row_ptr> operator()(storage_reader& db) const;
};

/// The run that made a thread's state: its root graph's at `checkpoint_id`, or the newest; the
/// thread's newest run where none made it, or it is gone.
struct load_run_of_state {
  std::string tenant, thread_id, checkpoint_id;
  fair_budget::share_ptr room = nullptr; // as of get_record
  result<row_ptr> operator()(storage_reader& db) const;
};

struct found_checkpoints {
  std::vector<record> rows;
  std::string newest; // the thread's newest id, when the read named one
};
/// The chain of checkpoints from the nearest full one to `checkpoint_id`, or to the head.
struct read_checkpoints {
  static constexpr int64_t cost = 2; // milliseconds of a reader, about
  std::string thread_id, ns, checkpoint_id;
  principal_key who;                     // whose turn it takes; the thread is of its tenant
  fair_budget::share_ptr room = nullptr; // as of get_record
  result<found_checkpoints> operator()(storage_reader& db) const;
};

/// The next slice of what a thread's checkpoints take.
struct measure_thread {
  static constexpr int64_t cost = 5; // milliseconds of a reader, about
  std::string thread_id;
  principal_key who; // as of read_checkpoints
  thread_sizes so_far = {};
  result<thread_sizes> operator()(storage_reader& db) const;
};

/// Figures of usage.
struct read_usage {
  static constexpr int64_t cost = 5; // milliseconds of a reader, about
  usage_question what;
  principal_key who; // whose turn it takes
  result<std::vector<usage_row>> operator()(storage_reader& db) const;
};

/// A read under way, and its result.
template <class Read>
struct open_read {
  using value = typename std::invoke_result_t<Read&, storage_reader&>::value_type;

  explicit open_read(Read what)
    : question{[what = std::move(what), found = found](storage_reader& db) mutable -> result<void> {
        auto read = what(db);
        if (!read)
          return read.error();
        found->emplace(std::move(*read));
        return {};
      }} {}

  std::shared_ptr<std::optional<value>> found = std::make_shared<std::optional<value>>();
  read_storage question;
};

/// `then` gets the value.
template <class Self, class Read, class Then, class Failed>
void read(Self* self, const app_context& app, Read what, Then then, Failed failed) {
  open_read<Read> opened{std::move(what)};
  ask(
    self, app.reader(), std::move(opened.question),
    [found = opened.found, then = std::move(then)](read_done) mutable { then(**found); },
    std::move(failed));
}

/// The same through the read queue, in the turn of `turn.who`.
template <class Self, class Read, class Then, class Failed>
void read_in_turn(Self* self, const app_context& app, queue_read turn, Read what, Then then,
                  Failed failed) {
  open_read<Read> opened{std::move(what)};
  turn.read = std::move(opened.question);
  ask(
    self, app.scans, std::move(turn),
    [found = opened.found, then = std::move(then)](read_done) mutable { then(**found); },
    std::move(failed));
}

template <class Self, class Then, class Failed>
void read(Self* self, const app_context& app, read_checkpoints what, Then then, Failed failed) {
  queue_read turn{{}, what.who, read_checkpoints::cost};
  read_in_turn(self, app, std::move(turn), std::move(what), std::move(then), std::move(failed));
}

template <class Self, class Then, class Failed>
void read(Self* self, const app_context& app, measure_thread what, Then then, Failed failed) {
  queue_read turn{{}, what.who, measure_thread::cost};
  read_in_turn(self, app, std::move(turn), std::move(what), std::move(then), std::move(failed));
}

template <class Self, class Then, class Failed>
void read(Self* self, const app_context& app, read_usage what, Then then, Failed failed) {
  queue_read turn{{}, what.who, read_usage::cost};
  read_in_turn(self, app, std::move(turn), std::move(what), std::move(then), std::move(failed));
}

} // namespace behalf::storage
