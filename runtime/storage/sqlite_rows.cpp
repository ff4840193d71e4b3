#include "runtime/storage/sqlite_rows.hpp"

#include <algorithm>

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

// What never changes after the creation: setting it again would rewrite every index entry.
bool is_fixed(std::string_view column) {
  for (auto name : {"tenant", "id", "parent", "ns", "created_at", "listed"})
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
    doc += ", (SELECT '[' || group_concat(e.doc) || ']' FROM task_end e"
           " WHERE e.checkpoint_seq=checkpoint.seq)";
  t.find = head + ", " + doc + by_key;
  t.find_head = head + by_key;
  t.head = head + by_seq;
  t.doc = "SELECT " + doc + by_seq;
  t.update = "UPDATE " + t.name + " SET " + sets + " WHERE seq=" + seq_place;
  t.remove = "DELETE" + by_seq;
  if (t.type == kind::run) {
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
  if (k == kind::assistant || k == kind::thread) {
    t.term_table = t.name + "_term";
    t.filed_by = k == kind::thread ? sort_key::updated_at : sort_key::created_at;
  }
  t.expires = k == kind::thread || k == kind::item;
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

result<json::object> stored_object(const statement& row, int column, const record& of,
                                   std::string_view part) {
  auto v = parse_stored_json(row.text(column));
  if (!v || !v->is_object())
    return unreadable(of, std::string(part) + " is no JSON object");
  return std::move(v->get_object());
}

} // namespace

const sqlite_table& table_of(kind k) {
  static const std::array tables{
    make_table(kind::assistant, assistant_columns, "tenant=?1 AND id=?2"),
    make_table(kind::thread, thread_columns, "tenant=?1 AND id=?2"),
    make_table(kind::run, run_columns, "tenant=?1 AND id=?2"),
    make_table(kind::checkpoint, checkpoint_columns, "tenant=?1 AND id=?2 AND parent=?3 AND ns=?4"),
    make_table(kind::item, item_columns, "tenant=?1 AND id=?2 AND parent=?3")};
  return tables[static_cast<std::size_t>(k)];
}

void bind_key(sqlite_statement& s, const record_key& key) {
  s.bind(1, key.tenant).bind(2, key.id);
  if (key.type == kind::checkpoint || key.type == kind::item)
    s.bind(3, key.parent);
  if (key.type == kind::checkpoint)
    s.bind(4, key.ns);
}

void bind_record(sqlite_statement& s, const sqlite_table& t, const record& r, int64_t revision,
                 std::string_view metadata, std::string_view doc) {
  s.bind(1, revision);
  int at = 2;
  for (const auto& c : t.columns)
    c.bind(s, at++, r);
  s.bind(at, metadata).bind(at + 1, doc);
}

record bare_row(const sqlite_statement& row, const sqlite_table& t) {
  record r;
  r.type = t.type;
  r.revision = row.number(1);
  for (int at = t.first_column(); const auto& c : t.columns)
    c.read(row, at++, r);
  return r;
}

result<record> read_head(const sqlite_statement& row, const sqlite_table& t) {
  auto r = bare_row(row, t);
  auto metadata = stored_object(row, t.metadata_column(), r, "metadata");
  if (!metadata)
    return metadata.error();
  r.metadata = std::move(*metadata);
  return r;
}

result<void> read_doc(const sqlite_statement& row, int column, record& into) {
  auto doc = stored_object(row, column, into, "document");
  if (!doc)
    return doc.error();
  into.doc = std::move(*doc);
  if (into.type != kind::checkpoint || row.is_null(column + 1))
    return {};
  auto ends = parse_stored_json(row.text(column + 1));
  if (!ends || !ends->is_array())
    return unreadable(into, "tasks' ends are no JSON");
  into.task_ends = std::move(ends->get_array());
  return {};
}

std::string_view sort_column(const sqlite_table& t, sort_key by) {
  static constexpr std::string_view names[]{
    "id", "created_at", "updated_at", "state_updated_at", "status", "name", "graph_id"};
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
