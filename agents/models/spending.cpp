#include "agents/models/spending.hpp"

#include "agents/models/model_options.hpp"
#include "agents/models/usage.hpp"
#include "runtime/base/json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace behalf {
namespace {

constexpr int64_t most_tokens = 1'000'000'000'000; // of one answer
constexpr double most_cost = 1e6;                  // likewise
constexpr int64_t bytes_of_media = 4000;           // a token for four of them

int64_t billionths(double cost) {
  return std::llround(cost * 1e9);
}

std::string of_model(const std::string& name) {
  return "model " + name;
}
std::string of_agent(const std::string& name) {
  return "agent " + name;
}

// Keys of accounts. No name has the character between.
std::string of_user(const std::string& whose, const std::string& owner) {
  return whose + "\x1fuser " + owner;
}
std::string of_tenant(const std::string& whose, const std::string& tenant) {
  return whose + "\x1ftenant " + tenant;
}

void add(spent& to, const spent& more) {
  add_figure(to.tokens, more.tokens);
  add_figure(to.cost, more.cost);
  add_figure(to.tool_calls, more.tool_calls);
}
void take(spent& from, const spent& less) {
  from.tokens -= less.tokens;
  from.cost -= less.cost;
  from.tool_calls -= less.tool_calls;
}

spent spent_of(const usage_figures& used) {
  auto tokens = used.input;
  add_figure(tokens, used.output);
  return {tokens, used.cost, used.tool_calls};
}

// One limit, and what it bounds.
struct limit {
  std::string_view name;
  double most; // of tokens or money
  bool tokens;
  account_ptr of;
  std::string whose; // "agent helper"
};

double in_unit(const limit& l, const spent& s) {
  return l.tokens ? static_cast<double>(s.tokens) : shown_cost(s.cost);
}

// At most six digits behind the point, and none that say nothing.
std::string number(double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.6f", value);
  std::string made = text.data();
  made.erase(made.find_last_not_of('0') + 1);
  if (made.ends_with('.'))
    made.pop_back();
  return made;
}

// What others have spent is not said.
std::string sentence_of(const limit& l) {
  const auto own = " (" + number(l.most) + (l.tokens ? " tokens" : "") + ", of which "
                   + number(in_unit(l, l.of->used)) + " are used)";
  const std::string anew = ". It starts anew at 00:00 UTC.";
  const auto by = std::string(l.whose.starts_with("model") ? " for " : " of ") + l.whose;
  if (l.name.ends_with("_per_run"))
    return "The budget of one run" + by + " has no room for another answer" + own + ".";
  if (l.name.find("_per_user_") != l.name.npos)
    return "Your budget for today" + by + " has no room for another answer" + own + anew;
  if (l.name.find("_per_tenant_") != l.name.npos)
    return "Your organisation's budget for today" + by + " has no room for another answer" + anew;
  return "The budget for today" + by + " has no room for another answer" + anew;
}

usage_figures figures_from(const json::object& total) {
  usage_figures one;
  one.requests = int_or(total, "requests");
  one.input = int_or(total, "input_tokens");
  one.output = int_or(total, "output_tokens");
  one.tool_calls = int_or(total, "tool_calls");
  if (const auto* cost = member(total, "cost"); cost && cost->is_number())
    one.cost = billionths(cost->to_number<double>());
  return one;
}

json::object total_of(const usage_figures& used) {
  return {{"requests", used.requests},     {"input_tokens", used.input},
          {"output_tokens", used.output},  {"total_tokens", used.input + used.output},
          {"cost", shown_cost(used.cost)}, {"tool_calls", used.tool_calls}};
}

int64_t bytes_in(const json::value& v) {
  if (const auto* text = v.if_string())
    return static_cast<int64_t>(text->size());
  int64_t bytes = 0;
  if (const auto* list = v.if_array())
    for (const auto& one : *list)
      bytes += bytes_in(one);
  if (const auto* object = v.if_object())
    for (const auto& [key, one] : *object)
      bytes += bytes_in(one);
  return bytes;
}

// Of a block of a message's content. What only looks like media, in arguments, say, is text.
int64_t bytes_in_block(const json::value& block) {
  const auto bytes = bytes_in(block);
  if (!block.is_object())
    return bytes;
  const auto type = string_or(block.get_object(), "type");
  if (type == "file") // mostly more than text
    return string_or(block.get_object(), "mime_type").starts_with("text/") ? bytes : bytes / 16;
  const bool media = type == "image" || type == "image_url" || type == "audio"
                     || type == "input_audio" || type == "video";
  return media ? std::min(bytes, bytes_of_media) : bytes;
}

int64_t bytes_in_message(const json::value& message) {
  const auto* object = message.if_object();
  const auto* content = object ? object->if_contains("content") : nullptr;
  if (!content || !content->is_array())
    return bytes_in(message);
  auto bytes = bytes_in(message) - bytes_in(*content);
  for (const auto& block : content->get_array())
    bytes += bytes_in_block(block);
  return bytes;
}

} // namespace

