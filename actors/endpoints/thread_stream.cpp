#include "actors/endpoints/thread_stream.hpp"

#include "actors/endpoints/body.hpp"
#include "actors/endpoints/lasting_right.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/run_stream.hpp"
#include "actors/endpoints/thread_commands.hpp"
#include "actors/options.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json_cost.hpp"
#include "runtime/http/sse.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace behalf::endpoints {
namespace {

thread_reader& reader_of(request_pointer self) {
  return *self->state.thread;
}

// Why a stream ends: close codes of WebSockets. Clients come back after 1013 alone.
enum class ending : uint16_t { come_back = 1013, unknown = 4401, denied = 4403, gone = 4404 };

void finish(request_pointer self, ending why) {
  auto& s = self->state;
  note_answer(s, 200);
  if (s.thread->socket)
    s.ex->close_socket(static_cast<uint16_t>(why));
  else
    s.ex->finish();
  self->quit();
}

// No answer is no refusal.
ending ending_for(const error& why) {
  if (why.code == errc::unauthenticated)
    return ending::unknown;
  return why.code == errc::denied || why.code == errc::not_found ? ending::denied
                                                                 : ending::come_back;
}

// --- what is sent ------------------------------------------------------------------------------

int64_t to_millis(time_point t) {
  return to_micros(t) / 1000;
}

bool chosen(const run_event_choice& choice, const run_event& e) {
  const auto ms = to_millis(e.at);
  if (ms < choice.after_ms || (ms == choice.after_ms && e.seq <= choice.after_seq))
    return false;
  if (e.name == "state_update")
    return choice.state_updates;
  return choice.runs || (choice.lifecycle && e.name == "metadata");
}

bool subscribed(const thread_reader& r, const run_event& e) {
  return std::any_of(r.subscriptions.begin(), r.subscriptions.end(), [&](const auto& one) {
    return e.seq > one.after && one.filter.wants(e.name);
  });
}

// What the client asked for: decided when it is read, as subscriptions may change before it is
// sent.
std::vector<run_event> wanted_of(const thread_reader& r, const event_batch& batch) {
  std::vector<run_event> wanted;
  for (const auto& e : batch.events)
    if (r.form == thread_form::runs ? chosen(r.choice, e) : subscribed(r, e))
      wanted.push_back(e);
  return wanted;
}

// About.
std::size_t bytes_of(const std::vector<run_event>& events) {
  constexpr std::size_t beside = 128; // its name and number
  std::size_t bytes = 0;
  for (const auto& e : events)
    bytes += e.data->size() + beside;
  return bytes;
}

// The texts to write: one for an event stream, for a WebSocket one per event.
std::vector<std::string> frames_of(const thread_reader& r, const std::vector<run_event>& events) {
  std::vector<std::string> frames;
  std::string text;
  for (const auto& e : events) {
    if (r.socket)
      frames.push_back(*e.data);
    else if (r.form == thread_form::runs)
      append_sse(text, e.name, *e.data,
                 std::to_string(to_millis(e.at)) + '-' + std::to_string(e.seq));
    else
      append_sse(text, protocol_method(e.name), *e.data, std::to_string(*r.stream->base + e.seq));
  }
  if (!text.empty())
    frames.push_back(std::move(text));
  return frames;
}

void pull(request_pointer self);

// Their text is made when there is room for it, and nothing more to wait for: many may wait.
void send(request_pointer self, const std::vector<run_event>& events) {
  auto& s = self->state;
  if (!hold_stream_room(self, bytes_of(events)))
    return finish(self, ending::come_back); // it comes back for what it did not get
  auto frames = frames_of(reader_of(self), events);
  s.writing = true;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    std::function<void()> written;
    if (i + 1 == frames.size())
      written = [me = request_actor{self}] { tell(me, part_written{}); };
    s.ex->write(std::move(frames[i]), std::move(written));
  }
}

// There will be no more events: the thread is deleted, or the server stops.
void finish_over(request_pointer self) {
  finish(self, self->state.app->stopping ? ending::come_back : ending::gone);
}

void on_batch(request_pointer self, const event_batch& batch) {
  auto& s = self->state;
  auto& r = reader_of(self);
  if (batch.lost && r.begun)
    return finish(self, ending::come_back);
  r.seen = batch.last_seq;
  r.begun = r.begun || !batch.lost;
  s.last = batch.last;
  auto wanted = wanted_of(r, batch);
  if (wanted.empty())
    return s.last ? finish_over(self) : pull(self);
  with_right(self, [self, wanted = std::move(wanted)](const result<void>& sees) {
    auto& s = self->state;
    if (sees)
      return send(self, wanted);
    const auto why = ending_for(sees.error());
    if (s.right->allowed || why != ending::denied)
      return finish(self, why);
    return s.last ? finish_over(self) : pull(self); // somebody else made this thread
  });
}

