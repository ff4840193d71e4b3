// The endpoint of the Model Context Protocol: assistants as tools of the caller. Each method is
// made into requests of the API, so tools are what the caller may see, and a call is a run like
// any.
#include "actors/endpoints/calls_under_way.hpp"
#include "actors/endpoints/inner_request.hpp"
#include "actors/endpoints/json_rpc.hpp"
#include "actors/endpoints/mcp_message.hpp"
#include "actors/endpoints/mcp_outcome.hpp"
#include "actors/endpoints/mcp_tools.hpp"
#include "actors/endpoints/protected_resource.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/run_stream.hpp"
#include "actors/options.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/text.hpp"
#include "runtime/http/sse.hpp"
#include "runtime/net/mcp_session_id.hpp"

#include <charconv>
#include <memory>
#include <utility>

namespace behalf::endpoints {
namespace {

constexpr int64_t tools_on_page = 100;
constexpr int64_t most_of_one_name = 1000; // looked at to find the tool's
constexpr int cancelled_code = -32800;     // as language servers have it
constexpr std::size_t longest_shown = 128;

/// A message being served.
struct mcp_call {
  mcp_message message;
  mcp_accept accept;
  // Of tools/call.
  std::shared_ptr<const void> under_way;
  std::optional<json::value> progress_token;
  event_stream events;
  mcp_outcome outcome;
};
using call_ptr = std::shared_ptr<mcp_call>;

// --- answers -----------------------------------------------------------------------------------

// One message, which is the last: in the form that has begun, or else as JSON if that is accepted.
void send_last(request_pointer self, const call_ptr& c, unsigned status, std::string text,
               header_list headers = {}) {
  const auto& s = self->state;
  const bool as_event = s.begun ? s.as == delivery::events : !c->accept.json && status < 300;
  if (as_event)
    text = sse_frame("message", text);
  send_rpc_last(self, c->message.id, as_event, status, std::move(text), std::move(headers));
}

void succeed(request_pointer self, const call_ptr& c, json::object result, bool lasting = false,
             header_list headers = {}) {
  send_last(self, c, 200, dump(mcp_result(c->message, std::move(result), lasting)),
            std::move(headers));
}

void fail_with(request_pointer self, const call_ptr& c, int code, std::string_view why) {
  send_last(self, c, mcp_status(c->message, code), dump(rpc_error(c->message.id, code, why)));
}

// Its client waits for no answer any more.
void end_cancelled(request_pointer self, const call_ptr& c) {
  if (!self->state.begun)
    return answer_empty(self, 202);
  if (self->state.as == delivery::events)
    return write_last(self, std::string(sse_heartbeat));
  fail_with(self, c, cancelled_code, "Request cancelled"); // JSON has begun
}

// A request made of this one was refused. What is no fault of the message keeps its status, so that
// clients and what stands between see it.
void pass_on(request_pointer self, const call_ptr& c, const inner_answer& refused) {
  if (refused.status == status_cancelled)
    return end_cancelled(self, c);
  auto why = rpc_refusal_of(refused);
  if (!why.of_server && refused.status != 403)
    return fail_with(self, c, rpc::invalid_params, why.detail);
  const auto code = why.of_server ? rpc::internal_error : rpc::invalid_request;
  send_last(self, c, refused.status, dump(rpc_error(c->message.id, code, why.detail)),
            std::move(why.headers));
}

// Calls `then` with the answer's JSON.
template <class Then>
void ask_api(request_pointer self, const call_ptr& c, inner_request asked, Then then) {
  make_request(self, std::move(asked), [self, c, then](inner_answer& answered) mutable {
    if (answered.status >= 300)
      return pass_on(self, c, answered);
    auto parsed = parse_answer(self, answered);
    if (!parsed)
      return refuse(self, parsed.error());
    then(std::move(*parsed));
  });
}

inner_request search_assistants(json::object body) {
  body["select"] = {"assistant_id", "name", "description"};
  body["sort_by"] = "name"; // those of one name stand together
  body["sort_order"] = "asc";
  return {verb::post, {"assistants", "search"}, std::move(body)};
}

// --- tools/list --------------------------------------------------------------------------------

struct tool_page {
  json::array assistants;
  std::size_t next = 0, end = 0; // of those on the page
  int64_t offset = 0;
  bool more = false;
  json::array tools;
};
using page_ptr = std::shared_ptr<tool_page>;

std::string_view name_at(const tool_page& page, std::size_t at) {
  return string_or(page.assistants[at].as_object(), "name");
}

// The assistant's own name, if a model can say it and it means no other: graphs keep theirs.
std::string tool_name_at(request_pointer self, const tool_page& page, std::size_t at) {
  const auto& graphs = self->state.app->graphs;
  const auto name = name_at(page, at);
  const auto id = string_or(page.assistants[at].as_object(), "assistant_id");
  const bool twice = (at > 0 && name_at(page, at - 1) == name)
                     || (at + 1 < page.assistants.size() && name_at(page, at + 1) == name);
  const bool free = graphs.by_assistant(id) || (!twice && !graphs.by_graph(name));
  return free && is_tool_name(name) ? std::string(name) : tool_name_with_id(name, id);
}

void add_next_tool(request_pointer self, const call_ptr& c, const page_ptr& page) {
  if (page->next == page->end) {
    json::object result{{"tools", std::move(page->tools)}};
    if (page->more)
      result["nextCursor"] = std::to_string(page->offset + tools_on_page);
    return succeed(self, c, std::move(result), true);
  }
  const auto at = page->next++;
  const std::string id(string_or(page->assistants[at].as_object(), "assistant_id"));
  make_request(self, {verb::get, {"assistants", id, "schemas"}},
               [self, c, page, at](inner_answer& answered) {
                 if (answered.status == 429 || answered.status >= 499)
                   return pass_on(self, c, answered);
                 const auto parsed = parse_answer(self, answered);
                 if (!parsed)
                   return refuse(self, parsed.error());
                 const auto* schema = member(*parsed, "input_schema");
                 // Another status: the caller may not read it, or its graph is not served any more.
                 if (answered.status < 300)
                   page->tools.push_back(tool_of(tool_name_at(self, *page, at),
                                                 page->assistants[at].get_object(),
                                                 schema ? *schema : json::value(nullptr)));
                 add_next_tool(self, c, page);
               });
}

// A cursor is the number of tools before it.
std::optional<int64_t> read_cursor(const json::object& params) {
  const auto* given = member(params, "cursor");
  if (!given)
    return 0;
  if (!given->is_string())
    return std::nullopt;
  const std::string_view text = given->get_string();
  int64_t at = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), at);
  const bool whole = ec == std::errc{} && end == text.data() + text.size();
  return whole && at >= 0 && at <= 1'000'000'000 - tools_on_page ? std::optional{at} : std::nullopt;
}

