#include "behalf/chat_model.hpp"

#include "agents/models/ask_model.hpp"
#include "agents/models/prompt.hpp"
#include "agents/models/usage.hpp"
#include "agents/models/wire.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/log.hpp"
#include "runtime/graph/task_facts.hpp"

#include <algorithm>
#include <array>
#include <atomic>

namespace behalf {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t longest_refusal = 64 << 10;

model_failure failure_inside(error why) {
  constexpr std::array passing{"model_rate_limited", "model_overloaded", "model_unavailable",
                               "model_stream_cut"};
  const bool never_there =
    why.kind.empty()
    && (why.code == errc::upstream || why.code == errc::overloaded || why.code == errc::timeout);
  const bool retry = never_there || among(passing, why.kind);
  return {std::move(why), retry};
}

// Doubles from half a second to eight, less up to a quarter: runs that failed together do not come
// back together.
milliseconds pause_before(int retry, std::string_view task_id) {
  const auto whole = 500 << std::min(retry, 4);
  const auto part = std::hash<std::string_view>{}(task_id) % 256;
  return milliseconds{whole - whole / 4 * static_cast<int>(part) / 256};
}

std::shared_ptr<const json::object> metadata_of(const spending_agent* agent,
                                                const model_options& model,
                                                const json::object& parameters,
                                                std::string_view provider) {
  json::object all{
    {"ls_provider", provider}, {"ls_model_name", model.model}, {"ls_model_type", "chat"}};
  if (agent)
    all["lc_agent_name"] = agent->name;
  for (const auto* given : {&model.parameters, &parameters})
    for (const auto* key : {"temperature", "max_tokens"})
      if (const auto* value = member(*given, key))
        all["ls_" + std::string(key)] = *value;
  return std::make_shared<const json::object>(std::move(all));
}

// What the answer may have at most, where anybody said it.
int64_t longest_answer(const model_options& model, const chat_request& what) {
  constexpr std::array names{"max_tokens", "max_completion_tokens", "max_output_tokens",
                             "maxOutputTokens"};
  for (const auto* given : {&what.parameters, &model.parameters})
    for (const auto* name : names)
      if (const auto most = int_or(*given, name); most > 0)
        return most;
  return 0;
}

token_usage estimate_of(const model_options& model, const chat_request& what) {
  auto input = tokens_in(json::value(json::string(what.system)));
  for (const auto& message : what.messages)
    input += tokens_in(message);
  for (const auto& tool : what.tools)
    input += static_cast<int64_t>(tool.description.size()) / 4 + tokens_in(tool.schema);
  return {input, longest_answer(model, what)};
}

// One request to one model. What it showed of an answer that failed it takes back.
class model_attempt {
public:
  model_attempt(context ctx, const spending_agent* agent, const model_options& model,
                const chat_request& what)
    : ctx_(std::move(ctx)), agent_(agent), model_(model), what_(what), wire_(wire_of(model.type)),
      answer_("lc_run--" + uuid7(), std::string(wire_.provider(model)), model.max_answer_bytes),
      metadata_(metadata_of(agent, model, what.parameters, wire_.provider(model))) {}
  model_attempt(const model_attempt&) = delete;
  // The run was stopped in the middle of the answer, which costs all the same.
  ~model_attempt() {
    if (open_)
      report("cancelled");
  }

  /// The answer; or nothing, and `failure` says why. What it needs before the answer comes is in
  /// frames of its own: thousands of answers may be under way, each for a minute.
  coroutine<std::optional<json::object>> run() {
    auto reply = co_await ask();
    if (!reply)
      co_return std::nullopt;
    bool taken = false;
    request_id_ = request_id_of(reply->headers());
    if (reply->status() == 200)
      taken = has_whole(co_await read_answer(*reply));
    else
      failure = co_await refused(*reply);
    // Now, not when the node ends: the next attempt may come long before that.
    co_await close(*reply);
    if (taken)
      co_return complete();
    if (shown_)
      show({{"type", "remove"}, {"id", answer_.id()}});
    co_return std::nullopt;
  }

