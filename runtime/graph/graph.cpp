#include "runtime/graph/graph.hpp"

#include "runtime/graph/task_facts.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace behalf {
namespace {

// A function as a machine: it ends with its first turn.
class function_node final : public node {
public:
  explicit function_node(std::shared_ptr<const node_fn> body) : body_(std::move(body)) {}

  turn start(const step_input& in) override {
    try {
      return (*body_)(in.state, in.ctx);
    } catch (...) {
      return node_result{current_exception_error()};
    }
  }

  turn resume(uint64_t, effect_reply) override {
    return node_result{fail(errc::internal, "a function node asks for nothing")};
  }

private:
  std::shared_ptr<const node_fn> body_;
};

// A coroutine as a machine: made when the input is there, of which it has a copy, so that a
// parameter may be a reference.
class lazy_coroutine_node final : public node {
public:
  explicit lazy_coroutine_node(std::shared_ptr<const node_coroutine_fn> body)
    : body_(std::move(body)) {}

  turn start(const step_input& in) override {
    try {
      state_ = in.state;
      ctx_.emplace(in.ctx);
      running_ = coroutine_node((*body_)(state_, *ctx_));
    } catch (...) {
      return node_result{current_exception_error()};
    }
    return running_->start(in);
  }

  turn resume(uint64_t ask_id, effect_reply reply) override {
    return running_->resume(ask_id, std::move(reply));
  }

private:
  std::shared_ptr<const node_coroutine_fn> body_; // a lambda's captures live here
  state_view state_;
  std::optional<context> ctx_;
  std::unique_ptr<node> running_;
};

} // namespace

bool retry_policy::again(const error& e, int attempt) const {
  if (attempt >= max_attempts)
    return false;
  if (retry_on)
    return retry_on(e);
  return e.code == errc::upstream || e.code == errc::overloaded || e.code == errc::timeout;
}

std::chrono::milliseconds retry_policy::delay(int attempt) const {
  auto ms = static_cast<double>(initial.count()) * std::pow(factor, attempt - 1);
  auto capped = std::min(ms, static_cast<double>(max.count()));
  return std::chrono::milliseconds{static_cast<int64_t>(capped)};
}

std::string graph_join::key() const {
  std::string text = "join:";
  for (std::size_t i = 0; i < from.size(); ++i)
    text += (i ? "+" : "") + from[i];
  return text + ":" + to;
}

bool node_definition::keeps_inner() const {
  return inner() && inner()->keeps() != persistence::none;
}

const node_definition* graph::find(std::string_view node) const {
  for (const auto& one : nodes_)
    if (one->name == node)
      return one.get();
  return nullptr;
}

const std::vector<std::string>& graph::successors(std::string_view node) const {
  static const std::vector<std::string> none;
  auto at = edges_.find(node);
  return at == edges_.end() ? none : at->second;
}

std::vector<inner_graph> graph::subgraphs(bool recurse) const {
  std::vector<inner_graph> all;
  for (const auto& one : nodes_) {
    const auto* inner = one->inner();
    if (!inner)
      continue;
    all.push_back({one->name, inner});
    if (!recurse)
      continue;
    for (auto& deeper : inner->subgraphs(true))
      all.push_back({one->name + '|' + deeper.place, deeper.what});
  }
  return all;
}

const graph* graph::at(std::string_view ns) const {
  const auto* here = this;
  for (bool first = true; here && !ns.empty(); first = false) {
    auto end = ns.find('|');
    auto segment = ns.substr(0, end);
    ns = end == ns.npos ? std::string_view{} : ns.substr(end + 1);
    const auto* node = here->find(segment.substr(0, segment.find(':')));
    // Which of a node's calls it is, where there are several: "ask:<task id>|1".
    if (!node && !first && segment.find_first_not_of("0123456789.") == segment.npos)
      continue;
    here = node ? node->inner() : nullptr;
  }
  return here;
}

