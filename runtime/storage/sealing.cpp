#include "runtime/storage/sealing.hpp"

#include "runtime/storage/open_storage.hpp"
#include "runtime/storage/sealed_columns.hpp"

namespace behalf {
namespace {

constexpr std::string_view check_context = "behalf storage, master key check, version 1";

// Before the sealed bytes: how they are to be read, and the data key's number, the greatest byte
// first.
constexpr char first_form = 1;
constexpr std::size_t head_bytes = 1 + 8;

std::string context_of(const sealed_place& p) {
  return bind_context({"behalf document", p.kind, p.tenant, p.space, p.id});
}

std::string key_context(std::string_view tenant) {
  return bind_context({"behalf data key of documents", tenant});
}

error damaged(const sealed_place& p) {
  return {errc::internal,
          "the stored " + std::string(p.kind) + " " + std::string(p.id)
            + " is damaged: it does not open; see: behalf storage check",
          {},
          std::string(unreadable_record)};
}

std::string does_not_open(int64_t data_key) {
  return "data key " + std::to_string(data_key) + " does not open";
}

// Calls `each` with a key's number, its tenant, and what the master key opens: null where it does
// not.
template <class Each>
result<void> each_data_key(sqlite_connection& db, const secret& master, Each each) {
  for (int64_t after = 0;;) {
    std::string tenant;
    sealed_bytes wrapped;
    {
      auto use = db.prepare("SELECT id, tenant, nonce, ciphertext, tag FROM data_key WHERE id>?1"
                            " ORDER BY id LIMIT 1");
      if (!use)
        return use.error();
      auto row = use->bind(1, after).step();
      if (!row || !*row)
        return row ? result<void>{} : row.error();
      after = use->number(0);
      tenant = use->text(1);
      wrapped = read_sealed(*use, 2);
    }
    auto key = unseal(master, key_context(tenant), wrapped);
    if (auto done = each(after, tenant, key ? &*key : nullptr); !done)
      return done;
  }
}

// The one row that tells master keys apart may be damaged or gone: what they wrap tells it, too.
result<master_key_verdict> judge_by_data_keys(sqlite_connection& db, const secret& master,
                                              master_key_verdict without_any) {
  bool any = false, one_opens = false;
  auto done = each_data_key(
    db, master, [&](int64_t, const std::string&, const wiped_string* key) -> result<void> {
      any = true;
      one_opens = one_opens || key;
      return {};
    });
  if (!done)
    return done.error();
  if (!any)
    return without_any;
  return one_opens ? master_key_verdict::none_yet : master_key_verdict::another;
}

} // namespace

int64_t data_key_of(std::string_view sealed) {
  if (sealed.size() < head_bytes + wide_seal_bytes || sealed.front() != first_form)
    return 0;
  uint64_t id = 0;
  for (std::size_t i = 1; i < head_bytes; ++i)
    id = id << 8 | static_cast<unsigned char>(sealed[i]);
  return static_cast<int64_t>(id);
}

secret_ptr data_keys::find(int64_t id) {
  std::lock_guard lock{guard_};
  auto* found = opened_.find(id);
  return found ? *found : nullptr;
}

void data_keys::keep(int64_t id, secret_ptr key) {
  std::lock_guard lock{guard_};
  opened_.put(id, std::move(key));
}

void data_keys::forget(int64_t id) {
  std::lock_guard lock{guard_};
  opened_.erase(id);
}

result<bool> is_sealed(sqlite_connection& db) {
  auto rows =
    db.number("SELECT EXISTS (SELECT 1 FROM master_check UNION ALL SELECT 1 FROM data_key)");
  return rows ? result<bool>{*rows != 0} : rows.error();
}

result<std::shared_ptr<data_keys>> open_data_keys(sqlite_connection& db,
                                                  const storage_encryption& given) {
  if (!given.master_key) {
    auto sealed = is_sealed(db);
    if (!sealed)
      return sealed.error();
    if (*sealed)
      return fail(errc::denied, db.path()
                                  + ": its records are sealed, and encryption.master_key is not "
                                    "set: only the key they were sealed with opens them");
    return std::shared_ptr<data_keys>{};
  }
  auto verdict = judge_master_key(db, *given.master_key, check_context);
  if (verdict && *verdict != master_key_verdict::the_one)
    verdict = judge_by_data_keys(db, *given.master_key, *verdict);
  if (!verdict)
    return verdict.error();
  if (*verdict == master_key_verdict::another)
    return fail(errc::denied,
                db.path() + ": encryption.master_key is not the key its records were sealed with");
  if (*verdict == master_key_verdict::none_yet && given.seal)
    if (auto noted = write_master_check(db, *given.master_key, check_context); !noted)
      return noted.error();
  return std::make_shared<data_keys>(given.master_key, given.seal);
}

result<std::vector<std::string>> damaged_data_keys(sqlite_connection& db, const secret& master) {
  std::vector<std::string> faults;
  auto done = each_data_key(
    db, master,
    [&](int64_t id, const std::string& tenant, const wiped_string* key) -> result<void> {
      if (!key)
        faults.push_back(does_not_open(id) + " (tenant " + tenant + ")");
      return {};
    });
  return done ? std::move(faults) : result<std::vector<std::string>>{done.error()};
}

result<std::vector<std::string>> rewrap_data_keys(sqlite_connection& db, const secret& old_master,
                                                  const secret& new_master) {
  auto faults = damaged_data_keys(db, old_master);
  if (!faults)
    return faults;
  auto rewrap = [&](int64_t id, const std::string& tenant,
                    const wiped_string* key) -> result<void> {
    if (!key)
      return {};
    auto sealed = seal(new_master, key_context(tenant), key->view());
    if (!sealed)
      return sealed.error();
    auto use = db.prepare("UPDATE data_key SET nonce=?1, ciphertext=?2, tag=?3 WHERE id=?4");
    if (!use)
      return use.error();
    return bind_sealed(*use, 1, *sealed).bind(4, id).run();
  };
  auto done = each_data_key(db, old_master, rewrap);
  if (done)
    done = write_master_check(db, new_master, check_context);
  return done ? std::move(faults) : result<std::vector<std::string>>{done.error()};
}

result<secret_ptr> sealing::key(int64_t id, std::string_view tenant) {
  if (auto known = keys_->find(id))
    return known;
  auto use = db_->prepare("SELECT nonce, ciphertext, tag FROM data_key WHERE id=?1 AND tenant=?2");
  if (!use)
    return use.error();
  auto row = use->bind(1, id).bind(2, tenant).step();
  if (!row)
    return row.error();
  if (!*row)
    return secret_ptr{};
  auto plain = unseal(keys_->master(), key_context(tenant), read_sealed(*use, 0));
  if (!plain)
    return secret_ptr{};
  auto opened = std::make_shared<const secret>(std::move(*plain));
  keys_->keep(id, opened);
  return secret_ptr{std::move(opened)};
}

result<int64_t> sealing::newest(const std::string& tenant) {
  if (const auto* known = newest_.find(tenant))
    return *known;
  auto use = db_->prepare("SELECT id FROM data_key WHERE tenant=?1 ORDER BY id DESC LIMIT 1");
  if (!use)
    return use.error();
  auto row = use->bind(1, tenant).step();
  if (!row)
    return row.error();
  if (!*row)
    return 0;
  newest_.put(tenant, use->number(0));
  return use->number(0);
}

result<int64_t> sealing::make(const std::string& tenant) {
  auto fresh = make_key();
  auto wrapped = behalf::seal(keys_->master(), key_context(tenant), fresh.expose());
  if (!wrapped)
    return wrapped.error();
  auto use = db_->prepare("INSERT INTO data_key (tenant, created_at, nonce, ciphertext, tag) "
                          "VALUES (?1, ?2, ?3, ?4, ?5)");
  if (!use)
    return use.error();
  if (auto done = bind_sealed(use->bind(1, tenant).bind(2, to_micros(now())), 3, *wrapped).run();
      !done)
    return done.error();
  const auto id = db_->last_row();
  made_.push_back(id);
  keys_->keep(id, std::make_shared<const secret>(std::move(fresh)));
  newest_.put(tenant, id);
  return id;
}

void sealing::was_taken_back() {
  for (auto id : made_)
    keys_->forget(id);
  if (!made_.empty())
    newest_.clear();
}

result<stored_text> sealing::seal(const sealed_place& place, std::string bytes) {
  if (!keys_ || !keys_->seals())
    return stored_text{std::move(bytes)};
  const std::string tenant{place.tenant};
  auto id = newest(tenant);
  if (id && *id == 0)
    id = make(tenant);
  auto by = id ? key(*id, tenant) : result<secret_ptr>{id.error()};
  if (!by)
    return by.error();
  if (!*by)
    return fail(errc::internal, db_->path() + ": " + does_not_open(*id)
                                  + "; behalf storage reseal --new-data-keys makes another");
  stored_text out{{}, true};
  out.bytes.reserve(head_bytes + bytes.size() + wide_seal_bytes);
  out.bytes.push_back(first_form);
  for (int shift = 56; shift >= 0; shift -= 8)
    out.bytes.push_back(static_cast<char>(static_cast<uint64_t>(*id) >> shift));
  if (auto done = append_wide_sealed(out.bytes, **by, context_of(place), bytes); !done)
    return done.error();
  return out;
}

result<std::string> sealing::open(const sealed_place& place, std::string_view sealed) {
  if (!keys_)
    return fail(errc::internal, db_->path() + ": a record is sealed, and there is no key");
  const auto id = data_key_of(sealed);
  if (id == 0)
    return damaged(place);
  auto by = key(id, place.tenant);
  if (!by)
    return by.error();
  if (!*by)
    return damaged(place);
  auto text = unseal_wide(**by, context_of(place), sealed.substr(head_bytes));
  return text ? std::move(text) : result<std::string>{damaged(place)};
}

result<std::string_view> sealing::text(const sqlite_statement& row, int column,
                                       const sealed_place& place, std::string& buffer) {
  if (!row.is_blob(column))
    return row.text(column);
  auto text = unpack(place, row.text(column));
  if (!text)
    return text.error();
  buffer = std::move(*text);
  return std::string_view{buffer};
}

result<std::string> sealing::unpack(const sealed_place& place, std::string_view packed) {
  std::string opened;
  if (!is_compressed(packed)) {
    auto bytes = open(place, packed);
    if (!bytes || !is_compressed(*bytes))
      return bytes;
    packed = opened = std::move(*bytes);
  }
  auto text = compression_.expand(packed);
  return text ? std::move(*text) : result<std::string>{damaged(place)};
}

} // namespace behalf
