#include "actors/storage/reads.hpp"

#include "actors/options.hpp"
#include "actors/storage/scans.hpp"
#include "runtime/storage/storage.hpp"

namespace behalf::storage {
namespace {

result<row_ptr> shared(result<std::optional<record>> row) {
  if (!row)
    return row.error();
  return *row ? std::make_shared<const record>(std::move(**row)) : row_ptr{};
}

} // namespace

result<row_ptr> get_record::operator()(storage_reader& db) const {
  return shared(db.get(which, room.get()));
}

result<row_ptr> get_head::operator()(storage_reader& db) const {
  return shared(db.get_head(which));
}

result<row_ptr> load_run::operator()(storage_reader& db) const {
  return shared(db.unfinished_run({kind::run, tenant, run_id}));
}

result<row_ptr> load_run_of_state::operator()(storage_reader& db) const {
  auto id = checkpoint_id.empty() ? db.newest_checkpoint(tenant, thread_id, std::string{})
                                  : result<std::string>{checkpoint_id};
  if (!id)
    return id.error();
  auto made = db.get_head({kind::checkpoint, tenant, *id, thread_id});
  if (!made)
    return made.error();
  if (*made && !(*made)->run_id.empty()) {
    auto run = shared(db.get({kind::run, tenant, (*made)->run_id}, room.get()));
    if (!run || *run)
      return run;
  }
  query newest{.type = kind::run, .tenant = tenant, .parent = thread_id};
  newest.sort = sort_key::created_at;
  newest.limit = 1;
  record_scan scan{std::move(newest)};
  scan.room = room;
  for (;;) {
    auto part = db.go_on(scan, {});
    if (!part)
      return part.error();
    if (!part->rows.empty())
      return std::make_shared<const record>(std::move(part->rows.front()));
    if (part->done)
      return row_ptr{};
  }
}

result<found_checkpoints> read_checkpoints::operator()(storage_reader& db) const {
  auto rows = db.checkpoint_chain(who.tenant, thread_id, ns, checkpoint_id, room.get());
  if (!rows)
    return rows.error();
  found_checkpoints found{std::move(*rows), {}};
  if (checkpoint_id.empty())
    return found;
  auto newest = db.newest_checkpoint(who.tenant, thread_id, ns);
  if (!newest)
    return newest.error();
  found.newest = std::move(*newest);
  return found;
}

result<thread_sizes> measure_thread::operator()(storage_reader& db) const {
  auto sizes = so_far;
  auto ok = db.measure(who.tenant, thread_id, sizes, {});
  return ok ? result<thread_sizes>{std::move(sizes)} : ok.error();
}

search_ptr new_search(const app_context& app, query q, record_scan::wants want) {
  return std::make_shared<record_scan>(std::move(q), want, app.options->searches);
}

result<scan_part> read_slice::operator()(storage_reader& db) const {
  auto held = search.lock();
  return held ? db.go_on(*held, {}) : fail(errc::timeout, "the search was given up");
}

result<namespace_part> list_on::operator()(storage_reader& db) const {
  auto held = listing.lock();
  return held ? held->go_on(db) : fail(errc::timeout, "the listing was given up");
}

result<std::vector<usage_row>> read_usage::operator()(storage_reader& db) const {
  return db.usage(what);
}

} // namespace behalf::storage