std::string graph::kept_at(std::string_view ns) const {
  std::string kept;
  const auto* here = this;
  while (!ns.empty()) {
    auto end = ns.find('|');
    auto segment = ns.substr(0, end);
    ns = end == ns.npos ? std::string_view{} : ns.substr(end + 1);
    kept += (kept.empty() ? "" : "|") + std::string(segment);
    const auto* node = here ? here->find(segment.substr(0, segment.find(':'))) : nullptr;
    if (node)
      here = node->inner();
    if (here && here->keeps() == persistence::per_thread)
      kept = without_task_ids(kept);
  }
  return kept;
}

std::string without_task_ids(std::string_view ns) {
  std::string names;
  bool in_id = false;
  for (char c : ns) {
    in_id = c != '|' && (in_id || c == ':');
    if (!in_id)
      names += c;
  }
  return names;
}

// --- the builder -------------------------------------------------------------------------------

graph_builder::graph_builder(std::string name)
  : made_(new graph), channels_(std::make_shared<channel_table>()) {
  made_->name_ = std::move(name);
  made_->cache_ = std::make_shared<node_cache>();
}

graph_builder& graph_builder::channel(std::string name, behalf::channel how) {
  how.name = std::move(name);
  auto copy = how.name;
  if (how.name.empty())
    faults_.push_back("a channel needs a name");
  else if (!channels_->add(std::move(how)))
    faults_.push_back("the channel '" + copy + "' is declared twice");
  return *this;
}

bool graph::hides(std::string_view channel) const {
  return std::find(hidden_.begin(), hidden_.end(), channel) != hidden_.end();
}

graph_builder& graph_builder::private_channel(std::string name, behalf::channel how) {
  made_->hidden_.push_back(name);
  return channel(std::move(name), std::move(how));
}

graph_builder& graph_builder::closed() {
  made_->closed_ = true;
  return *this;
}

graph_builder& graph_builder::interrupt_before(std::vector<std::string> nodes) {
  made_->stops_before_ = std::move(nodes);
  return *this;
}

graph_builder& graph_builder::interrupt_after(std::vector<std::string> nodes) {
  made_->stops_after_ = std::move(nodes);
  return *this;
}

graph_builder& graph_builder::input(std::vector<std::string> channels) {
  input_ = std::move(channels);
  return *this;
}

graph_builder& graph_builder::output(std::vector<std::string> channels) {
  output_ = std::move(channels);
  return *this;
}

graph_builder& graph_builder::add(std::string name, node_factory make, node_options options) {
  if (name.empty() || name == flow::start || name == flow::end
      || name.find_first_of("|:") != name.npos)
    faults_.push_back("'" + name
                      + "' cannot be a node's name: it is empty, __start__ or __end__, or contains "
                        "| or :");
  else if (made_->find(name))
    faults_.push_back("the node '" + name + "' is declared twice");
  else
    made_->nodes_.push_back(std::make_unique<node_definition>(
      node_definition{std::move(name), std::move(make), std::move(options)}));
  return *this;
}

graph_builder& graph_builder::node(std::string name, std::shared_ptr<const graph> subgraph,
                                   node_options options) {
  if (!subgraph) {
    faults_.push_back("the node '" + name + "' is a graph that could not be built");
    return *this;
  }
  add(name, nullptr, std::move(options));
  if (!made_->nodes_.empty() && made_->nodes_.back()->name == name)
    made_->nodes_.back()->subgraph = std::move(subgraph);
  return *this;
}

node_factory graph_builder::from_function(node_fn body) {
  auto shared = std::make_shared<const node_fn>(std::move(body));
  return [shared] { return std::make_unique<function_node>(shared); };
}

node_factory graph_builder::from_coroutine(node_coroutine_fn body) {
  auto shared = std::make_shared<const node_coroutine_fn>(std::move(body));
  return [shared] { return std::make_unique<lazy_coroutine_node>(shared); };
}

