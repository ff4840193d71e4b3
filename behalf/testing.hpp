// Runs a graph in a unit test: services answer what the test scripted, the store is in memory, time
// passes at once. No server, no network. Link behalf::testing (CMake: behalf_add_test).
//
//   testing::graph_runner inbox{make_inbox()};
//   inbox.service("mail").answers("list_unread", {{"count", 2}});
//   auto asked = inbox.run({{"messages", list(human("hi"))}});
//   CHECK(asked.interrupts.size() == 1);
//   auto done = inbox.resume(true);
//   CHECK(done.state.at("approved") == true);
#pragma once

#include "behalf/graph.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf::testing {

/// One event of a run's stream, as clients see it: "values", "updates", "custom", "messages", …
struct event {
  std::string name;
  json::value data;
};

/// Why a run failed, as clients see it.
struct run_error {
  std::string type, message; // {"ValueError", "…"}
};

/// What a run left behind.
struct outcome {
  json::object state; // the output channels
  std::vector<event> events;
  std::vector<json::value> interrupts; // questions that wait for `resume`
  std::vector<std::string> next;       // nodes that are left to run
  std::optional<run_error> error;

  /// The data of all events of one name.
  std::vector<json::value> data(std::string_view name) const;
};

/// A call of a node on a service.
struct recorded_call {
  std::string service;
  std::string what;      // the tool's name, "tools/list", or method and path: "POST /api/done"
  json::value arguments; // of the tool, or the body
};

/// The answers of one service. `what` is as in recorded_call, or what it begins with and a "*":
/// "GET /items/*". Several answers to one `what` are
/// given in their order, the last one again and again. What has none is a failed call that says
/// what there is, beginning with "not scripted".
class scripted_service {
public:
  using answer_fn = std::function<result<service_reply>(const recorded_call&)>;

  /// To a tool: its result. To an HTTP request: the body.
  scripted_service& answers(std::string what, json_arg with, unsigned status = 200);
  scripted_service& fails(std::string what, error why);
  /// A body that is pulled part by part.
  scripted_service& streams(std::string what, std::vector<std::string> parts);
  /// Only when the node waits for nothing else, and then with errc::timeout.
  scripted_service& never_answers(std::string what);
  scripted_service& answers_by(std::string what, answer_fn function);

private:
  friend class graph_runner;
  struct answer {
    std::string what;
    answer_fn make;
    std::vector<std::string> parts = {};
    bool given = false;
  };
  std::vector<answer> answers_;
};

/// The answers of one chat model, given in their order, the last one again and again. It never
/// tries again by itself and has no fallback: each answer is for one question.
class scripted_model {
public:
  struct call {
    std::string name;
    json_arg args; // an object; a text goes out as it is, for arguments that are no JSON
  };

  scripted_model& says(std::string text);
  /// Tools, all in one answer; their ids are "call_1", "call_2", ….
  scripted_model& calls(std::vector<call> all);
  scripted_model& fails(error why);

  /// What it was asked: the bodies of Chat Completions, with `messages` and `tools`.
  const std::vector<json::value>& asked() const { return asked_; }

private:
  friend class graph_runner;
  struct answer {
    std::string text;
    json::array calls;
    std::optional<error> why;
  };
  std::vector<answer> answers_;
  std::size_t given_ = 0;
  std::vector<json::value> asked_;
};

/// The long-term store of a test. Refuses the names, filters and values that the server refuses;
/// `put` throws then.
class memory_store {
public:
  memory_store& put(labels ns, std::string_view key, object_arg value);
  /// Null when there is none.
  const json::object* find(labels ns, std::string_view key) const;
  std::size_t size() const { return items_.size(); }

private:
  friend class graph_runner;
  std::vector<stored_item> items_; // in the order they were last written
};

/// A graph and one thread of it. Nodes run one after the other, in the order they were started,
/// those that may block too.
class graph_runner {
public:
  /// Throws std::invalid_argument with what is wrong with the graph.
  explicit graph_runner(result<std::shared_ptr<const graph>> made);
  /// Each run is one of the graph that is made for its `configurable`, `context` and user.
  explicit graph_runner(graph_factory make);
  ~graph_runner();

  scripted_service& service(const std::string& name);
  /// One of `models`: there are those that the test has named.
  scripted_model& model(const std::string& name);
  memory_store& store();

  /// Who the run acts for; nobody, unless told.
  graph_runner& as(std::string identity, std::vector<std::string> permissions = {});
  /// `config.configurable` and `context` of the runs to come.
  graph_runner& configurable(object_arg values);
  graph_runner& context(json_arg value);
  /// Which events are kept: by default "updates", "messages" and "custom".
  graph_runner& stream(std::vector<std::string> modes);
  /// Where the runs to come stop: names of nodes, or "*".
  graph_runner& interrupt_before(std::vector<std::string> nodes);
  graph_runner& interrupt_after(std::vector<std::string> nodes);

  /// One run on the thread, which goes on from what the runs before left.
  outcome run(object_arg input);
  /// Answers the interrupt that the run before ended with.
  outcome resume(json_arg answer);
  /// Goes on where the run before stopped.
  outcome go_on();

  /// Every call on a service so far.
  const std::vector<recorded_call>& calls() const;
  /// How long nodes asked to sleep, in all. No time passes for it.
  std::chrono::milliseconds slept() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// A graph of a library as `graphs:` would load it; of a factory, the one of no configuration.
result<std::shared_ptr<const graph>> load_graph(const std::string& library, std::string_view name);

} // namespace behalf::testing