void list_tools(request_pointer self, const call_ptr& c) {
  const auto offset = read_cursor(c->message.params);
  if (!offset)
    return fail_with(self, c, rpc::invalid_params, "this cursor is not one of this server");
  // And the one before and after the page, which may have the same name.
  const auto before = *offset > 0 ? 1 : 0;
  auto search =
    search_assistants({{"offset", *offset - before}, {"limit", tools_on_page + before + 1}});
  ask_api(self, c, std::move(search), [self, c, offset = *offset, before](json::value found) {
    auto page = std::make_shared<tool_page>();
    if (found.is_array())
      page->assistants = std::move(found.get_array());
    page->offset = offset;
    page->next = std::min<std::size_t>(before, page->assistants.size());
    page->end = std::min<std::size_t>(before + tools_on_page, page->assistants.size());
    page->more = page->assistants.size() > page->end;
    add_next_tool(self, c, page);
  });
}

// --- tools/call --------------------------------------------------------------------------------

void on_run_part(request_pointer self, const call_ptr& c, inner_part& part) {
  auto& s = self->state;
  std::string frames;
  for (auto& event : c->events.feed(part.text))
    if (auto progress = c->outcome.take(event)) {
      (*progress)["progressToken"] = *c->progress_token;
      append_sse(frames, "message",
                 dump(rpc_notification("notifications/progress", std::move(*progress))));
    }
  if (auto room = hold_room(self, c->outcome.held() + frames.size()); !room)
    return fail_with(self, c, rpc::internal_error, room.error().message);
  if (frames.empty())
    return part.taken();
  if (!std::exchange(s.begun, true))
    s.ex->begin_stream(200, std::move(s.head));
  s.ex->write(std::move(frames), std::move(part.taken));
}

