// secrets: which stores users' tokens come from.
#include "config/sections.hpp"

namespace behalf {
namespace {

void read_embedded(yaml_section& in, secret_store_config& o) {
  in.text("path", o.path);
  in.reference("master_key", o.master_key);
}

void read_vault(yaml_section& in, vault_settings& v) {
  in.require("address");
  in.text("address", v.options.address);
  in.text("namespace", v.options.name_space);
  in.text("path", v.options.path);
  in.text("value_field", v.options.value_field);
  in.text("username_field", v.options.username_field);
  in.text("password_field", v.options.password_field);
  in.text("expires_field", v.options.expires_field);
  in.text("scopes_field", v.options.scopes_field);
  in.duration("timeout", v.options.timeout);
  in.require("auth");
  auto auth = in.section("auth");
  if (!auth)
    return;
  std::string type = "jwt";
  auth->one_of("type", type, {"jwt", "approle"});
  v.options.login = type == "jwt" ? vault_login_kind::jwt : vault_login_kind::approle;
  auth->text("mount", v.options.mount);
  if (type == "jwt") {
    auth->text("role", v.options.role);
  } else {
    auth->require("role_id");
    auth->require("secret_id");
    auth->reference("role_id", v.role_id);
    auth->reference("secret_id", v.secret_id);
  }
  auth->finish();
}

void read_store(yaml_section& in, secret_store_config& o) {
  std::string type = "embedded";
  in.one_of("type", type, {"embedded", "vault"});
  if (type == "embedded") {
    o.type = secret_store_config::backend::embedded;
    read_embedded(in, o);
  } else {
    o.type = secret_store_config::backend::vault;
    read_vault(in, o.vault);
  }
}

} // namespace

void read_secrets(yaml_section in, config& out) {
  read_store(in, out.secrets);
  if (auto others = in.section("others")) {
    for (const auto& name : others->keys())
      if (auto one = others->section(name)) {
        read_store(*one, out.secrets.others[name]);
        one->finish();
      }
    others->finish();
  }
  in.finish();
}

} // namespace behalf