graph_builder& graph_builder::edge(std::string_view from, std::string_view to) {
  auto& all = made_->edges_[std::string(from)];
  if (std::find(all.begin(), all.end(), to) != all.end())
    faults_.push_back("the edge from '" + std::string(from) + "' to '" + std::string(to)
                      + "' is declared twice");
  else
    all.emplace_back(to);
  return *this;
}

graph_builder& graph_builder::edge(std::vector<std::string> from, std::string_view to) {
  if (from.size() == 1)
    return edge(from.front(), to);
  std::sort(from.begin(), from.end());
  if (from.empty() || std::adjacent_find(from.begin(), from.end()) != from.end())
    faults_.push_back("the join into '" + std::string(to)
                      + "' waits for no node, or for one of them twice");
  else
    made_->joins_.push_back({std::move(from), std::string(to)});
  return *this;
}

graph_builder& graph_builder::branch(std::string_view from, router_fn choose,
                                     std::vector<std::string> targets) {
  if (!choose)
    faults_.push_back("the conditional edge from '" + std::string(from) + "' has no function");
  made_->branches_.push_back({std::string(from), std::move(choose), std::move(targets)});
  return *this;
}

graph_builder& graph_builder::keeps(persistence how) {
  made_->keeps_ = how;
  return *this;
}

graph_builder& graph_builder::config_schema(json::object schema) {
  made_->config_schema_ = std::move(schema);
  return *this;
}

graph_builder& graph_builder::context_schema(json::object schema) {
  made_->context_schema_ = std::move(schema);
  return *this;
}

result<std::shared_ptr<const graph>> graph_builder::build() {
  made_->input_ = mark(input_, "input");
  auto shown = mark(output_, "output");
  made_->private_.assign(channels_->size(), false);
  for (const auto& name : made_->hidden_)
    if (auto at = channels_->find(name); at != channel_table::none)
      made_->private_[at] = true;
  for (std::size_t i = 0; i < shown.size(); ++i)
    if (made_->private_[i])
      made_->input_[i] = shown[i] = false;
  made_->output_ = std::make_shared<const std::vector<bool>>(std::move(shown));
  for (auto& one : made_->nodes_) {
    auto reads = mark(one->options.reads, ("node '" + one->name + "' reads the").c_str());
    if (!one->options.reads.empty())
      one->reads = std::make_shared<const std::vector<bool>>(reads);
    for (std::size_t i = 0; i < reads.size(); ++i)
      reads[i] = reads[i] && !made_->private_[i];
    one->shown = std::make_shared<const std::vector<bool>>(std::move(reads));
  }
  check();
  if (!faults_.empty()) {
    std::string all = "the graph '" + made_->name_ + "' cannot be built: ";
    for (std::size_t i = 0; i < faults_.size(); ++i)
      all += (i ? "; " : "") + faults_[i];
    return fail(errc::invalid_argument, all);
  }
  made_->channels_ = std::move(channels_);
  return std::shared_ptr<const graph>(std::move(made_));
}

std::vector<bool> graph_builder::mark(const std::vector<std::string>& names, const char* what) {
  std::vector<bool> marks(channels_->size(), names.empty());
  for (const auto& name : names) {
    auto at = channels_->find(name);
    if (at == channel_table::none)
      faults_.push_back("the " + std::string(what) + " channel '" + name + "' is not declared");
    else
      marks[at] = true;
  }
  return marks;
}

result<std::shared_ptr<const graph>> make_graph(const graph_factory& make,
                                                std::shared_ptr<const run_facts> run) {
  auto facts = std::make_shared<task_facts>();
  facts->run = std::move(run);
  try {
    auto made = make(context{std::move(facts)});
    if (made && !*made)
      return fail(errc::internal, "the graph's factory made none");
    return made;
  } catch (...) {
    return current_exception_error();
  }
}

} // namespace behalf
