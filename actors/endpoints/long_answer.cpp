#include "actors/endpoints/long_answer.hpp"

#include "actors/options.hpp"
#include "runtime/base/log.hpp"

namespace behalf::endpoints {
namespace {

constexpr std::size_t part_size = 256 * 1024;

void begin(request_pointer self, header_list headers) {
  headers.emplace_back("Content-Type", "application/json");
  begin_answer(self, 200, std::move(headers));
}

} // namespace

void make_answer(request_pointer self, std::shared_ptr<long_answer> out) {
  self->state.out = std::move(out);
  self->state.out->more();
}

void add_element(long_answer& out, std::string_view element) {
  if (std::exchange(out.has_elements, true))
    out.text += ',';
  out.text += element;
}

bool enough(const long_answer& out) {
  return out.text.size() >= part_size;
}

void go_on(request_pointer self) {
  auto& s = self->state;
  auto& out = *s.out;
  if (!enough(out))
    return out.more();
  if (auto room = hold_room(self, out.text.size()); !room)
    return break_off(self, room.error());
  if (!s.begun)
    begin(self, std::move(out.headers));
  s.ex->extend_deadline(s.app->options->http.request_deadline);
  s.ex->write(std::exchange(out.text, {}),
              [me = request_actor{self}] { tell(me, part_written{}); });
}

void complete(request_pointer self) {
  auto& s = self->state;
  auto& out = *s.out;
  if (!s.begun)
    return answer_text(self, 200, std::move(out.text), "application/json", std::move(out.headers));
  if (auto room = hold_room(self, out.text.size()); !room)
    return break_off(self, room.error());
  write_last(self, std::move(out.text));
}

void break_off(request_pointer self, const error& why) {
  auto& s = self->state;
  if (!s.begun)
    return refuse(self, why);
  log::warning("answer_cut", {{"reason", why.message}, {"request_id", s.ex->req().request_id}});
  self->quit(); // destroys the exchange, which closes the connection
}

void end_with_client(request_pointer self) {
  auto& s = self->state;
  if (!std::exchange(s.waits_for_close, true))
    s.ex->on_gone([me = request_actor{self}] { tell(me, client_gone{}); });
}

} // namespace behalf::endpoints
