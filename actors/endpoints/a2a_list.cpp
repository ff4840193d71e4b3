#include "actors/endpoints/a2a_list.hpp"

#include "actors/endpoints/a2a_message.hpp"
#include "actors/endpoints/body.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"
#include "runtime/storage/storage.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace behalf::endpoints {
namespace {

using clock = std::chrono::steady_clock;

constexpr int64_t largest_page = 100; // as the protocol has it

error wrong(std::string message) {
  return fail(errc::invalid_argument, std::move(message));
}

bool in_order(const listed_task& a, const listed_task& b) {
  return a.place < b.place;
}

bool given(const json::object& params, std::string_view key) {
  const auto* v = member(params, key);
  return v && !v->is_null();
}

void read_state(body_reader& in, a2a_listing& what) {
  const auto name = in.text("status", true).value_or("");
  if (name.empty() || name == "TASK_STATE_UNSPECIFIED")
    return;
  what.state = a2a_state_named(name);
  what.nothing = is_unused_a2a_state(name);
  if (!what.state && !what.nothing)
    in.refuse(wrong("Invalid status value: '" + name + "'"));
}

// A text in 1.0; milliseconds in what came before it.
void read_since(const json::object& params, body_reader& in, a2a_listing& what) {
  constexpr int64_t last = 253'402'300'799'999; // of the year 9999
  if (const auto text = in.text("statusTimestampAfter", true); text && !text->empty()) {
    auto at = parse_iso8601(*text);
    if (!at)
      return in.refuse(wrong("statusTimestampAfter must be a valid ISO 8601 timestamp"));
    what.since = *at;
  }
  if (given(params, "lastUpdatedAfter"))
    if (const auto ms = in.integer("lastUpdatedAfter", 0, last); ms && !what.since)
      what.since = from_micros(*ms * 1000);
}

} // namespace

result<a2a_listing> read_listing(const json::object& params, const shape_limits& bounds) {
  body_reader in{params, bounds};
  a2a_listing what;
  what.context_id = in.text("contextId", true).value_or("");
  read_state(in, what);
  read_since(params, in, what);
  if (given(params, "pageSize"))
    what.page_size = in.integer("pageSize", 1, largest_page).value_or(what.page_size);
  if (given(params, "historyLength"))
    what.history_length = in.integer("historyLength", 0, std::numeric_limits<int32_t>::max());
  what.artifacts = in.flag("includeArtifacts", true).value_or(false);
  const auto token = in.text("pageToken", true).value_or("");
  if (in.fault())
    return *in.fault();
  if (!token.empty()) {
    auto after = read_page_token(token);
    if (!after)
      return after.error();
    what.after = std::move(*after);
  }
  if (!what.context_id.empty()) {
    auto id = parse_uuid(what.context_id, "context");
    what.nothing = what.nothing || !id; // of no context that there could be
    what.context_id = id ? std::move(*id) : std::string{};
  }
  return what;
}

std::string page_token(const a2a_place& last) {
  return base64url(std::to_string(to_micros(last.at)) + " " + last.task_id);
}

result<a2a_place> read_page_token(std::string_view token) {
  const auto no_token = wrong("Invalid pageToken: send the nextPageToken of the page before");
  const auto text = base64url_decode(token);
  if (!text)
    return no_token;
  int64_t at = 0;
  const auto* end = text->data() + text->size();
  const auto number = std::from_chars(text->data(), end, at);
  if (number.ec != std::errc{} || number.ptr == end || *number.ptr != ' ')
    return no_token;
  return a2a_place{from_micros(at), std::string(number.ptr + 1, end)};
}

std::string_view task_named_by(const json::object& run_metadata) {
  return string_or(object_or_empty(run_metadata, "a2a"), "task_id");
}

a2a_task_scan::a2a_task_scan(query contexts, std::string assistant_id, a2a_listing what,
                             search_bounds bounds, fair_budget::share_ptr room)
  : assistant_id_(std::move(assistant_id)), what_(std::move(what)), bounds_(bounds),
    contexts_(std::move(contexts), record_scan::wants::heads, bounds) {
  contexts_.room = std::move(room);
}

result<void> a2a_task_scan::read_contexts(storage_reader& db, const slice_limits& limits) {
  const auto before = contexts_.own.looked_at;
  auto part = db.go_on(contexts_, limits);
  if (!part)
    return part.error();
  looked_at_ += contexts_.own.looked_at - before;
  std::move(part->rows.begin(), part->rows.end(), std::back_inserter(waiting_));
  all_contexts_ = part->done;
  return {};
}

