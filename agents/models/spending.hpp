// What chat models may cost, and what they have cost so far: of a run, and of everybody today.
#pragma once

#include "agents/models/token_usage.hpp"
#include "behalf/error.hpp"
#include "behalf/json.hpp"
#include "behalf/spending_limits.hpp"
#include "runtime/base/usage_figures.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

struct model_options;

/// `kind` of the error that says that a budget has no room for another request.
inline constexpr std::string_view budget_spent = "budget_spent";

/// Who asks a model, as the configuration names it.
struct spending_agent {
  std::string name;
  spending_limits limits;
};

/// Tokens of both directions, what they cost in billionths, and calls of tools.
struct spent {
  int64_t tokens = 0, cost = 0, tool_calls = 0;
};

/// What was spent of one budget, and what requests under way may come to.
struct budget_account {
  spent used, reserved;
};
using account_ptr = std::shared_ptr<budget_account>;

/// What was spent today, of all budgets by day. Days are UTC's. Thread-safe.
class day_spending {
public:
  /// Accounts are kept of those who are `limited` ("model main", "agent helper") from the start, of
  /// others from the first request that comes with limits.
  explicit day_spending(std::set<std::string, std::less<>> limited = {},
                        std::function<time_point()> clock = now)
    : limited_(std::move(limited)), clock_(std::move(clock)) {}

  /// What was spent before the start.
  void load(int64_t day, const std::string& tenant, const std::string& owner,
            const std::string& model, const std::string& agent, const usage_figures& used);

  /// Whether anybody was limited at the start.
  bool is_limited() const { return !limited_.empty(); }
  int64_t today() const { return day_of(clock_()); }
  /// Until tomorrow, in seconds.
  int64_t seconds_left() const;

private:
  friend class run_spending;
  account_ptr account(const std::string& key);

  std::mutex guard_; // of all accounts, those of runs, too
  std::set<std::string, std::less<>> limited_;
  std::function<time_point()> clock_;
  int64_t day_ = 0;
  std::map<std::string, account_ptr, std::less<>> accounts_;
};

/// What requests of a run came to that is not stored yet, and what they came to in all.
struct run_usage {
  int64_t day = 0;
  std::string model, agent;
  usage_figures used;
};

class run_spending;

/// A request's place in all the budgets that it touches: what it may come to is set aside until
/// `settle`, or its end.
class spending_place {
public:
  spending_place() = default;
  spending_place(spending_place&& other) noexcept { swap(other); }
  spending_place& operator=(spending_place&& other) noexcept {
    swap(other);
    return *this;
  }
  ~spending_place();

  /// What it came to. Only the first call counts.
  void settle(const usage_figures& used);

private:
  friend class run_spending;
  void swap(spending_place& other) noexcept;

  std::shared_ptr<run_spending> run_; // null: settled
  std::vector<account_ptr> accounts_;
  spent reserved_;
  std::string model_, agent_;
};

/// A place, or why there is none.
struct spending_answer {
  std::optional<spending_place> place;
  error refused = {};          // too_many of kind budget_spent; the sentence is for the user
  std::string_view limit = {}; // the one that has no room, as the configuration names it
};

/// What one run spends. Thread-safe: its nodes run at the same time.
class run_spending : public std::enable_shared_from_this<run_spending> {
public:
  /// `graph`: under whose name requests of no declared agent stand. `before`: `totals` of an
  /// earlier attempt.
  run_spending(std::shared_ptr<day_spending> days, std::string tenant, std::string owner,
               std::string graph, const json::object& before = {});

  /// Sets aside what a request may come to. `agent`: null when no declared agent asks.
  spending_answer reserve(const model_options& model, const spending_agent* agent,
                          const token_usage& estimate);

  /// Counts a call of a tool. `model`: under whose name it stands beside the agent's. False, and
  /// nothing is counted: the user's calls of the day, `most_by_day` of the agent's, are used up.
  bool take_tool_call(const std::string& model, const std::string& agent, int64_t most_by_day);

  /// Whether requests are under way, whose cost is not known yet.
  bool is_asking() const;
  /// What came since the last call.
  std::vector<run_usage> take_unsaved();
  /// It could not be stored.
  void put_back(std::vector<run_usage> unsaved);
  /// {"models": {name: {"requests", "input_tokens", "output_tokens", "total_tokens", "cost",
  /// "tool_calls"}}, "agents": {name: …}, "cost"}; empty when no model was asked.
  json::object totals() const;

private:
  friend class spending_place;
  using by_name = std::map<std::string, usage_figures, std::less<>>;

  account_ptr of_run(const std::string& whose);
  void settle(spending_place& place, const usage_figures& used);
  void note(const std::string& model, const std::string& agent, const usage_figures& used);

  const std::shared_ptr<day_spending> days_;
  const std::string tenant_, owner_, graph_;
  std::map<std::string, account_ptr, std::less<>> of_run_; // by "model main", "agent helper"
  by_name models_, agents_;
  std::vector<run_usage> unsaved_;
  int64_t asking_ = 0; // places that are not settled
};

/// The figures of an answer; what no provider can mean is cut off.
usage_figures figures_of(const token_usage& tokens, double cost);

/// Coarse: a token for four bytes of text, a thousand at most for an image or a sound, one for 64
/// bytes of a file.
int64_t tokens_in(const json::value& message);

} // namespace behalf