void pull(request_pointer self) {
  auto& r = reader_of(self);
  next_events question{r.seen};
  question.viewer = r.here;
  ask(
    self, r.stream->events, std::move(question),
    [self, number = ++r.pull](event_batch& b) {
      if (number != reader_of(self).pull)
        return;
      on_batch(self, b);
    },
    [self, number = r.pull](const error&) {
      if (number == reader_of(self).pull)
        finish_over(self);
    });
}

// --- beginning ---------------------------------------------------------------------------------

void begin_stream(request_pointer self) {
  auto& s = self->state;
  keep_right(self);
  s.begun = true;
  s.as = delivery::events;
  s.rows.reset();
  s.ex->begin_stream(200, sse_headers());
  attend_stream(self,
                s.thread->form == thread_form::runs ? stream_kind::thread : stream_kind::protocol);
}

// Follows the thread, unless it is somebody else's: that one looks like one that is not there.
void begin_to_follow(request_pointer self) {
  storage::read(
    self, *self->state.app, storage::get_head{thread_key(self, self->state.thread_id)},
    [self](const row_ptr& thread) {
      auto& s = self->state;
      auto& r = reader_of(self);
      if (!r.socket)
        begin_stream(self);
      if (thread && !may_see(self, *thread))
        return;
      if (thread)
        note_right(self, std::chrono::steady_clock::now());
      follow_thread what;
      what.tenant = tenant_of(self);
      what.thread_id = s.thread_id;
      what.form = r.form;
      what.who = s.granted.who->key();
      if (thread) {
        what.thread_created_at = thread->created_at;
        what.asks = thread->status == "interrupted";
      }
      ask(
        self, s.app->run_directory, std::move(what),
        [self](thread_ref& ref) {
          reader_of(self).stream = std::move(ref);
          follow_thread_events(self);
        },
        [self](const error&) { finish(self, ending::come_back); });
    },
    [self](const error& why) {
      if (!reader_of(self).socket)
        return refuse(self, why);
      finish(self, ending::come_back);
    });
}

// --- reading what a client asks for ------------------------------------------------------------

error no_channels() {
  return fail(errc::bad_request, "channels is required and must be a non-empty array");
}

result<void> read_channels(const json::object& from, const shape_limits& bounds,
                           protocol_filter& into) {
  const auto* given = from.if_contains("channels");
  if (!given || !given->is_array() || given->get_array().empty())
    return no_channels();
  const auto& all = given->get_array();
  if (all.size() > bounds.names)
    return fail(errc::bad_request,
                "channels has more than " + std::to_string(bounds.names) + " entries");
  for (const auto& one : all) {
    const auto name = one.is_string() ? std::string(one.get_string()) : std::string{};
    const bool custom = name.starts_with("custom:") && name.size() > 7;
    if (name.size() > bounds.name_bytes || (!custom && !protocol_channels().contains(name)))
      return fail(errc::bad_request,
                  "channels contains unsupported entries: "
                    + (name.empty() ? excerpt(one) : name.substr(0, 64))
                    + ". Allowed: values, updates, messages, tools, custom, lifecycle, input, "
                      "tasks, checkpoints, or any `custom:<name>`.");
    into.channels.insert(name);
  }
  return {};
}

result<void> read_namespaces(const json::object& from, const shape_limits& bounds,
                             protocol_filter& into) {
  const auto* given = from.if_contains("namespaces");
  if (!given || given->is_null())
    return {};
  const auto wrong = fail(errc::bad_request, "namespaces must be a list of lists of strings");
  if (!given->is_array())
    return wrong;
  std::size_t segments = 0;
  for (const auto& prefix : given->get_array()) {
    if (!prefix.is_array())
      return wrong;
    auto& place = into.namespaces.emplace_back();
    segments += prefix.get_array().size() + 1;
    if (segments > bounds.names)
      return fail(errc::bad_request,
                  "namespaces has more than " + std::to_string(bounds.names) + " entries");
    for (const auto& segment : prefix.get_array()) {
      if (!segment.is_string() || segment.get_string().size() > bounds.name_bytes)
        return wrong;
      place.emplace_back(segment.get_string());
    }
  }
  return {};
}

