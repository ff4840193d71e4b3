// The part of sqlite_writes that keeps the vectors of items.
#include "runtime/storage/sqlite_vectors.hpp"
#include "runtime/storage/sqlite_writes.hpp"

namespace behalf {

result<void> sqlite_writes::put_to_embed(const write_batch::put& p) {
  if (auto done = put(p); !done)
    return done;
  auto seq = seq_of(p.row.key());
  if (!seq)
    return seq.error();
  auto done = change("INSERT OR IGNORE INTO item_to_embed (owner, item_seq) VALUES (?1, ?2)",
                     {p.row.owner}, {*seq});
  return done ? result<void>{} : done.error();
}

result<void> sqlite_writes::put_vectors(const write_batch::vectors_of& v) {
  int64_t seq = 0;
  {
    auto row = row_of(v.item);
    if (!row)
      return row.error();
    if (!*row || (*row)->number(1) != v.revision)
      return {};
    seq = (*row)->number(0);
  }
  for (auto sql :
       {"DELETE FROM item_vector WHERE item_seq=?1", "DELETE FROM item_to_embed WHERE item_seq=?1"})
    if (auto done = change(sql, {}, {seq}); !done)
      return done.error();
  for (const auto& one : v.vectors) {
    auto stored = seals_.seal(place_beside(v.item, sealed_vector), std::string(vector_bytes(one)));
    if (!stored)
      return stored.error();
    auto use = db_->prepare(
      "INSERT INTO item_vector (item_seq, tenant, sealed, vector) VALUES (?1, ?2, ?3, ?4)");
    if (!use)
      return use.error();
    use->bind(1, seq).bind(2, v.item.tenant).bind(3, int64_t{stored->sealed});
    if (auto done = use->bind_blob(4, stored->bytes).run(); !done)
      return done;
  }
  return {};
}

result<void> sqlite_writes::embed_again(int64_t item_seq) {
  for (auto sql : {"DELETE FROM item_vector WHERE item_seq=?1",
                   "INSERT OR IGNORE INTO item_to_embed (item_seq, owner)"
                   " SELECT seq, owner FROM item WHERE seq=?1"})
    if (auto done = change(sql, {}, {item_seq}); !done)
      return done.error();
  return {};
}

result<void> sqlite_writes::embed_by(const std::string& how) {
  {
    auto use = db_->prepare("SELECT how FROM embedded_by");
    if (!use)
      return use.error();
    auto row = use->step();
    if (!row)
      return row.error();
    if (*row ? use->text(0) == how : how.empty())
      return {};
  }
  for (auto sql :
       {"DELETE FROM item_vector", "DELETE FROM item_to_embed", "DELETE FROM embedded_by"})
    if (auto done = db_->run(sql); !done)
      return done;
  if (how.empty())
    return {};
  if (auto done = db_->run("INSERT INTO item_to_embed SELECT seq, owner FROM item"); !done)
    return done;
  auto done = change("INSERT INTO embedded_by VALUES (1, ?1)", {how});
  return done ? result<void>{} : done.error();
}

} // namespace behalf