  /// The provider's own word for the request; "" where it gave none.
  const std::string& request_id() const { return request_id_; }

  /// To whoever counts: also an attempt that failed may have cost tokens.
  void report_usage() {
    const auto& why = failure.why;
    report(why.message.empty()          ? "answered"
           : !why.kind.empty()          ? std::string_view{why.kind}
           : why.code == errc::timeout  ? "timeout"
           : why.code == errc::upstream ? "unreachable"
                                        : "other");
  }

  model_failure failure;

private:
  // False: `failure` says whose budget has no room.
  bool reserve() {
    const auto spending = spending_of(ctx_);
    if (!spending)
      return true;
    estimate_ = estimate_of(model_, what_);
    auto found = spending->reserve(model_, agent_, estimate_);
    if (found.place) {
      place_ = std::move(*found.place);
      return true;
    }
    failure = {std::move(found.refused)};
    refused_by_ = found.limit;
    return false;
  }

  // Of an answer that broke off the provider may not have told what it came to, some never tell.
  token_usage used_tokens(std::string_view outcome) const {
    auto used = answer_.tokens();
    const bool told = used.input > 0 || used.output > 0;
    // One that was cancelled while it waited for its turn has cost nothing.
    const bool begun = answer_.bytes() > 0 || (has_left() && outcome == "cancelled");
    if (!begun || (told && outcome == "answered"))
      return used;
    if (used.input == 0)
      used.input = estimate_.input;
    used.output = std::max(used.output, static_cast<int64_t>(answer_.bytes() / 4));
    return used;
  }

  // One that was cut, or refused, while it waited for its turn did not leave. What nobody could
  // reach was tried.
  bool has_left() const { return sent_->load(std::memory_order_relaxed); }
  static bool was_tried(std::string_view outcome) {
    return outcome == "timeout" || outcome == "model_too_slow" || outcome == "unreachable";
  }

  void report(std::string_view outcome) {
    open_ = false;
    const auto used = used_tokens(outcome);
    const auto cost = cost_of(used, model_.prices);
    if (has_left() || was_tried(outcome))
      place_.settle(figures_of(used, cost));
    place_ = {};
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun_;
    emit(ctx_, {stream_item::kind::usage, json::object{{"model", model_.name},
                                                       {"outcome", outcome},
                                                       {"refused_by", refused_by_},
                                                       {"seconds", took.count()},
                                                       {"input", used.input},
                                                       {"output", used.output},
                                                       {"cache_read", used.cache_read},
                                                       {"cache_creation", used.cache_creation},
                                                       {"reasoning", used.reasoning},
                                                       {"cost", cost}}});
  }

  // The request, as far as the provider can be asked it at all.
  result<http_operation> request_of() const {
    auto request = wire_.request(model_, what_);
    if (!request && request.error().code == errc::invalid_argument) {
      auto rest = what_;
      rest.messages = without_earlier_media(what_.messages);
      request = wire_.request(model_, rest);
    }
    if (request)
      request->stream = true;
    return request;
  }

  // The head of the reply; or nothing, and `failure` says why.
  coroutine<std::optional<byte_stream>> ask() {
    auto request = request_of();
    if (!request) {
      failure = {request.error()};
      co_return std::nullopt;
    }
    if (!reserve())
      co_return std::nullopt;
    open_ = true;
    awaiting<byte_stream> call{model_call{model_.name, std::move(*request), sent_}};
    auto reply = co_await call;
    if (!reply) {
      failure = failure_inside(in_all(reply.error()));
      co_return std::nullopt;
    }
    *sent_ = true; // also where nobody tells
    co_return std::move(*reply);
  }

  static coroutine<void> close(const byte_stream& reply) { co_await reply.close(); }

