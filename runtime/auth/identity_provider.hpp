// The interface of identity providers. A provider makes no call itself: a check says which call to
// make and continues with the reply, so that its driver decides about sockets, deadlines and turns.
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

/// The caller's credentials, as views that must outlive the check.
struct caller_proof {
  std::string_view bearer, api_key;
};

/// A call on a provider: GET, or POST where there is a form.
struct provider_call {
  std::string url;
  wiped_string authorization = {}; // the field's whole value; empty: none
  std::shared_ptr<const wiped_string> form = {};
  std::string caller = {}; // a digest of the caller's token: two callers share no connection
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

/// The credential is not this provider's. `why`: the error when no provider knows it.
struct not_responsible {
  error why;
};

/// The provider gave no usable answer: others are asked, else the caller gets 503 with Retry-After.
struct no_answer {
  std::string from;
};

/// What a check asks for next, or its end. An error refuses the caller: no other provider is asked.
using identity_step =
  std::variant<provider_call, await_provider, vouched, not_responsible, no_answer, error>;

/// The check of one caller by one provider. May outlive the configuration that made it.
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
  shared, // several may know the token: they are asked in order
  sole,   // its own: no other provider sees the token
};

/// One owner, one thread at a time.
class identity_provider : public std::enable_shared_from_this<identity_provider> {
public:
  virtual ~identity_provider() = default;

  /// Whether the credential's form alone shows that it is this provider's.
  virtual bool recognizes(const caller_proof&) const { return false; }
  /// `issuer`: the token's own; empty when it names none.
  virtual responsibility of_token(std::string_view /*issuer*/) const {
    return responsibility::none;
  }
  /// Whether every unknown token costs a call, for which callers take turns.
  virtual bool calls_for_each_token() const { return false; }

  virtual std::unique_ptr<identity_check> check(const caller_proof& of) = 0;

  /// A call of its own that is due, for its keys. Ask after every step of a check.
  virtual std::optional<provider_call> next_call() { return std::nullopt; }
  /// The reply to that; then `next_call` may have another. True at the end: waiting checks
  /// continue.
  virtual bool take_reply(result<provider_reply>, time_point) { return true; }

  /// Fetches again when keys are needed next; until then the present ones are used.
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

/// Makes a principal of a provider's claims.
identity_step vouch(const claims& proven, const claim_mapping& mapping);

/// 503 with Retry-After. `whom`: an issuer, or a description.
error unreachable(const std::string& whom);

} // namespace behalf
