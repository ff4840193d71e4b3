// API keys: the configuration holds their hashes, so no call is needed.
#include "runtime/auth/identity_provider.hpp"

namespace behalf {
namespace {

// Empty: there is none.
std::string_view key_of(const caller_proof& proof) {
  return !proof.api_key.empty()             ? proof.api_key
         : looks_like_api_key(proof.bearer) ? proof.bearer
                                            : std::string_view{};
}

class api_key_check final : public identity_check {
public:
  explicit api_key_check(result<std::shared_ptr<const principal>> who) : who_(std::move(who)) {}

  identity_step start(time_point) override {
    if (who_)
      return vouched{*who_, {}};
    return not_responsible{
      fail(errc::unauthenticated, "unknown API key", "WWW-Authenticate", "Bearer")};
  }
  identity_step resume(result<provider_reply>, time_point now) override { return start(now); }

private:
  result<std::shared_ptr<const principal>> who_;
};

class api_key_provider final : public identity_provider {
public:
  explicit api_key_provider(api_keys keys) : keys_(std::move(keys)) {}

  bool recognizes(const caller_proof& proof) const override { return !key_of(proof).empty(); }
  std::unique_ptr<identity_check> check(const caller_proof& of) override {
    return std::make_unique<api_key_check>(keys_.find(key_of(of), now()));
  }

private:
  api_keys keys_;
};

} // namespace

identity_provider_ptr make_provider(const api_key_settings& settings, const provider_secrets&) {
  auto keys = api_keys::make(settings.keys);
  return keys ? std::make_shared<api_key_provider>(std::move(*keys)) : nullptr;
}

} // namespace behalf