result<int64_t> read_count(const json::object& from, std::string_view key, int64_t otherwise) {
  const auto* given = from.if_contains(json::string_view{key.data(), key.size()});
  if (!given || given->is_null())
    return otherwise;
  if (!given->is_int64() || given->get_int64() < 0)
    return fail(errc::bad_request, std::string(key) + " must be a non-negative integer");
  return given->get_int64();
}

// What a filter keeps, and the room that takes, about.
struct filter_size {
  std::size_t names = 0, bytes = 0;

  void add(std::string_view name) {
    constexpr std::size_t beside = 64; // a node of a set, or a string in a list
    ++names;
    bytes += name.size() + beside;
  }
  void add(const protocol_filter& filter) {
    for (const auto& channel : filter.channels)
      add(channel);
    for (const auto& prefix : filter.namespaces) {
      add(std::string_view{});
      for (const auto& segment : prefix)
        add(segment);
    }
  }
};

constexpr int64_t from_now = std::numeric_limits<int64_t>::max();

// "<ms>-<n>"; "-", "0", "-1": all that is kept.
result<void> read_last_event_id(request_pointer self, run_event_choice& into) {
  const auto* header = find_header(self->state.ex->req().headers, "last-event-id");
  if (!header) {
    into.after_ms = to_millis(now()) - 1;
    into.after_seq = from_now;
    return {};
  }
  if (*header == "-1" || *header == "-" || *header == "0")
    return {};
  const auto* end = header->data() + header->size();
  const auto time = std::from_chars(header->data(), end, into.after_ms);
  const bool dash = time.ec == std::errc{} && time.ptr != end && *time.ptr == '-';
  const auto number = dash ? std::from_chars(time.ptr + 1, end, into.after_seq) : time;
  if (!dash || number.ec != std::errc{} || number.ptr != end || into.after_ms < 0)
    return fail(errc::invalid_argument, "Invalid last-event-id: must be '-', '0' or the id of an "
                                        "event of this stream");
  return {};
}

result<run_event_choice> read_choice(request_pointer self) {
  run_event_choice choice;
  std::vector<std::string> modes;
  for (const char* name : {"stream_mode", "stream_modes"}) {
    auto given = list_query(self, name);
    if (!given)
      return given.error();
    modes.insert(modes.end(), given->begin(), given->end());
  }
  for (const auto& mode : modes) {
    choice.runs |= mode == "run_modes";
    choice.lifecycle |= mode == "lifecycle";
    choice.state_updates |= mode == "state_update";
    if (mode != "run_modes" && mode != "lifecycle" && mode != "state_update")
      return fail(errc::invalid_argument, "Invalid stream mode: " + excerpt(json::value(mode))
                                            + "; it is run_modes, lifecycle or state_update");
  }
  choice.runs |= modes.empty();
  if (auto ok = read_last_event_id(self, choice); !ok)
    return ok.error();
  return choice;
}

result<json::object> prepare_runs(request_pointer self) {
  auto value = prepare_thread(self);
  if (!value)
    return value;
  auto choice = read_choice(self);
  if (!choice)
    return choice.error();
  auto& s = self->state;
  s.thread = std::make_shared<thread_reader>();
  s.thread->choice = *choice;
  return value;
}

result<json::object> prepare_protocol(request_pointer self) {
  auto value = prepare_thread(self);
  if (!value)
    return value;
  auto& s = self->state;
  for (auto key : {"channels", "namespaces", "depth", "since"})
    optional_body(self).any(key); // the fields of this body
  if (!s.body.is_object())
    return no_channels();
  auto wanted = read_subscription(s.body.get_object(), shape_of(self));
  if (!wanted)
    return wanted.error();
  s.thread = std::make_shared<thread_reader>();
  s.thread->form = thread_form::protocol;
  if (auto ok = hold_subscription(self, *wanted); !ok)
    return ok.error();
  s.thread->subscriptions.push_back(std::move(*wanted));
  return value;
}

// --- WebSocket ---------------------------------------------------------------------------------

constexpr std::size_t longest_message = 1024 * 1024;

result<json::object> prepare_socket(request_pointer self) {
  auto value = prepare_thread(self);
  if (!value)
    return value;
  auto& s = self->state;
  s.thread = std::make_shared<thread_reader>();
  s.thread->form = thread_form::protocol;
  s.thread->socket = true;
  return value;
}

