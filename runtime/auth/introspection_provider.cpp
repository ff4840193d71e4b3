// Tokens that only their issuer can read: it is asked about each (RFC 7662).
#include "runtime/auth/discovery.hpp"
#include "runtime/auth/identity_provider.hpp"
#include "runtime/auth/provider_backoff.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/log.hpp"

namespace behalf {
namespace {

class introspection_provider final : public identity_provider {
public:
  introspection_provider(introspection_settings settings,
                         std::shared_ptr<const wiped_string> client_secret)
    : settings_(std::move(settings)), client_secret_(std::move(client_secret)),
      endpoint_(settings_.endpoint) {}

  responsibility of_token(std::string_view issuer) const override {
    const auto& ours = settings_.rules.issuer;
    const bool may_be = issuer.empty() || ours.empty() || ours == issuer;
    return may_be ? responsibility::shared : responsibility::none;
  }
  bool calls_for_each_token() const override { return true; }
  std::unique_ptr<identity_check> check(const caller_proof& of) override;

private:
  friend class introspection_check;

  std::string name() const {
    return settings_.rules.issuer.empty() ? "for opaque tokens" : settings_.rules.issuer;
  }

  introspection_settings settings_;
  std::shared_ptr<const wiped_string> client_secret_;
  std::string endpoint_; // empty until the discovery document named it
  provider_backoff backoff_{provider_patience};
};

class introspection_check final : public identity_check {
public:
  introspection_check(std::shared_ptr<introspection_provider> p, std::string_view token)
    : provider_(std::move(p)), token_(token) {}

  identity_step start(time_point) override {
    asked_ = std::chrono::steady_clock::now();
    if (!provider_->backoff_.may_ask(asked_))
      return no_answer{provider_->name()};
    return next_call();
  }
  identity_step resume(result<provider_reply> reply, time_point now) override;

private:
  identity_step next_call();
  identity_step unusable(const error& why) const;

  std::shared_ptr<introspection_provider> provider_;
  std::string_view token_;
  deadline asked_{};
  bool discovering_ = false;
};

identity_step introspection_check::next_call() {
  const auto& p = *provider_;
  discovering_ = p.endpoint_.empty();
  if (discovering_)
    return provider_call{discovery_url(p.settings_.rules.issuer)};
  provider_call call{p.endpoint_};
  call.authorization = basic_authorization(p.settings_.client_id, p.client_secret_->view());
  call.form = std::make_shared<const wiped_string>(introspection_body(token_));
  call.caller = sha256_hex(token_);
  return call;
}

// Only a timeout counts: a call that fails fast delays nobody, and a token can be made to
// fail.
identity_step introspection_check::unusable(const error& why) const {
  if (why.code == errc::timeout)
    provider_->backoff_.timed_out(asked_, std::chrono::steady_clock::now());
  else
    provider_->backoff_.answered();
  log::warning("identity_introspection_failed", {{"issuer", provider_->settings_.rules.issuer},
                                                 {"endpoint", provider_->settings_.endpoint},
                                                 {"reason", why.message}});
  return no_answer{provider_->name()};
}

identity_step introspection_check::resume(result<provider_reply> reply, time_point now) {
  auto document = reply ? reply->take_document() : reply.error();
  if (!document)
    return unusable(document.error());
  auto& p = *provider_;
  if (discovering_) {
    auto found = parse_discovery(*document, p.settings_.rules.issuer, p.settings_.allow_http);
    if (!found || found->introspection_endpoint.empty())
      return unusable(fail(errc::upstream, "its discovery document names no endpoint"));
    p.endpoint_ = found->introspection_endpoint;
    asked_ = std::chrono::steady_clock::now();
    return next_call();
  }
  p.backoff_.answered();
  auto proven = read_introspection(*document, p.settings_.rules, now);
  if (proven)
    return vouch(*proven, p.settings_.mapping);
  if (is_not_responsible(proven.error()))
    return not_responsible{inactive_token()};
  if (proven.error().code != errc::unauthenticated)
    return unusable(proven.error());
  return proven.error();
}

std::unique_ptr<identity_check> introspection_provider::check(const caller_proof& of) {
  return std::make_unique<introspection_check>(
    std::static_pointer_cast<introspection_provider>(shared_from_this()), of.bearer);
}

} // namespace

identity_provider_ptr make_provider(const introspection_settings& settings,
                                    const provider_secrets& with) {
  return std::make_shared<introspection_provider>(settings,
                                                  with.client_secrets.at(settings.client_secret));
}

} // namespace behalf
