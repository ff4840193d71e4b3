// Where users' credentials are kept: one interface, two stores (embedded_store, vault_store), of
// which a server may have several.
// A store never waits: what needs the network is an operation that says which call to make next.
#pragma once

#include "secrets/secret_call.hpp"
#include "secrets/stored_credential.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace behalf {

/// What a finished operation answers: `found` for a read, `list` for a list, `generation` for a
/// write.
struct secret_answer {
  stored_credential_ptr found;
  std::vector<credential_summary> list;
  int64_t generation = 0;
};

/// Something that several operations need and one of them fetches: a login.
struct secret_turn {
  bool over = false;
};

/// Start the operation again once that turn is over. Look whenever another operation of the same
/// source has made a step or was dropped.
struct secret_wait {
  std::shared_ptr<const secret_turn> turn;
};

/// Make this call and resume with its reply, or wait, or: it is done.
using secret_step = std::variant<secret_call, secret_wait, result<secret_answer>>;

/// One operation under way. Not thread-safe: all operations of one source run on the same thread.
/// Where there is only one operation at a time there is nothing to wait for:
///
///     auto step = operation->start(now());
///     while (auto* call = std::get_if<secret_call>(&step))
///       step = operation->resume(send(*call), now());
class secret_operation {
public:
  virtual ~secret_operation() = default;

  /// Also after a secret_wait.
  virtual secret_step start(time_point now) = 0;
  /// An error means that no reply came (connection refused, timeout).
  virtual secret_step resume(result<secret_reply> reply, time_point now) = 0;
};

/// Operations may outlive the source. Errors of a finished operation:
/// - not_found `no github token stored`
/// - denied: the store refuses this user (kind "needs_login" when it wants the user's own token
///   and `token` was null: a cron, or a restart)
/// - conflict: the entry is not of the generation a write expected
/// - overloaded, with Retry-After: sealed, standby, rate-limited or unreachable, and says which
/// - upstream: it answered something else than its protocol allows
/// - internal: a record that does not decrypt
class secret_source {
public:
  virtual ~secret_source() = default;

  /// Reads one credential. Never one that has expired: that is denied, kind "expired".
  virtual std::unique_ptr<secret_operation> read(const credential_key& key,
                                                 inbound_token_ptr token) = 0;

  /// Which services this user has credentials for.
  virtual std::unique_ptr<secret_operation> list(const principal_key& who,
                                                 inbound_token_ptr token) = 0;

  /// Stores one. `expected`: the generation it must have now, 0 when it must not exist, nullopt for
  /// any. Its own `generation` is not looked at.
  virtual std::unique_ptr<secret_operation> write(const credential_key& key, stored_credential what,
                                                  std::optional<int64_t> expected,
                                                  inbound_token_ptr token) = 0;

  /// Deletes one with all its history. not_found when there is none (Vault does not tell).
  virtual std::unique_ptr<secret_operation> erase(const credential_key& key,
                                                  inbound_token_ptr token) = 0;

  /// True when something else than this object may have changed entries since the last question:
  /// drop what was cached. Cheap enough to ask before every use (microseconds).
  virtual bool changed_elsewhere() { return false; }

  /// Wipes what has expired.
  virtual void sweep(time_point) {}

  /// Where its calls go. Empty for a store that makes none.
  virtual endpoint_policy policy() const { return {}; }
};

/// Every source of a server: services without a `store` of their own take from the standard one.
class secret_sources {
public:
  secret_sources() = default;
  secret_sources(std::nullptr_t) {}
  template <class Source>
  secret_sources(std::unique_ptr<Source> standard) {
    add({}, std::move(standard));
  }

  /// An empty name is the standard source's. Null is none.
  void add(std::string name, std::unique_ptr<secret_source> source) {
    if (source)
      all_.insert_or_assign(std::move(name), std::move(source));
  }

  /// Null where there is none of that name.
  secret_source* find(std::string_view name) const {
    auto at = all_.find(name);
    return at == all_.end() ? nullptr : at->second.get();
  }

  bool empty() const { return all_.empty(); }
  /// Of any of them; asks each.
  bool changed_elsewhere() {
    bool any = false;
    for (auto& [name, source] : all_)
      any = source->changed_elsewhere() || any;
    return any;
  }
  void sweep(time_point now) {
    for (auto& [name, source] : all_)
      source->sweep(now);
  }

private:
  std::map<std::string, std::unique_ptr<secret_source>, std::less<>> all_;
};

} // namespace behalf
