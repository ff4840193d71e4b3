// One HTTP exchange from its route to its answer. Endpoints are written against this.
#pragma once

#include "actors/admission/messages.hpp"
#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "actors/runs/messages.hpp"
#include "actors/storage/messages.hpp"
#include "runtime/http/exchange.hpp"
#include "runtime/http/router.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace behalf {
class policy;
}

namespace behalf::endpoints {

/// The last part handed to the socket is written; pull the next.
struct part_written {};
/// The client closed its connection.
struct client_gone {};
/// Time to show an idle client, and what stands between us, that we live.
struct keep_alive_tick {};
/// The exchange's deadline passed unanswered.
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

/// How an answer that takes its time is sent.
enum class delivery : uint8_t { whole, events, awaited };

struct request_state {
  static inline const char* name = "request";
  request_state() = default;

  exchange_ptr ex;
  app_ptr app;
  std::shared_ptr<const policy> rules; // null: the authorizer decides
  const route* where = nullptr;
  path_params params;
  std::string text; // of the body, until it is parsed; of an open route, as it came
  json::value body;
  grant granted; // `who` and `sealed` from authentication on, the rest with authorization
  presented_ptr credentials;
  deadline began{};
  fair_budget::share_ptr place, memory, room, rows; // what this request holds of what users share

  // Set by an endpoint's `prepare`.
  std::string thread_id, run_id;
  std::optional<start_run> run; // to create

  // An answer made piece by piece, or a big one being written.
  std::shared_ptr<long_answer> out;
  bool waits_for_close = false; // for the client to leave

  // A run being streamed or awaited.
  delivery as = delivery::whole;
  bool begun = false; // the head of a stream is out
  bool noted = false; // counted and logged
  bool writing = false;
  bool last = false;     // what is being written ends the stream
  header_list head = {}; // of an awaited answer, until it begins
  bool cancel_on_disconnect = false;
  std::vector<std::string> modes; // empty: all
  run_ref live_run;
  int64_t seen = 0;
};

using request_pointer = request_actor::stateful_pointer<request_state>;

/// `rules`: what decides if nothing but the configuration does; rules have no state, so that every
/// request may apply them itself. Null where a plugin's handlers have a say: they run in the
/// authorizer, one at a time.
void spawn_request(caf::actor_system& sys, app_ptr app, std::shared_ptr<const policy> rules,
                   exchange_ptr ex);

/// The whole answer; the request ends.
void answer(request_pointer self, unsigned status, const json::value& body,
            header_list headers = {});
void answer_text(request_pointer self, unsigned status, std::string body, std::string type,
                 header_list headers = {});

/// The same for what anybody may ask for and is not small: counted until the client has read it.
void answer_page(request_pointer self, std::string page, std::string type,
                 header_list headers = {});

/// For answers in parts: the head; the last part, after which the request ends.
void begin_answer(request_pointer self, unsigned status, header_list headers);
void write_last(request_pointer self, std::string part);
/// Takes room for the part to be written, instead of the one before it: of the caller's share, or
/// of the peer's. Errors: as `claim`.
result<void> hold_room(request_pointer self, std::size_t bytes);

/// Where long records are counted from before they are parsed until they are text.
fair_budget::share_ptr room_for_rows(request_pointer self);

void answer_empty(request_pointer self, unsigned status, header_list headers = {});
void refuse(request_pointer self, const error& why);

/// Counts and logs the answer, once: a stream of events at its end.
void note_answer(request_state& s, unsigned status);

/// What a streamed or awaited run needs of the exchange (actors/endpoints/run_stream.cpp).
void on_part_written(request_pointer self);
void on_client_gone(request_pointer self);
void on_keep_alive(request_pointer self);

/// The error handler most questions want.
inline auto or_refuse(request_pointer self) {
  return [self](error why) { refuse(self, why); };
}

/// The caller's tenant: part of every look-up.
inline const std::string& tenant_of(request_pointer self) {
  return self->state.granted.who->tenant;
}

/// What the caller writes, yet empty.
inline write_records writes_of(request_pointer self) {
  return {{}, self->state.granted.who->key()};
}

/// How large what this client sends may be.
inline const shape_limits& shape_of(request_pointer self) {
  return self->state.app->options.shape;
}

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
