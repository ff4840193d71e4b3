#include "connectors/mcp_service.hpp"

#include "connectors/challenge.hpp"
#include "connectors/mcp_exchange.hpp"
#include "connectors/mcp_messages.hpp"
#include "runtime/base/json.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <set>

namespace behalf {
namespace {

constexpr std::size_t most_tools = 10'000;
constexpr std::size_t most_pages = 256;   // of a list
constexpr std::size_t deepest_tool = 100; // lists and objects inside one another

bool is_deeper(const json::value& v, std::size_t than) {
  auto inside = [than](const json::value& one) { return is_deeper(one, than - 1); };
  if (const auto* list = v.if_array())
    return than == 0 || std::any_of(list->begin(), list->end(), inside);
  const auto* object = v.if_object();
  return object && (than == 0 || std::any_of(object->begin(), object->end(), [&](const auto& one) {
                      return inside(one.value());
                    }));
}

// One that others could not read keeps its name alone.
json::value readable(json::value tool) {
  if (!is_deeper(tool, deepest_tool))
    return tool;
  return json::object{{"name", string_or(tool.get_object(), "name")}};
}

class mcp_service final : public connector {
public:
  mcp_service(std::shared_ptr<const service_options> service, mcp_operation operation, caller by,
              std::shared_ptr<mcp_sessions> sessions)
    : service_(std::move(service)), operation_(std::move(operation)), by_(std::move(by)),
      sessions_(std::move(sessions)) {}

  step start() override {
    auto known = sessions_->find(by_.who, service_->name, by_.run_id);
    if (!known)
      return initialize();
    kept_ = true;
    session_ = std::move(*known);
    return announce();
  }

  step resume(result<outbound_reply> reply) override {
    if (phase_ == phase::confirming)
      return confirmed(reply);
    if (phase_ == phase::leaving) // the reply to DELETE is ignored
      return std::exchange(next_, nullptr)();
    return exchange_ ? follow(exchange_->resume(std::move(reply))) : out_of_turn();
  }
  step resume_chunk(result<outbound_chunk> chunk) override {
    return exchange_ ? follow(exchange_->resume_chunk(std::move(chunk))) : out_of_turn();
  }
  step proceed() override {
    if (phase_ == phase::announcing)
      return leave(std::exchange(spare_, {}), [this] { return operate(); });
    return exchange_ ? follow(exchange_->proceed()) : out_of_turn();
  }
  // `initialize` must not be cancelled.
  std::optional<outbound_call> cancellation() const override {
    return phase_ == phase::operating && exchange_ ? exchange_->cancellation() : std::nullopt;
  }

private:
  enum class phase : uint8_t { initializing, confirming, announcing, operating, leaving };

  static step out_of_turn() {
    return done{fail(errc::internal, "an MCP call was resumed out of turn")};
  }
  step give_up(std::string_view why) const {
    return done{fail(errc::upstream, "service '" + service_->name + "' " + std::string{why})};
  }

  step send(std::string method, json::object params, json::object reported_as = {}) {
    exchange_.emplace(service_, by_.handle, session_, sessions_->next_id(), std::move(method),
                      std::move(params), std::move(reported_as));
    return follow(exchange_->start());
  }

  // An exchange's step is ours, until it has finished.
  step follow(mcp_exchange::step next) {
    return std::visit(
      [this](auto& one) -> step {
        if constexpr (std::is_same_v<std::decay_t<decltype(one)>, mcp_exchange::finished>)
          return finished(std::move(one));
        else
          return std::move(one);
      },
      next);
  }

  step finished(mcp_exchange::finished end) {
    exchange_.reset();
    if (end.answer)
      return phase_ == phase::initializing ? initialized(*end.answer) : answered(*end.answer);
    if (phase_ == phase::operating && end.status >= 400) {
      // The server refused this session, or the user in it. After its restart or upgrade some
      // servers answer 400.
      const bool lost = (end.status == 404 && !session_.id.empty())
                        || (kept_ && (end.status == 404 || end.status == 400));
      if (lost || end.status == 401 || end.status == 403)
        sessions_->forget(by_.who, service_->name, session_.id);
      if (lost && !std::exchange(replaced_, true))
        return initialize();
    }
    return done{end.answer.error()};
  }

  step initialize() {
    phase_ = phase::initializing;
    kept_ = false;
    session_ = {};
    tools_.clear();
    cursors_.clear();
    cursor_.clear();
    seen_ = bytes_ = 0;
    return send("initialize", mcp_initialize_params());
  }

