// The embedded store's rows: one sealed credential each.
#include "secrets/embedded_core.hpp"

#include "runtime/base/json.hpp"
#include "secrets/embedded_rows.hpp"

namespace behalf {
namespace {

constexpr int64_t schema_version = 1;

constexpr const char* schema = R"(
CREATE TABLE master_check (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  nonce BLOB NOT NULL, ciphertext BLOB NOT NULL, tag BLOB NOT NULL) STRICT;
CREATE TABLE data_keys (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,
  nonce BLOB NOT NULL, ciphertext BLOB NOT NULL, tag BLOB NOT NULL,
  UNIQUE (tenant, issuer, subject)) STRICT;
CREATE TABLE secrets (
  tenant TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL, service TEXT NOT NULL,
  generation INTEGER NOT NULL,
  nonce BLOB NOT NULL, ciphertext BLOB NOT NULL, tag BLOB NOT NULL,
  expires_at INTEGER, metadata TEXT NOT NULL, updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, issuer, subject, service)) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;)";

// The clear columns are authenticated with the ciphertext: a changed expiry does not decrypt.
std::string row_context(const credential_key& key, int64_t generation,
                        std::optional<time_point> expires_at, std::string_view metadata) {
  return bind_context({"behalf credential", key.who.tenant, key.who.issuer, key.who.subject,
                       key.service, std::to_string(generation),
                       expires_at ? std::to_string(to_micros(*expires_at)) : "", metadata});
}

std::string write_metadata(const stored_credential& what) {
  json::object o;
  if (!what.username.empty())
    o["username"] = what.username;
  if (!what.scopes.empty())
    o["scopes"] = json::value_from(what.scopes);
  return dump(o);
}

template <class Shown>
void read_metadata(std::string_view text, Shown& into) {
  auto v = parse_json(text);
  if (!v || !v->is_object())
    return;
  into.username = string_or(v->get_object(), "username");
  if (const auto* scopes = member(*v, "scopes"); scopes && scopes->is_array()) {
    for (const auto& s : scopes->get_array()) {
      if (s.is_string())
        into.scopes.emplace_back(s.get_string().data(), s.get_string().size());
    }
  }
}

std::optional<time_point> read_time(const sqlite_statement& row, int column) {
  if (row.is_null(column))
    return std::nullopt;
  return from_micros(row.number(column));
}

error none_stored(const credential_key& key) {
  return fail(errc::not_found, "no " + key.service + " token stored");
}

} // namespace

result<void> embedded_store::core::prepare() {
  // Deleted rows are overwritten, also in pages that are only freed.
  auto ok = db_->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                         "PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 0;");
  if (!ok)
    return ok;
  auto version = db_->number("PRAGMA user_version");
  if (!version)
    return version.error();
  if (*version > schema_version)
    return fail(errc::internal, db_->path() + ": was written by a newer version of behalf");
  if (*version < 0)
    return damaged(*version);
  if (*version == 0) {
    ok = create_schema();
    if (!ok)
      return ok;
  }
  return check_master();
}

error embedded_store::core::damaged(int64_t format) const {
  return fail(errc::internal, db_->path() + ": damaged: its format is " + std::to_string(format)
                                + "; restore a backup");
}

result<void> embedded_store::core::create_schema() {
  return transaction([&]() -> result<void> {
    auto version = db_->number("PRAGMA user_version"); // another process may have been faster
    if (!version)
      return version.error();
    if (*version != 0)
      return {};
    auto tables = db_->number("SELECT count(*) FROM sqlite_schema");
    if (!tables)
      return tables.error();
    if (*tables > 0)
      return damaged(0);
    if (auto ok = db_->execute(schema); !ok)
      return ok;
    return write_check(master_);
  });
}

result<stored_credential> embedded_store::core::get(const credential_key& key) {
  auto found_row =
    first_row(prepare_for(*db_, key,
                          "SELECT generation, nonce, ciphertext, tag, expires_at, metadata"
                          " FROM secrets WHERE tenant = ? AND issuer = ? AND subject = ?"
                          " AND service = ?"));
  if (!found_row)
    return found_row.error();
  if (!*found_row)
    return none_stored(key);
  const auto& row = **found_row;
  auto dek = data_key(key.who);
  if (!dek)
    return dek.error();
  if (!*dek)
    return fail(errc::internal, "the data key of a stored credential is missing");
  stored_credential found;
  found.generation = row.number(0);
  found.expires_at = read_time(row, 4);
  auto context = row_context(key, found.generation, found.expires_at, row.text(5));
  auto value = unseal(**dek, context, read_sealed(row, 1));
  if (!value)
    return fail(errc::internal, "the stored credential for " + key.service + " does not decrypt");
  found.value = secret{std::move(*value)};
  read_metadata(row.text(5), found);
  return found;
}

