// What a node gets beside the state: who it acts for, the run's configuration, services by name,
// the store, the event stream, interrupts.
#pragma once

#include "behalf/node.hpp"
#include "behalf/task.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct task_facts;

/// A service's streamed body, to be pulled part by part. The driver closes what is left open.
class byte_stream {
public:
  byte_stream() = default;
  explicit byte_stream(service_reply head) : head_(std::move(head)) {}

  unsigned status() const { return head_.status; }
  const header_list& headers() const { return head_.headers; }
  /// The next part; `last` is set on the final one (which may be empty).
  awaiting<outbound_chunk> next() const { return awaiting<outbound_chunk>{read_chunk{id()}}; }
  awaiting<std::monostate> close() const { return awaiting<std::monostate>{close_stream{id()}}; }

private:
  uint64_t id() const { return head_.stream_id; }

  service_reply head_;
};

/// Calls on one external service, made as the run's user. Await what a method returns.
/// Errors: not_found (no such service), denied kind "needs_auth" (no usable credential), upstream,
/// timeout. An HTTP status of the service, 500 included, is a reply and no error.
class service_client {
public:
  explicit service_client(std::string name) : name_(std::move(name)) {}

  awaiting<service_reply> get(std::string_view path) const;
  awaiting<service_reply> post(std::string_view path, json::value body) const;
  awaiting<service_reply> put(std::string_view path, json::value body) const;
  awaiting<service_reply> del(std::string_view path) const;
  awaiting<service_reply> request(http_operation op) const;
  /// MCP: {"content": […], "isError": …}.
  awaiting<service_reply> call_tool(std::string_view tool, json::object arguments) const;
  awaiting<service_reply> call_tool(std::string_view tool) const;
  /// MCP: {"tools": […]}, all pages.
  awaiting<service_reply> list_tools() const;
  /// A GET whose body is pulled.
  awaiting<byte_stream> open(std::string_view path) const;
  awaiting<byte_stream> open(http_operation op) const;

private:
  std::string name_;
};

/// The long-term store, within what the run's user may see.
class store_client {
public:
  using labels = std::vector<std::string>;

  /// The item, or not_found.
  awaiting<stored_item> get(labels ns, std::string_view key) const;
  awaiting<std::monostate> put(labels ns, std::string_view key, json::object value) const;
  awaiting<std::monostate> del(labels ns, std::string_view key) const;
  awaiting<std::vector<stored_item>> search(store_search what) const;
};

/// Handed to every node, router and coroutine. Cheap to copy; all copies are one context.
class context {
public:
  explicit context(std::shared_ptr<task_facts> facts) : facts_(std::move(facts)) {}

  /// `config.configurable` exactly as the Agent Server API gives it.
  const json::object& configurable() const;
  const json::object& config() const;
  const json::object& metadata() const;
  /// The API's `context` of the run.
  const json::value& run_context() const;

  /// `langgraph_auth_user`; empty without authentication.
  const json::object& user() const;
  /// The authenticated identity, or "".
  std::string_view identity() const;
  bool permitted(std::string_view permission) const;

  std::string_view run_id() const;
  std::string_view thread_id() const;
  std::string_view node() const;
  std::string_view task_id() const;
  int64_t step() const;
  int attempt() const;
  /// When the time of the node or its run is up.
  deadline until() const;
  /// What the node returns will not be used: its run was cancelled or failed, its time is up, or
  /// the server stops. A node that takes long looks now and then.
  bool cancelled() const;

  /// A `custom` event of the run's stream.
  void write(json::value data) const;
  /// A chunk of a message being made (an AIMessageChunk with a constant id): `messages` modes.
  void write_message(json::value chunk) const;

  service_client service(std::string_view name) const { return service_client{std::string(name)}; }
  store_client store() const { return {}; }

  /// Coroutines: `auto answer = co_await ctx.interrupt(question);`. Until it is answered the run
  /// stops here; on resume the node runs again from its top and the nth interrupt of the node
  /// gets the nth answer, without stopping.
  answer_of interrupt(json::value question) const;

  /// Functions: the answer to this node's nth interrupt, or null when there is none yet.
  const json::value* answer(std::size_t n = 0) const;

private:
  std::shared_ptr<task_facts> facts_;
};

} // namespace behalf
