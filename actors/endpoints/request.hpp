// One HTTP exchange from its route to its answer. Endpoints are written with these functions.
#pragma once

#include "actors/admission/messages.hpp"
#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "runtime/base/fair_turns.hpp"
#include "runtime/http/exchange.hpp"
#include "runtime/http/router.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {
class policy;
}

namespace behalf::endpoints {

/// The part handed to the socket last is written.
struct part_written {};
/// The client closed its connection.
struct client_gone {};
/// Time to send something, so that client and proxies keep an idle connection.
struct keep_alive_tick {};
/// The exchange's deadline has passed.
struct deadline_passed {};
/// The server begins to stop.
struct server_stops {};
/// The body, or why there is none.
struct body_arrived {
  std::shared_ptr<result<std::string>> text;
};

/// It is this request's turn to keep a thread busy.
struct turn_comes {};

/// A message of the client's WebSocket.
struct socket_message {
  std::string text;
};
// Of a request that this one has made: actors/endpoints/inner_request.hpp
struct inner_answer;
struct inner_part;
struct inner_calls;

using request_actor =
  caf::typed_actor<takes<part_written>, takes<client_gone>, takes<keep_alive_tick>,
                   takes<deadline_passed>, takes<server_stops>, takes<body_arrived>,
                   takes<turn_comes>, takes<socket_message>, takes<inner_answer>,
                   takes<inner_part>>;

struct route;
struct long_answer;   // actors/endpoints/long_answer.hpp
struct lasting_right; // actors/endpoints/lasting_right.hpp
struct thread_reader; // actors/endpoints/thread_stream.hpp
struct run_batch;     // actors/endpoints/run_batch.hpp

/// Who reads a run's events (see next_events::viewer), and what became of the part written last.
struct run_viewer {
  enum class part : uint8_t { written, under_way, waited_for };
  std::atomic<part> last{part::written};
};

/// How the answer is sent: at once, as an event stream, or when the run has ended.
enum class delivery : uint8_t { whole, events, awaited };

struct request_state {
  static inline const char* name = "request";
  request_state() = default;

  exchange_ptr ex;
  app_ptr app;
  std::shared_ptr<const policy> rules; // null: the authorizer decides
  const route* where = nullptr;
  path_params params;
  std::string text; // of the body, until it is parsed; kept on open routes
  json::value body;
  grant granted; // `who` and `sealed` are set by authentication, the rest by authorization
  presented_ptr credentials;
  deadline began{};
  fair_budget::share_ptr place, memory, room, rows; // this request's shares of budgets
  std::size_t text_size = 0;                        // of the body
  fair_turns::turn_ptr turn;                        // waited for, to do `then`
  std::function<void()> then;

  // Set by an endpoint's `prepare`.
  std::string thread_id, run_id, cron_id;
  std::shared_ptr<start_run> run;   // to create
  std::shared_ptr<run_batch> batch; // several of them

  // An answer that is made in parts.
  std::shared_ptr<long_answer> out;
  bool waits_for_close = false; // on_gone is set

  // A run being streamed or awaited.
  delivery as = delivery::whole;
  bool begun = false; // the head of a stream is out
  bool noted = false; // `note_answer` was called
  bool writing = false;
  bool last = false;     // the part being written is the last
  header_list head = {}; // of an answer that waits and has not begun
  bool cancel_on_disconnect = false;
  std::vector<std::string> modes; // empty: all
  bool tells_result = false;      // see inner_request::with_result
  std::shared_ptr<const run_ref> live_run;
  int64_t seen = 0;
  std::shared_ptr<run_viewer> here;

