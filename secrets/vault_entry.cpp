#include "secrets/vault_entry.hpp"

#include "runtime/base/json_writer.hpp"
#include "secrets/secret_json.hpp"
#include "secrets/vault_login.hpp"

#include <algorithm>

namespace behalf {
namespace {

result<json::value> body_of(const secret_reply& reply) {
  auto parsed = parse_secret_json(reply.body ? reply.body->view() : std::string_view{});
  if (!parsed)
    return fail(errc::upstream, "Vault's answer is not JSON");
  return parsed;
}

// The object at "data", or at "data"."data".
const json::object* object_at(const json::value& v, std::string_view key) {
  const auto* found = member(v, key);
  return found && found->is_object() ? &found->get_object() : nullptr;
}

result<std::optional<time_point>> read_expiry(const json::object& entry, std::string_view field) {
  const auto* v = member(entry, field);
  if (!v || v->is_null())
    return std::optional<time_point>{};
  auto bad = fail(errc::upstream, "the Vault entry's " + std::string(field)
                                    + " is neither a time nor seconds since 1970");
  constexpr int64_t latest = 253'402'300'799; // the end of 9999
  auto seconds = v->is_int64() ? v->get_int64() : int64_t{-1};
  if (v->is_string()) {
    auto text = string_or(entry, field);
    if (auto t = parse_iso8601(text))
      return std::optional{*t};
    auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!text.empty() && text.size() <= 12 && std::all_of(text.begin(), text.end(), digit))
      seconds = std::stoll(std::string(text));
  }
  if (seconds < 0 || seconds > latest)
    return bad;
  return std::optional{from_micros(seconds * 1'000'000)};
}

std::vector<std::string> read_scopes(const json::object& entry, std::string_view field) {
  std::vector<std::string> scopes;
  const auto* v = member(entry, field);
  if (v && v->is_array()) {
    for (const auto& s : v->get_array()) {
      if (s.is_string())
        scopes.emplace_back(s.get_string().data(), s.get_string().size());
    }
  }
  auto text = string_or(entry, field);
  while (!text.empty()) {
    auto end = std::min(text.find(' '), text.size());
    if (end > 0)
      scopes.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return scopes;
}

} // namespace

wiped_string write_vault_entry(const vault_options& options, const stored_credential& what,
                               std::optional<int64_t> expected) {
  wiped_json_writer out;
  out.object();
  if (expected)
    out.key("options").object().member("cas", *expected).end();
  out.key("data").object();
  auto password = !what.username.empty() && !options.password_field.empty();
  out.member(password ? options.password_field : options.value_field, what.value.expose());
  if (!what.username.empty())
    out.member(options.username_field, what.username);
  if (what.expires_at)
    out.member(options.expires_field, iso8601(*what.expires_at));
  if (!what.scopes.empty())
    out.member(options.scopes_field, what.scopes);
  return out.take();
}

result<secret_answer> read_vault_entry(const vault_options& options, const std::string& service,
                                       const secret_reply& reply, time_point now) {
  if (reply.status == 404)
    return fail(errc::not_found, "no " + service + " token stored");
  if (reply.status != 200)
    return vault_status(reply, "read the " + service + " token");
  auto body = body_of(reply);
  if (!body)
    return body.error();
  const auto* outer = object_at(*body, "data");
  const auto* data = outer ? member(*outer, "data") : nullptr;
  if (!data || !data->is_object())
    return fail(errc::upstream, "Vault's answer is not an entry of a KV version 2 engine");
  const auto& entry = data->get_object();
  auto value = string_or(entry, options.value_field);
  if (value.empty())
    value = string_or(entry, options.password_field);
  if (value.empty())
    return fail(errc::not_found, "no " + service + " token stored: the Vault entry has no field "
                                   + options.value_field);
  auto expires_at = read_expiry(entry, options.expires_field);
  if (!expires_at)
    return expires_at.error();
  if (*expires_at && **expires_at <= now)
    return error{errc::denied, "the " + service + " token has expired", {}, "expired"};
  stored_credential found;
  found.value = secret{value};
  found.username = string_or(entry, options.username_field);
  found.expires_at = *expires_at;
  found.scopes = read_scopes(entry, options.scopes_field);
  found.generation = int_or(object_or_empty(*outer, "metadata"), "version");
  secret_answer answer;
  answer.generation = found.generation;
  answer.found = std::make_shared<const stored_credential>(std::move(found));
  return answer;
}

result<secret_answer> read_vault_list(const secret_reply& reply) {
  secret_answer answer;
  if (reply.status == 404)
    return answer;
  if (reply.status != 200)
    return vault_status(reply, "list this user's tokens");
  auto body = body_of(reply);
  if (!body)
    return body.error();
  const auto* data = object_at(*body, "data");
  const auto* keys = data ? member(*data, "keys") : nullptr;
  if (!keys || !keys->is_array())
    return fail(errc::upstream, "Vault's answer is not a list");
  for (const auto& k : keys->get_array()) {
    if (!k.is_string() || k.get_string().empty() || k.get_string().back() == '/')
      continue; // a folder
    credential_summary one;
    one.service.assign(k.get_string().data(), k.get_string().size());
    answer.list.push_back(std::move(one));
  }
  return answer;
}

result<secret_answer> read_vault_written(const std::string& service, const secret_reply& reply) {
  if (reply.status == 400) {
    auto text = reply.body ? reply.body->view() : std::string_view{};
    if (text.find("check-and-set") != text.npos)
      return fail(errc::conflict, "the credential for " + service + " was changed meanwhile");
  }
  if (reply.status != 200)
    return vault_status(reply, "write the " + service + " token");
  auto body = body_of(reply);
  if (!body)
    return body.error();
  const auto* data = object_at(*body, "data");
  secret_answer answer;
  answer.generation = data ? int_or(*data, "version") : 0;
  return answer;
}

} // namespace behalf