void day_spending::load(int64_t day, const std::string& tenant, const std::string& owner,
                        const std::string& model, const std::string& agent,
                        const usage_figures& used) {
  std::lock_guard lock{guard_};
  if (day != today())
    return;
  for (const auto& whose : {of_model(model), of_agent(agent)})
    if (limited_.contains(whose))
      for (const auto& key : {of_user(whose, owner), of_tenant(whose, tenant), whose})
        add(account(key)->used, spent_of(used));
}

int64_t day_spending::seconds_left() const {
  using namespace std::chrono;
  const auto at = clock_();
  return duration_cast<seconds>(ceil<days>(at + microseconds{1}) - at).count() + 1;
}

account_ptr day_spending::account(const std::string& key) {
  if (const auto day = today(); day != day_) {
    accounts_.clear(); // requests under way settle with those of yesterday
    day_ = day;
  }
  auto& one = accounts_[key];
  if (!one)
    one = std::make_shared<budget_account>();
  return one;
}

spending_place::~spending_place() {
  settle({});
}

void spending_place::settle(const usage_figures& used) {
  if (auto run = std::exchange(run_, nullptr))
    run->settle(*this, used);
}

void spending_place::swap(spending_place& other) noexcept {
  std::swap(run_, other.run_);
  std::swap(accounts_, other.accounts_);
  std::swap(reserved_, other.reserved_);
  std::swap(model_, other.model_);
  std::swap(agent_, other.agent_);
}

run_spending::run_spending(std::shared_ptr<day_spending> days, std::string tenant,
                           std::string owner, std::string graph, const json::object& before)
  : days_(std::move(days)), tenant_(std::move(tenant)), owner_(std::move(owner)),
    graph_(std::move(graph)) {
  const auto read = [&](std::string_view key, by_name& into, auto named) {
    for (const auto& [name, total] : object_or_empty(before, key))
      if (total.is_object()) {
        const auto used = figures_from(total.get_object());
        into[name] = used;
        of_run(named(name))->used = spent_of(used);
      }
  };
  read("models", models_, of_model);
  read("agents", agents_, of_agent);
}

account_ptr run_spending::of_run(const std::string& whose) {
  auto& one = of_run_[whose];
  if (!one)
    one = std::make_shared<budget_account>();
  return one;
}

