// server, storage, encryption, log, runs, crons, retention, egress, services.
#include "config/sections.hpp"
#include "runtime/auth/discovery.hpp"

#include <filesystem>

namespace behalf {
namespace {

// "127.0.0.1:2024", "[::1]:2024", ":2024" or just a port.
void read_listen(yaml_section& in, server_options& o) {
  std::string text;
  in.text("listen", text);
  if (text.empty())
    return;
  auto colon = text.rfind(':');
  auto host = colon == text.npos ? std::string{} : text.substr(0, colon);
  auto port = colon == text.npos ? text : text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  bool digits =
    !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == port.npos;
  if (!digits)
    return in.fault("listen", "must be address:port, such as 127.0.0.1:2024");
  if (std::stoi(port) > 65535)
    return in.fault("listen", "a port is a number from 0 to 65535");
  o.port = static_cast<uint16_t>(std::stoi(port));
  if (!host.empty())
    o.address = host;
}

void read_credential(yaml_section in, service_options& o) {
  std::string from = "secrets", inject = "bearer";
  in.one_of("from", from, {"secrets", "principal", "none"});
  in.text("name", o.credential.name);
  in.text("store", o.credential.store);
  in.text("inject", inject);
  o.credential.from = from == "none"        ? credential_source::none
                      : from == "principal" ? credential_source::principal
                                            : credential_source::secrets;
  if (auto rule = parse_credential_rule(inject))
    o.credential.inject = std::move(*rule);
  else
    in.fault("inject", rule.error().message);
  in.finish();
}

service_options read_service(const std::string& name, yaml_section in, config& out) {
  service_options o;
  o.name = name;
  std::string type = "http";
  in.one_of("type", type, {"http", "mcp"});
  o.type = type == "mcp" ? service_type::mcp : service_type::http;
  auto url = type == "mcp" ? "url" : "base_url";
  in.require(url);
  in.text(url, o.url);
  if (in.kind("credential") == 's')
    in.fault("credential", "must be a mapping, such as { from: secrets, inject: bearer }");
  else if (auto credential = in.section("credential"))
    read_credential(std::move(*credential), o);
  in.texts("hosts", o.hosts);
  in.flag("allow_private", o.allow_private);
  in.flag("allow_http", o.allow_http);
  in.duration("timeout", o.timeout);
  in.number("max_reply_bytes", o.max_reply_bytes, 1, 1 << 30);
  in.number("max_concurrent", o.max_concurrent, 1, 10'000);
  in.texts("tools", o.tools);
  if (auto ok = o.validate(); !ok && in.has(url))
    fault_of_service(in, url, ok.error().message);
  if (auto document = read_document(in, o))
    out.documents.emplace(name, std::move(document));
  in.finish();
  return o;
}

} // namespace

void read_server(yaml_section in, config& out) {
  auto& o = out.system.http;
  read_listen(in, o);
  in.text("public_url", o.public_url);
  if (auto tls = in.section("tls")) {
    tls->require("cert");
    tls->require("key");
    tls->text("cert", o.tls_certificate);
    tls->text("key", o.tls_key);
    tls->finish();
  }
  if (auto cors = in.section("cors")) {
    out.origins_given = cors->has("allow_origins");
    cors->texts("allow_origins", o.cors.allow_origins);
    cors->finish();
  }
  in.texts("hosts", o.pages.hosts);
  in.flag("mcp", out.system.mcp);
  in.flag("a2a", out.system.a2a);
  in.texts("authorization_servers", out.system.authorization_servers);
  for (const auto& one : out.system.authorization_servers)
    if (auto ok = check_provider_url(one, "authorization_servers", true); !ok)
      in.fault("authorization_servers", ok.error().message);
  in.number("max_connections", o.max_connections, 1, 1'000'000);
  in.number("max_header_bytes", o.max_header_bytes, 1024, 1 << 20);
  in.number("max_body_bytes", o.max_body_bytes, 1024, int64_t{1} << 32);
  in.number("max_body_memory", o.max_body_memory, 1 << 20, int64_t{1} << 40);
  in.number("answer_memory", out.system.answer_memory, 1 << 20, int64_t{1} << 40);
  in.duration("handshake_timeout", o.handshake_timeout);
  in.duration("deadline_grace", o.deadline_grace, yaml_section::no_time::is_fine);
  in.duration("header_timeout", o.header_timeout);
  in.duration("body_timeout", o.body_timeout);
  in.duration("body_deadline", o.body_deadline);
  in.duration("write_timeout", o.write_timeout);
  in.duration("keep_alive_timeout", o.keep_alive_timeout);
  in.duration("request_deadline", o.request_deadline);
  in.number("threads", out.threads, 1, 256);
  in.number("spare_threads", out.spare_threads, 0, 256);
  in.finish();
}

void read_storage(yaml_section& root, config& out) {
  root.text("storage", out.storage.url);
  if (auto ok = check_storage_url(out.storage.url); !ok)
    root.fault("storage", ok.error().message);
}

void read_encryption(yaml_section in, config& out) {
  in.require("master_key");
  in.reference("master_key", out.encryption.master_key);
  in.flag("seal", out.encryption.seal);
  in.finish();
}

void read_log(yaml_section in, config& out) {
  in.one_of("level", out.log_level, {"debug", "info", "warning", "error", "off"});
  std::string format = "text";
  in.one_of("format", format, {"text", "json"});
  out.log_json = format == "json";
  in.text("file", out.log_file);
  in.flag("access", out.system.http.access_log);
  in.finish();
}

void read_runs(yaml_section in, config& out) {
  auto& o = out.system.runs;
  in.number("slots", o.slots, 1, 100'000);
  in.number("capacity", o.capacity, 1, 10'000'000);
  in.number("per_thread", o.per_thread, 1, 10'000'000);
  in.number("blocking_threads", o.blocking_threads, 1, 10'000);
  in.decimal("user_share", o.user_share, 1);
  in.decimal("tenant_share", o.tenant_share, 1);
  for (auto [key, share] :
       {std::pair{"user_share", o.user_share}, {"tenant_share", o.tenant_share}})
    if (!(share > 0))
      in.fault(key, "must be above 0, at most 1");
  in.number("delayed", o.delayed, 0, 1'000'000);
  in.number("delayed_per_user", o.delayed_per_user, 0, 1'000'000);
  in.duration("timeout", o.timeout);
  in.duration("resumable_ttl", o.resumable_ttl, yaml_section::no_time::is_fine);
  in.number("state_bytes", o.state_bytes, 64 * 1024, 1 << 29);
  in.number("open_asks", o.open_asks, 64, 1'000'000);
  in.number("event_bytes", o.event_bytes, 1024, int64_t{1} << 32);
  in.number("event_memory", o.event_memory, 1 << 20, int64_t{1} << 40);
  in.duration("shutdown_grace", o.shutdown_grace, yaml_section::no_time::is_fine);
  in.number("max_attempts", o.max_attempts, 1, 100);
  in.duration("suspect_turn", o.suspect_turn);
  in.finish();
}

void read_crons(yaml_section in, config& out) {
  auto& o = out.system.crons;
  std::string missed = "once";
  in.one_of("missed", missed, {"once", "skip"});
  o.missed = missed == "skip" ? missed_firings::skip : missed_firings::once;
  in.duration("missed_within", o.missed_within);
  in.duration("shortest_interval", o.shortest_interval);
  in.integer("per_user", o.most.per_owner, 0, 10'000'000);
  in.integer("per_tenant", o.most.per_tenant, 0, 10'000'000);
  in.finish();
}

void read_retention(yaml_section in, config& out) {
  in.duration("finished_runs", out.storage.finished_runs, yaml_section::no_time::is_fine);
  in.duration("usage", out.storage.usage, yaml_section::no_time::is_fine);
  auto& threads = out.system.threads;
  in.duration("threads", threads.ttl, yaml_section::no_time::is_fine);
  std::string strategy = "delete";
  in.one_of("thread_strategy", strategy, {"delete", "keep_latest"});
  threads.keep_latest = strategy == "keep_latest";
  in.duration("stateless_threads", out.system.runs.stateless_ttl, yaml_section::no_time::is_fine);
  in.finish();
}

void read_egress(yaml_section in, config& out) {
  auto& o = out.egress;
  in.duration("connect_timeout", o.connect_timeout);
  in.number("max_reply_bytes", o.max_reply_bytes, 1024, 1 << 30);
  in.text("ca_file", o.ca_file);
  in.text("ca_path", o.ca_path);
  in.finish();
}

void fault_of_service(yaml_section& in, std::string_view url_key, std::string_view why) {
  auto key = why.substr(0, why.find(": "));
  if (key == "name" || key.size() == why.size())
    return in.fault("", std::string(why));
  in.fault(key == "url" ? url_key : key, std::string(why.substr(key.size() + 2)));
}

void read_services(yaml_section in, config& out) {
  for (const auto& name : in.keys())
    if (!in.has(name) && name != "*")
      in.fault(name, "is empty; a service needs at least a base_url or url");
    else if (auto one = in.section(name))
      out.services.push_back(read_service(name, std::move(*one), out));
}

} // namespace behalf
