// OpenID Connect: JWTs checked against the issuer's published keys, or, for the development
// issuer, against our own.
#include "runtime/auth/challenge.hpp"
#include "runtime/auth/discovery.hpp"
#include "runtime/auth/identity_provider.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/log.hpp"

namespace behalf {
namespace {

// What was fetched of one issuer; also serves checks that began under an earlier configuration.
struct fetched {
  enum class call : uint8_t { none, due, metadata, keys }; // under way, or about to be

  explicit fetched(jwks_cache_options options) : keys(options) {}

  jwks_cache keys;
  std::optional<provider_metadata> metadata;
  call next = call::none;
};

class oidc_provider final : public identity_provider {
public:
  oidc_provider(oidc_settings settings, const key_set* own)
    : settings_(std::move(settings)), of_issuer_(std::make_shared<fetched>(settings_.keys)) {
    if (own)
      own_ = *own;
  }

  responsibility of_token(std::string_view issuer) const override {
    return issuer == settings_.rules.issuer ? responsibility::sole : responsibility::none;
  }
  std::unique_ptr<identity_check> check(const caller_proof& of) override;
  std::optional<provider_call> next_call() override;
  bool take_reply(result<provider_reply> reply, time_point now) override;
  void expire(time_point now) override { of_issuer_->keys.expire(now); }
  bool take_over(const identity_provider& earlier) override;

private:
  friend class oidc_check;

  result<void> take_document(result<provider_reply> reply, time_point now);

  oidc_settings settings_;
  std::optional<key_set> own_;
  std::shared_ptr<fetched> of_issuer_;
};

class oidc_check final : public identity_check {
public:
  oidc_check(std::shared_ptr<oidc_provider> p, std::string_view token)
    : provider_(std::move(p)), token_(token) {}

  identity_step start(time_point now) override;
  identity_step resume(result<provider_reply> reply, time_point now) override;

private:
  std::optional<identity_step> follow(const jwks_cache::plan& plan, const error& otherwise);
  identity_step verified(claims proven);

  std::shared_ptr<oidc_provider> provider_;
  std::string_view token_;
  bool refetched_ = false;       // the issuer's keys were fetched again for this token
  std::optional<claims> proven_; // until the userinfo endpoint has added to them
};

// What a plan of the key cache means for one check; nullopt: it may verify now.
std::optional<identity_step> oidc_check::follow(const jwks_cache::plan& plan,
                                                const error& otherwise) {
  if (plan.fetch)
    provider_->of_issuer_->next = fetched::call::due;
  if (plan.then == jwks_cache::keys::wait)
    return await_provider{};
  if (plan.then == jwks_cache::keys::refuse)
    return otherwise;
  return std::nullopt;
}

identity_step oidc_check::start(time_point now) {
  const auto& rules = provider_->settings_.rules;
  auto& keys = provider_->of_issuer_->keys;
  if (!provider_->own_)
    if (auto first = follow(keys.decide(now), unreachable(rules.issuer)))
      return std::move(*first);
  auto proven = verify(token_, rules, provider_->own_ ? *provider_->own_ : keys.current(), now);
  if (proven)
    return verified(std::move(*proven));
  if (!is_unknown_key(proven.error()) || refetched_ || provider_->own_)
    return proven.error();
  refetched_ = true;
  auto origin = peek_origin(token_);
  auto plan = keys.unknown_key(origin ? origin->key_id : std::string{}, now);
  return follow(plan, proven.error()).value_or(proven.error());
}

identity_step oidc_check::verified(claims proven) {
  const auto& settings = provider_->settings_;
  if (!settings.userinfo)
    return vouch(proven, settings.mapping);
  const auto& metadata = provider_->of_issuer_->metadata;
  if (!metadata || metadata->userinfo_endpoint.empty())
    return fail(errc::internal, "the provider offers no userinfo endpoint");
  proven_ = std::move(proven);
  provider_call call{metadata->userinfo_endpoint};
  call.authorization = wiped_string{"Bearer "};
  call.authorization.append(token_);
  call.caller = sha256_hex(token_);
  return call;
}

identity_step oidc_check::resume(result<provider_reply> reply, time_point) {
  const auto& issuer = provider_->settings_.rules.issuer;
  const bool refused = reply && reply->status == 401;
  auto info = reply ? reply->take_document() : reply.error();
  if (!info) {
    log::warning("identity_userinfo_failed",
                 {{"issuer", issuer}, {"reason", info.error().message}});
    if (refused)
      return invalid_token("the identity provider no longer accepts this token");
    return unreachable(issuer);
  }
  if (auto ok = merge_userinfo(*proven_, *info); !ok)
    return ok.error();
  return vouch(*proven_, provider_->settings_.mapping);
}

std::unique_ptr<identity_check> oidc_provider::check(const caller_proof& of) {
  return std::make_unique<oidc_check>(std::static_pointer_cast<oidc_provider>(shared_from_this()),
                                      of.bearer);
}

std::optional<provider_call> oidc_provider::next_call() {
  auto& f = *of_issuer_;
  if (f.next != fetched::call::due)
    return std::nullopt;
  auto uri = !settings_.jwks_uri.empty() ? settings_.jwks_uri
             : f.metadata                ? f.metadata->jwks_uri
                                         : std::string{};
  const bool unknown = uri.empty() || (settings_.userinfo && !f.metadata);
  f.next = unknown ? fetched::call::metadata : fetched::call::keys;
  return provider_call{unknown ? discovery_url(settings_.rules.issuer) : uri};
}

result<void> oidc_provider::take_document(result<provider_reply> reply, time_point now) {
  if (!reply)
    return reply.error();
  auto& f = *of_issuer_;
  const auto* control = find_header(reply->headers, "cache-control");
  const auto age = control ? max_age(*control) : std::nullopt;
  auto document = reply->take_document();
  if (!document)
    return document.error();
  if (f.next == fetched::call::metadata) {
    auto found = parse_discovery(*document, settings_.rules.issuer, settings_.allow_http);
    if (!found)
      return found.error();
    f.metadata = std::move(*found);
    f.next = fetched::call::due; // now the keys
    return {};
  }
  auto keys = key_set::parse(*document);
  if (!keys)
    return keys.error();
  f.keys.arrived(std::move(*keys), age, now);
  f.next = fetched::call::none;
  return {};
}

bool oidc_provider::take_reply(result<provider_reply> reply, time_point now) {
  auto& f = *of_issuer_;
  if (auto ok = take_document(std::move(reply), now); !ok) {
    log::warning("identity_keys_unavailable",
                 {{"issuer", settings_.rules.issuer}, {"reason", ok.error().message}});
    f.keys.failed(now);
    f.next = fetched::call::none;
  }
  return f.next == fetched::call::none;
}

bool oidc_provider::take_over(const identity_provider& earlier) {
  const auto* same = dynamic_cast<const oidc_provider*>(&earlier);
  if (!same || same->settings_.rules.issuer != settings_.rules.issuer
      || same->settings_.jwks_uri != settings_.jwks_uri
      || same->own_.has_value() != own_.has_value())
    return false;
  of_issuer_ = same->of_issuer_;
  return true;
}

} // namespace

identity_provider_ptr make_provider(const oidc_settings& settings, const provider_secrets& with) {
  const auto own = with.own_keys.find(settings.rules.issuer);
  return std::make_shared<oidc_provider>(settings,
                                         own == with.own_keys.end() ? nullptr : &own->second);
}

} // namespace behalf