// Newest first.
result<void> a2a_task_scan::read_runs(storage_reader& db, const slice_limits& limits) {
  if (!runs_) {
    query q{.type = kind::run, .tenant = contexts_.what.tenant, .parent = waiting_.front().id};
    q.sort = sort_key::created_at;
    q.limit = most_runs;
    runs_.emplace(std::move(q), record_scan::wants::heads, bounds_);
  }
  const auto before = runs_->own.looked_at;
  auto part = db.go_on(*runs_, limits);
  if (!part)
    return part.error();
  looked_at_ += runs_->own.looked_at - before;
  for (const auto& run : part->rows)
    add_run(run);
  return part->done ? end_context(db) : result<void>{};
}

void a2a_task_scan::add_run(const record& run) {
  if (string_or(run.metadata, "assistant_id") != assistant_id_)
    return;
  const auto own_id = run.parent + ":" + run.id;
  const auto named = task_named_by(run.metadata);
  const auto& id = named.empty() ? own_id : std::string(named);
  const auto [at, is_newest] = open_.try_emplace(id);
  auto& task = at->second;
  task.began = task.began || id == own_id;
  if (is_newest)
    task.newest = {{run.updated_at, id}, run.parent, run.id, a2a_state_of(run.status)};
}

// The run that the newest checkpoint is of.
result<std::string> a2a_task_scan::maker_of_state(storage_reader& db) const {
  const auto& context = waiting_.front();
  auto newest = db.newest_checkpoint(context.tenant, context.id, std::string{});
  if (!newest || newest->empty())
    return newest;
  auto head = db.get_head({kind::checkpoint, context.tenant, *newest, context.id});
  if (!head)
    return head.error();
  return *head ? (*head)->run_id : std::string{};
}

result<void> a2a_task_scan::end_context(storage_reader& db) {
  const auto& context = waiting_.front();
  result<std::string> maker = std::string{};
  if (context.status != "idle" && !open_.empty())
    maker = maker_of_state(db);
  if (!maker)
    return maker.error();
  for (auto& [id, task] : std::exchange(open_, {})) {
    if (!task.began)
      continue; // metadata of some client's own
    auto& newest = task.newest;
    newest.may_wait = newest.state == a2a_state::completed && newest.run_id == *maker;
    consider(std::move(newest), context);
  }
  runs_.reset();
  waiting_.pop_front();
  return {};
}

// Whether a task that may wait does is known of a thread where nothing is under way; else both
// states are possible, and whoever reads the state decides.
void a2a_task_scan::consider(listed_task task, const record& context) {
  if (const auto state = what_.state) {
    const bool waits = task.may_wait && *state == a2a_state::input_required;
    const bool is_it = task.state == *state && !(task.may_wait && context.status == "interrupted");
    if (!waits && !is_it)
      return;
  }
  if (what_.since && task.place.at < *what_.since)
    return;
  ++total_;
  if (what_.after && !(*what_.after < task.place))
    return;
  best_.push_back(std::move(task));
  std::push_heap(best_.begin(), best_.end(), in_order);
  if (std::cmp_less_equal(best_.size(), what_.page_size))
    return;
  std::pop_heap(best_.begin(), best_.end(), in_order);
  best_.pop_back();
  more_ = true;
}

result<void> a2a_task_scan::check_bounds() const {
  if (looked_at_ <= bounds_.rows && spent_ <= bounds_.time)
    return {};
  return wrong("this listing looked at " + std::to_string(looked_at_)
               + " threads and runs and is not at its end; narrow it by contextId");
}

result<bool> a2a_task_scan::go_on(storage_reader& db, const slice_limits& limits) {
  const auto begun = clock::now();
  do {
    if (waiting_.empty() && all_contexts_)
      return true;
    auto ok = waiting_.empty() ? read_contexts(db, limits) : read_runs(db, limits);
    if (!ok)
      return ok.error();
  } while (looked_at_ <= bounds_.rows && clock::now() - begun < limits.time);
  spent_ += clock::now() - begun;
  if (auto ok = check_bounds(); !ok)
    return ok.error();
  return false;
}

std::vector<listed_task> a2a_task_scan::page() {
  std::sort_heap(best_.begin(), best_.end(), in_order);
  return std::move(best_);
}

} // namespace behalf::endpoints