  step initialized(mcp_answer& answer) {
    const auto version = string_or(answer.value, "protocolVersion");
    session_ = {std::move(answer.session_id), std::string{version}};
    if (std::find(mcp_versions.begin(), mcp_versions.end(), version) == mcp_versions.end()) {
      session_.protocol_version.clear(); // not printable: cannot be sent back
      return leave_for("speaks MCP '" + std::string{version.substr(0, 32)}
                       + "', which is not supported (2025-11-25, 2025-06-18, 2025-03-26 are)");
    }
    if (!member(object_or_empty(answer.value, "capabilities"), "tools"))
      return leave_for("is an MCP server without tools");
    phase_ = phase::confirming;
    auto call = mcp_post(*service_, session_, mcp_notification("notifications/initialized"));
    call.handle = by_.handle;
    return call;
  }

  step confirmed(const result<outbound_reply>& reply) {
    if (!reply)
      return done{reply.error()};
    if (reply->status == 401 || reply->status == 403)
      return done{needs_auth(*service_, reply->status, reply->headers)};
    if (reply->status / 100 != 2)
      return leave_for("refused notifications/initialized with status "
                       + std::to_string(reply->status));
    auto kept = sessions_->keep(by_.who, service_->name, session_, by_.run_id);
    if (kept.id == session_.id)
      return announce();
    // Another call of this user was faster: uses its session, and ends its own. The use is noted
    // first: if the run were stopped in between, the noted session would never be left.
    spare_ = std::exchange(session_, std::move(kept));
    return announce();
  }

  step announce() {
    phase_ = phase::announcing;
    return in_session{session_};
  }

  // Ends a session that no other call knows, and continues.
  step leave(const mcp_session& session, std::function<step()> next) {
    if (session.id.empty())
      return next();
    phase_ = phase::leaving;
    next_ = std::move(next);
    auto call = mcp_delete(*service_, session);
    call.handle = by_.handle;
    return call;
  }
  step leave_for(std::string why) {
    return leave(session_, [this, why = std::move(why)] { return give_up(why); });
  }

  step operate() {
    phase_ = phase::operating;
    if (const auto* tool = std::get_if<call_tool_operation>(&operation_))
      return send("tools/call", {{"name", tool->name}, {"arguments", tool->arguments}},
                  by_.reported_as);
    if (cursor_.empty()) {
      listing_since_ = std::chrono::steady_clock::now();
      return send("tools/list", {});
    }
    return send("tools/list", {{"cursor", cursor_}});
  }

  step answered(mcp_answer& answer) {
    if (std::holds_alternative<call_tool_operation>(operation_))
      return done{reply(std::move(answer.value), answer.receipt)};
    auto* page = answer.value.if_contains("tools");
    if (!page || !page->is_array())
      return give_up("answered tools/list without a list of tools");
    seen_ += page->get_array().size();
    for (auto& tool : page->get_array())
      if (tool.is_object() && service_->allows_tool(string_or(tool.get_object(), "name"))) {
        bytes_ += text_bytes(tool, service_->max_reply_bytes);
        tools_.push_back(readable(std::move(tool)));
      }
    const auto next = string_or(answer.value, "nextCursor");
    if (next.empty())
      return done{reply({{"tools", std::move(tools_)}}, answer.receipt)};
    // A server could hand out cursors for ever.
    if (!cursors_.emplace(next).second || cursors_.size() >= most_pages || seen_ > most_tools
        || bytes_ > service_->max_reply_bytes)
      return give_up("does not come to the end of its list of tools");
    // Each page has the whole timeout to arrive in; together they may not take longer.
    if (std::chrono::steady_clock::now() - listing_since_ >= service_->timeout)
      return give_up("does not list all its tools within its timeout (pages so far: "
                     + std::to_string(cursors_.size()) + ")");
    cursor_ = next;
    return operate();
  }

  static service_reply reply(json::object body, int64_t receipt) {
    service_reply whole;
    whole.body = std::move(body);
    whole.receipt = receipt;
    return whole;
  }

  const std::shared_ptr<const service_options> service_;
  const mcp_operation operation_;
  const caller by_;
  const std::shared_ptr<mcp_sessions> sessions_;

  phase phase_ = phase::initializing;
  bool kept_ = false;     // the session was made by an earlier call
  bool replaced_ = false; // a lost session was replaced once already
  mcp_session session_;
  mcp_session spare_; // this call's own, when another call was faster
  std::optional<mcp_exchange> exchange_;
  json::array tools_;
  std::chrono::steady_clock::time_point listing_since_;
  std::size_t seen_ = 0;  // tools, before those are left out that are not allowed
  std::size_t bytes_ = 0; // of the others
  std::string cursor_;    // of the next page
  std::set<std::string, std::less<>> cursors_;
  std::function<step()> next_; // after the session was left
};

} // namespace

std::unique_ptr<connector> open_mcp_service(std::shared_ptr<const service_options> service,
                                            mcp_operation operation, caller by,
                                            std::shared_ptr<mcp_sessions> sessions) {
  return std::make_unique<mcp_service>(std::move(service), std::move(operation), std::move(by),
                                       std::move(sessions));
}

} // namespace behalf
