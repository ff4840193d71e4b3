// identity, authorization, limits, dev: who may come in, and what they may do.
#include "config/sections.hpp"
#include "runtime/auth/discovery.hpp"
#include "runtime/auth/provider_conflicts.hpp"

namespace behalf {
namespace {

void read_mapping(yaml_section& in, claim_mapping& m) {
  in.text("tenant", m.tenant);
  in.text("tenant_claim", m.tenant_claim);
  in.text("identity_claim", m.identity_claim);
  in.text("identity_prefix", m.identity_prefix);
  in.texts("display_name_claims", m.display_name_claims);
  in.text("permissions_claim", m.permissions_claim);
  if (auto custom = in.section("custom")) {
    for (const auto& name : custom->keys()) {
      std::string claim;
      custom->text(name, claim);
      m.custom.emplace_back(name, claim);
    }
    custom->finish();
  }
  if (auto ok = check_mapping(m); !ok)
    in.fault("custom", ok.error().message);
}

void read_algorithms(yaml_section& in, issuer_rules& rules) {
  std::vector<std::string> names;
  in.texts("algorithms", names);
  if (names.empty())
    return;
  rules.algorithms.clear();
  for (const auto& name : names) {
    auto alg = parse_algorithm(name);
    if (alg)
      rules.algorithms.push_back(*alg);
    else
      in.fault("algorithms", "'" + name + "' is no signature algorithm this server knows");
  }
}

oidc_settings read_oidc(yaml_section& in) {
  oidc_settings p;
  in.require("issuer");
  in.require("audience");
  in.text("issuer", p.rules.issuer);
  in.texts("audience", p.rules.audiences);
  in.texts("clients", p.rules.clients);
  read_algorithms(in, p.rules);
  in.renamed("plain_jwt", "allow_generic_jwt_typ");
  in.flag("allow_generic_jwt_typ", p.rules.allow_generic_jwt_typ);
  in.text("jwks_uri", p.jwks_uri);
  in.flag("userinfo", p.userinfo);
  in.flag("allow_http", p.allow_http);
  read_mapping(in, p.mapping);
  if (auto ok = check_provider_url(p.rules.issuer, "issuer", p.allow_http); !ok)
    in.fault("issuer", ok.error().message);
  if (!p.jwks_uri.empty())
    if (auto ok = check_provider_url(p.jwks_uri, "jwks_uri", p.allow_http); !ok)
      in.fault("jwks_uri", ok.error().message);
  return p;
}

introspection_settings read_introspection(yaml_section& in) {
  introspection_settings p;
  in.require("client_id");
  in.require("client_secret");
  in.text("issuer", p.rules.issuer);
  in.texts("audience", p.rules.audiences);
  in.texts("clients", p.rules.clients);
  in.text("endpoint", p.endpoint);
  in.text("client_id", p.client_id);
  in.reference("client_secret", p.client_secret);
  in.flag("allow_http", p.allow_http);
  read_mapping(in, p.mapping);
  if (p.endpoint.empty() && p.rules.issuer.empty())
    in.fault("", "needs an endpoint, or an issuer whose discovery document names one");
  if (!p.endpoint.empty())
    if (auto ok = check_provider_url(p.endpoint, "endpoint", p.allow_http); !ok)
      in.fault("endpoint", ok.error().message);
  return p;
}

api_key_settings read_api_keys(yaml_section& in) {
  api_key_settings p;
  in.require("keys");
  for (auto& key : in.sections("keys")) {
    api_key_entry e;
    key.require("sha256");
    key.require("subject");
    key.text("sha256", e.sha256);
    key.text("subject", e.subject);
    key.text("tenant", e.tenant);
    key.text("identity_prefix", e.identity_prefix);
    key.text("display_name", e.display_name);
    key.texts("permissions", e.permissions);
    std::string expires;
    key.text("expires", expires);
    if (!expires.empty()) {
      auto at = parse_iso8601(expires);
      if (at)
        e.expires = *at;
      else
        key.fault("expires", "must be a time such as 2027-01-31T00:00:00Z");
    }
    key.object("custom", e.custom);
    key.finish();
    p.keys.push_back(std::move(e));
  }
  if (auto ok = api_keys::make(p.keys); !ok)
    in.fault("keys", ok.error().message);
  return p;
}

auth_rule read_rule(yaml_section& in, const std::string& key) {
  auto spec = in.any(key);
  auto rule = parse_rule(spec ? *spec : json::value(nullptr));
  if (!rule) {
    in.fault(key, rule.error().message);
    return {};
  }
  if (auto ok = compile(*rule); !ok)
    in.fault(key, ok.error().message);
  return std::move(*rule);
}

void read_limit(std::optional<yaml_section> in, limit_options& o, stored_options& stored,
                int64_t quota::*whose) {
  if (!in)
    return;
  constexpr int64_t most = 1'000'000'000'000;
  in->integer("assistants", stored.assistants.*whose, 0, most);
  in->integer("threads", stored.threads.*whose, 0, most);
  in->integer("items", stored.items.*whose, 0, most);
  in->decimal("requests_per_second", o.requests_per_second, 1e9);
  in->decimal("burst", o.burst, 1e9);
  in->integer("concurrent_runs", o.concurrent_runs, 0, 1'000'000);
  in->decimal("body_bytes_per_minute", o.body_bytes_per_minute, 1e15);
  if (o.burst > 0 && o.requests_per_second <= 0)
    in->fault("burst", "limits nothing without requests_per_second");
  in->finish();
}

} // namespace

void read_identity(yaml_section& root, config& out) {
  for (auto& in : root.sections("identity")) {
    std::string type;
    in.require("type");
    in.one_of("type", type, {"oidc", "introspection", "api_key"});
    if (type == "oidc")
      out.identity.providers.emplace_back(read_oidc(in));
    else if (type == "introspection")
      out.identity.providers.emplace_back(read_introspection(in));
    else if (type == "api_key")
      out.identity.providers.emplace_back(read_api_keys(in));
    else
      continue;
    in.finish();
  }
  for (const auto& clash : find_provider_conflicts(out.identity.providers))
    root.fault("identity", clash);
  reserve_prefixes(out.identity.providers);
}

void read_authorization(yaml_section in, config& out) {
  out.has_rules = true;
  policy known; // only to say what is wrong with a key
  for (const auto& key : in.keys()) {
    if (auto ok = known.add(key, [](const on_context&, json::object&) { return on_answer{}; }); !ok)
      in.fault(key, ok.error().message);
    out.rules.emplace_back(key, read_rule(in, key));
  }
}

void read_shape(yaml_section in, shape_limits& o) {
  in.number("depth", o.depth, 8, 1000);
  in.number("nodes", o.nodes, 1000, 100'000'000);
  in.number("members", o.members, 100, 1'000'000);
  in.number("elements", o.elements, 100, 100'000'000);
  in.number("name_bytes", o.name_bytes, 256, 1 << 20);
  in.number("fields", o.fields, 10, 100'000);
  in.number("conditions", o.conditions, 10, 100'000);
  in.number("names", o.names, 10, 100'000);
  in.number("parameters", o.parameters, 10, 100'000);
  in.number("metadata_bytes", o.metadata_bytes, 4096, 1 << 24);
  in.number("config_bytes", o.config_bytes, 4096, 1 << 26);
  in.number("recursion_limit", o.recursion_limit, 1, 1'000'000'000);
  in.finish();
}

void read_limits(yaml_section in, config& out) {
  auto& stored = out.system.stored;
  read_limit(in.section("tenant"), out.identity.limits.tenant, stored, &quota::per_tenant);
  read_limit(in.section("user"), out.identity.limits.user, stored, &quota::per_owner);
  if (auto shape = in.section("shape"))
    read_shape(std::move(*shape), out.system.shape);
  if (auto search = in.section("search")) {
    search->number("rows", out.system.searches.rows, 1, int64_t{1} << 40);
    search->duration("time", out.system.searches.time);
    search->finish();
  }
  in.finish();
}

void read_dev(yaml_section in, config& out) {
  in.flag("no_auth", out.dev.no_auth);
  for (auto& user : in.sections("users")) {
    dev_user u;
    user.require("name");
    user.text("name", u.username);
    u.password = u.username;
    user.text("password", u.password);
    user.text("display_name", u.name);
    user.text("email", u.email);
    user.texts("permissions", u.permissions);
    user.object("claims", u.claims);
    user.finish();
    out.dev.users.push_back(std::move(u));
  }
  in.texts("redirect_uris", out.dev.redirect_uris);
  in.text("tenant_claim", out.dev.tenant_claim);
  if (auto custom = in.section("custom"))
    for (const auto& name : custom->keys()) {
      std::string claim;
      custom->text(name, claim);
      out.dev.custom.emplace_back(name, claim);
    }
  in.finish();
}

} // namespace behalf
