// Who vouches for callers, at work: one small interface for every kind of provider. None makes a
// call itself: a check says which call to make and goes on with the reply, so that whoever drives
// it decides about sockets, deadlines and turns.
#pragma once

#include "behalf/outbound.hpp"
#include "behalf/wiped.hpp"
#include "runtime/auth/providers.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace behalf {

/// How long one call on an identity provider may take.
inline constexpr std::chrono::seconds provider_patience{5};

/// What a caller proves itself with: views into what outlives the check.
struct caller_proof {
  std::string_view bearer, api_key;
};

/// A call on a provider: GET, or POST where there is a form.
struct provider_call {
  std::string url;
  wiped_string authorization = {}; // the field's whole value; empty: none
  std::shared_ptr<const wiped_string> form = {};
  std::string caller = {}; // a digest of whose token it carries: two callers share no connection
};

struct provider_reply {
  unsigned status = 0;
  header_list headers;
  std::optional<json::value> document; // nullopt: the body is no JSON

  /// Error: upstream, unless it is JSON with status 200.
  result<json::value> take_document();
};

/// Wait until the provider's own call is over, then start the check again.
struct await_provider {};

/// The provider knows the caller.
struct vouched {
  std::shared_ptr<const principal> who;
  time_point until; // the answer may be used again until then
};

/// The credential is not this provider's: another may know it. `why`: what to say if none does.
struct not_responsible {
  error why;
};

/// The provider gave no answer that can be used: another may, else the caller is told to come
/// again.
struct no_answer {
  std::string from;
};

/// What a check asks for next, or its end. An error refuses the caller whatever others would say.
using identity_step =
  std::variant<provider_call, await_provider, vouched, not_responsible, no_answer, error>;

/// One caller before one provider. May outlive the configuration that made it.
class identity_check {
public:
  virtual ~identity_check() = default;
  virtual identity_step start(time_point now) = 0;
  /// An error means that no reply came.
  virtual identity_step resume(result<provider_reply> reply, time_point now) = 0;
};

/// Which bearer tokens a provider is for.
enum class responsibility : uint8_t {
  none,
  shared, // it may know the token, and so may others: they are asked in order
  sole,   // its own: nobody else gets to see the token
};

/// One owner, one thread at a time.
class identity_provider : public std::enable_shared_from_this<identity_provider> {
public:
  virtual ~identity_provider() = default;

  /// The credential's shape alone says that it is for this provider: nothing is looked up before.
  virtual bool recognizes(const caller_proof&) const { return false; }
  /// `issuer`: whom a token itself names; empty when it names nobody.
  virtual responsibility of_token(std::string_view /*issuer*/) const {
    return responsibility::none;
  }
  /// Every unknown token costs a call: callers take turns.
  virtual bool calls_for_each_token() const { return false; }

  virtual std::unique_ptr<identity_check> check(const caller_proof& of) = 0;

  /// A call of its own that is due, for its keys. Ask after every step of a check.
  virtual std::optional<provider_call> next_call() { return std::nullopt; }
  /// The reply to that; then `next_call` may have another. True at the end: who waits goes on.
  virtual bool take_reply(result<provider_reply>, time_point) { return true; }

  /// What it fetched is fetched again when it is needed next; until then it serves.
  virtual void expire(time_point) {}
  /// Takes over what the same provider fetched under an earlier configuration. False: it is
  /// another one.
  virtual bool take_over(const identity_provider& /*earlier*/) { return false; }
};

using identity_provider_ptr = std::shared_ptr<identity_provider>;

/// What providers need beside their settings.
struct provider_secrets {
  const std::map<std::string, key_set>& own_keys; // by issuer: ours, never fetched
  const std::map<std::string, std::shared_ptr<const wiped_string>>& client_secrets;
};

/// The settings were checked when they were read. Null: they were not, and are malformed.
identity_provider_ptr make_provider(const identity_settings& settings,
                                    const provider_secrets& with);

// One maker per kind, each beside its class.
identity_provider_ptr make_provider(const oidc_settings& settings, const provider_secrets& with);
identity_provider_ptr make_provider(const introspection_settings& settings,
                                    const provider_secrets& with);
identity_provider_ptr make_provider(const api_key_settings& settings, const provider_secrets& with);

/// What a provider says of a caller becomes who we say it is.
identity_step vouch(const claims& proven, const claim_mapping& mapping);

/// 503 with Retry-After. `whom`: an issuer, or words for who has no name.
error unreachable(const std::string& whom);

} // namespace behalf
