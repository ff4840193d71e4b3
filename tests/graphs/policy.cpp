// Who may do what in clients' tests of authorization: HS256 tokens of two users, each with scopes.
#include "behalf/plugin.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <chrono>
#include <set>

using namespace behalf;

namespace {

// Known to everybody who tests, which is what it is for.
constexpr std::string_view signing_key = "your-secret-key-change-in-production";
const std::set<std::string, std::less<>> users = {"alice", "johndoe"};
const std::set<std::string, std::less<>> permissions = {"read", "write", "assistants:write", "me"};

std::string decoded(std::string_view base64url) {
  std::string text(base64url);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  const auto padding = (4 - text.size() % 4) % 4;
  text.append(padding, '=');
  std::string bytes(text.size() / 4 * 3, '\0');
  const auto size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()));
  if (size < 0 || static_cast<std::size_t>(size) < padding)
    return {};
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

json::object object_in(std::string_view base64url) {
  auto parsed = parse_json(decoded(base64url));
  return parsed && parsed->is_object() ? parsed->get_object() : json::object{};
}

bool is_signed(std::string_view text, std::string_view signature) {
  unsigned char expected[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), signing_key.data(), static_cast<int>(signing_key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), expected, &size);
  const auto given = decoded(signature);
  return given.size() == size && CRYPTO_memcmp(given.data(), expected, size) == 0;
}

bool is_over(const json::object& claims) {
  using namespace std::chrono;
  const auto now = duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
  return claims.contains("exp") && int_or(claims, "exp") <= now;
}

// `scopes` of the token, a list or a text of words, as far as the user has them.
std::vector<std::string> scopes_of(const json::object& claims) {
  std::vector<std::string> found;
  const auto take = [&](std::string_view scope) {
    if (permissions.count(scope))
      found.emplace_back(scope);
  };
  const auto* given = member(claims, "scopes");
  if (given && given->is_array())
    for (const auto& one : given->get_array())
      if (one.is_string())
        take(one.get_string());
  if (given && given->is_string()) {
    std::string_view words = given->get_string();
    while (!words.empty()) {
      const auto end = std::min(words.find(' '), words.size());
      take(words.substr(0, end));
      words.remove_prefix(std::min(end + 1, words.size()));
    }
  }
  return found;
}

coroutine<result<auth_answer>> by_token(auth_context ctx) {
  const auto no = fail(errc::unauthenticated, "Invalid token", "WWW-Authenticate", "Bearer");
  const auto token = ctx.request().bearer();
  const auto payload = token.find('.');
  const auto signature = token.rfind('.');
  if (payload == token.npos || signature == payload)
    co_return no;
  const auto header = object_in(token.substr(0, payload));
  if (string_or(header, "alg") != "HS256"
      || !is_signed(token.substr(0, signature), token.substr(signature + 1)))
    co_return no;
  const auto claims = object_in(token.substr(payload + 1, signature - payload - 1));
  const auto who = string_or(claims, "sub");
  if (!users.count(who) || is_over(claims))
    co_return no;
  auth_answer answer;
  answer.identity = answer.display_name = std::string(who);
  answer.permissions = scopes_of(claims);
  co_return answer;
}

bool writes(std::string_view action) {
  return action == "create" || action == "update" || action == "create_run";
}

void stamp(const on_context& asked, json::object& value) {
  auto& metadata = value["metadata"];
  if (!metadata.is_object())
    metadata = json::object{};
  metadata.get_object()["owner"] = asked.who.identity;
}

on_answer anything(const on_context& asked, json::object&) {
  return !asked.who.permissions.empty();
}

on_answer owned(const on_context& asked, json::object& value) {
  if (writes(asked.action))
    stamp(asked, value);
  return json::object{{"owner", asked.who.identity}};
}

on_answer create_assistant(const on_context& asked, json::object& value) {
  if (!asked.who.has("assistants:write"))
    return false;
  stamp(asked, value);
  return {};
}

on_answer search_assistants(const on_context& asked, json::object&) {
  return json::object{{"owner", asked.who.identity}};
}

on_answer create_thread(const on_context& asked, json::object& value) {
  const auto may = [&](std::string_view scope) { return asked.who.has(scope); };
  if (!may("me") && !may("threads:write") && !may("threads:*"))
    return false;
  return owned(asked, value);
}

on_answer own_items(const on_context& asked, json::object& value) {
  const auto* labels = member(value, "namespace");
  if (labels && labels->is_array() && !labels->get_array().empty()) {
    const auto& all = labels->get_array();
    if (std::find(all.begin(), all.end(), json::value(asked.who.identity)) == all.end())
      return false;
  }
  return json::object{{"namespace", {{"$contains", asked.who.identity}}}};
}

} // namespace

BEHALF_PLUGIN(registry) {
  registry.authenticate(by_token);
  registry.on("*", anything);
  registry.on("assistants", owned);
  registry.on("assistants.create", create_assistant);
  registry.on("assistants.search", search_assistants);
  registry.on("threads", owned);
  registry.on("threads.create", create_thread);
  registry.on("store", own_items);
}
