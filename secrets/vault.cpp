#include "secrets/vault.hpp"

#include "secrets/vault_entry.hpp"
#include "secrets/vault_operation.hpp"

#include <algorithm>

namespace behalf {

class vault_store::core {
public:
  core(vault_options options, vault_path path, origin where)
    : shared(std::make_shared<vault_shared>(std::move(options), std::move(path))),
      where(std::move(where)) {}

  std::shared_ptr<vault_shared> shared;
  origin where;
};

namespace {

error bad_option(std::string why) {
  return fail(errc::invalid_argument, "the Vault " + std::move(why));
}

// Mount and field names go into URLs and header values.
bool plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) {
                       return c > 0x20 && c < 0x7f && c != '?' && c != '#' && c != '%' && c != '\\';
                     })
         && text.find("..") == text.npos;
}

std::string without_slashes(std::string text) {
  while (text.ends_with('/'))
    text.pop_back();
  while (text.starts_with('/'))
    text.erase(0, 1);
  return text;
}

result<void> check(const vault_options& o) {
  if (!plain(o.mount))
    return bad_option("login mount is not a path");
  if (!plain(o.name_space))
    return bad_option("namespace is not a path");
  if (o.value_field.empty())
    return bad_option("value field has no name");
  if (o.login == vault_login_kind::approle && (!o.role_id || o.role_id->empty()))
    return bad_option("login by AppRole needs a role_id");
  return {};
}

} // namespace

vault_store::vault_store(std::shared_ptr<core> c) : core_(std::move(c)) {}

vault_store::~vault_store() = default;

result<std::unique_ptr<vault_store>> vault_store::create(vault_options options,
                                                         bool several_issuers) {
  while (options.address.ends_with('/'))
    options.address.pop_back();
  auto where = parse_origin(options.address);
  if (!where || options.address.find('?') != std::string::npos)
    return bad_option("address is not an http or https URL");
  options.mount = without_slashes(std::move(options.mount));
  if (auto ok = check(options); !ok)
    return ok.error();
  auto path = vault_path::parse(options.path, several_issuers);
  if (!path)
    return path.error();
  return std::unique_ptr<vault_store>{new vault_store{
    std::make_shared<core>(std::move(options), std::move(*path), std::move(*where))}};
}

std::unique_ptr<secret_operation> vault_store::read(const credential_key& key,
                                                    inbound_token_ptr token) {
  auto s = core_->shared;
  return std::make_unique<vault_operation>(
    s, key.who, std::move(token),
    vault_request{"GET", s->path.data(key), nullptr, "read the " + key.service + " token",
                  [s, service = key.service](const secret_reply& reply, time_point now) {
                    return read_vault_entry(s->options, service, reply, now);
                  }});
}

std::unique_ptr<secret_operation> vault_store::list(const principal_key& who,
                                                    inbound_token_ptr token) {
  auto s = core_->shared;
  auto path = s->path.folder(who);
  if (path)
    *path += "?list=true"; // as good as the method LIST, and every proxy lets it through
  return std::make_unique<vault_operation>(
    s, who, std::move(token),
    vault_request{"GET", std::move(path), nullptr, "list this user's tokens",
                  [](const secret_reply& reply, time_point) { return read_vault_list(reply); }});
}

std::unique_ptr<secret_operation> vault_store::write(const credential_key& key,
                                                     stored_credential what,
                                                     std::optional<int64_t> expected,
                                                     inbound_token_ptr token) {
  auto s = core_->shared;
  auto body = std::make_shared<const wiped_string>(write_vault_entry(s->options, what, expected));
  return std::make_unique<vault_operation>(
    s, key.who, std::move(token),
    vault_request{"POST", s->path.data(key), std::move(body), "write the " + key.service + " token",
                  [service = key.service](const secret_reply& reply, time_point) {
                    return read_vault_written(service, reply);
                  }});
}

std::unique_ptr<secret_operation> vault_store::erase(const credential_key& key,
                                                     inbound_token_ptr token) {
  auto s = core_->shared;
  auto doing = "delete the " + key.service + " token";
  return std::make_unique<vault_operation>(
    s, key.who, std::move(token),
    vault_request{"DELETE", s->path.metadata(key), nullptr, doing,
                  [doing, service = key.service](const secret_reply& reply,
                                                 time_point) -> result<secret_answer> {
                    if (reply.status == 404)
                      return fail(errc::not_found, "no " + service + " token stored");
                    if (reply.status != 204 && reply.status != 200)
                      return vault_status(reply, doing);
                    return secret_answer{};
                  }});
}

void vault_store::sweep(time_point now) {
  core_->shared->sessions.sweep(now);
}

endpoint_policy vault_store::policy() const {
  // The operator declared this address: it may well be on a private network.
  return {{core_->where}, true, !core_->where.tls()};
}

} // namespace behalf