  // Whether `whole_` is the answer.
  bool has_whole(const result<void>& read) {
    if (!read) {
      failure = failure_inside(read.error());
      return false;
    }
    auto whole = std::move(answer_).message();
    if (whole)
      whole_ = std::move(*whole);
    else
      failure = {whole.error()};
    return whole.has_value();
  }

  coroutine<model_failure> refused(const byte_stream& body) {
    std::string text;
    for (bool last = false; !last && text.size() < longest_refusal && !late();) {
      auto part = co_await body.next();
      if (!part)
        break; // what it said so far has to do
      text += part->bytes;
      last = part->last;
    }
    text.resize(std::min(text.size(), longest_refusal));
    auto failed = wire_.failure(body.status(), body.headers(), text);
    failed.why = scrubbed(body, std::move(failed.why));
    co_return failed;
  }

  // How far an answer is read.
  struct reading {
    std::unique_ptr<answer_reader> reader;
    event_stream events = {};
    std::size_t unfinished = 0; // bytes since an event was whole
    std::size_t read = 0;       // with all that the events have around the answer
  };

  coroutine<result<void>> read_answer(const byte_stream& body) {
    answer_.scrub_with(body.scrub());
    reading so_far{wire_.reader(model_)};
    while (true) {
      const auto part = co_await body.next();
      auto end = take_part(so_far, part);
      if (end && !*end)
        co_return scrubbed(body, end->error());
      if (end)
        co_return std::move(*end);
    }
  }

  // What was decoded may have a key in it that its bytes did not show.
  static error scrubbed(const byte_stream& body, error why) {
    if (body.scrub())
      scrub(why, *body.scrub());
    return why;
  }

  // nullopt: more is to come.
  std::optional<result<void>> take_part(reading& now, const result<outbound_chunk>& part) {
    if (!part) { // an answer may be whole when the connection breaks
      if (auto ok = now.reader->end(answer_); !ok)
        return cut(in_all(part.error()));
      show_rest();
      return result<void>{};
    }
    if (late())
      return too_slow();
    now.unfinished += part->bytes.size();
    now.read += part->bytes.size();
    for (const auto& event : now.events.feed(part->bytes)) {
      now.unfinished = 0;
      if (auto ok = now.reader->take(event, answer_); !ok)
        return ok.error();
    }
    if (now.unfinished > model_.max_answer_bytes || (now.read > most_read() && !answer_.over()))
      return too_long();
    if (answer_.over()) // the message says that it is too long
      return result<void>{};
    if (what_.shown)
      show_new();
    if (!part->last && !now.reader->done())
      return std::nullopt;
    if (auto ok = now.reader->end(answer_); !ok)
      return ok.error();
    show_rest();
    return result<void>{};
  }

  void show_new() {
    if (const auto text = answer_.take_plain(); !text.empty())
      emit(ctx_,
           {stream_item::kind::message, json::string(text), metadata_, answer_.plain_chunk()});
    else if (auto chunk = answer_.take_chunk())
      show(std::move(*chunk));
  }

  void show_rest() {
    if (what_.shown)
      for (auto& chunk : answer_.last_chunks())
        show(std::move(chunk));
  }

  static error cut(error why) { return why.code == errc::upstream ? cut_answer() : why; }

  // Between its parts an answer may take its time; in all it may not.
  bool late() const { return std::chrono::steady_clock::now() - begun_ >= model_.total_timeout; }

  // What ended when the time for all of it was over was no matter of its last part.
  error in_all(error why) const {
    return why.code == errc::timeout && late() ? too_slow() : std::move(why);
  }

  static error too_slow() {
    return {
      errc::timeout, "the model's provider took too long for its answer", {}, "model_too_slow"};
  }

  // An event around each token, and nothing else for ever.
  std::size_t most_read() const { return 16 * model_.max_answer_bytes; }

  static error too_long() {
    auto why = fail(errc::upstream, "the model's provider sent an answer or an event without end");
    why.kind = "model_answer_too_long";
    return why;
  }

