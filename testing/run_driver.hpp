// Drives a run_tree on the test's own thread: nodes run at once, or when the test says so.
#pragma once

#include "runtime/graph/run_tree.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

inline json::value js(std::string_view text) {
  return json::parse({text.data(), text.size()});
}

/// What the store would hold after a run: the newest version of each checkpoint.
struct kept_checkpoints {
  std::map<std::string, checkpoint_doc> docs;

  /// Of what was kept, also what was replaced later.
  std::size_t bytes = 0;

  void add(const task_end& end) {
    auto text = dump(end.task.body());
    bytes += text.size();
    static_cast<void>(docs.at(end.checkpoint_id).add_ends({parse_json(text).value()}).value());
  }

  void keep(std::vector<checkpoint_doc> fresh) {
    for (auto& doc : fresh) {
      // As stored and read again: what JSON loses is lost here too.
      auto text = dump(doc.body());
      bytes += text.size();
      auto body = parse_json(text).value().as_object();
      auto metadata = parse_json(dump(doc.metadata())).value().as_object();
      auto copy = checkpoint_doc::from(doc.id, doc.parent_id, doc.ns, doc.full, metadata, body,
                                       doc.created_at);
      docs.insert_or_assign(doc.id, copy.value());
    }
  }

  /// The checkpoint, or the newest of the graph at `ns`.
  std::optional<loaded_checkpoint> load(std::string id = {}, const std::string& ns = {}) const {
    if (id.empty())
      for (const auto& [one, doc] : docs)
        if (doc.ns == ns)
          id = one;
    if (id.empty())
      return std::nullopt;
    return restore_chain(chain_of(id)).value();
  }

  std::vector<checkpoint_doc> chain_of(std::string id) const {
    std::vector<checkpoint_doc> chain;
    for (;;) {
      chain.insert(chain.begin(), docs.at(id));
      if (chain.front().full)
        break;
      id = chain.front().parent_id;
    }
    return chain;
  }
};

/// One run of a graph over a thread's checkpoints.
class run_driver {
public:
  /// Nothing: not while anything else is asked, and then with a timeout.
  using answer_fn = std::function<std::optional<effect_reply>(const effect&)>;

  run_driver(std::shared_ptr<const graph> flow, kept_checkpoints& thread)
    : flow_(std::move(flow)), thread_(thread) {}

  json::object kwargs{{"stream_mode", json::array{"values", "updates"}}};
  json::object configurable;
  std::string from; // a checkpoint id
  std::string run_id = uuid_like();
  bool after_crash = false;
  time_point created_at{};
  answer_fn answer;                              // to effects of nodes
  std::shared_ptr<const model_directory> models; // null: there are none
  std::shared_ptr<run_spending> spending;        // null: nobody counts

  std::vector<loop_event> events;
  std::vector<task_spec> waiting; // started, not yet run
  std::optional<run_outcome> outcome;
  std::vector<std::size_t> kept_per_output;

  run_driver& input(json::value v) {
    kwargs["input"] = std::move(v);
    return *this;
  }
  run_driver& command(json::value v) {
    kwargs["command"] = std::move(v);
    return *this;
  }
  run_driver& modes(json::value v) {
    kwargs["stream_mode"] = std::move(v);
    return *this;
  }

  run_driver& begin() {
    auto facts = std::make_shared<run_facts>();
    facts->run_id = run_id;
    facts->thread_id = "thread-1";
    facts->graph_id = flow_->name();
    auto config = object_or_empty(kwargs, "config");
    config["configurable"] = configurable;
    facts->config = std::make_shared<const json::object>(std::move(config));
    facts->metadata = {{"run_id", run_id}, {"thread_id", "thread-1"}};
    facts->models = models;
    facts->spending = spending;
    if (const auto* c = member(kwargs, "context"))
      facts->run_context = std::make_shared<const json::value>(*c);
    auto spec = run_spec::from_kwargs(std::make_shared<const json::object>(kwargs), facts);
    spec.from_checkpoint = !from.empty();
    spec.after_crash = after_crash;
    spec.created_at = created_at;
    loop.emplace(flow_, thread_.load(from), std::move(spec));
    take(loop->begin());
    return *this;
  }

  /// Runs what waits, in the order it was started, until the run is over.
  run_driver& run() {
    if (!loop)
      begin();
    while (!outcome && !waiting.empty())
      run_task(0);
    return *this;
  }

  void run_task(std::size_t i) {
    auto t = std::move(waiting.at(i));
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
    auto which = t.this_attempt();
    if (t.what->subgraph)
      return take(loop->enter(std::move(t)));
    auto how = execute(t);
    t = {};
    if (how)
      take(loop->task_done(which, std::move(*how)));
  }