// The run is the caller's, without a thread of its own, and ends when the client leaves. It is only
// waited for, unless the client wants to hear of its progress and can.
void call_assistant(request_pointer self, const call_ptr& c, const std::string& assistant_id) {
  auto& s = self->state;
  const bool told = c->progress_token && c->accept.events;
  auto& params = c->message.params;
  auto* given = params.if_contains("arguments");
  json::object body{{"assistant_id", assistant_id},
                    {"input", given ? std::move(*given) : json::value(json::object{})},
                    {"on_disconnect", "cancel"}};
  params.clear();
  if (told)
    body["stream_mode"] = {"updates", "custom"};
  const auto on_end = [self, c, told](inner_answer& answered) {
    if (answered.status >= 300)
      return pass_on(self, c, answered);
    if (!told)
      c->outcome.take_result(std::move(answered.text));
    send_last(self, c, 200, c->outcome.answer_to(c->message));
  };
  if (told)
    make_request(self, {verb::post, {"runs", "stream"}, std::move(body), {}, true}, on_end,
                 [self, c](inner_part& part) { on_run_part(self, c, part); });
  else
    make_request(self, {verb::post, {"runs", "wait"}, std::move(body)}, on_end);
  s.as = c->accept.events ? delivery::events : delivery::awaited;
  if (c->accept.events)
    s.head = sse_headers();
  s.cancel_on_disconnect = true;
  attend_stream(self, stream_kind::call);
}

// Of several assistants of one name none is meant.
void call_named(request_pointer self, const call_ptr& c, const std::string& name,
                const json::array& found) {
  std::string id, why;
  for (const auto& one : found) {
    const auto& assistant = one.as_object();
    if (string_or(assistant, "name") != name)
      continue;
    if (!id.empty())
      why = ". Several have this name: call one by the name that tools/list gives it";
    id = string_or(assistant, "assistant_id");
  }
  if (!id.empty() && why.empty())
    return call_assistant(self, c, id);
  if (id.empty() && found.size() == most_of_one_name)
    why = ". Too many names contain this one: call it by its assistant's id";
  fail_with(self, c, rpc::invalid_params,
            "Unknown tool: " + std::string(cut_utf8(name, longest_shown)) + why);
}

void call_tool(request_pointer self, const call_ptr& c) {
  const auto& params = c->message.params;
  const std::string name(string_or(params, "name"));
  if (name.empty())
    return fail_with(self, c, rpc::invalid_params, "params.name must be the name of a tool");
  if (const auto* given = member(params, "arguments"); given && !given->is_object())
    return fail_with(self, c, rpc::invalid_params, "params.arguments must be an object");
  auto token = progress_token_of(params);
  if (!token)
    return fail_with(self, c, rpc::invalid_params, token.error().message);
  c->progress_token = std::move(*token);
  if (const auto* entry = self->state.app->graphs.by_graph(name))
    return call_assistant(self, c, entry->assistant_id);
  if (const auto id = assistant_of_tool(name))
    return call_assistant(self, c, *id);
  if (!is_tool_name(name))
    return fail_with(self, c, rpc::invalid_params,
                     "Unknown tool: " + std::string(cut_utf8(name, longest_shown)));
  ask_api(self, c, search_assistants({{"name", name}, {"limit", most_of_one_name}}),
          [self, c, name](json::value found) {
            call_named(self, c, name, found.is_array() ? found.get_array() : json::array{});
          });
}

// --- sessions ----------------------------------------------------------------------------------

// The session's key among those of all callers; empty where none is named that could be one.
std::string session_of(request_pointer self) {
  const auto* id = find_header(self->state.ex->req().headers, "mcp-session-id");
  if (!id || !is_mcp_session_id(*id))
    return {};
  return self->state.granted.who->key().text() + '\n' + *id;
}

void cancel_call(request_pointer self, const std::string& session, const mcp_message& told) {
  if (const auto* id = member(told.params, "requestId"); id && is_mcp_id(*id))
    self->state.app->mcp_calls->cancel(session, dump(*id));
}

