// One reader per section of the configuration file: YAML in, the component's own options out.
#pragma once

#include "config/config.hpp"
#include "config/yaml.hpp"

namespace behalf {

/// The whole file, section by section.
void read_all(yaml_section& root, config& out);

void read_server(yaml_section in, config& out);
void read_storage(yaml_section& root, config& out);
void read_encryption(yaml_section in, config& out);
void read_log(yaml_section in, config& out);
void read_runs(yaml_section in, config& out);
void read_crons(yaml_section in, config& out);
void read_retention(yaml_section in, config& out);
void read_webhooks(yaml_section in, config& out);
void read_egress(yaml_section in, config& out);
void read_services(yaml_section in, config& out);
void read_identity(yaml_section& root, config& out);
void read_authorization(yaml_section in, config& out);
void read_secrets(yaml_section in, config& out);
void read_limits(yaml_section in, config& out);
void read_dev(yaml_section in, config& out);
void read_graphs(yaml_section& root, config& out); // and plugins
void read_models(yaml_section in, config& out);    // after services
void read_store(yaml_section in, config& out);     // after models
void read_agents(yaml_section in, config& out);    // after models, services and graphs

/// What `service_options::validate` says, as a fault of that key; `url_key` is what the address is
/// called here.
void fault_of_service(yaml_section& in, std::string_view url_key, std::string_view why);

/// The OpenAPI document that key `openapi` of a service names; null when there is none, or a faulty
/// one, which is said.
std::shared_ptr<const api_document> read_document(yaml_section& in, const service_options& service);

/// An embeddings endpoint answers with so much at most.
inline constexpr std::size_t embeddings_reply_bytes = 64 << 20;

/// The keys of a section `limits` that are about tokens and money.
void read_spending(yaml_section& in, spending_limits& o);
/// The first of the limits that bounds what is paid; empty: none does.
std::string_view limit_of_cost(const spending_limits& limits);
/// Why it is a fault with a model that has no prices.
std::string never_holds(const std::string& model);

/// The sentence for a model that there is none of.
std::string no_model(const model_directory& all, std::string_view name);

} // namespace behalf
