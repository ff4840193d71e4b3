#include "runtime/storage/sqlite_rows.hpp"

#include "runtime/base/json_cost.hpp"
#include "runtime/net/codec.hpp"

#include <algorithm>
#include <limits>

namespace behalf {
namespace {

using statement = sqlite_statement;

template <auto Member>
constexpr sqlite_column text(std::string_view name) {
  return {name, [](statement& s, int at, const record& r) { s.bind(at, r.*Member); },
          [](const statement& s, int at, record& r) { r.*Member = s.text(at); }};
}

template <auto Member>
constexpr sqlite_column time(std::string_view name) {
  return {name, [](statement& s, int at, const record& r) { s.bind(at, to_micros(r.*Member)); },
          [](const statement& s, int at, record& r) { r.*Member = from_micros(s.number(at)); }};
}

constexpr auto tenant = text<&record::tenant>("tenant");
constexpr auto id = text<&record::id>("id");
constexpr auto parent = text<&record::parent>("parent");
constexpr auto status = text<&record::status>("status");
constexpr auto created_at = time<&record::created_at>("created_at");
constexpr auto updated_at = time<&record::updated_at>("updated_at");

template <auto Member>
constexpr sqlite_column flag(std::string_view name) {
  return {name, [](statement& s, int at, const record& r) { s.bind(at, int64_t{r.*Member}); },
          [](const statement& s, int at, record& r) { r.*Member = s.number(at) != 0; }};
}

// expires_at comes first of the three: whether it is null says whether there is an expiry.
constexpr sqlite_column expires_at{"expires_at",
                                   [](statement& s, int at, const record& r) {
                                     if (r.expires)
                                       s.bind(at, to_micros(r.expires->at));
                                     else
                                       s.bind_null(at);
                                   },
                                   [](const statement& s, int at, record& r) {
                                     if (!s.is_null(at))
                                       r.expires = expiry{from_micros(s.number(at))};
                                   }};
constexpr sqlite_column ttl_ms{"ttl_ms",
                               [](statement& s, int at, const record& r) {
                                 s.bind(at, r.expires ? int64_t{r.expires->ttl.count()} : 0);
                               },
                               [](const statement& s, int at, record& r) {
                                 if (r.expires)
                                   r.expires->ttl = std::chrono::milliseconds{s.number(at)};
                               }};
constexpr sqlite_column keep_latest{"keep_latest",
                                    [](statement& s, int at, const record& r) {
                                      s.bind(at, int64_t{r.expires && r.expires->keep_latest});
                                    },
                                    [](const statement& s, int at, record& r) {
                                      if (r.expires)
                                        r.expires->keep_latest = s.number(at) != 0;
                                    }};

constexpr sqlite_column assistant_columns[]{
  tenant,     id,        text<&record::name>("name"), text<&record::graph_id>("graph_id"),
  created_at, updated_at};
constexpr sqlite_column thread_columns[]{
  tenant,      id,
  status,      created_at,
  updated_at,  time<&record::state_updated_at>("state_updated_at"),
  expires_at,  ttl_ms,
  keep_latest, flag<&record::listed>("listed")};
constexpr sqlite_column run_columns[]{tenant, id, parent, status, created_at, updated_at};
constexpr sqlite_column checkpoint_columns[]{tenant,
                                             parent,
                                             text<&record::ns>("ns"),
                                             id,
                                             text<&record::parent_checkpoint>("parent_checkpoint"),
                                             text<&record::run_id>("run_id"),
                                             flag<&record::full>("is_full"),
                                             created_at,
                                             updated_at};
constexpr sqlite_column item_columns[]{tenant,     parent,     id,     created_at,
                                       updated_at, expires_at, ttl_ms, keep_latest};

template <auto Member>
constexpr sqlite_column perhaps(std::string_view name) {
  return {name,
          [](statement& s, int at, const record& r) {
            if (r.*Member)
              s.bind(at, to_micros(*(r.*Member)));
            else
              s.bind_null(at);
          },
          [](const statement& s, int at, record& r) {
            if (!s.is_null(at))
              r.*Member = from_micros(s.number(at));
          }};
}

// Null where there is no thread, so that the foreign key holds.
constexpr sqlite_column thread_or_null{"parent",
                                       [](statement& s, int at, const record& r) {
                                         if (r.parent.empty())
                                           s.bind_null(at);
                                         else
                                           s.bind(at, r.parent);
                                       },
                                       parent.read};
constexpr sqlite_column cron_columns[]{tenant,
                                       id,
                                       thread_or_null,
                                       text<&record::assistant_id>("assistant_id"),
                                       text<&record::owner>("owner"),
                                       status,
                                       created_at,
                                       updated_at,
                                       perhaps<&record::next_at>("next_at"),
                                       perhaps<&record::ends_at>("ends_at"),
                                       text<&record::refusal>("refusal")};

constexpr sqlite_column version_columns[]{tenant, parent, id, created_at, updated_at};
constexpr sqlite_column call_columns[]{tenant, id, created_at, updated_at};

// What never changes after the creation: setting it again would rewrite every index entry.
bool is_fixed(std::string_view column) {
  for (auto name : {"tenant", "id", "parent", "ns", "created_at", "assistant_id", "owner"})
    if (column == name)
      return true;
  return false;
}

// One numbered parameter per column, in bind_record's order: revision, columns…, metadata, doc.
void write_statements(sqlite_table& t) {
  std::string names = "revision", places = "?1", sets = "revision=?1";
  auto add = [&, at = 2](std::string_view name) mutable {
    auto place = "?" + std::to_string(at++);
    names += ", " + std::string(name);
    places += ", " + place;
    if (!is_fixed(name))
      sets += ", " + std::string(name) + "=" + place;
  };
  for (const auto& c : t.columns)
    add(c.name);
  add("metadata");
  add("doc");
  auto seq_place = "?" + std::to_string(t.columns.size() + 4);
  auto by_key = " FROM " + t.name + " WHERE " + t.key;
  auto by_seq = " FROM " + t.name + " WHERE seq=?1";
  auto head = "SELECT seq, " + names.substr(0, names.rfind(", doc"));
  std::string doc = "doc";
  if (t.type == kind::checkpoint)
    doc += ", (SELECT '[' || group_concat(CASE typeof(e.doc) WHEN 'blob'"
           " THEN '\"' || hex(e.doc) || '\"' ELSE e.doc END) || ']' FROM task_end e"
           " WHERE e.checkpoint_seq=checkpoint.seq)";
  t.find = head + ", " + doc + by_key;
  t.find_head = head + by_key;
  t.head = head + by_seq;
  t.doc = "SELECT " + doc + by_seq;
  t.update = "UPDATE " + t.name + " SET " + sets + " WHERE seq=" + seq_place;
  t.remove = "DELETE" + by_seq;
  if (t.type == kind::run || t.owned) {
    names += ", owner";
    places += ", " + seq_place;
  }
  t.insert =
    "INSERT INTO " + t.name + " (" + names + ") VALUES (" + places + ") ON CONFLICT DO NOTHING";
  t.file = "INSERT INTO " + t.term_table + " VALUES (?1, ?2, ?3)";
  t.unfile = "DELETE FROM " + t.term_table + " WHERE term=?1 AND at=?2 AND seq=?3";
}

sqlite_table make_table(kind k, std::span<const sqlite_column> columns, std::string key) {
  sqlite_table t{k, std::string(kind_text(k)), columns, std::move(key)};
  if (k == kind::assistant || k == kind::thread || k == kind::cron) {
    t.term_table = t.name + "_term";
    t.filed_by = k == kind::thread ? sort_key::updated_at : sort_key::created_at;
  }
  t.expires = k == kind::thread || k == kind::item;
  t.owned = k == kind::assistant || k == kind::thread || k == kind::item;
  write_statements(t);
  return t;
}

error unreadable(const record& of, std::string_view why) {
  return {errc::internal,
          "the stored " + std::string(kind_text(of.type)) + " " + of.id + " is damaged: its "
            + std::string(why) + "; see: behalf storage check",
          {},
          std::string(unreadable_record)};
}

result<json::object> stored_object(std::string_view text, const record& of, std::string_view part) {
  auto v = parse_stored_json(text);
  if (!v || !v->is_object())
    return unreadable(of, std::string(part) + " is no JSON object");
  return std::move(v->get_object());
}

// Members of a checkpoint's metadata that its columns tell: not written twice, and right in the
// copy of a thread.
std::vector<std::pair<std::string_view, std::string_view>> told_by_columns(const record& r) {
  std::vector<std::pair<std::string_view, std::string_view>> all{{"thread_id", r.parent}};
  if (!r.run_id.empty())
    all.emplace_back("run_id", r.run_id);
  return all;
}

// Those that are packed come in hexadecimal digits, which `bytes` counts until it is text.
result<void> open_task_end(json::value& end, const record& of, sealing& seals,
                           fair_budget::share* room, std::size_t& bytes) {
  if (!end.is_string())
    return {};
  std::string packed;
  if (!append_from_hex(packed, std::string_view{end.get_string()}))
    return unreadable(of, "tasks' ends are no JSON");
  auto text = seals.unpack(place_beside(of, sealed_task_end), packed);
  if (!text)
    return text.error();
  if (auto ok = claim_room(room, *text); !ok)
    return ok;
  bytes += text->size() - end.get_string().size() - 2;
  auto v = parse_stored_json(*text);
  if (!v)
    return unreadable(of, "tasks' ends are no JSON");
  end = std::move(*v);
  return {};
}

} // namespace

const sqlite_table& table_of(kind k) {
  static const std::array tables{
    make_table(kind::assistant, assistant_columns, "tenant=?1 AND id=?2"),
    make_table(kind::thread, thread_columns, "tenant=?1 AND id=?2"),
    make_table(kind::run, run_columns, "tenant=?1 AND id=?2"),
    make_table(kind::checkpoint, checkpoint_columns, "tenant=?1 AND id=?2 AND parent=?3 AND ns=?4"),
    make_table(kind::item, item_columns, "tenant=?1 AND id=?2 AND parent=?3"),
    make_table(kind::assistant_version, version_columns, "tenant=?1 AND id=?2 AND parent=?3"),
    make_table(kind::cron, cron_columns, "tenant=?1 AND id=?2"),
    make_table(kind::webhook_call, call_columns, "tenant=?1 AND id=?2")};
  return tables[static_cast<std::size_t>(k)];
}

void bind_key(sqlite_statement& s, const record_key& key) {
  s.bind(1, key.tenant).bind(2, key.id);
  if (named_within_parent(key.type))
    s.bind(3, key.parent);
  if (key.type == kind::checkpoint)
    s.bind(4, key.ns);
}

void bind_record(sqlite_statement& s, const sqlite_table& t, const record& r, int64_t revision,
                 const stored_text& metadata, const stored_text& doc) {
  s.bind(1, revision);
  int at = 2;
  for (const auto& c : t.columns)
    c.bind(s, at++, r);
  metadata.bind(s, at);
  doc.bind(s, at + 1);
}

record bare_row(const sqlite_statement& row, const sqlite_table& t) {
  record r;
  r.type = t.type;
  r.revision = row.number(1);
  for (int at = t.first_column(); const auto& c : t.columns)
    c.read(row, at++, r);
  return r;
}

result<stored_text> pack_metadata(const record& r, sealing& seals) {
  if (r.type != kind::checkpoint)
    return stored_text{dump(r.metadata)};
  auto metadata = r.metadata;
  for (const auto& [name, column] : told_by_columns(r))
    if (auto* there = metadata.if_contains(name))
      *there = "";
  return seals.pack(place_beside(r, sealed_metadata), dump(metadata));
}

result<stored_text> pack_doc(const record& r, sealing& seals) {
  return seals.pack(place_of(r), r.doc_text.empty() ? dump(r.doc) : r.doc_text);
}

result<record> read_head(const sqlite_statement& row, const sqlite_table& t, sealing& seals) {
  auto r = bare_row(row, t);
  std::string unpacked;
  auto text = seals.text(row, t.metadata_column(), place_beside(r, sealed_metadata), unpacked);
  if (!text)
    return text.error();
  auto metadata = stored_object(*text, r, "metadata");
  if (!metadata)
    return metadata.error();
  r.metadata = std::move(*metadata);
  if (r.type == kind::checkpoint)
    for (const auto& [name, column] : told_by_columns(r))
      if (auto* there = r.metadata.if_contains(name))
        *there = column;
  return r;
}

result<void> claim_room(fair_budget::share* room, std::string_view stored) {
  if (!room || stored.size() <= longest_uncounted)
    return {};
  constexpr auto any = std::numeric_limits<std::size_t>::max();
  // Parsed it is copied once more at least where it is shown, and then written as text.
  const auto sum = room->size() + parse_cost(stored, any) + 2 * stored.size();
  const auto most = std::max(room->size(), room->capacity() / 2);
  return claim(*room, std::min(sum, most), "long records being read");
}

result<std::size_t> read_doc(const sqlite_statement& row, int column, record& into, sealing& seals,
                             fair_budget::share* room) {
  std::string opened;
  auto text = seals.text(row, column, place_of(into), opened);
  if (!text)
    return text.error();
  if (auto ok = claim_room(room, *text); !ok)
    return ok.error();
  auto doc = stored_object(*text, into, "document");
  if (!doc)
    return doc.error();
  into.doc = std::move(*doc);
  auto bytes = text->size();
  if (into.type != kind::checkpoint || row.is_null(column + 1))
    return bytes;
  const auto ends = row.text(column + 1);
  bytes += ends.size();
  if (auto ok = claim_room(room, ends); !ok)
    return ok.error();
  auto all = parse_stored_json(ends);
  if (!all || !all->is_array())
    return unreadable(into, "tasks' ends are no JSON");
  into.task_ends = std::move(all->get_array());
  for (auto& end : into.task_ends)
    if (auto ok = open_task_end(end, into, seals, room, bytes); !ok)
      return ok.error();
  return bytes;
}

std::string_view sort_column(const sqlite_table& t, sort_key by) {
  static constexpr std::string_view names[]{
    "id",       "created_at",   "updated_at", "state_updated_at", "status", "name",
    "graph_id", "assistant_id", "parent",     "next_at",          "ends_at"};
  auto name = names[static_cast<std::size_t>(by)];
  auto has =
    std::any_of(t.columns.begin(), t.columns.end(), [&](const auto& c) { return c.name == name; });
  return has ? name : std::string_view{};
}

int64_t filed_at(const sqlite_table& t, const record& r) {
  return to_micros(t.filed_by == sort_key::created_at ? r.created_at : r.updated_at);
}

std::string still_there(const sqlite_table& t, std::string_view alias, int now_at) {
  if (!t.expires)
    return {};
  std::string a{alias};
  auto text =
    " AND (" + a + ".expires_at IS NULL OR " + a + ".expires_at>?" + std::to_string(now_at);
  if (t.type == kind::thread)
    text += " OR " + a + ".keep_latest=1 OR " + a + ".status='busy'";
  return text + ")";
}

} // namespace behalf
