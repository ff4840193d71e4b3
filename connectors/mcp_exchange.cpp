#include "connectors/mcp_exchange.hpp"

#include "connectors/challenge.hpp"
#include "connectors/mcp_messages.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/shape.hpp"
#include "runtime/net/mcp_session_id.hpp"
#include "runtime/net/media_type.hpp"

#include <algorithm>

namespace behalf {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_problem = 64u << 10; // of a refusal's body, read for its reason
constexpr int most_requests = 64;                  // of the server, within one exchange
constexpr int most_resumptions = 5;                // without a message in between
constexpr std::string_view calls_a_tool = "tools/call", lists_tools = "tools/list";
constexpr shape_limits of_list{.depth = 512}; // one tool's schema does not hide the others
constexpr auto default_retry = 1000ms;
constexpr auto longest_retry = 30'000ms;
constexpr auto longest_cancellation = 5'000ms;
constexpr int most_reports = 20; // at once; one more after each pause
constexpr auto report_pause = 100ms;

} // namespace

mcp_exchange::mcp_exchange(std::shared_ptr<const service_options> service, sealed_handle handle,
                           mcp_session session, int64_t id, std::string method, json::object params,
                           json::object reported_as)
  : service_(std::move(service)), handle_(std::move(handle)), session_(std::move(session)), id_(id),
    method_(std::move(method)), params_(std::move(params)), reported_as_(std::move(reported_as)),
    reports_left_(most_reports), reported_at_(std::chrono::steady_clock::now()) {}

mcp_exchange::step mcp_exchange::start() {
  if (method_ == calls_a_tool)
    params_["_meta"] = {{"progressToken", id_}}; // servers report progress only with it
  auto request = post(mcp_request(id_, method_, std::move(params_)));
  request.stream = true; // JSON or events: the reply's head tells
  return request;
}

mcp_exchange::step mcp_exchange::resume(result<outbound_reply> reply) {
  switch (state_) {
  case waiting::for_reply:
    return reply ? read_head(*reply) : finish(reply.error());
  case waiting::for_answer:
    // The reply to our answer is ignored: the server's own stream shows whether it took it.
    state_ = waiting::for_bytes;
    return work_off();
  case waiting::for_stream:
    return reply ? read_resumed(*reply) : take_up();
  default:
    return give_up("was resumed out of turn");
  }
}

mcp_exchange::step mcp_exchange::resume_chunk(result<outbound_chunk> chunk) {
  if (chunk)
    return take(chunk->bytes, chunk->last);
  stream_ = 0; // an error ends a stream
  const auto& why = chunk.error();
  if (form_ != form::events || why.code != errc::upstream || !why.kind.empty())
    return finish(why);
  ended_ = true;
  return work_off();
}

mcp_exchange::step mcp_exchange::proceed() {
  if (state_ == waiting::to_finish)
    return std::move(*end_);
  if (state_ == waiting::to_go_on) {
    state_ = waiting::for_bytes;
    return work_off();
  }
  if (state_ != waiting::to_resume)
    return give_up("was resumed out of turn");
  state_ = waiting::for_stream;
  auto get = mcp_get(*service_, session_, events_.last_id());
  get.handle = handle_;
  return get;
}

// Not of answers to the server's requests: beside them the stream of our own is open.
std::optional<outbound_call> mcp_exchange::cancellation() const {
  if (state_ != waiting::for_reply && state_ != waiting::for_stream)
    return std::nullopt;
  auto told = post(mcp_cancelled(id_));
  told.timeout = std::min<std::chrono::milliseconds>(told.timeout, longest_cancellation);
  return told;
}

outbound_call mcp_exchange::post(std::string message) const {
  auto call = mcp_post(*service_, session_, std::move(message));
  call.handle = handle_;
  return call;
}

mcp_exchange::step mcp_exchange::read_head(outbound_reply& reply) {
  status_ = reply.status;
  if (const auto* later = find_header(reply.headers, "retry-after"); later && later->size() <= 64)
    retry_after_ = *later;
  receipt_ = reply.receipt;
  stream_ = reply.stream_id;
  state_ = waiting::for_bytes;
  if (status_ == 401 || status_ == 403)
    return finish(needs_auth(*service_, status_, reply.headers));
  const auto* session = find_header(reply.headers, "mcp-session-id");
  if (session && session_.id.empty()) {
    if (!is_mcp_session_id(*session))
      return give_up("sent a malformed session id");
    session_.id = *session;
  }
  const auto* type = find_header(reply.headers, "content-type");
  if (status_ >= 400)
    form_ = form::problem;
  else if (status_ != 200)
    return give_up("answered with status " + std::to_string(status_));
  else if (is_event_stream(reply))
    form_ = form::events;
  else if (!type || media_type(*type) != "application/json")
    return give_up("answered with neither JSON nor an event stream");
  return take(reply.body, stream_ == 0);
}

mcp_exchange::step mcp_exchange::read_resumed(outbound_reply& reply) {
  stream_ = reply.stream_id;
  state_ = waiting::for_bytes;
  if (reply.status == 401 || reply.status == 403)
    return finish(needs_auth(*service_, reply.status, reply.headers));
  if (!is_event_stream(reply))
    return give_up("broke its stream off and did not take it up again (status "
                   + std::to_string(reply.status) + ")");
  events_.reconnected();
  ended_ = false;
  return take(reply.body, stream_ == 0);
}