  std::shared_ptr<lasting_right> right;  // set: it follows what others do
  std::shared_ptr<thread_reader> thread; // a thread being followed, or commanded
  std::shared_ptr<inner_calls> inner;    // requests made of this one
  std::shared_ptr<const void> counted;   // as an open stream
};

using request_pointer = request_actor::stateful_pointer<request_state>;

/// `rules`: the rules of the configuration, which every request applies itself, as they have no
/// state. Null when a plugin has handlers: these run in the authorizer.
void spawn_request(caf::actor_system& sys, app_ptr app, std::shared_ptr<const policy> rules,
                   exchange_ptr ex);

/// Serves another request in the name of this one's caller. `sealed` and `credentials` are the
/// caller's; `with_result` as in inner_request.
void spawn_request_of(request_pointer self, exchange_ptr ex, sealed_ptr sealed,
                      presented_ptr credentials, bool with_result);

/// Sends the whole answer; the request ends.
void answer(request_pointer self, unsigned status, const json::value& body,
            header_list headers = {});
void answer_text(request_pointer self, unsigned status, std::string body, std::string type,
                 header_list headers = {});

/// The same for long texts on routes without authentication: counted until the client has read it.
void answer_page(request_pointer self, std::string page, std::string type,
                 header_list headers = {});

/// For answers in parts: sends the head; sends the last part, after which the request ends.
void begin_answer(request_pointer self, unsigned status, header_list headers);
void write_last(request_pointer self, std::string part);
/// Counts the part to be written, instead of the one before it, in the caller's share of memory for
/// answers (or the peer's, without authentication). Errors: as `claim`.
result<void> hold_room(request_pointer self, std::size_t bytes);

/// The share in which records are counted until they are text.
fair_budget::share_ptr room_for_rows(request_pointer self);

void answer_empty(request_pointer self, unsigned status, header_list headers = {});
void refuse(request_pointer self, const error& why);

/// Reads the body as JSON, whatever its Content-Type, and frees its text; counted in the caller's
/// share of memory. For endpoints without `prepare`. Error: invalid_argument, or as `claim`.
result<void> parse_body(request_state& s);

/// Does `then`, which reads and works on so many bytes of a client's. Where that keeps a thread
/// busy for long it waits for its user's turn: else those of one user would be ahead of all that
/// others ask for.
constexpr std::size_t long_text = 32 * 1024;
void wait_for_turn(request_pointer self, std::size_t bytes, std::function<void()> then);
template <class Then>
void in_turn(request_pointer self, std::size_t bytes, Then then) {
  if (bytes < long_text)
    then();
  else
    wait_for_turn(self, bytes, std::move(then));
}

/// Counts and logs the answer, once; an event stream at its end.
void note_answer(request_state& s, unsigned status);

/// Events of the exchange during a streamed or awaited run (actors/endpoints/run_stream.cpp).
void on_part_written(request_pointer self);
void on_client_gone(request_pointer self);
void on_keep_alive(request_pointer self);
void on_server_stops(request_pointer self);

/// An error handler that refuses the request.
inline auto or_refuse(request_pointer self) {
  return [self](error why) { refuse(self, why); };
}

/// The caller's tenant.
inline const std::string& tenant_of(request_pointer self) {
  return self->state.granted.who->tenant;
}

/// An empty write in the caller's name.
write_records writes_of(request_pointer self);

/// The bounds on what clients send.
const shape_limits& shape_of(request_pointer self);

/// A path parameter that must be a UUID, in canonical form.
result<std::string> uuid_param(request_pointer self, std::string_view name, std::string_view what);

/// Query parameters. Error: bad_request naming the parameter.
/// The first value as it is; null when there is none.
const std::string* text_query(request_pointer self, std::string_view name);
result<int64_t> int_query(request_pointer self, std::string_view name, int64_t otherwise,
                          int64_t low, int64_t high);
bool flag_query(request_pointer self, std::string_view name);

/// Every value of a parameter in any of the forms clients use: repeated, comma-separated, or one
/// JSON array; as many as a list of names may have.
result<std::vector<std::string>> list_query(request_pointer self, std::string_view name);

} // namespace behalf::endpoints

BEHALF_MESSAGE(behalf::endpoints::part_written)
BEHALF_MESSAGE(behalf::endpoints::client_gone)
BEHALF_MESSAGE(behalf::endpoints::keep_alive_tick)
BEHALF_MESSAGE(behalf::endpoints::deadline_passed)
BEHALF_MESSAGE(behalf::endpoints::server_stops)
BEHALF_MESSAGE(behalf::endpoints::body_arrived)
BEHALF_MESSAGE(behalf::endpoints::turn_comes)
BEHALF_MESSAGE(behalf::endpoints::socket_message)
