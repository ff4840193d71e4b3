// models: chat models by name, each with the service that its calls go through.
#include "agents/models/openai_chat.hpp"
#include "config/sections.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace behalf {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_name = 48; // of a model: that of its service is longer

// Who answers a type of model, or a server that is compatible with Chat Completions.
struct provider {
  std::string_view name;
  model_type as;
  std::string_view url;        // where no other is said; empty: one must be
  std::string_view key_header; // of the credential; empty: Authorization, as a bearer token
};

// Makes vectors, and no chat: for the store's index.
constexpr std::string_view embeddings_type = "openai_embeddings";

constexpr std::array<provider, 5> providers{{
  {"openai", model_type::openai, "https://api.openai.com/v1", ""},
  {"openai_chat", model_type::openai_chat, "", ""},
  {"anthropic", model_type::anthropic, "https://api.anthropic.com", "x-api-key"},
  {"gemini", model_type::gemini, "https://generativelanguage.googleapis.com", "x-goog-api-key"},
  {embeddings_type, model_type::openai, "https://api.openai.com/v1", ""},
}};

// Those of `known_chat_servers` that are in one place for everybody, or want their key elsewhere.
constexpr std::array<provider, 6> compatible{{
  {"azure", model_type::openai_chat, "", "api-key"},
  {"deepinfra", model_type::openai_chat, "https://api.deepinfra.com/v1/openai", ""},
  {"deepseek", model_type::openai_chat, "https://api.deepseek.com", ""},
  {"mistral", model_type::openai_chat, "https://api.mistral.ai/v1", ""},
  {"openai", model_type::openai_chat, "https://api.openai.com/v1", ""},
  {"openrouter", model_type::openai_chat, "https://openrouter.ai/api/v1", ""},
}};

// Of a request the server says these; a model that is told otherwise cannot be read.
constexpr std::array<std::string_view, 6> not_parameters{"model",    "messages", "input",
                                                         "contents", "stream",   "tools"};

void read_differences(yaml_section in, chat_differences& o) {
  in.text("provider", o.provider);
  in.text("path", o.path);
  if (!o.path.starts_with('/'))
    in.fault("path", "must begin with '/': it is added to base_url");
  in.one_of("max_tokens_key", o.max_tokens_key, {"max_completion_tokens", "max_tokens"});
  in.one_of("system_role", o.system_role, {"system", "developer"});
  in.text("reasoning_key", o.reasoning_key);
  in.flag("reasoning_with_calls_only", o.reasoning_with_calls_only);
  in.flag("stream_usage", o.stream_usage);
  in.flag("parallel_tool_calls", o.parallel_tool_calls);
  in.flag("images", o.images);
  in.flag("json_schema", o.json_schema);
  in.flag("json_schema_with_tools", o.json_schema_with_tools);
  in.finish();
}

void read_users_key(yaml_section in, credential_options& o) {
  std::string from;
  in.require("from");
  in.require("name");
  in.one_of("from", from, {"secrets"});
  in.text("name", o.name);
  in.text("store", o.store);
  if (in.kind("name") == 's' && o.name.empty())
    in.fault("name", "must not be empty");
  o.from = credential_source::secrets;
  in.finish();
}

// A reference is the operator's key, for everybody; a mapping says where each user's own is.
void read_key(yaml_section& in, service_options& o, config& out) {
  const auto kind = in.kind("key");
  if (kind != 'm') {
    std::string reference;
    in.reference("key", reference);
    if (!reference.empty()) {
      o.credential.from = credential_source::server;
      out.server_keys.push_back({o.name, std::move(reference), in.path() + ".key"});
    }
  }
  if (kind == 'm' || kind == 0)
    if (auto own = in.section("key"))
      read_users_key(std::move(*own), o.credential);
}

void read_prices(yaml_section in, token_prices& o) {
  constexpr double most = 1'000'000;
  in.decimal("input", o.input, most);
  in.decimal("cached_input", o.cached_input, most);
  in.decimal("cache_write", o.cache_write, most);
  in.decimal("output", o.output, most);
  o.given = true;
  in.finish();
}

