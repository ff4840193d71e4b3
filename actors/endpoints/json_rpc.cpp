#include "actors/endpoints/json_rpc.hpp"

#include "runtime/http/sse.hpp"

#include <utility>

namespace behalf::endpoints {

void send_rpc_last(request_pointer self, const json::value& id, bool as_events, unsigned status,
                   std::string text, header_list headers) {
  auto& s = self->state;
  if (!s.begun && !as_events)
    return answer_text(self, status, std::move(text), "application/json", std::move(headers));
  if (auto room = hold_room(self, text.size()); !room) {
    if (!s.begun)
      return refuse(self, room.error());
    text = dump(rpc_error(id, rpc::internal_error, room.error().message));
    if (as_events)
      text = sse_frame("message", text);
  }
  if (!s.begun) {
    auto fields = sse_headers();
    fields.insert(fields.end(), headers.begin(), headers.end());
    begin_answer(self, status, std::move(fields));
  }
  write_last(self, std::move(text));
}

// 429 and 5xx are kept, so that clients and what stands between see them.
rpc_refusal rpc_refusal_of(const inner_answer& refused) {
  rpc_refusal out;
  const auto parsed = parse_stored_json(refused.text);
  if (parsed && parsed->is_object())
    out.detail = string_or(parsed->get_object(), "detail");
  out.of_server = refused.status == 429 || refused.status >= 500;
  if (out.of_server)
    out.status = refused.status;
  if (const auto* after = find_header(refused.headers, "Retry-After"))
    out.headers.emplace_back("Retry-After", *after);
  return out;
}

} // namespace behalf::endpoints