void open_socket(request_pointer self) {
  auto& s = self->state;
  const auto* upgrade = find_header(s.ex->req().headers, "upgrade");
  if (!upgrade || !boost::beast::iequals(*upgrade, "websocket"))
    return refuse(self, fail(errc::bad_request, "This is for WebSockets (Upgrade: websocket); POST "
                                                "here for an event stream"));
  auto me = request_actor{self};
  keep_right(self);
  s.begun = true;
  s.as = delivery::events;
  s.ex->open_socket(longest_message,
                    [me](std::string text) { tell(me, socket_message{std::move(text)}); });
  attend_stream(self, stream_kind::socket);
}

} // namespace

void end_refused(request_pointer self, const error& why) {
  finish(self, ending_for(why));
}

result<void> hold_subscription(request_pointer self, const thread_subscription& one) {
  auto& s = self->state;
  auto& r = reader_of(self);
  filter_size all;
  all.add(one.filter);
  const auto alone = all.names;
  for (const auto& other : r.subscriptions)
    all.add(other.filter);
  if (const auto most = shape_of(self).names; all.names > most && all.names > alone)
    return fail(errc::bad_request, "The subscriptions of this connection would have more than "
                                     + std::to_string(most)
                                     + " channels and namespaces together; unsubscribe from one "
                                       "first.");
  if (!r.room)
    r.room = s.app->memory.open(tenant_of(self), s.granted.who->key().text());
  return claim(*r.room, all.bytes, "subscriptions in memory");
}

result<thread_subscription> read_subscription(const json::object& from,
                                              const shape_limits& bounds) {
  thread_subscription wanted;
  wanted.id = uuid4();
  auto ok = read_channels(from, bounds, wanted.filter);
  if (ok)
    ok = read_namespaces(from, bounds, wanted.filter);
  if (!ok)
    return ok.error();
  auto depth = read_count(from, "depth", -1);
  auto since = read_count(from, "since", 0);
  if (!depth || !since)
    return depth ? since.error() : depth.error();
  if (*depth >= 0)
    wanted.filter.depth = static_cast<std::size_t>(*depth);
  wanted.after = *since;
  return wanted;
}

// A client's `since` is in the thread's count, which may have begun later.
void follow_thread_events(request_pointer self) {
  auto& r = reader_of(self);
  if (r.form == thread_form::protocol) {
    auto first = from_now;
    for (auto& one : r.subscriptions) {
      one.after = std::max<int64_t>(0, one.after - *r.stream->base);
      first = std::min(first, one.after);
    }
    if (r.subscriptions.empty())
      return;
    r.seen = first;
  }
  pull(self);
}

void subscribe(request_pointer self, thread_subscription wanted) {
  auto& r = reader_of(self);
  if (!r.stream) {
    r.subscriptions.push_back(std::move(wanted));
    if (r.subscriptions.size() == 1)
      begin_to_follow(self);
    return;
  }
  wanted.after = std::max<int64_t>(0, wanted.after - *r.stream->base);
  for (auto& other : r.subscriptions)
    other.after = std::max(other.after, r.seen);
  r.seen = std::min(r.seen, wanted.after);
  r.begun = false;
  r.subscriptions.push_back(std::move(wanted));
  r.here = std::make_shared<const int>(); // nobody waits for the question under way
  if (!self->state.writing)
    pull(self);
}

void end_thread_stream(request_pointer self) {
  finish(self, ending::come_back);
}

void on_thread_part_written(request_pointer self) {
  auto& s = self->state;
  s.writing = false;
  s.room.reset();
  if (s.ex->gone())
    return on_client_gone(self);
  if (s.last)
    return finish_over(self);
  pull(self);
}

void on_thread_keep_alive(request_pointer self) {
  auto& s = self->state;
  auto& r = reader_of(self);
  if (s.ex->gone())
    return on_client_gone(self);
  if (!s.writing && !r.socket)
    s.ex->write(std::string(sse_heartbeat), {});
  if (right_is_due(self))
    with_right(self, [self](const result<void>& sees) {
      if (!sees)
        end_refused(self, sees.error());
    });
}

std::vector<route> thread_stream_routes() {
  const auto to_read = access::to("threads", "read");
  return {
    {verb::get, "/threads/{thread_id}/stream", to_read, prepare_runs, begin_to_follow,
     "Follow the events of all runs on a thread"},
    {verb::post, "/threads/{thread_id}/stream/events", to_read, prepare_protocol, begin_to_follow,
     "Follow a thread's events as the streaming protocol words them"},
    {verb::get, "/threads/{thread_id}/stream/events", to_read, prepare_socket, open_socket,
     "Follow a thread's events and send commands over a WebSocket"},
    {verb::post, "/threads/{thread_id}/commands", access::of_each(), prepare_command,
     answer_command, "Send a command of the streaming protocol"},
  };
}

} // namespace behalf::endpoints
