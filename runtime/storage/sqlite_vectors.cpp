#include "runtime/storage/sqlite_vectors.hpp"

#include "runtime/storage/sqlite_reads.hpp"
#include "runtime/storage/sqlite_rows.hpp"

#include <algorithm>
#include <cstring>

namespace behalf {
namespace {

// A row of a table's `find`, the item's number behind it.
result<record> read_item(sqlite_statement& use, bool with_doc, sealing& seals,
                         fair_budget::share* room) {
  const auto& t = table_of(kind::item);
  auto r = read_head(use, t, seals);
  if (!r || !with_doc)
    return r;
  if (auto ok = read_doc(use, t.metadata_column() + 1, *r, seals, room); !ok)
    return ok.error();
  return r;
}

// "SELECT seq, …, metadata, doc" of an item `i`, up to FROM.
std::string item_columns(std::string_view doc) {
  const auto& t = table_of(kind::item);
  std::string text = "SELECT i.seq, i.revision";
  for (const auto& c : t.columns)
    text += ", i." + std::string(c.name);
  return text + ", i.metadata, " + std::string(doc);
}

} // namespace

std::string_view vector_bytes(const std::vector<float>& v) {
  return {reinterpret_cast<const char*>(v.data()), v.size() * sizeof(float)};
}

// Columns: id, item, namespace, key, whether it is sealed, vector. One that does not open is passed
// over, as any record that cannot be read.
result<std::vector<stored_vector>> sqlite_vectors::all_of(sqlite_statement& use,
                                                          const std::string& tenant) {
  std::vector<stored_vector> found;
  auto read = use.each_row([&](auto& row) -> result<bool> {
    stored_vector one{
      row.number(0), row.number(1), std::string(row.text(2)), std::string(row.text(3)), {}};
    std::string opened;
    auto bytes = row.text(5);
    if (row.number(4) != 0) {
      auto text = seals_->open({sealed_vector, tenant, one.ns, one.key}, bytes);
      if (!text && text.error().kind != unreadable_record)
        return text.error();
      if (!text)
        return true;
      bytes = opened = std::move(*text);
    }
    one.of.resize(bytes.size() / sizeof(float));
    std::memcpy(one.of.data(), bytes.data(), one.of.size() * sizeof(float));
    found.push_back(std::move(one));
    return true;
  });
  if (!read)
    return read.error();
  return found;
}

// The index is skipped through from one owner to the next.
result<void> sqlite_vectors::add_owners(std::string_view begin, std::string_view which,
                                        const std::string& after, std::vector<std::string>& to,
                                        std::size_t most) {
  auto use = db_->prepare("WITH RECURSIVE o (owner) AS ("
                          " SELECT min(owner) FROM item_to_embed WHERE "
                          + std::string(begin)
                          + " UNION ALL SELECT (SELECT min(owner) FROM item_to_embed e"
                            "  WHERE e.owner>o.owner) FROM o WHERE o.owner IS NOT NULL)"
                            " SELECT owner FROM o WHERE owner IS NOT NULL AND "
                          + std::string(which) + " LIMIT ?2");
  if (!use)
    return use.error();
  use->bind(1, after).bind(2, static_cast<int64_t>(most - to.size()));
  auto read = use->each_row([&](auto& row) { to.emplace_back(row.text(0)); });
  return read ? result<void>{} : read.error();
}

result<void> sqlite_vectors::add_waiting(const embedding_turn& after, int64_t limit,
                                         std::size_t& bytes, std::vector<unembedded_item>& to) {
  if (bytes == 0)
    return {};
  static const auto sql = item_columns("i.doc")
                          + " FROM item_to_embed e JOIN item i ON i.seq=e.item_seq"
                            " WHERE e.owner=?1 AND e.item_seq>?2 ORDER BY e.item_seq LIMIT ?3";
  auto use = db_->prepare(sql);
  if (!use)
    return use.error();
  use->bind(1, after.owner).bind(2, after.number).bind(3, limit);
  const auto& t = table_of(kind::item);
  const auto doc = t.metadata_column() + 1;
  auto read = use->each_row([&](auto& row) -> result<bool> {
    auto item = read_head(row, t, *seals_);
    auto text = item ? read_doc(row, doc, *item, *seals_) : result<std::size_t>{item.error()};
    bytes -= std::min(bytes, text ? *text : row.text(doc).size());
    if (text)
      to.push_back({row.number(0), after.owner, std::move(*item)});
    else if (text.error().kind != unreadable_record) // that one stays as it is
      return text.error();
    return bytes > 0;
  });
  return read ? result<void>{} : read.error();
}

result<std::vector<unembedded_item>> sqlite_vectors::to_embed(const embedding_turn& after,
                                                              int64_t limit, std::size_t bytes) {
  const auto most = static_cast<std::size_t>(limit);
  std::vector<std::string> owners;
  if (auto done = add_owners("owner>?1", "true", after.owner, owners, most); !done)
    return done.error();
  if (owners.size() < most)
    if (auto done = add_owners("true", "owner<=?1", after.owner, owners, most); !done)
      return done.error();
  std::vector<unembedded_item> found;
  for (const auto& owner : owners) {
    const auto each = limit / static_cast<int64_t>(owners.size());
    const auto from = owner == after.owner ? after.number : 0;
    const auto before = found.size();
    auto done = add_waiting({owner, from}, each, bytes, found);
    if (done && from > 0 && found.size() == before) // none behind it: from the first
      done = add_waiting({owner, 0}, each, bytes, found);
    if (!done)
      return done.error();
  }
  return found;
}

result<int64_t> sqlite_vectors::count_to_embed() {
  return db_->number("SELECT count(*) FROM item_to_embed");
}

result<std::vector<stored_vector>> sqlite_vectors::of_tenant(const std::string& tenant,
                                                             int64_t after, int64_t limit) {
  auto use =
    db_->prepare("SELECT v.id, v.item_seq, i.parent, i.id, v.sealed, v.vector FROM item_vector v"
                 " CROSS JOIN item i ON i.seq=v.item_seq"
                 " WHERE v.tenant=?1 AND v.id>?2 ORDER BY v.id LIMIT ?3");
  if (!use)
    return use.error();
  use->bind(1, tenant).bind(2, after).bind(3, limit);
  return all_of(*use, tenant);
}

result<std::vector<stored_vector>> sqlite_vectors::below(const std::string& tenant,
                                                         const std::string& prefix,
                                                         const stored_vector* after,
                                                         int64_t items) {
  auto use = db_->prepare(
    "SELECT v.id, v.item_seq, i.parent, i.id, v.sealed, v.vector FROM"
    " (SELECT seq, parent, id FROM item WHERE tenant=?1 AND (parent, id)>(?2, ?3) AND parent<?4"
    "  AND EXISTS (SELECT 1 FROM item_vector WHERE item_seq=seq) ORDER BY parent, id LIMIT ?5) i"
    " CROSS JOIN item_vector v ON v.item_seq=i.seq ORDER BY i.parent, i.id");
  if (!use)
    return use.error();
  auto end = prefix.empty() ? std::string("\xff") : prefix;
  if (!prefix.empty())
    ++end.back();
  const std::string none;
  use->bind(1, tenant).bind(2, after ? after->ns : prefix).bind(3, after ? after->key : none);
  use->bind(4, end).bind(5, items);
  return all_of(*use, tenant);
}

result<std::optional<gone_vectors>> sqlite_vectors::gone(const std::string& tenant, int64_t after) {
  auto oldest = db_->number("SELECT min(seq) FROM item_vector_gone");
  if (!oldest)
    return oldest.error();
  if (*oldest > after + 1)
    return std::optional<gone_vectors>{};
  auto use = db_->prepare("SELECT seq, vector, tenant FROM item_vector_gone WHERE seq>?1"
                          " ORDER BY seq");
  if (!use)
    return use.error();
  use->bind(1, after);
  gone_vectors all{{}, after};
  auto read = use->each_row([&](auto& row) {
    all.last = row.number(0);
    if (row.text(2) == tenant)
      all.ids.push_back(row.number(1));
  });
  if (!read)
    return read.error();
  return std::optional{std::move(all)};
}

result<int64_t> sqlite_vectors::last_gone() {
  return db_->number("SELECT max(seq) FROM item_vector_gone");
}

result<std::optional<item_of_vector>> sqlite_vectors::item_of(int64_t vector, bool with_doc,
                                                              fair_budget::share* room) {
  static const auto from = " FROM item_vector v CROSS JOIN item i ON i.seq=v.item_seq WHERE v.id=?1"
                           + still_there(table_of(kind::item), "i", 2);
  static const auto whole = item_columns("i.doc") + from, head = item_columns("''") + from;
  auto use = db_->prepare(with_doc ? whole : head);
  if (!use)
    return use.error();
  auto row = use->bind(1, vector).bind(2, to_micros(clock_())).step();
  if (!row)
    return row.error();
  if (!*row)
    return std::optional<item_of_vector>{};
  auto item = read_item(*use, with_doc, *seals_, room);
  if (!item)
    return item.error();
  return std::optional{item_of_vector{use->number(0), std::move(*item)}};
}

} // namespace behalf
