// One HTTP exchange from its route to its answer. Endpoints are written with these functions.
#pragma once

#include "actors/admission/messages.hpp"
#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "runtime/http/exchange.hpp"
#include "runtime/http/router.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

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
/// The body, or why there is none.
struct body_arrived {
  std::shared_ptr<result<std::string>> text;
};

using request_actor =
  caf::typed_actor<takes<part_written>, takes<client_gone>, takes<keep_alive_tick>,
                   takes<deadline_passed>, takes<body_arrived>>;

struct route;
struct long_answer; // actors/endpoints/long_answer.hpp

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

  // Set by an endpoint's `prepare`.
  std::string thread_id, run_id;
  std::shared_ptr<start_run> run; // to create

  // An answer that is made in parts.
  std::shared_ptr<long_answer> out;
  bool waits_for_close = false; // on_gone is set

  // A run being streamed or awaited.
  delivery as = delivery::whole;
  bool begun = false; // the head of a stream is out
  bool noted = false; // `note_answer` was called
  bool writing = false;
  bool last = false;     // the part being written is the last
  header_list head = {}; // of an awaited answer that has not begun
  bool cancel_on_disconnect = false;
  std::vector<std::string> modes; // empty: all
  std::shared_ptr<const run_ref> live_run;
  int64_t seen = 0;
};

using request_pointer = request_actor::stateful_pointer<request_state>;

/// `rules`: the rules of the configuration, which every request applies itself, as they have no
/// state. Null when a plugin has handlers: these run in the authorizer.
void spawn_request(caf::actor_system& sys, app_ptr app, std::shared_ptr<const policy> rules,
                   exchange_ptr ex);

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

/// Counts and logs the answer, once; an event stream at its end.
void note_answer(request_state& s, unsigned status);

/// Events of the exchange during a streamed or awaited run (actors/endpoints/run_stream.cpp).
void on_part_written(request_pointer self);
void on_client_gone(request_pointer self);
void on_keep_alive(request_pointer self);

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
BEHALF_MESSAGE(behalf::endpoints::body_arrived)