  json::object complete() {
    if (auto cost = cost_of(used_tokens("answered"), model_.prices); cost > 0)
      whole_["response_metadata"].as_object()["cost"] = cost;
    return std::move(whole_);
  }

  void show(json::object chunk) {
    shown_ = true;
    ctx_.write_message(std::move(chunk), metadata_);
  }

  context ctx_;
  const spending_agent* agent_; // null: none asks
  const model_options& model_;
  const chat_request& what_;
  const model_wire& wire_;
  answer answer_;
  json::object whole_;
  std::string request_id_;
  std::shared_ptr<const json::object> metadata_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  bool shown_ = false;
  std::shared_ptr<std::atomic<bool>> sent_ = std::make_shared<std::atomic<bool>>(false);
  bool open_ = false; // the provider was asked, and its answer is not counted yet
  token_usage estimate_;
  spending_place place_;
  std::string_view refused_by_; // the limit of a budget
};

// The model, then those that stand in for it.
std::vector<const model_options*> candidates(const model_directory& all,
                                             const model_options& first) {
  std::vector<const model_options*> found{&first};
  for (const auto& name : first.fallback)
    if (const auto* one = all.find(name))
      found.push_back(one);
  return found;
}

coroutine<void> wait(const context& ctx, milliseconds time) {
  co_await ctx.sleep(time);
}

// What calls to the outside say of addresses is for the log.
error without_address(error why) {
  if (why.kind.empty() && why.code == errc::timeout)
    why.message = "the model's provider did not answer in time";
  else if (why.kind.empty() && why.code == errc::upstream)
    why.message = "the model's provider could not be reached, or sent no reply that can be read";
  return why;
}

// Retries and other models hide what failed from who asks, so the log has all of it.
void log_failure(const context& ctx, const model_options& model, const error& why,
                 const std::string& request_id, std::string_view then) {
  log::warning("model_failed", {{"model", model.name},
                                {"run_id", ctx.run_id()},
                                {"error", error_class(why)},
                                {"reason", why.message},
                                {"provider_request", request_id},
                                {"then", then}});
}

} // namespace

coroutine<result<json::value>> ask_model(context ctx, std::string model, chat_request what) {
  return ask_model_for(nullptr, std::move(ctx), std::move(model), std::move(what));
}

coroutine<result<json::value>> ask_model_for(std::shared_ptr<const spending_agent> agent,
                                             context ctx, std::string model, chat_request what) {
  const auto models = models_of(ctx);
  const auto* first = models ? models->find(model) : nullptr;
  if (!first)
    co_return fail(errc::not_found, "there is no model '" + model + "'");
  what.messages = ready_messages(what.messages);
  forget_noted_thinking(what.messages);
  std::string_view forgotten;
  error last;
  const auto all = candidates(*models, *first);
  for (const auto* one : all) {
    for (int retry = 0;; ++retry) {
      model_attempt attempt{ctx, agent.get(), *one, what};
      auto done = co_await attempt.run();
      attempt.report_usage();
      if (done && !forgotten.empty())
        note_forgotten(*done, forgotten);
      if (done)
        co_return json::value(std::move(*done));
      last = std::move(attempt.failure.why);
      const auto refused = last.kind == "model_thinking_refused"
                             ? forget_refused_thinking(what.messages)
                             : std::string_view{};
      if (!refused.empty()) {
        log_failure(ctx, *one, last, attempt.request_id(), "without thinking");
        forgotten = refused;
        --retry;
        continue;
      }
      const auto pause = attempt.failure.after.value_or(pause_before(retry, ctx.task_id()));
      const bool again =
        attempt.failure.retry && retry < one->max_retries && pause <= one->longest_wait;
      log_failure(ctx, *one, last, attempt.request_id(),
                  again               ? "retry"
                  : one == all.back() ? "given up"
                                      : "fallback");
      if (!again)
        break;
      co_await wait(ctx, pause);
    }
  }
  co_return without_address(std::move(last));
}

} // namespace behalf
