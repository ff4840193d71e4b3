// The keys of the embedded store: the master key's check, the users' data keys, their rotation and
// destruction.
#include "secrets/embedded_core.hpp"
#include "secrets/embedded_rows.hpp"

#include <openssl/crypto.h>

namespace behalf {
namespace {

constexpr std::string_view check_context = "behalf secret store, master key check, version 1";

std::string key_context(const principal_key& who) {
  return bind_context({"behalf data key", who.tenant, who.issuer, who.subject});
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace

result<void> embedded_store::core::write_check(const secret& master) {
  return write_master_check(*db_, master, check_context);
}

result<void> embedded_store::core::check_master() {
  auto verdict = judge_master_key(*db_, master_, check_context);
  if (!verdict)
    return verdict.error();
  if (*verdict != master_key_verdict::the_one)
    return fail(errc::denied,
                db_->path() + ": the master key is not the one this store was made with");
  return {};
}

result<std::optional<secret>> embedded_store::core::data_key(const principal_key& who) {
  auto row = first_row(prepare_for(*db_, who,
                                   "SELECT nonce, ciphertext, tag FROM data_keys"
                                   " WHERE tenant = ? AND issuer = ? AND subject = ?"));
  if (!row)
    return row.error();
  if (!*row)
    return std::optional<secret>{};
  auto key = unseal(master_, key_context(who), read_sealed(**row, 0));
  if (!key)
    return fail(errc::internal,
                "a data key does not decrypt: was the master key rotated by another "
                "process, or the store changed?");
  return std::optional<secret>{secret{std::move(*key)}};
}

result<secret> embedded_store::core::make_data_key(const principal_key& who) {
  auto known = data_key(who);
  if (!known)
    return known.error();
  if (*known)
    return std::move(**known);
  auto key = make_key();
  auto sealed = seal(master_, key_context(who), key.expose());
  if (!sealed)
    return sealed.error();
  auto s = prepare_for(*db_, who,
                       "INSERT INTO data_keys (tenant, issuer, subject, nonce, ciphertext, tag)"
                       " VALUES (?, ?, ?, ?, ?, ?)");
  if (!s)
    return s.error();
  if (auto ok = bind_sealed(*s, 4, *sealed).run(); !ok)
    return ok.error();
  return key;
}

result<int64_t> embedded_store::core::shred(const principal_key& who) {
  auto gone = transaction([&]() -> result<int64_t> {
    int64_t count = 0;
    for (auto sql : {"DELETE FROM data_keys WHERE tenant = ? AND issuer = ? AND subject = ?",
                     "DELETE FROM secrets WHERE tenant = ? AND issuer = ? AND subject = ?"}) {
      if (auto ok = run(prepare_for(*db_, who, sql)); !ok)
        return ok.error();
      count = db_->changes();
    }
    return count;
  });
  if (gone) {
    if (auto ok = scrub_disk(); !ok)
      return ok.error();
  }
  return gone;
}

// The write-ahead log still has the old pages: move it into the file, and empty it.
result<void> embedded_store::core::scrub_disk() {
  auto busy = db_->number("PRAGMA wal_checkpoint(TRUNCATE)");
  if (!busy)
    return busy.error();
  if (*busy != 0)
    return fail(errc::overloaded,
                db_->path()
                  + ": the keys are gone, but old pages stay in the log while "
                    "another process reads it",
                "Retry-After", "5");
  return {};
}

result<std::optional<embedded_store::core::wrapped_key>>
embedded_store::core::next_wrapped(int64_t after) {
  auto s = db_->prepare("SELECT id, tenant, issuer, subject, nonce, ciphertext, tag FROM data_keys"
                        " WHERE id > ? ORDER BY id LIMIT 1");
  if (!s)
    return s.error();
  s->bind(1, after);
  auto row = first_row(std::move(s));
  if (!row)
    return row.error();
  if (!*row)
    return std::optional<wrapped_key>{};
  const auto& r = **row;
  return std::optional<wrapped_key>{{r.number(0), read_who(r, 1), read_sealed(r, 4)}};
}

result<void> embedded_store::core::rewrap_all(const secret& new_key) {
  for (int64_t after = 0;;) {
    auto next = next_wrapped(after);
    if (!next)
      return next.error();
    if (!*next)
      return write_check(new_key);
    const auto& k = **next;
    auto plain = unseal(master_, key_context(k.who), k.sealed);
    if (!plain)
      return fail(errc::internal, "a data key does not decrypt: nothing was changed");
    auto sealed = seal(new_key, key_context(k.who), plain->view());
    if (!sealed)
      return sealed.error();
    auto s = db_->prepare("UPDATE data_keys SET nonce = ?, ciphertext = ?, tag = ? WHERE id = ?");
    if (!s)
      return s.error();
    if (auto ok = bind_sealed(*s, 1, *sealed).bind(4, k.id).run(); !ok)
      return ok;
    after = k.id;
  }
}

result<void> embedded_store::core::rotate(const secret& old_key, secret new_key) {
  if (new_key.size() != envelope_key_bytes)
    return fail(errc::invalid_argument, "a master key has 32 bytes");
  if (!same_bytes(old_key.expose(), master_.expose()))
    return fail(errc::denied, "the old master key is not the present one");
  auto done = transaction([&]() -> result<void> {
    // Another process may have rotated since this store was opened.
    if (auto ok = check_master(); !ok)
      return ok;
    return rewrap_all(new_key);
  });
  if (!done)
    return done;
  master_ = std::move(new_key);
  return scrub_disk();
}

} // namespace behalf
