// What a node gets beside the state: who it acts for, the run's configuration, services by name,
// the store, the event stream, interrupts.
#pragma once

#include "behalf/coroutine.hpp"
#include "behalf/node.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct model_directory;
class run_spending;
struct stream_item;
struct task_facts;

/// A service's streamed body, to be pulled part by part. The driver closes what is left open.
class byte_stream {
public:
  byte_stream() = default;
  explicit byte_stream(service_reply head) : head_(std::move(head)) {}

  int status() const { return head_.status; }
  const header_list& headers() const { return head_.headers; }
  /// Takes the call's credential out of what is decoded from the parts, where nothing of it is
  /// found in their bytes. Null: the call took none.
  const std::shared_ptr<const text_scrubber>& scrub() const { return head_.scrub; }
  /// The next part; `last` is set on the final one (which may be empty).
  awaiting<outbound_chunk> next() const { return awaiting<outbound_chunk>{read_chunk{id()}}; }
  awaiting<std::monostate> close() const { return awaiting<std::monostate>{close_stream{id()}}; }

private:
  uint64_t id() const { return head_.stream_id; }

  service_reply head_;
};

/// An HTTP request to a service, awaited for its reply.
///
///   auto reply = co_await api.request("PATCH", "/todos/7").header("If-Match", tag).body({{"done",
///   true}});
class [[nodiscard]] service_request : public awaiting<service_reply> {
public:
  explicit service_request(effect what) : awaiting<service_reply>(std::move(what)) {}

  service_request& header(std::string_view name, std::string_view value);
  /// Sent as application/json.
  service_request& body(json_arg value);
  /// The reply's body is pulled part by part.
  awaiting<byte_stream> stream();

private:
  http_operation& operation();
};

/// Calls on one external service, made as the run's user. Await what a method returns.
/// Errors: not_found (no such service), denied kind "needs_auth" (no usable credential), upstream,
/// timeout. An HTTP status of the service, 500 included, is a reply and no error.
class service_client {
public:
  explicit service_client(std::string name) : name_(std::move(name)) {}

  // HTTP. `path` is relative to the service's URL, with its query: "/messages?unread=true".
  service_request get(std::string_view path) const;
  service_request post(std::string_view path, json_arg body) const;
  service_request put(std::string_view path, json_arg body) const;
  service_request patch(std::string_view path, json_arg body) const;
  service_request del(std::string_view path) const;
  service_request request(std::string_view method, std::string_view path) const;
  /// A GET whose body is pulled part by part.
  awaiting<byte_stream> open(std::string_view path) const;

  /// MCP: {"content": […], "isError": …}.
  awaiting<service_reply> call_tool(std::string_view tool, object_arg arguments = {}) const;
  /// MCP: {"tools": […]}, all pages.
  awaiting<service_reply> list_tools() const;

  template <bool used = true>
  service_request request(http_operation) const {
    static_assert(!used,
                  "write request(\"POST\", \"/path\").header(name, value).body({{key, value}}) "
                  "here: g++ 12 destroys a struct in braces twice inside co_await");
    return get("");
  }

private:
  std::string name_;
};

/// A search of the store, awaited for the items found.
///
///   auto found = co_await ctx.store().search({"notes", user}).filter({{"done", false}}).limit(20);
class [[nodiscard]] item_search : public awaiting<std::vector<stored_item>> {
public:
  explicit item_search(labels prefix);

  /// Only items whose value contains this.
  item_search& filter(object_arg part);
  item_search& limit(int64_t most); // 10 unless said, 1000 at most
  item_search& offset(int64_t skip);
  /// By meaning, the nearest first, where the server has an index; else it changes nothing. Error:
  /// overloaded while the embeddings endpoint does not answer.
  item_search& query(std::string_view text);

private:
  store_search& operation();
};

/// A put into the store.
class [[nodiscard]] item_put : public awaiting<std::monostate> {
public:
  using awaiting<std::monostate>::awaiting;

  /// How long the item stays, 0 is for ever; unless said, as the server's configuration says.
  item_put& ttl(std::chrono::minutes time);
  /// By which of its fields a query finds it: paths as in `store.index.fields`; none: by none.
  item_put& index(labels paths);

private:
  store_put& operation();
};