void read_limits_of(yaml_section in, model_options& m, service_options& s) {
  read_spending(in, m.limits);
  if (const auto cost = limit_of_cost(m.limits); !cost.empty() && !m.prices.given)
    in.fault(cost, never_holds(m.name));
  in.number("requests_per_minute", s.calls_per_minute, 1, 10'000);
  std::size_t concurrency = 0;
  in.number("concurrency", concurrency, 1, 10'000);
  if (concurrency > 0) {
    s.max_concurrent = concurrency;
    s.whole_answers = true;
  }
  in.finish();
}

void read_parameters(yaml_section& in, json::object& o) {
  in.object("parameters", o);
  for (auto name : not_parameters)
    if (o.contains(name))
      in.fault("parameters", "must not hold '" + std::string(name)
                               + "': the server itself says that in each request");
}

template <std::size_t n>
const provider* named(const std::array<provider, n>& all, std::string_view name) {
  auto found = std::find_if(all.begin(), all.end(), [&](auto& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

// Of a compatible server: who it is, and how it differs.
provider read_server_of(yaml_section& in, model_options& m, provider by) {
  const auto known = known_chat_servers();
  std::string server = "compatible";
  in.one_of("server", server, {known.begin(), known.end()});
  m.differs = differences_of(server).value_or(chat_differences{});
  if (auto differs = in.section("differs"))
    read_differences(std::move(*differs), m.differs);
  const auto* of_server = named(compatible, server);
  return of_server ? *of_server : by;
}

provider read_type(yaml_section& in, model_options& m) {
  std::vector<std::string> types;
  for (const auto& one : providers)
    types.emplace_back(one.name);
  std::string type;
  in.require("type");
  in.one_of("type", type, types);
  const auto* of_type = named(providers, type);
  if (!of_type)
    return providers.front();
  m.type = of_type->as;
  return m.type == model_type::openai_chat ? read_server_of(in, m, *of_type) : *of_type;
}

// The service is the server's own: no node can name it.
service_options read_service_of(const model_options& m, const provider& by, yaml_section& in,
                                config& out) {
  service_options s;
  s.name = model_service(m.name);
  s.own = true;
  const bool vectors = by.name == embeddings_type;
  s.timeout = 5min; // a model may think for long before it says a word
  if (vectors) {
    s.timeout = 30s;
    s.max_concurrent = 8;
    s.max_reply_bytes = embeddings_reply_bytes;
  }
  if (by.url.empty())
    in.require("base_url");
  in.text("base_url", s.url);
  if (!in.has("base_url"))
    s.url = by.url;
  in.flag("allow_private", s.allow_private);
  in.flag("allow_http", s.allow_http);
  in.duration("timeout", s.timeout);
  in.number("max_concurrent", s.max_concurrent, 1, 10'000);
  read_key(in, s, out);
  if (s.takes_credential() && !by.key_header.empty())
    s.credential.inject = {credential_form::header, std::string(by.key_header)};
  return s;
}

// Checked, and as one that calls may go through.
void take_service(yaml_section& in, service_options service, config& out) {
  const bool has_url = !service.url.empty() || in.has("base_url");
  if (auto ok = service.validate(); !ok && has_url)
    fault_of_service(in, "base_url", ok.error().message);
  else if (auto where = parse_origin(service.url);
           where && !service.allow_private && is_private_host(where->host))
    in.fault("base_url",
             "leads to this machine or a private network: that needs allow_private: true");
  for (const auto& other : out.services)
    if (other.name == service.name)
      in.fault("", "calls go through a service of the name '" + other.name
                     + "', which `services` has already; rename one of the two");
  out.services.push_back(std::move(service));
}

void read_model(const std::string& name, yaml_section& in, config& out) {
  model_options m;
  m.name = name;
  const auto by = read_type(in, m);
  in.require("model");
  in.text("model", m.model);
  if (in.kind("model") == 's' && m.model.empty())
    in.fault("model", "must not be empty");
  auto service = read_service_of(m, by, in, out);
  if (by.name == embeddings_type) {
    if (service.credential.from == credential_source::secrets)
      in.fault("key", "must be the operator's: items of all users are embedded with it");
    take_service(in, std::move(service), out);
    in.finish();
    out.embedding_models.emplace(name, m.model);
    return;
  }
  read_parameters(in, m.parameters);
  in.texts("fallback", m.fallback);
  in.number("max_retries", m.max_retries, 0, 10);
  in.duration("longest_wait", m.longest_wait);
  in.duration("total_timeout", m.total_timeout);
  service.total_timeout = m.total_timeout;
  in.number("max_answer_bytes", m.max_answer_bytes, 1024, 1 << 30);
  if (auto prices = in.section("prices"))
    read_prices(std::move(*prices), m.prices);
  if (auto limits = in.section("limits"))
    read_limits_of(std::move(*limits), m, service);
  take_service(in, std::move(service), out);
  in.finish();
  out.models.by_name.emplace(name, std::move(m));
}

void check_fallbacks(yaml_section& in, const model_options& m, const model_directory& all) {
  std::set<std::string> given;
  for (const auto& name : m.fallback) {
    if (!all.find(name))
      in.fault("fallback", no_model(all, name));
    if (!given.insert(name).second)
      in.fault("fallback", "names '" + name + "' twice");
    if (name == m.name) // theirs are not asked, so that two may stand in for each other
      in.fault("fallback", "names '" + name + "' itself");
  }
}

} // namespace

std::string no_model(const model_directory& all, std::string_view name) {
  std::string list;
  for (const auto& [known, one] : all.by_name)
    list += (list.empty() ? "; there are: " : ", ") + known;
  return "there is no model '" + std::string(name) + "' in `models`" + list;
}

void read_models(yaml_section in, config& out) {
  std::vector<std::pair<std::string, yaml_section>> read;
  for (const auto& name : in.keys())
    if (!in.has(name) && name != "*")
      in.fault(name, "is empty; a model needs a type, and the name it has at its provider");
    else if (name != "*" && (name.size() > longest_name || !made_of(name, "-_")))
      in.fault(name, "the name of a model must be 1 to 48 letters, digits, '-' or '_'");
    else if (auto one = in.section(name)) {
      read_model(name, *one, out);
      read.emplace_back(name, std::move(*one));
    }
  for (auto& [name, one] : read)
    if (const auto* chat = out.models.find(name))
      check_fallbacks(one, *chat, out.models);
}

} // namespace behalf
