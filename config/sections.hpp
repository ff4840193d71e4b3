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
void read_store(yaml_section in, config& out);
void read_dev(yaml_section in, config& out);
void read_graphs(yaml_section& root, config& out); // and plugins

} // namespace behalf