/// A listing of the namespaces that hold items, awaited for them, in order.
///
///   auto users = co_await ctx.store().namespaces().suffix({"profile"}).max_depth(1);
class [[nodiscard]] namespace_listing : public awaiting<std::vector<std::vector<std::string>>> {
public:
  explicit namespace_listing(labels prefix);

  namespace_listing& suffix(labels last); // "*" is any label, here and in the prefix
  namespace_listing& max_depth(int64_t labels_at_most);
  namespace_listing& limit(int64_t most); // 100 unless said, 1000 at most
  namespace_listing& offset(int64_t skip);

private:
  store_list& operation();
};

/// The long-term store, within what the run's user may see.
class store_client {
public:
  /// The item, or not_found.
  awaiting<stored_item> get(labels ns, std::string_view key) const;
  item_put put(labels ns, std::string_view key, object_arg value) const;
  awaiting<std::monostate> del(labels ns, std::string_view key) const;
  item_search search(labels prefix) const;
  namespace_listing namespaces(labels prefix = {}) const;

  template <bool used = true>
  item_search search(store_search) const {
    static_assert(!used,
                  "write search({\"label\"}).filter({{key, value}}).limit(n).offset(n) here: "
                  "g++ 12 destroys a struct in braces twice inside co_await");
    return search(labels{});
  }
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
  /// Supersteps until the run fails by its recursion_limit, this one among them.
  int64_t remaining_steps() const;
  bool is_last_step() const { return remaining_steps() <= 1; }
  int attempt() const;
  /// When the time of the node or its run is up.
  deadline until() const;
  /// What the node returns will not be used: its run was cancelled or failed, its time is up, or
  /// the server stops. A node that takes long looks now and then.
  bool cancelled() const;

  /// Waits without holding a thread: `co_await ctx.sleep(200ms);`. Ends early, never to go on, when
  /// the run is cancelled or its time is up.
  template <class Rep, class Period>
  awaiting<std::monostate> sleep(std::chrono::duration<Rep, Period> time) const {
    return awaiting<std::monostate>{sleep_for{std::chrono::ceil<std::chrono::milliseconds>(time)}};
  }

  /// A `custom` event of the run's stream.
  void write(json_arg data) const;
  /// A part of a message being made, for the `messages` modes: the next text, or a chunk with what
  /// it has of {content, id, tool_call_chunks, …}. It is completed as messages of the state are.
  /// Parts with one id are one message; those without belong to one of this node's execution.
  /// Gives the message's id, for the message of the state that the parts become:
  /// `with_id(ai(text), id)`.
  std::string write_message(json_arg chunk) const {
    return write_message(std::move(chunk), nullptr);
  }
  /// The same with metadata of the message's own, beside its event's: {"ls_model_name": …}.
  std::string write_message(json_arg chunk, std::shared_ptr<const json::object> metadata) const;

  service_client service(std::string_view name) const { return service_client{std::string(name)}; }
  store_client store() const { return {}; }

  /// Coroutines: `auto answer = co_await ctx.interrupt(question);`. Until it is answered the run
  /// stops here; on resume the node runs again from its top and the nth interrupt awaited gets the
  /// nth answer, without stopping. Each coroutine of a `when_all` counts its own.
  answer_of interrupt(json_arg question) const;

  /// Runs a graph inside this one and gives its output channels:
  ///
  ///   auto found = co_await ctx.run(research, {{"question", state.text("question")}});
  ///   if (!found)
  ///     co_return found.error();
  ///
  /// Where a question stops it the run stops; on resume this node runs again from its top, and the
  /// nth graph that it runs goes on from where it was, one that had ended ends at once with the
  /// same values. Name it in the node's `calls`, too.
  subgraph_call run(std::shared_ptr<const graph> subgraph, object_arg input) const;

  /// Functions: the answer to this node's nth interrupt, or null when there is none yet.
  const json::value* answer(std::size_t n = 0) const;

private:
  friend std::shared_ptr<const model_directory> models_of(const context& ctx);
  friend std::shared_ptr<run_spending> spending_of(const context& ctx);
  friend void emit(const context& ctx, stream_item item);
  friend bool is_temporary(const context& ctx);
  friend bool may_have_run(const context& ctx);

  std::shared_ptr<task_facts> facts_;
};

} // namespace behalf