  void run_task(std::string_view name) {
    auto at = std::find_if(waiting.begin(), waiting.end(),
                           [&](const task_spec& t) { return t.name == name; });
    run_task(static_cast<std::size_t>(at - waiting.begin()));
  }

  void take(tree_output out) {
    for (auto& e : out.events)
      events.push_back(std::move(e));
    thread_.keep(std::move(out.checkpoints));
    for (const auto& end : out.ends)
      thread_.add(end);
    for (auto& t : out.start)
      waiting.push_back(std::move(t));
    for (auto& one : out.replies)
      replies_.push_back(std::move(one));
    for (const auto& one : out.stop) {
      stopped_.push_back(one);
      std::erase_if(waiting, [&](const task_spec& t) { return t.this_attempt() == one; });
    }
    if (out.outcome)
      outcome = std::move(out.outcome);
    for (const auto& one : out.load)
      take(loop->loaded(one.by, thread_.load(one.id, one.ns)));
  }

  /// "values {…}", one line each.
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const auto& e : events)
      all.push_back(e.name + ' ' + *e.data);
    return all;
  }
  std::vector<json::value> data(std::string_view name) const {
    std::vector<json::value> all;
    for (const auto& e : events)
      if (e.name == name)
        all.push_back(js(*e.data));
    return all;
  }
  json::value values() const { return outcome->values->to_json(); }

  std::optional<run_tree> loop;

private:
  // Nothing: it was stopped.
  std::optional<node_result> execute(const task_spec& t) {
    auto emit = [this, which = t.this_attempt()](stream_item item) {
      take(loop->written(which, std::move(item)));
    };
    auto ctx = t.make_context(loop->facts(), emit);
    auto machine = t.what->make();
    const auto me = t.this_attempt();
    auto now = machine->start({t.input, ctx});
    std::deque<asked_effect> open, held; // held: not answered while there is anything else
    while (auto* asked = std::get_if<std::vector<asked_effect>>(&now)) {
      for (auto& one : *asked)
        if (std::holds_alternative<withdraw>(one.what))
          for (auto* those : {&open, &held})
            std::erase_if(*those, [&](const asked_effect& o) { return o.id == one.id; });
        else
          open.push_back(std::move(one));
      for (auto& one : open)
        if (auto* call = std::get_if<run_subgraph>(&one.what))
          take(loop->call(me, one.id, std::move(*call)));
      auto calls = std::erase_if(open, [](const asked_effect& one) {
        return std::holds_alternative<run_subgraph>(one.what);
      });
      called_[me] += calls;
      if (open.empty() && called_[me] > 0) {
        auto reply = reply_to(me);
        if (!reply)
          return std::nullopt;
        --called_[me];
        now = machine->resume(reply->ask_id, std::move(reply->reply));
        continue;
      }
      now = resume(*machine, open, held);
    }
    return std::get<node_result>(std::move(now));
  }

  // Runs what waits until a graph that the node called has ended.
  std::optional<subgraph_end> reply_to(const task_attempt& me) {
    for (;;) {
      for (auto one = replies_.begin(); one != replies_.end(); ++one)
        if (one->to == me) {
          auto found = std::move(*one);
          replies_.erase(one);
          return found;
        }
      if (outcome || std::find(stopped_.begin(), stopped_.end(), me) != stopped_.end()
          || waiting.empty())
        return std::nullopt;
      run_task(0);
    }
  }

  turn resume(node& machine, std::deque<asked_effect>& open, std::deque<asked_effect>& held) const {
    while (!open.empty()) {
      auto one = std::move(open.front());
      open.pop_front();
      auto reply =
        answer ? answer(one.what) : effect_reply{fail(errc::not_found, "nobody answers")};
      if (reply)
        return machine.resume(one.id, std::move(*reply));
      held.push_back(std::move(one));
    }
    if (held.empty())
      return node_result{fail(errc::internal, "the node waits for nothing")};
    auto one = std::move(held.front());
    held.pop_front();
    return machine.resume(one.id, fail(errc::timeout, "never answered"));
  }

  static std::string uuid_like() {
    static int n = 0;
    return "run-" + std::to_string(++n);
  }

  std::shared_ptr<const graph> flow_;
  kept_checkpoints& thread_;
  std::vector<subgraph_end> replies_;
  std::vector<task_attempt> stopped_;
  std::map<task_attempt, std::size_t> called_;
};

} // namespace behalf
