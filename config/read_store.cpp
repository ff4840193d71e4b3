// store: how long items stay, and by what they are found.
#include "config/sections.hpp"
#include "runtime/base/item_rules.hpp"
#include "runtime/storage/item_texts.hpp"

#include <algorithm>

namespace behalf {
namespace {

void read_ttl(yaml_section in, store_options& o) {
  in.decimal("default_ttl", o.default_ttl, max_ttl_minutes);
  in.flag("refresh_on_read", o.refresh_on_read);
  double minutes = std::chrono::duration<double, std::ratio<60>>(o.sweep_interval).count();
  in.decimal("sweep_interval_minutes", minutes, 24 * 60);
  if (minutes < 1.0 / 60)
    in.fault("sweep_interval_minutes", "must be a second at least: 0.017");
  o.sweep_interval = std::chrono::milliseconds(static_cast<int64_t>(minutes * 60'000));
  in.finish();
}

// The endpoint, as a service that no node can name.
void read_embed(yaml_section in, store_options::index_options& o, config& out) {
  service_options s;
  s.name = embeddings_service;
  s.own = true;
  s.max_concurrent = 8;
  s.max_reply_bytes = embeddings_reply_bytes;
  in.require("base_url");
  in.require("model");
  in.text("base_url", s.url);
  in.text("model", o.model);
  if (in.kind("model") == 's' && o.model.empty())
    in.fault("model", "must not be empty");
  std::string key;
  in.reference("key", key);
  in.flag("allow_private", s.allow_private);
  in.flag("allow_http", s.allow_http);
  in.duration("timeout", s.timeout);
  in.number("max_concurrent", s.max_concurrent, 1, 1000);
  if (!key.empty()) {
    s.credential.from = credential_source::server;
    out.server_keys.push_back({s.name, std::move(key), in.path() + ".key"});
  }
  if (auto ok = s.validate(); !ok)
    fault_of_service(in, "base_url", ok.error().message);
  in.finish();
  out.services.push_back(std::move(s));
}

// One of `models`: its address, key and limits stand there.
void read_embedding_model(yaml_section& in, store_options::index_options& o, config& out) {
  std::string name;
  in.text("embed", name);
  auto found = out.embedding_models.find(name);
  if (found == out.embedding_models.end())
    return in.fault("embed", "there is no '" + name + "' of type openai_embeddings in `models`");
  o.model = found->second;
  const auto of_model = model_service(name);
  auto service = *std::find_if(out.services.begin(), out.services.end(),
                               [&](const auto& one) { return one.name == of_model; });
  service.name = embeddings_service;
  out.services.push_back(std::move(service));
  auto key = std::find_if(out.server_keys.begin(), out.server_keys.end(),
                          [&](const auto& one) { return one.service == of_model; });
  if (key != out.server_keys.end())
    out.server_keys.push_back({std::string(embeddings_service), key->reference, key->key});
}

void read_index(yaml_section in, config& out) {
  store_options::index_options o;
  in.require("dims");
  in.require("embed");
  in.number("dims", o.dims, 1, 16'384);
  if (in.kind("embed") == 's')
    read_embedding_model(in, o, out);
  else if (auto embed = in.section("embed"))
    read_embed(std::move(*embed), o, out);
  in.texts("fields", o.fields);
  for (const auto& path : o.fields)
    if (auto ok = check_index_path(path); !ok)
      in.fault("fields", ok.error().message);
  in.number("memory", o.memory, 1 << 20, int64_t{1} << 40);
  in.finish();
  out.system.store.index = std::move(o);
}

} // namespace

void read_store(yaml_section in, config& out) {
  if (auto ttl = in.section("ttl"))
    read_ttl(std::move(*ttl), out.system.store);
  if (auto index = in.section("index"))
    read_index(std::move(*index), out);
  in.finish();
}

} // namespace behalf