// Adds bytes of the body and goes on as far as they allow.
mcp_exchange::step mcp_exchange::take(std::string_view bytes, bool last) {
  if (last) {
    stream_ = 0;
    ended_ = true;
  }
  received_ += bytes.size();
  const auto most = form_ == form::problem ? longest_problem : service_->max_reply_bytes;
  if (received_ > most)
    return form_ == form::problem
             ? report_problem()
             : give_up("answered with more than " + std::to_string(most) + " bytes");
  if (form_ != form::events) {
    body_ += bytes;
    return ended_ ? whole_body() : pull();
  }
  for (auto& event : events_.feed(bytes))
    if (event.name == "message" && !event.data.empty())
      messages_.push_back(std::move(event.data));
  return work_off();
}

mcp_exchange::step mcp_exchange::pull() {
  return connector::pull_chunk{stream_};
}

// Looks at the messages read so far, until one needs something sent.
mcp_exchange::step mcp_exchange::work_off() {
  while (!batch_.empty() || !messages_.empty())
    if (auto next = read_next())
      return std::move(*next);
  if (!ended_)
    return pull();
  return form_ == form::whole ? give_up("sent JSON without a response to its request") : take_up();
}

std::optional<mcp_exchange::step> mcp_exchange::read_next() {
  if (!batch_.empty()) {
    const auto one = std::move(batch_.front());
    batch_.pop_front();
    return look_at(one);
  }
  auto message =
    method_ == lists_tools ? parse_json(messages_.front(), of_list) : parse_json(messages_.front());
  messages_.pop_front();
  if (!message)
    return give_up("sent malformed JSON");
  resumed_ = 0;
  if (!message->is_array())
    return look_at(*message);
  // A batch: only servers of 2025-03-26 may send one. Our response is the end of the exchange:
  // what is asked beside it is answered before.
  auto& all = message->get_array();
  std::stable_partition(all.begin(), all.end(), [&](const json::value& one) {
    return !one.is_object() || classify(one.get_object(), id_) != mcp_message::response;
  });
  batch_.assign(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
  return std::nullopt;
}

mcp_exchange::step mcp_exchange::whole_body() {
  if (form_ == form::problem)
    return report_problem();
  messages_.push_back(std::move(body_));
  return work_off();
}

// What a message asks for; nothing when it is of no interest here.
std::optional<mcp_exchange::step> mcp_exchange::look_at(const json::value& message) {
  if (!message.is_object())
    return give_up("sent JSON that is no message");
  const auto& content = message.get_object();
  switch (classify(content, id_)) {
  case mcp_message::other:
    return report(content);
  case mcp_message::request:
    if (++requests_ > most_requests)
      return give_up("sent too many requests of its own");
    state_ = waiting::for_answer;
    return post(mcp_answer_to(content));
  case mcp_message::response:
    break;
  }
  auto value = mcp_result(content, "service '" + service_->name + "', " + method_);
  if (!value)
    return finish(value.error());
  return finish(mcp_answer{std::move(*value), session_.id, receipt_});
}

std::optional<mcp_exchange::step> mcp_exchange::report(const json::object& message) {
  auto what = method_ == calls_a_tool ? mcp_report(message, id_) : std::nullopt;
  if (!what || !may_report())
    return std::nullopt;
  if (!reported_as_.empty()) {
    const auto* progress = what->if_contains("progress");
    auto event = reported_as_;
    event["type"] = progress ? "progress" : "log";
    merge(event, progress ? progress->get_object() : *what);
    what = std::move(event);
  }
  (*what)["service"] = service_->name;
  state_ = waiting::to_go_on;
  return connector::emit{std::move(*what)};
}

// Each report is an event for everybody who reads the run's stream.
bool mcp_exchange::may_report() {
  const auto now = std::chrono::steady_clock::now();
  if (const auto pauses = (now - reported_at_) / report_pause; pauses > 0) {
    reports_left_ = static_cast<int>(std::min<int64_t>(most_reports, reports_left_ + pauses));
    reported_at_ = now;
  }
  if (reports_left_ == 0)
    return false;
  --reports_left_;
  return true;
}

// The stream ended before our response. With an event id it can be taken up again; without one
// the request must not be sent twice, since it may have had its effect.
mcp_exchange::step mcp_exchange::take_up() {
  if (events_.last_id().empty() || ++resumed_ > most_resumptions)
    return give_up("ended its stream without a response");
  state_ = waiting::to_resume;
  return connector::pause{std::min(events_.retry().value_or(default_retry), longest_retry)};
}

mcp_exchange::step mcp_exchange::report_problem() {
  auto text = "answered with status " + std::to_string(status_);
  if (auto why = mcp_error_text(body_); !why.empty())
    text += ", " + why;
  auto end = problem(text);
  if (!retry_after_.empty())
    end.headers.emplace_back("Retry-After", retry_after_);
  return finish(std::move(end));
}

mcp_exchange::step mcp_exchange::give_up(std::string_view why) {
  return finish(problem(why));
}

error mcp_exchange::problem(std::string_view why) const {
  return fail(errc::upstream,
              "service '" + service_->name + "' " + std::string{why} + " (" + method_ + ")");
}

mcp_exchange::step mcp_exchange::finish(result<mcp_answer> answer) {
  finished end{std::move(answer), status_};
  if (stream_ == 0)
    return end;
  end_.emplace(std::move(end));
  state_ = waiting::to_finish;
  return connector::close_stream{std::exchange(stream_, 0)};
}

} // namespace behalf