spending_answer run_spending::reserve(const model_options& model, const spending_agent* agent,
                                      const token_usage& estimate) {
  spending_place place;
  place.model_ = model.name;
  place.agent_ = agent ? agent->name : graph_;
  place.reserved_ = spent_of(figures_of(estimate, cost_of(estimate, model.prices)));
  std::lock_guard lock{days_->guard_};
  std::vector<limit> limits;
  const auto bound = [&](const std::string& whose, const spending_limits& l) {
    const auto user = of_user(whose, owner_);
    // An account is there for each limit, and stands in the place once.
    const auto add_limit = [&](std::string_view name, double most, bool tokens, auto account) {
      if (most > 0)
        limits.push_back({name, most, tokens, account(), whose});
    };
    const auto mine = [&] { return of_run(whose); };
    const auto day = [&](const std::string& key) {
      return [&, key] { return days_->account(key); };
    };
    add_limit("tokens_per_run", static_cast<double>(l.tokens_per_run), true, mine);
    add_limit("cost_per_run", l.cost_per_run, false, mine);
    add_limit("tokens_per_user_per_day", static_cast<double>(l.tokens_per_user_per_day), true,
              day(user));
    add_limit("cost_per_user_per_day", l.cost_per_user_per_day, false, day(user));
    add_limit("cost_per_tenant_per_day", l.cost_per_tenant_per_day, false,
              day(of_tenant(whose, tenant_)));
    add_limit("cost_per_day", l.cost_per_day, false, day(whose));
  };
  bound(of_model(model.name), model.limits);
  if (agent)
    bound(of_agent(agent->name), agent->limits);
  for (const auto& one : limits) {
    auto all = one.of->used;
    add(all, one.of->reserved);
    add(all, place.reserved_);
    if (in_unit(one, all) <= one.most && in_unit(one, one.of->used) < one.most)
      continue;
    error why{errc::too_many, sentence_of(one), {}, std::string(budget_spent)};
    if (one.name.ends_with("_per_day"))
      why.headers.emplace_back("Retry-After", std::to_string(days_->seconds_left()));
    return {std::nullopt, std::move(why), one.name};
  }
  for (const auto& one : limits)
    if (std::find(place.accounts_.begin(), place.accounts_.end(), one.of) == place.accounts_.end())
      place.accounts_.push_back(one.of);
  for (const auto& one : place.accounts_)
    add(one->reserved, place.reserved_);
  place.run_ = shared_from_this();
  ++asking_;
  return {std::move(place)};
}

void run_spending::settle(spending_place& place, const usage_figures& used) {
  std::lock_guard lock{days_->guard_};
  --asking_;
  for (const auto& one : place.accounts_) {
    take(one->reserved, place.reserved_);
    add(one->used, spent_of(used));
  }
  if (used.requests != 0)
    note(place.model_, place.agent_, used);
}

bool run_spending::take_tool_call(const std::string& model, const std::string& agent,
                                  int64_t most_by_day) {
  std::lock_guard lock{days_->guard_};
  if (most_by_day > 0) {
    auto& today = days_->account(of_user(of_agent(agent), owner_))->used;
    if (today.tool_calls >= most_by_day)
      return false;
    ++today.tool_calls;
  }
  usage_figures one;
  one.tool_calls = 1;
  note(model, agent, one);
  return true;
}

// Under the guard.
void run_spending::note(const std::string& model, const std::string& agent,
                        const usage_figures& used) {
  models_[model] += used;
  agents_[agent] += used;
  const auto day = days_->today();
  auto same = std::find_if(unsaved_.begin(), unsaved_.end(), [&](const run_usage& one) {
    return one.day == day && one.model == model && one.agent == agent;
  });
  if (same == unsaved_.end())
    unsaved_.push_back({day, model, agent, used});
  else
    same->used += used;
}

bool run_spending::is_asking() const {
  std::lock_guard lock{days_->guard_};
  return asking_ > 0;
}

std::vector<run_usage> run_spending::take_unsaved() {
  std::lock_guard lock{days_->guard_};
  return std::exchange(unsaved_, {});
}

void run_spending::put_back(std::vector<run_usage> unsaved) {
  std::lock_guard lock{days_->guard_};
  for (auto& one : unsaved)
    unsaved_.push_back(std::move(one));
}

json::object run_spending::totals() const {
  std::lock_guard lock{days_->guard_};
  if (models_.empty())
    return {};
  json::object models, agents;
  int64_t cost = 0;
  for (const auto& [name, used] : models_) {
    models[name] = total_of(used);
    cost += used.cost;
  }
  for (const auto& [name, used] : agents_)
    agents[name] = total_of(used);
  json::object all;
  all["models"] = std::move(models);
  all["agents"] = std::move(agents);
  all["cost"] = shown_cost(cost);
  return all;
}

usage_figures figures_of(const token_usage& tokens, double cost) {
  const auto count = [](int64_t n) { return std::clamp<int64_t>(n, 0, most_tokens); };
  return {1,
          count(tokens.input),
          count(tokens.cache_read),
          count(tokens.cache_creation),
          count(tokens.output),
          count(tokens.reasoning),
          billionths(std::clamp(cost, 0.0, most_cost))};
}

int64_t tokens_in(const json::value& message) {
  return bytes_in_message(message) / 4;
}

} // namespace behalf