void end_session(request_pointer self) {
  const auto session = session_of(self);
  if (!self->state.app->options->mcp)
    return refuse(self, fail(errc::not_found, "Not Found"));
  if (session.empty())
    return refuse(self, fail(errc::not_found, "Mcp-Session-Id names the session to end"));
  self->state.app->mcp_calls->end(session);
  answer_empty(self, 204);
}

// --- one message -------------------------------------------------------------------------------

void serve_request(request_pointer self, const call_ptr& c) {
  const auto& m = c->message;
  if (m.method == "tools/list")
    return list_tools(self, c);
  if (m.method == "tools/call")
    return call_tool(self, c);
  if (m.self_contained && m.method == "server/discover")
    return succeed(self, c, mcp_discovered(), true);
  if (!m.self_contained && m.method == "ping")
    return succeed(self, c, {});
  if (!m.self_contained && m.method == "initialize")
    return succeed(self, c, mcp_initialized(m.params), false, {{"Mcp-Session-Id", uuid4()}});
  fail_with(self, c, rpc::method_not_found,
            "Method not found: " + std::string(cut_utf8(m.method, longest_shown)));
}

void refuse_message(request_pointer self, unsigned status, const json::object& why) {
  answer(self, status, why);
}

void refuse_message(request_pointer self, int code, std::string_view why) {
  refuse_message(self, 400, rpc_error(nullptr, code, why));
}

// A call of a session can be cancelled, so its id must mean one call.
bool register_call(request_pointer self, const call_ptr& c, const std::string& session) {
  if (session.empty() || c->message.self_contained)
    return true;
  c->under_way =
    self->state.app->mcp_calls->begin(session, dump(c->message.id), request_actor{self});
  return c->under_way != nullptr;
}

void describe(request_pointer self) {
  if (!self->state.app->options->mcp)
    return refuse(self, fail(errc::not_found, "Not Found"));
  describe_resource(self, mcp_path);
}

void serve(request_pointer self) {
  auto& s = self->state;
  if (!s.app->options->mcp)
    return refuse(self, fail(errc::not_found, "Not Found"));
  note_rpc_fields();
  const auto accept = read_mcp_accept(s.ex->req().headers);
  if (!accept.json && !accept.events)
    return refuse_message(self, rpc::invalid_request,
                          "Accept must name application/json or text/event-stream");
  if (s.text.empty())
    return refuse_message(self, rpc::parse_error, "the body is empty");
  if (auto ok = parse_body(s); !ok) {
    if (ok.error().code != errc::invalid_argument)
      return refuse(self, ok.error());
    return refuse_message(self, rpc::parse_error, ok.error().message);
  }
  auto read = read_mcp_message(s.ex->req().headers, std::exchange(s.body, nullptr));
  if (const auto* refused = std::get_if<mcp_refusal>(&read))
    return refuse_message(self, refused->status, refused->body);
  auto c = std::make_shared<mcp_call>();
  c->message = std::move(std::get<mcp_message>(read));
  c->accept = accept;
  const auto session = c->message.self_contained ? std::string{} : session_of(self);
  const auto& calls = *s.app->mcp_calls;
  if (!session.empty() && c->message.method != "initialize" && calls.has_ended(session))
    return refuse_message(self, 404,
                          rpc_error(c->message.id, rpc::invalid_request,
                                    "This session has ended: begin one with initialize"));
  if (c->message.is != mcp_message::kind::request) {
    if (c->message.method == "notifications/cancelled")
      cancel_call(self, session, c->message);
    return answer_empty(self, 202);
  }
  if (!register_call(self, c, session))
    return refuse_message(self, 400,
                          rpc_error(c->message.id, rpc::invalid_request,
                                    "A request with this id is under way in this session"));
  serve_request(self, c);
}

} // namespace

std::vector<route> mcp_routes() {
  return {
    {verb::post, "/mcp", access::of_each(), nullptr, serve,
     "Send a message of the Model Context Protocol"},
    {verb::del, "/mcp", access::of_each(), nullptr, end_session,
     "End a session of the Model Context Protocol"},
    {verb::get, "/.well-known/oauth-protected-resource/mcp", access::open(), nullptr, describe,
     "Who issues tokens for the endpoint of the Model Context Protocol"},
  };
}

} // namespace behalf::endpoints
