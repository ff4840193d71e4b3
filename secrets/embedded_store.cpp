#include "secrets/embedded_store.hpp"

#include "secrets/embedded_core.hpp"

#include <functional>

namespace behalf {
namespace {

// Does its work when it starts: nothing to wait for.
class immediate_operation final : public secret_operation {
public:
  using work = std::function<result<secret_answer>(time_point)>;

  explicit immediate_operation(work w) : work_(std::move(w)) {}

  secret_step start(time_point now) override { return work_(now); }
  secret_step resume(result<secret_reply>, time_point) override {
    return result<secret_answer>{fail(errc::internal, "this operation makes no calls")};
  }

private:
  work work_;
};

std::unique_ptr<secret_operation> immediately(immediate_operation::work w) {
  return std::make_unique<immediate_operation>(std::move(w));
}

} // namespace

embedded_store::embedded_store(process_lock shared, std::string path, std::shared_ptr<core> c)
  : lock_(std::move(shared)), path_(std::move(path)), core_(std::move(c)) {}

embedded_store::~embedded_store() = default;

result<std::unique_ptr<embedded_store>> embedded_store::open(const std::string& path,
                                                             secret master_key) {
  if (master_key.size() != envelope_key_bytes)
    return fail(errc::invalid_argument, "a master key has 32 bytes");
  auto lock = process_lock::take(path, others::may_share);
  if (!lock)
    return lock.error();
  auto db = sqlite_connection::open(path, sqlite_connection::access::read_write_create);
  if (!db)
    return db.error();
  auto c = std::make_shared<core>(std::move(*db), std::move(master_key));
  if (auto ready = c->prepare(); !ready)
    return ready.error();
  c->changed_elsewhere(); // from here on
  return std::unique_ptr<embedded_store>{new embedded_store{std::move(*lock), path, std::move(c)}};
}

std::unique_ptr<secret_operation> embedded_store::read(const credential_key& key,
                                                       inbound_token_ptr) {
  return immediately([c = core_, key](time_point now) -> result<secret_answer> {
    auto found = c->get(key);
    if (!found)
      return found.error();
    if (found->expires_at && *found->expires_at <= now)
      return error{errc::denied, "the " + key.service + " token has expired", {}, "expired"};
    secret_answer answer;
    answer.generation = found->generation;
    answer.found = std::make_shared<const stored_credential>(std::move(*found));
    return answer;
  });
}

std::unique_ptr<secret_operation> embedded_store::list(const principal_key& who,
                                                       inbound_token_ptr) {
  return immediately([c = core_, who](time_point) -> result<secret_answer> {
    auto all = c->summaries(who);
    if (!all)
      return all.error();
    secret_answer answer;
    answer.list = std::move(*all);
    return answer;
  });
}

std::unique_ptr<secret_operation> embedded_store::write(const credential_key& key,
                                                        stored_credential what,
                                                        std::optional<int64_t> expected,
                                                        inbound_token_ptr) {
  auto held = std::make_shared<const stored_credential>(std::move(what));
  return immediately([c = core_, key, held, expected](time_point now) -> result<secret_answer> {
    auto generation = c->put(key, *held, expected, now);
    if (!generation)
      return generation.error();
    secret_answer answer;
    answer.generation = *generation;
    return answer;
  });
}

std::unique_ptr<secret_operation> embedded_store::erase(const credential_key& key,
                                                        inbound_token_ptr) {
  return immediately([c = core_, key](time_point) -> result<secret_answer> {
    if (auto gone = c->remove(key); !gone)
      return gone.error();
    return secret_answer{};
  });
}

bool embedded_store::changed_elsewhere() {
  return core_->changed_elsewhere();
}

result<stored_credential> embedded_store::get(const credential_key& key) {
  return core_->get(key);
}

result<int64_t> embedded_store::put(const credential_key& key, const stored_credential& what,
                                    std::optional<int64_t> expected, time_point now) {
  return core_->put(key, what, expected, now);
}

result<void> embedded_store::remove(const credential_key& key) {
  return core_->remove(key);
}

result<std::vector<credential_summary>> embedded_store::summaries(const principal_key& who) {
  return core_->summaries(who);
}

result<std::vector<principal_key>> embedded_store::owners() {
  return core_->owners();
}

result<int64_t> embedded_store::shred(const principal_key& who) {
  return core_->shred(who);
}

result<void> embedded_store::rotate_master_key(const secret& old_key, secret new_key) {
  lock_ = {};
  auto alone = process_lock::take(path_);
  if (!alone)
    return fail(errc::conflict, alone.error().message + "; stop what serves with the old key");
  lock_ = std::move(*alone);
  return core_->rotate(old_key, std::move(new_key));
}

} // namespace behalf
