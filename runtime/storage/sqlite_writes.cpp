#include "runtime/storage/sqlite_writes.hpp"

#include <algorithm>
#include <iterator>

namespace behalf {
namespace {

bool has_expired(const record& r, time_point at) {
  if (!r.expires || r.expires->at > at)
    return false;
  return r.type == kind::item || (!r.expires->keep_latest && r.status != "busy");
}

std::vector<term> without(const std::vector<term>& terms, const std::vector<term>& others) {
  std::vector<term> rest;
  std::set_difference(terms.begin(), terms.end(), others.begin(), others.end(),
                      std::back_inserter(rest));
  return rest;
}

// Does `one` with each of them, up to the first that fails.
template <class All>
result<void> each(sqlite_writes& self, const All& all,
                  result<void> (sqlite_writes::*one)(const typename All::value_type&)) {
  for (const auto& it : all)
    if (auto done = (self.*one)(it); !done)
      return done;
  return {};
}

} // namespace

error wrong_revision(const record_key& key, int64_t expected, int64_t actual) {
  auto name = std::string(kind_text(key.type)) + " " + key.id;
  if (expected == 0)
    return fail(errc::conflict, name + " already exists");
  if (actual == 0)
    return fail(errc::conflict, name + " does not exist");
  return fail(errc::conflict, name + " was changed meanwhile");
}

result<void> sqlite_writes::apply(const write_batch& c) {
  using self = sqlite_writes;
  if (auto there = each(*this, c.needs, &self::must_exist); !there)
    return there;
  if (auto ours = each(*this, c.held, &self::must_hold); !ours)
    return ours;
  if (auto fired = each(*this, c.firings, &self::fire); !fired)
    return fired;
  if (auto quiet = each(*this, c.quiet, &self::must_be_quiet); !quiet)
    return quiet;
  if (auto erased = each(*this, c.erases, &self::erase); !erased)
    return erased;
  if (auto erased = each(*this, c.checkpoint_erases, &self::erase_run_checkpoints); !erased)
    return erased;
  if (auto done = apply_puts(c); !done)
    return done;
  if (auto ended = each(*this, c.task_ends, &self::put_task_end); !ended)
    return ended;
  if (auto copied = each(*this, c.checkpoint_copies, &self::copy_checkpoints); !copied)
    return copied;
  if (auto pruned = each(*this, c.prunes, &self::prune); !pruned)
    return pruned;
  if (auto changed = each(*this, c.thread_changes, &self::change_thread); !changed)
    return changed;
  if (auto added = each(*this, c.usage, &self::add_usage); !added)
    return added;
  if (auto done = c.embedded_by ? embed_by(*c.embedded_by) : result<void>{}; !done)
    return done;
  if (auto embedded = each(*this, c.vectors, &self::put_vectors); !embedded)
    return embedded;
  return each(*this, c.refreshes, &self::refresh);
}

result<void> sqlite_writes::renew() {
  auto done = change("INSERT OR REPLACE INTO owner VALUES (?1, ?2)", {},
                     {owner_, to_micros(clock_() + lease_time)});
  return done ? result<void>{} : done.error();
}

// A lease that lasts longer than any can was given before the clock was set back.
result<int64_t> sqlite_writes::take_runs(int64_t max_runs) {
  auto at = clock_();
  auto gone = change("DELETE FROM owner WHERE id<>?1 AND expires_at NOT BETWEEN ?2 AND ?3", {},
                     {owner_, to_micros(at), to_micros(at + lease_time)});
  if (!gone)
    return gone;
  return change("UPDATE run SET owner=?1, fence=fence+1 WHERE seq IN (SELECT seq FROM run"
                " INDEXED BY run_unfinished WHERE status IN ('pending', 'running') AND owner<>?1"
                " AND owner NOT IN (SELECT id FROM owner) ORDER BY seq LIMIT ?2)",
                {}, {owner_, max_runs});
}

result<void> sqlite_writes::apply_puts(const write_batch& c) {
  auto belongs = [](const write_batch::put& p) {
    return p.row.type == kind::run || p.row.type == kind::checkpoint
           || p.row.type == kind::assistant_version || p.row.type == kind::cron;
  };
  for (bool belonging : {false, true})
    for (const auto& p : c.puts)
      if (belongs(p) == belonging)
        if (auto done = p.embed ? put_to_embed(p) : put(p); !done)
          return done;
  return {};
}

// A damaged row is set aside, so that nothing stored can keep anyone from writing.
result<sqlite_writes::present> sqlite_writes::look_up(const record_key& key) {
  auto p = read_present(key);
  if (p || p.error().kind != unreadable_record)
    return p;
  auto seq = seq_of(key);
  if (!seq)
    return seq.error();
  if (auto done = set_aside(table_of(key.type), *seq, row_part::metadata, p.error().message); !done)
    return done.error();
  return read_present(key);
}

// The statement stands on the row under a key; nothing when there is none. It reads `key`.
result<std::optional<sqlite_statement>> sqlite_writes::row_of(const record_key& key) {
  auto use = db_->prepare(table_of(key.type).find_head);
  if (!use)
    return use.error();
  bind_key(*use, key);
  auto found = use->step();
  if (!found)
    return found.error();
  if (!*found)
    return std::optional<sqlite_statement>{};
  return std::optional<sqlite_statement>{std::move(*use)};
}

result<int64_t> sqlite_writes::seq_of(const record_key& key) {
  auto row = row_of(key);
  if (!row)
    return row.error();
  return *row ? (*row)->number(0) : 0;
}

result<sqlite_writes::present> sqlite_writes::read_present(const record_key& key) {
  auto row = row_of(key);
  if (!row)
    return row.error();
  if (!*row)
    return present{};
  const auto& t = table_of(key.type);
  present p;
  p.seq = (*row)->number(0);
  p.revision = (*row)->number(1);
  if (t.term_table.empty() && !t.expires)
    return p;
  auto head = read_head(**row, t, seals_);
  if (!head)
    return head.error();
  p.expired = has_expired(*head, clock_());
  p.filed_at = filed_at(t, *head);
  if (!t.term_table.empty()) {
    auto terms = terms_of(*head);
    if (!terms)
      return terms.error();
    p.terms = std::move(*terms);
  }
  p.head = std::move(*head);
  return p;
}

// What has expired is gone for everybody; its row may still be there.
result<sqlite_writes::present> sqlite_writes::find(const record_key& key) {
  auto p = look_up(key);
  return p && p->expired ? present{} : p;
}

result<void> sqlite_writes::put(const write_batch::put& p) {
  std::vector<term> terms;
  if (!table_of(p.row.type).term_table.empty()) {
    auto found = terms_of(p.row);
    if (!found)
      return found.error();
    terms = std::move(*found);
  }
  if (p.expected == 0) { // usually true: saves looking first
    auto inserted = insert(p, terms);
    if (!inserted || *inserted)
      return inserted ? result<void>{} : inserted.error();
  }
  auto old = look_up(p.row.key());
  if (!old)
    return old.error();
  if (old->expired) {
    if (auto room = make_room(p.row.key(), *old); !room)
      return room;
    *old = present{};
  }
  if (p.expected && *p.expected != old->revision)
    return wrong_revision(p.row.key(), *p.expected, old->revision);
  if (old->seq != 0)
    return update(p.row, terms, *old);
  auto inserted = insert(p, terms);
  return inserted ? result<void>{} : inserted.error();
}

result<void> sqlite_writes::put_task_end(const write_batch::task_end& e) {
  static const auto sql = "INSERT INTO task_end (checkpoint_seq, task, doc)"
                          " SELECT seq, ?5, ?6 FROM checkpoint WHERE "
                          + table_of(kind::checkpoint).key
                          + " ON CONFLICT (checkpoint_seq, task) DO UPDATE SET doc=excluded.doc";
  auto doc = seals_.pack(place_beside(e.checkpoint, sealed_task_end), e.doc);
  if (!doc)
    return doc.error();
  auto use = db_->prepare(sql);
  if (!use)
    return use.error();
  bind_key(*use, e.checkpoint);
  doc->bind(use->bind(5, e.task), 6);
  if (auto done = use->run(); !done)
    return done;
  return db_->changes() > 0 ? result<void>{} : must_exist(e.checkpoint);
}

// That a checkpoint is not there may be because nothing of its thread is.
result<void> sqlite_writes::must_exist(const record_key& key) {
  auto seq = seq_of(key);
  if (!seq)
    return seq.error();
  if (*seq != 0)
    return {};
  if (key.type == kind::checkpoint) {
    auto thread = seq_of({kind::thread, key.tenant, key.parent});
    if (!thread)
      return thread.error();
    if (*thread == 0)
      return fail(errc::not_found, "thread " + key.parent + " does not exist");
  }
  return wrong_revision(key, 1, 0);
}

// A run that is gone went with its thread, and another thread may be there by that name.
result<void> sqlite_writes::must_hold(const write_batch::held_run& run) {
  {
    auto use =
      db_->prepare("SELECT fence FROM run INDEXED BY run_open WHERE tenant=?1 AND parent=?2"
                   " AND id=?3 AND status IN ('pending', 'running')");
    if (!use)
      return use.error();
    auto row = use->bind(1, run.tenant).bind(2, run.thread_id).bind(3, run.id).step();
    if (!row)
      return row.error();
    if (*row && use->number(0) == run.fence)
      return {};
  }
  auto seq = seq_of({kind::run, run.tenant, run.id});
  if (!seq)
    return seq.error();
  if (*seq == 0)
    return fail(errc::not_found, "run " + run.id + " does not exist");
  return error{errc::conflict,
               "run " + run.id + " is not this process's any more",
               {},
               std::string(run_taken)};
}

// Asked once it is inserted; the batch is taken back when it is one too many.
result<void> sqlite_writes::must_be_within(const quota& most, const record& r) {
  if (r.owner.empty())
    return {};
  for (const auto& [of_owner, bound] :
       {std::pair{false, most.per_tenant}, {true, most.per_owner}}) {
    if (bound == 0)
      continue;
    auto use = db_->prepare("SELECT records FROM owned WHERE tenant=?1 AND kind=?2 AND owner=?3");
    if (!use)
      return use.error();
    auto row = use->bind(1, r.tenant)
                 .bind(2, kind_text(r.type))
                 .bind(3, of_owner ? std::string_view{r.owner} : std::string_view{})
                 .step();
    if (!row)
      return row.error();
    if (use->number(0) > bound)
      return fail(errc::too_many, "there may be no more than " + std::to_string(bound) + ' '
                                    + std::string(kind_text(r.type)) + "s of one "
                                    + (of_owner ? "user" : "tenant") + "; delete one first");
  }
  return {};
}

result<void> sqlite_writes::fire(const write_batch::cron_firing& f) {
  {
    auto use = db_->prepare("UPDATE cron SET next_at=?4, refusal=?5, revision=revision+1 WHERE "
                            + table_of(kind::cron).key + " AND revision=?3 AND status='enabled'");
    if (!use)
      return use.error();
    bind_key(*use, f.which);
    use->bind(3, f.expected);
    if (f.next_at)
      use->bind(4, to_micros(*f.next_at));
    else
      use->bind_null(4);
    if (auto done = use->bind(5, f.refusal).run(); !done)
      return done;
  }
  if (db_->changes() > 0)
    return {};
  auto seq = seq_of(f.which);
  if (!seq)
    return seq.error();
  if (*seq == 0)
    return fail(errc::not_found, "cron " + f.which.id + " does not exist");
  return fail(errc::conflict, "cron " + f.which.id + " was changed meanwhile");
}

// False when something has that key already.
result<bool> sqlite_writes::insert(const write_batch::put& p, const std::vector<term>& terms) {
  const auto& r = p.row;
  if (r.type == kind::checkpoint && !r.full) { // a chain with a hole could never be restored
    auto before = r.key();
    before.id = r.parent_checkpoint;
    if (auto there = must_exist(before); !there)
      return there.error();
  }
  const auto& t = table_of(r.type);
  auto metadata = pack_metadata(r, seals_);
  if (!metadata)
    return metadata.error();
  auto doc = pack_doc(r, seals_);
  if (!doc)
    return doc.error();
  auto use = db_->prepare(t.insert);
  if (!use)
    return use.error();
  bind_record(*use, t, r, 1, *metadata, *doc);
  if (const auto last = static_cast<int>(t.columns.size()) + 4; r.type == kind::run)
    use->bind(last, owner_);
  else if (t.owned)
    use->bind(last, r.owner);
  if (auto done = use->run(); !done) {
    if (done.error().code == errc::not_found)
      return fail(errc::not_found, (r.type == kind::assistant_version ? "assistant " : "thread ")
                                     + r.parent + " does not exist");
    return done.error();
  }
  if (db_->changes() == 0)
    return false;
  if (auto filed = for_each_term(t.file, terms, filed_at(t, r), db_->last_row()); !filed)
    return filed.error();
  if (auto ok = must_be_within(p.most, r); !ok)
    return ok.error();
  return true;
}

result<void> sqlite_writes::update(const record& r, const std::vector<term>& terms,
                                   const present& old) {
  const auto& t = table_of(r.type);
  auto metadata = pack_metadata(r, seals_);
  if (!metadata)
    return metadata.error();
  auto doc = pack_doc(r, seals_);
  if (!doc)
    return doc.error();
  auto use = db_->prepare(t.update);
  if (!use)
    return use.error();
  bind_record(*use, t, r, old.revision + 1, *metadata, *doc);
  use->bind(static_cast<int>(t.columns.size()) + 4, old.seq);
  if (auto done = use->run(); !done)
    return done;
  if (t.type == kind::checkpoint) { // the record says now what its tasks came to
    auto gone = change("DELETE FROM task_end WHERE checkpoint_seq=?1", {}, {old.seq});
    return gone ? result<void>{} : gone.error();
  }
  if (t.term_table.empty())
    return {};
  auto at = t.filed_by == sort_key::created_at ? old.filed_at : filed_at(t, r);
  bool moved = at != old.filed_at;
  if (auto done = for_each_term(t.unfile, moved ? old.terms : without(old.terms, terms),
                                old.filed_at, old.seq);
      !done)
    return done;
  return for_each_term(t.file, moved ? terms : without(terms, old.terms), at, old.seq);
}

result<void> sqlite_writes::for_each_term(std::string_view sql, const std::vector<term>& terms,
                                          int64_t at, int64_t seq) {
  for (auto one : terms)
    if (auto done = change(sql, {}, {one, at, seq}); !done)
      return done.error();
  return {};
}

result<void> sqlite_writes::remove(const sqlite_table& t, const present& p) {
  if (auto done = for_each_term(t.unfile, p.terms, p.filed_at, p.seq); !done)
    return done;
  if (t.type == kind::assistant) {
    auto crons =
      change("DELETE FROM cron WHERE tenant=?1 AND assistant_id=?2", {p.head.tenant, p.head.id});
    if (!crons)
      return crons.error();
  }
  auto done = change(t.remove, {}, {p.seq}); // runs and checkpoints follow by foreign key
  return done ? result<void>{} : done.error();
}

result<void> sqlite_writes::erase(const write_batch::erase& e) {
  auto old = find(e.which);
  if (!old)
    return old.error();
  if (e.expected && *e.expected != old->revision)
    return wrong_revision(e.which, *e.expected, old->revision);
  if (old->seq != 0 && !e.auth_filter.matches(old->head.metadata))
    return fail(errc::not_found,
                std::string(kind_text(e.which.type)) + " " + e.which.id + " does not exist");
  if (old->seq == 0)
    return {};
  // A stateless run's thread, which goes with it, has no checkpoints; a copy under way expires.
  const bool may_be_long =
    e.which.type == kind::thread && (old->head.listed || old->head.expires.has_value());
  if (e.which.type == kind::thread && old->head.listed)
    if (auto ended = end_kept_results(e.which.tenant, e.which.id); !ended)
      return ended;
  const auto many = may_be_long ? has_many_rows(e.which) : result<bool>{false};
  if (!many)
    return many.error();
  return *many ? hide_thread(e.which, old->seq) : remove(table_of(e.which.type), *old);
}

result<void> sqlite_writes::refresh(const write_batch::refresh& r) {
  const auto& t = table_of(r.which.type);
  if (!t.expires)
    return {};
  auto use = db_->prepare("UPDATE " + t.name + " SET expires_at=?5+ttl_ms*1000 WHERE " + t.key
                          + " AND expires_at IS NOT NULL" + still_there(t, t.name, 5));
  if (!use)
    return use.error();
  bind_key(*use, r.which);
  return use->bind(5, to_micros(r.now)).run();
}

result<sqlite_statement> sqlite_writes::prepare(std::string_view sql,
                                                std::initializer_list<std::string_view> texts,
                                                std::initializer_list<int64_t> numbers) {
  auto use = db_->prepare(sql);
  if (!use)
    return use;
  int at = 1;
  for (auto text : texts)
    use->bind(at++, text);
  for (auto number : numbers)
    use->bind(at++, number);
  return use;
}

result<int64_t> sqlite_writes::change(std::string_view sql,
                                      std::initializer_list<std::string_view> texts,
                                      std::initializer_list<int64_t> numbers) {
  auto use = prepare(sql, texts, numbers);
  if (!use)
    return use.error();
  if (auto done = use->run(); !done)
    return done.error();
  return db_->changes();
}

} // namespace behalf