result<int64_t> embedded_store::core::put(const credential_key& key, const stored_credential& what,
                                          std::optional<int64_t> expected, time_point now) {
  if (key.who.subject.empty() || key.service.empty())
    return fail(errc::invalid_argument, "a credential needs a user and a service");
  if (what.value.empty())
    return fail(errc::invalid_argument, "an empty credential is not stored");
  return transaction([&] { return put_inside(key, what, expected, now); });
}

result<int64_t> embedded_store::core::put_inside(const credential_key& key,
                                                 const stored_credential& what,
                                                 std::optional<int64_t> expected, time_point now) {
  auto present = generation_of(key);
  if (!present)
    return present;
  if (expected && *expected != *present)
    return fail(errc::conflict, "the credential for " + key.service + " was changed meanwhile");
  auto dek = make_data_key(key.who);
  if (!dek)
    return dek.error();
  auto generation = *present + 1;
  auto context = row_context(key, generation, what.expires_at, write_metadata(what));
  auto sealed = seal(*dek, context, what.value.expose());
  if (!sealed)
    return sealed.error();
  if (auto ok = insert(key, what, generation, *sealed, now); !ok)
    return ok.error();
  return generation;
}

result<int64_t> embedded_store::core::generation_of(const credential_key& key) {
  auto row = first_row(prepare_for(*db_, key,
                                   "SELECT generation FROM secrets WHERE tenant = ?"
                                   " AND issuer = ? AND subject = ? AND service = ?"));
  if (!row)
    return row.error();
  return *row ? (*row)->number(0) : int64_t{0};
}

result<void> embedded_store::core::insert(const credential_key& key, const stored_credential& what,
                                          int64_t generation, const sealed_bytes& sealed,
                                          time_point now) {
  auto metadata = write_metadata(what);
  auto s = prepare_for(*db_, key,
                       "INSERT OR REPLACE INTO secrets (tenant, issuer, subject, service,"
                       " generation, nonce, ciphertext, tag, expires_at, metadata, updated_at)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!s)
    return s.error();
  s->bind(5, generation);
  bind_sealed(*s, 6, sealed);
  if (what.expires_at)
    s->bind(9, to_micros(*what.expires_at));
  else
    s->bind_null(9);
  return s->bind(10, metadata).bind(11, to_micros(now)).run();
}

result<void> embedded_store::core::remove(const credential_key& key) {
  auto ok = run(prepare_for(*db_, key,
                            "DELETE FROM secrets WHERE tenant = ? AND issuer = ? AND subject = ?"
                            " AND service = ?"));
  if (!ok)
    return ok;
  if (db_->changes() == 0)
    return none_stored(key);
  return {};
}

result<std::vector<credential_summary>> embedded_store::core::summaries(const principal_key& who) {
  auto s = prepare_for(*db_, who,
                       "SELECT service, generation, expires_at, metadata, updated_at FROM secrets"
                       " WHERE tenant = ? AND issuer = ? AND subject = ? ORDER BY service");
  return all_rows(std::move(s), [](const sqlite_statement& row) {
    credential_summary one;
    one.service = row.text(0);
    one.generation = row.number(1);
    one.expires_at = read_time(row, 2);
    read_metadata(row.text(3), one);
    one.updated_at = read_time(row, 4);
    return one;
  });
}

result<std::vector<principal_key>> embedded_store::core::owners() {
  auto s = db_->prepare("SELECT DISTINCT tenant, issuer, subject FROM secrets"
                        " ORDER BY tenant, issuer, subject");
  return all_rows(std::move(s), [](const sqlite_statement& row) { return read_who(row, 0); });
}

bool embedded_store::core::changed_elsewhere() {
  auto version = db_->number("PRAGMA data_version");
  auto before = std::exchange(seen_version_, version ? *version : -1);
  return !version || (before != -1 && before != *version);
}

} // namespace behalf
