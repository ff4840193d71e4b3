// The part of sqlite_reads that follows checkpoints to those they build upon.
#include "runtime/base/json.hpp"
#include "runtime/storage/json_members.hpp"
#include "runtime/storage/record_scan.hpp"
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

constexpr int64_t most_measured = 256; // checkpoints in one slice

int64_t size(std::string_view text) {
  return static_cast<int64_t>(text.size());
}

// A row's document that is no JSON object counts as a whole.
void count_document(std::string_view doc, thread_sizes& into) {
  auto& whole = into.checkpoints.bytes;
  whole += size(doc);
  const auto members = split_members(doc);
  if (!members)
    return;
  for (auto part : {"set", "append"})
    if (const auto text = find_member(*members, part); !text.empty())
      if (const auto channels = split_members(text))
        for (const auto& [name, value] : *channels) {
          auto& channel = into.channels[std::string(name)];
          ++channel.count;
          channel.bytes += size(value);
          whole -= size(value);
        }
  const auto pending = parse_json(find_member(*members, "pending"));
  if (const auto* all = pending ? pending->if_array() : nullptr) {
    into.pending.count += static_cast<int64_t>(all->size());
    into.pending.bytes += size(find_member(*members, "pending"));
    whole -= size(find_member(*members, "pending"));
  }
}

// What does not open counts as it is stored: measuring is no place to find damage.
std::string_view text_or_bytes(const sqlite_statement& row, int column, const sealed_place& place,
                               sealing& seals, std::string& buffer) {
  auto text = seals.text(row, column, place, buffer);
  return text ? *text : row.text(column);
}

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
                                                    const std::optional<std::string>& ns) {
  if (ns)
    return newest_of({kind::checkpoint, tenant, {}, thread_id, *ns}, true);
  auto use = db_->prepare("SELECT max(id) FROM checkpoint WHERE tenant=?1 AND parent=?2");
  if (!use)
    return use.error();
  auto row = use->bind(1, tenant).bind(2, thread_id).step();
  if (!row)
    return row.error();
  return std::string{use->text(0)};
}

result<void> sqlite_reads::measure(const std::string& tenant, const std::string& thread_id,
                                   thread_sizes& so_far, const slice_limits& limits) {
  auto use =
    db_->prepare("SELECT ns, id, metadata, doc, seq FROM checkpoint"
                 " WHERE tenant=?1 AND parent=?2 AND (ns, id)>(?3, ?4) ORDER BY ns, id LIMIT ?5");
  if (!use)
    return use.error();
  const auto ns = so_far.ns, id = so_far.id;
  use->bind(1, tenant).bind(2, thread_id).bind(3, ns).bind(4, id).bind(5, most_measured);
  const auto end = std::chrono::steady_clock::now() + limits.time;
  int64_t measured = 0;
  std::size_t bytes = 0;
  std::string of_metadata, of_doc;
  auto all = use->each_row([&](auto& row) -> result<bool> {
    so_far.ns = row.text(0);
    so_far.id = row.text(1);
    const record_key key{kind::checkpoint, tenant, so_far.id, thread_id, so_far.ns};
    const auto metadata =
      text_or_bytes(row, 2, place_beside(key, sealed_metadata), seals_, of_metadata);
    const auto doc = text_or_bytes(row, 3, place_of(key), seals_, of_doc);
    const auto ends = measure_ends(key, row.number(4));
    if (!ends)
      return ends.error();
    ++measured;
    ++so_far.checkpoints.count;
    so_far.checkpoints.bytes += size(metadata);
    count_document(doc, so_far);
    so_far.pending.count += ends->count;
    so_far.pending.bytes += ends->bytes;
    const auto of_all = size(metadata) + size(doc) + ends->bytes;
    so_far.bytes += of_all;
    bytes += static_cast<std::size_t>(of_all);
    return bytes < limits.bytes && std::chrono::steady_clock::now() < end;
  });
  if (!all)
    return all.error();
  so_far.complete = *all && measured < most_measured;
  return {};
}

result<thread_sizes::part> sqlite_reads::measure_ends(const record_key& of, int64_t seq) {
  auto use = db_->prepare("SELECT doc FROM task_end WHERE checkpoint_seq=?1");
  if (!use)
    return use.error();
  use->bind(1, seq);
  thread_sizes::part all;
  std::string text;
  auto read = use->each_row([&](auto& row) {
    ++all.count;
    all.bytes += size(text_or_bytes(row, 0, place_beside(of, sealed_task_end), seals_, text));
  });
  if (!read)
    return read.error();
  return all;
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
