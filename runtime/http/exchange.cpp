#include "runtime/http/exchange.hpp"

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace behalf {

exchange::exchange(http_request req, secret_headers secrets, incoming_body body)
  : req_(std::move(req)), secrets_(std::move(secrets)), body_(std::move(body)) {}

exchange::~exchange() {
  wipe(req_);
}

wiped_string exchange::take_header(std::string_view name) {
  std::lock_guard lock{guard_};
  wiped_string taken;
  for (auto field = secrets_.begin(); field != secrets_.end();) {
    if (!same_ignoring_case(field->first, name)) {
      ++field;
      continue;
    }
    if (taken.empty())
      taken = std::move(field->second);
    else
      taken.append("; ").append(field->second.view());
    field = secrets_.erase(field);
  }
  return taken;
}

std::optional<std::string> exchange::take_body() {
  std::lock_guard lock{guard_};
  return std::exchange(body_.whole, std::nullopt);
}

std::string error_body(std::string_view detail) {
  return dump(json::object{{"detail", detail}});
}

void respond_error(exchange& to, const error& why) {
  const bool ours = why.code == errc::internal;
  to.respond(http_status(why.code), why.headers,
             error_body(ours ? std::string_view{"Internal Server Error"} : why.message));
}

} // namespace behalf
